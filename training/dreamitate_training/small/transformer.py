"""The denoiser: a transformer over patches of both views' latents.

Each block attends first within a time, over all places of both views at once, and then over the times of a place
(as divided space-time attention, arXiv 2102.05095, but the views share the first). A few registers
(arXiv 2309.16588) are places of no view, and carry what concerns a whole frame from time to time. The noise level
enters by one modulation for all blocks plus a table for each (adaLN-single, arXiv 2310.00426).
"""

import math

import torch
from torch import nn
from torch.nn import functional

from dreamitate_training.small.shape import PATCH, Shape

#: Cosines (and sines) of the noise level.
WAVES = 64
#: A block's parts are each shifted, scaled and gated.
MODULATIONS = 9


def normalised(x: torch.Tensor) -> torch.Tensor:
    """Returns `x` with a root mean square of 1 over the last axis, computed in fp32."""
    wide = x.float()
    return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + 1e-6)).to(x.dtype)


def rotation_table(shape: Shape) -> torch.Tensor:
    """Returns cosines and sines that turn a head's features by the token's row and column; `[2, places, features]`.

    Rotary embedding (arXiv 2104.09864) over two axes; both views' places have their own row and column, and
    registers, which come last, are not turned.
    """
    rows, columns = shape.token_size
    features = shape.token_width // shape.heads
    rates = 100.0 ** (-torch.arange(features // 4) / (features // 4))
    row = torch.arange(rows).repeat_interleave(columns)
    column = torch.arange(columns).repeat(rows)
    view = torch.cat([row[:, None] * rates, column[:, None] * rates], dim=1)
    angles = torch.cat([view, view, torch.zeros(shape.registers, features // 2)])
    return torch.stack([angles.cos(), angles.sin()]).repeat(1, 1, 2)


class Attention(nn.Module):
    """Attention of tokens `[N, S, D]` to each other, with normalised queries and keys."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.sharpness = nn.Parameter(torch.ones(2, width // heads))
        nn.init.zeros_(self.out.weight)

    def forward(self, x: torch.Tensor, rotation: torch.Tensor | None = None) -> torch.Tensor:
        """Returns what the tokens gather; same shape. `rotation` as from `rotation_table`."""
        batch, places, width = x.shape
        # The layout is given but for the batch, so that the exported graph takes any.
        qkv = self.to_qkv(x).reshape(-1, places, 3, self.heads, width // self.heads)
        query, key, value = qkv.unbind(2)
        query = normalised(query) * self.sharpness[0].to(x.dtype)
        key = normalised(key) * self.sharpness[1].to(x.dtype)
        if rotation is not None:
            query, key = _rotated(query, rotation), _rotated(key, rotation)
        gathered = functional.scaled_dot_product_attention(
            query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)
        )
        return self.out(gathered.transpose(1, 2).reshape(-1, places, width))


def _rotated(x: torch.Tensor, rotation: torch.Tensor) -> torch.Tensor:
    cosine, sine = rotation.to(x.dtype)[:, None, :, None]
    low, high = x.chunk(2, dim=-1)
    return x * cosine + torch.cat([-high, low], dim=-1) * sine


class Block(nn.Module):
    """Attention within a time, attention over the times of a place, and a feed-forward part."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.token_width
        self.space = Attention(width, shape.heads)
        self.time = Attention(width, shape.heads)
        self.widen = nn.Linear(width, shape.widening * width)
        self.narrow = nn.Linear(shape.widening * width, width)
        nn.init.zeros_(self.narrow.weight)
        nn.init.zeros_(self.narrow.bias)
        # Gates are open from the start: the parts themselves begin with nothing.
        table = torch.zeros(MODULATIONS, width)
        table[2::3] = 1
        self.table = nn.Parameter(table)

    def forward(self, x: torch.Tensor, level: torch.Tensor, rotation: torch.Tensor) -> torch.Tensor:
        """Returns the tokens `[B, T, S, D]` of the next block. `level` is the modulation `[B or 1, 9, D]`."""
        _, times, places, width = x.shape
        modulation = (level + self.table)[:, :, None, None].to(x.dtype)
        shift, scale, gate = modulation[:, 0], modulation[:, 1], modulation[:, 2]
        y = normalised(x) * (1 + scale) + shift
        y = self.space(y.reshape(-1, places, width), rotation)
        x = x + gate * y.reshape(-1, times, places, width)
        shift, scale, gate = modulation[:, 3], modulation[:, 4], modulation[:, 5]
        y = (normalised(x) * (1 + scale) + shift).transpose(1, 2)
        y = self.time(y.reshape(-1, times, width))
        x = x + gate * y.reshape(-1, places, times, width).transpose(1, 2)
        shift, scale, gate = modulation[:, 6], modulation[:, 7], modulation[:, 8]
        y = normalised(x) * (1 + scale) + shift
        return x + gate * self.narrow(functional.gelu(self.widen(y), approximate="tanh"))


class Transformer(nn.Module):
    """Predicts the velocity of `schedule.denoised` for the change of both views since their photos."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        width, patch = shape.token_width, PATCH**2 * shape.channels
        rows, columns = shape.token_size
        self.enter = nn.Linear(2 * patch, width)
        self.place = nn.Parameter(0.02 * torch.randn(2 * rows * columns, width))
        self.registers = nn.Parameter(0.02 * torch.randn(shape.registers, width))
        self.moment = nn.Parameter(0.02 * torch.randn(shape.times, 1, width))
        rates = torch.logspace(math.log10(0.5), math.log10(60), WAVES)
        self.register_buffer("rates", rates, persistent=False)
        self.level = nn.Sequential(
            nn.Linear(2 * WAVES, 256), nn.SiLU(), nn.Linear(256, (MODULATIONS + 2) * width)
        )
        nn.init.zeros_(self.level[2].weight)
        nn.init.zeros_(self.level[2].bias)
        self.register_buffer("rotation", rotation_table(shape), persistent=False)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.depth))
        self.leave = nn.Linear(width, patch)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)
        #: Compiled blocks, if they are to be called instead; no part of the module's state.
        self.compiled: list = []

    def forward(self, x: torch.Tensor, time: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        """Returns the velocity, fp32.

        `x` is the scaled noisy change and `image` the photos' latents, both `[B, V=2, T, C, h, w]`; `time` is
        `ln σ / 4` with one value, or one for each of the batch, in any shape.
        """
        shape = self.shape
        width = shape.token_width
        waves = time.reshape(-1, 1).float() * self.rates
        level = self.level(torch.cat([waves.cos(), waves.sin()], dim=1)).reshape(-1, MODULATIONS + 2, width)
        tokens = self.enter(_patches(torch.cat([x, image], dim=3), shape))
        tokens = tokens + self.place.to(tokens.dtype)
        registers = self.registers.to(tokens.dtype).expand(tokens.shape[0], shape.times, -1, -1)
        tokens = torch.cat([tokens, registers], dim=2) + self.moment.to(tokens.dtype)
        for block in self.compiled or self.blocks:
            tokens = block(tokens, level[:, :MODULATIONS], self.rotation)
        shift, scale = level[:, MODULATIONS:].to(tokens.dtype)[:, :, None, None].unbind(1)
        places = 2 * shape.token_size[0] * shape.token_size[1]
        left = self.leave(normalised(tokens[:, :, :places]) * (1 + scale) + shift)
        return _unpatched(left, shape).float()


def _patches(x: torch.Tensor, shape: Shape) -> torch.Tensor:
    """Returns `[B, V, T, C, h, w]` as tokens `[B, T, V · places, C · 4]`."""
    rows, columns = shape.token_size
    x = x.reshape(-1, 2, shape.times, x.shape[3], rows, PATCH, columns, PATCH)
    return x.permute(0, 2, 1, 4, 6, 3, 5, 7).reshape(-1, shape.times, 2 * rows * columns, x.shape[3] * PATCH**2)


def _unpatched(tokens: torch.Tensor, shape: Shape) -> torch.Tensor:
    """Returns tokens `[B, T, V · places, C · 4]` as `[B, V, T, C, h, w]`."""
    rows, columns = shape.token_size
    x = tokens.reshape(-1, shape.times, 2, rows, columns, shape.channels, PATCH, PATCH)
    x = x.permute(0, 2, 1, 5, 3, 6, 4, 7)
    return x.reshape(-1, 2, shape.times, shape.channels, rows * PATCH, columns * PATCH)

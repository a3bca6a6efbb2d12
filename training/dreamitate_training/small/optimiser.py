"""Optimisers and the running mean of weights."""

import math

import torch
from torch import nn

#: Steps over which the running mean of the weights looks back, at most.
HORIZON = 400


class Optimiser:
    """Muon for the matrices inside the transformer's blocks, AdamW for the rest; or AdamW for all.

    Muon (Jordan et al. 2024) makes a matrix's step orthogonal, which learns about as much from fewer steps; its step
    is scaled to AdamW's size (arXiv 2502.16982).
    """

    def __init__(self, network: nn.Module, rate: float, muon_rate: float | None = None) -> None:
        named = list(network.named_parameters())
        inner = [p for name, p in named if muon_rate is not None and ".blocks." in f".{name}" and _is_weight(name, p)]
        ids = {id(p) for p in inner}
        rest = [p for _, p in named if id(p) not in ids]
        self.parameters = [p for _, p in named]
        fused = rest[0].is_cuda
        self.parts: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(rest, lr=rate, betas=(0.9, 0.95), weight_decay=0.0, fused=fused)
        ]
        self.rates = [rate]
        if inner:
            muon = torch.optim.Muon(inner, lr=muon_rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
            self.parts.append(muon)
            self.rates.append(muon_rate)

    def step(self, factor: float) -> None:
        """Clips the gradients, steps with `factor` times the learning rates, and clears the gradients.

        Gradients that are not finite are dropped. A loss that stays so is the caller's to notice.
        """
        norm = nn.utils.clip_grad_norm_(self.parameters, 1.0)
        if math.isfinite(norm.item()):
            for part, rate in zip(self.parts, self.rates, strict=True):
                for group in part.param_groups:
                    group["lr"] = rate * factor
                part.step()
        for part in self.parts:
            part.zero_grad(set_to_none=True)

    def state_dict(self) -> list[dict]:
        """Returns the state of each optimiser."""
        return [part.state_dict() for part in self.parts]

    def load_state_dict(self, states: list[dict]) -> None:
        """Takes the state of each optimiser."""
        for part, state in zip(self.parts, states, strict=True):
            part.load_state_dict(state)


def _is_weight(name: str, parameter: nn.Parameter) -> bool:
    return parameter.ndim == 2 and name.endswith(".weight")


@torch.no_grad()
def follow(mean: nn.Module, network: nn.Module, step: int) -> None:
    """Moves the running mean of the weights toward the network; buffers are copied."""
    weight = max(1 / HORIZON, 1 / (1 + step / 8))
    torch._foreach_lerp_(list(mean.parameters()), list(network.parameters()), min(weight, 1.0))
    for kept, buffer in zip(mean.buffers(), network.buffers(), strict=True):
        kept.copy_(buffer)

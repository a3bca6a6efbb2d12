"""Second stage: the transformer learns to take noise off the change since the photos."""

import copy
import math
import time
from pathlib import Path

import torch
from torch.nn import functional

from dreamitate_training import schedule
from dreamitate_training.small.autoencoder import Encoder
from dreamitate_training.small.budget import Budget
from dreamitate_training.small.data import ClipStore, as_images
from dreamitate_training.small.optimiser import Optimiser, follow
from dreamitate_training.small.shape import Shape
from dreamitate_training.small.stage import CHECKPOINT_S, REFRESH_S, REPORT_S, Every, Stage, autocast
from dreamitate_training.small.transformer import Transformer

RATE, MUON_RATE = 1e-3, 3e-3
#: Mean and standard deviation of ln σ in training (arXiv 2311.15127 for video): where the motion is decided and drawn.
LEVEL_MEAN, LEVEL_SPREAD = 1.0, 1.6
#: Additional weight of latents that change.
MOVING = 4.0
#: Losses are reported between these noise levels.
BINS = (0.15, 0.6, 2.0, 8.0, 30.0)


class LatentStore:
    """The clips' latents by view and frame, fp16 `[N, V=2, T + 1, C, h, w]`."""

    def __init__(self, encoder: Encoder, clips: ClipStore) -> None:
        self.encoder, self.clips = encoder, clips
        shape = clips.shape
        frames = len(clips.frames), 2, shape.times + 1
        size = (*frames, shape.channels, *shape.latent_size)
        self.latents = torch.empty(size, dtype=torch.float16, device=clips.frames.device)
        self.count = 0
        self.refresh(len(clips.frames))

    @torch.no_grad()
    def refresh(self, limit: int = 8) -> int:
        """Encodes up to `limit` more clips and returns how many there are in all."""
        for clip in range(self.count, min(self.clips.refresh(), self.count + limit)):
            with autocast(self.latents.device):
                latents = self.encoder(as_images(self.clips.frames[clip]))
            self.latents[clip] = latents.reshape(self.latents.shape[1:]).half()
            self.count = clip + 1
        return self.count


def new_stage(
    shape: Shape,
    device: torch.device,
    steps: int | None,
    seconds: float,
    seed: int,
    muon: bool = True,
    state: dict | None = None,
) -> Stage:
    """Returns the stage at its start, or where the checkpoint `state` left it."""
    torch.manual_seed(seed)
    network = Transformer(shape).to(device)
    stage = Stage(
        name="transformer",
        shape=shape,
        network=network,
        mean=copy.deepcopy(network).requires_grad_(False).eval(),
        optimiser=Optimiser(network, RATE, MUON_RATE if muon else None),
        budget=Budget.resumed(steps, seconds, state) if state else Budget(steps, seconds),
        generator=torch.Generator(device).manual_seed(seed + 1),
    )
    if state:
        stage.restore(state)
    return stage


def compile_blocks(stage: Stage) -> None:
    """Has the blocks compiled when they are first called; all share one compilation."""
    stage.network.compiled = [torch.compile(block) for block in stage.network.blocks]


def train(stage: Stage, latents: LatentStore, out: Path, batch: int) -> list[float]:
    """Trains until the budget is spent, writes `transformer.pt`, and returns the mean losses between two reports.

    If compiled blocks fail in the first step, it goes on without.
    Raises ValueError if the loss is no longer finite.
    """
    device = latents.latents.device
    report, checkpoint, refresh = Every(REPORT_S), Every(CHECKPOINT_S), Every(REFRESH_S)
    sums, counts = torch.zeros(2, len(BINS) + 1, device=device)
    counted, since = 0, time.monotonic()
    edges = torch.tensor(BINS, device=device)
    losses = []
    while not stage.budget.done:
        try:
            loss, sigma = step(stage, latents, batch)
        except Exception as error:  # Whatever a compiler may raise.
            if not stage.network.compiled or counted > 0:
                raise
            print(f"going on without compiled blocks: {type(error).__name__}: {error}", flush=True)
            stage.network.compiled = []
            stage.network.zero_grad(set_to_none=True)
            continue
        place = torch.bucketize(sigma, edges)
        sums.index_add_(0, place, loss)
        counts.index_add_(0, place, torch.ones_like(loss))
        counted += 1
        if refresh.due():
            latents.refresh()
        if report.due() or stage.budget.done:
            losses.append((sums.sum() / counts.sum()).item())
            speed = counted / (time.monotonic() - since)
            by_level = " ".join(f"{value:.4f}" for value in (sums / counts).tolist())
            memory = torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else 0.0
            print(
                f"transformer {stage.budget.progress:4.0%} step {stage.budget.step} loss {losses[-1]:.4f} "
                f"(σ between {BINS}: {by_level}) {speed:.2f} steps/s, {speed * batch:.1f} clips/s, "
                f"{latents.count} clips, {memory:.1f} GiB",
                flush=True,
            )
            if not math.isfinite(losses[-1]):
                raise ValueError(f"the transformer's loss is {losses[-1]} at step {stage.budget.step}")
            sums.zero_()
            counts.zero_()
            counted, since = 0, time.monotonic()
        if checkpoint.due():
            stage.save(out)
    stage.save(out)
    return losses


def step(stage: Stage, latents: LatentStore, batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Makes one step and returns loss and noise level of each clip of the batch, `[batch]`."""
    device = latents.latents.device
    generator = stage.generator
    chosen = torch.randint(latents.count, (batch,), generator=generator, device=device)
    whole = latents.latents[chosen].float()
    image = whole[:, :, :1].expand(-1, -1, stage.shape.times, -1, -1, -1)
    change = whole[:, :, 1:] - image
    # One level from each of `batch` equally likely ranges: a steadier gradient than independent draws.
    quantile = (torch.arange(batch, device=device) + torch.rand(batch, generator=generator, device=device)) / batch
    sigma = torch.exp(LEVEL_MEAN + LEVEL_SPREAD * torch.special.ndtri(quantile.clamp(1e-4, 1 - 1e-4)))
    level = sigma[:, None, None, None, None, None]
    noise = torch.randn(change.shape, generator=generator, device=device)
    with autocast(device):

        def velocity(scaled: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
            return stage.network(scaled, time, image)

        estimate = schedule.denoised(velocity, change + level * noise, level)
    # The velocity's error, EDM's λ(σ) = 1 / c_out².
    error = (estimate - change).square() * (1 + level**-2)
    weight = moving_weight(change)
    loss = (error * weight).mean((1, 2, 3, 4, 5))
    loss.mean().backward()
    stage.optimiser.step(stage.budget.rate())
    stage.budget.step += 1
    follow(stage.mean, stage.network, stage.budget.step)
    return loss.detach(), sigma


def moving_weight(change: torch.Tensor) -> torch.Tensor:
    """Returns the weight of each latent of a batch `[B, V, T, C, h, w]`, with mean 1; the same for all channels.

    Most of a clip is the table, which the photo shows already.
    """
    size = change.shape
    strength = change.square().mean(3).reshape(-1, 1, *size[-2:])
    near = functional.max_pool2d(strength, 3, stride=1, padding=1).clamp(max=0.5) * 2
    weight = 1 + MOVING * near.reshape(*size[:3], 1, *size[-2:])
    return weight / weight.mean()

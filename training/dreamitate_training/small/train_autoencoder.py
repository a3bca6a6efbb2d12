"""First stage: the autoencoder learns from crops of frames, mostly of hands and tools."""

import copy
import math
import time
from pathlib import Path

import torch

from dreamitate_training.small.autoencoder import Autoencoder, picture_loss
from dreamitate_training.small.budget import Budget
from dreamitate_training.small.data import ClipStore, as_images
from dreamitate_training.small.optimiser import Optimiser, follow
from dreamitate_training.small.shape import Shape
from dreamitate_training.small.stage import CHECKPOINT_S, REFRESH_S, REPORT_S, Every, Stage, autocast

#: Side of a crop, px.
CROP = 128
RATE = 1.5e-3
#: Standard deviation of the noise on latents, drawn anew for each crop up to this. What a dream gets wrong by so much
#: must not show.
LATENT_NOISE = 0.2


def new_stage(
    shape: Shape, device: torch.device, steps: int | None, seconds: float, seed: int, state: dict | None = None
) -> Stage:
    """Returns the stage at its start, or where the checkpoint `state` left it."""
    torch.manual_seed(seed)
    network = Autoencoder(shape).to(device, memory_format=torch.channels_last)
    stage = Stage(
        name="autoencoder",
        shape=shape,
        network=network,
        mean=copy.deepcopy(network).requires_grad_(False).eval(),
        optimiser=Optimiser(network, RATE),
        budget=Budget.resumed(steps, seconds, state) if state else Budget(steps, seconds),
        generator=torch.Generator(device).manual_seed(seed + 1),
    )
    if state:
        stage.restore(state)
    return stage


def train(stage: Stage, clips: ClipStore, out: Path, batch: int) -> list[float]:
    """Trains until the budget is spent, writes `autoencoder.pt`, and returns the mean losses between two reports.

    Raises ValueError if the loss is no longer finite.
    """
    device = clips.frames.device
    report, checkpoint, refresh = Every(REPORT_S), Every(CHECKPOINT_S), Every(REFRESH_S)
    total, counted, since = torch.zeros((), device=device), 0, time.monotonic()
    losses = []
    while not stage.budget.done:
        total += step(stage, clips, batch)
        counted += 1
        if refresh.due():
            clips.refresh()
        if report.due() or stage.budget.done:
            losses.append(total.item() / counted)
            speed = counted / (time.monotonic() - since)
            print(
                f"autoencoder {stage.budget.progress:4.0%} step {stage.budget.step} loss {losses[-1]:.4f} "
                f"{speed:.1f} steps/s, {speed * batch:.0f} crops/s, {clips.count} clips",
                flush=True,
            )
            if not math.isfinite(losses[-1]):
                raise ValueError(f"the autoencoder's loss is {losses[-1]} at step {stage.budget.step}")
            total.zero_()
            counted, since = 0, time.monotonic()
        if checkpoint.due():
            stage.save(out)
    stage.save(out)
    return losses


def step(stage: Stage, clips: ClipStore, batch: int) -> torch.Tensor:
    """Makes one step and returns its loss, a scalar on the device."""
    images = as_images(clips.crops(batch, CROP, stage.generator))
    stage.network.train()
    with autocast(images.device):
        latents = stage.network.encoder(images)
        level = torch.rand(batch, 1, 1, 1, generator=stage.generator, device=images.device)
        noise = torch.randn(latents.shape, generator=stage.generator, device=images.device)
        restored = stage.network.decoder(latents + LATENT_NOISE * level * noise)
    loss = picture_loss(restored.float(), images)
    loss.backward()
    stage.optimiser.step(stage.budget.rate())
    stage.budget.step += 1
    follow(stage.mean, stage.network, stage.budget.step)
    return loss.detach()

"""Sample videos: what the model dreams of a clip's photos, above what was recorded."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dreamitate_training import clips, schedule
from dreamitate_training.svd.graphs import Decoder, GuidedStep, Step
from dreamitate_training.svd.recipe import Recipe


@torch.no_grad()
def sample(
    unet, image_latents: Tensor, text: Tensor, ids: Tensor, recipe: Recipe, random: torch.Generator
) -> Tensor:
    """Returns the latents `[25, C, h, w]`, scaled, that the sampler ends with; `image_latents` is
    `[1, 25, C, h, w]`.
    """
    device = image_latents.device
    sigmas = schedule.sigmas(recipe.preview_steps).to(device)
    noise = torch.randn(image_latents.shape, generator=random).to(device)
    latents = noise * (1 + sigmas[0] ** 2).sqrt()
    guided = recipe.preview_guidance != 1
    step = GuidedStep(unet) if guided else Step(unet)
    extra = (
        (torch.full((latents.shape[1],), recipe.preview_guidance, device=device),) if guided else ()
    )
    for sigma, sigma_next in zip(sigmas[:-1, None], sigmas[1:, None], strict=True):
        latents = step(latents, image_latents, text, ids, sigma, sigma_next, *extra)
    return latents[0]


@torch.no_grad()
def decode(vae, latents: Tensor, chunk: int) -> np.ndarray:
    """Returns frames uint8 `[25, H, W, 3]`; a chunk's frames do not see the others', so that seams
    may show.
    """
    decoder = Decoder(vae)
    return np.concatenate([clips.from_model(decoder(part)) for part in latents.split(chunk)])


def write_preview(path: Path, frames: np.ndarray, recorded: clips.Clip, fps: float) -> None:
    """Writes a video of 13 frames: top view left, side view right; the dream above, the recording
    below.

    The side view's frame 0 is the photo in both.
    """
    dreamt = (frames[: clips.FRAMES], np.concatenate([recorded.side[:1], frames[clips.FRAMES :]]))
    rows = [np.concatenate(views, axis=2) for views in (dreamt, (recorded.top, recorded.side))]
    path.parent.mkdir(parents=True, exist_ok=True)
    clips.write_video(path, np.concatenate(rows, axis=1), fps)

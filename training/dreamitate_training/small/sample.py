"""Dreams from the trained networks, as the dreamer makes them."""

import torch

from dreamitate_training import schedule
from dreamitate_training.contract import Noise
from dreamitate_training.small.autoencoder import Autoencoder
from dreamitate_training.small.data import as_images
from dreamitate_training.small.graphs import Step
from dreamitate_training.small.stage import autocast
from dreamitate_training.small.transformer import Transformer

#: A dream's noise levels. The largest drowns a clip; the decoder was trained to see nothing of the smallest.
NOISE = Noise(steps=16, sigma_max=100.0, sigma_min=0.08, rho=7.0)


@torch.no_grad()
def dream(
    transformer: Transformer, image_latents: torch.Tensor, noise: torch.Tensor, levels: Noise
) -> torch.Tensor:
    """Returns dreamed latents `[B, 2T + 1, C, h, w]` from the photos' and from unit noise of the same shape."""
    sigmas = schedule.sigmas(levels.steps, levels.sigma_max, levels.sigma_min, levels.rho).to(noise.device)
    step = Step(transformer.shape, transformer)
    latents = noise * (1 + sigmas[0] ** 2).sqrt()
    for sigma, sigma_next in zip(sigmas[:-1], sigmas[1:], strict=True):
        with autocast(noise.device):
            latents = step(latents, image_latents, sigma[None], sigma_next[None])
    return latents


@torch.no_grad()
def encoded(autoencoder: Autoencoder, frames: torch.Tensor) -> torch.Tensor:
    """Returns the latents of frames u8 `[N, H, W, 3]`, fp32 `[N, C, h, w]`."""
    with autocast(frames.device):
        return autoencoder.encoder(as_images(frames)).float()


@torch.no_grad()
def decoded(autoencoder: Autoencoder, latents: torch.Tensor) -> torch.Tensor:
    """Returns the frames of latents `[N, C, h, w]`, u8 `[N, H, W, 3]`."""
    with autocast(latents.device):
        images = autoencoder.decoder(latents)
    return ((images.float() + 1) / 2).clamp(0, 1).mul(255).round().to(torch.uint8).permute(0, 2, 3, 1)


def photo_latents(autoencoder: Autoencoder, clip: torch.Tensor) -> torch.Tensor:
    """Returns `image_latents` of a clip u8 `[2(T + 1), H, W, 3]`: its top photo T + 1 times, its side photo T times."""
    half = len(clip) // 2
    top, side = encoded(autoencoder, clip[[0, half]])
    return torch.stack([top] * half + [side] * (half - 1))

"""The authors' inference in torch, written from their equations: what exported graphs and the dreamer are compared with."""

import torch
from diffusers import AutoencoderKLTemporalDecoder, UNetSpatioTemporalConditionModel
from torch import Tensor

from dreamitate_training import schedule


@torch.no_grad()
def image_latents(vae: AutoencoderKLTemporalDecoder, condition: Tensor) -> Tensor:
    """Returns the condition latents `[F, C, h, w]` of noisy photos `[F, 3, H, W]`: the encoder's mode, not scaled."""
    return vae.quant_conv(vae.encoder(condition))[:, : vae.config.latent_channels]


@torch.no_grad()
def sample(
    unet: UNetSpatioTemporalConditionModel,
    condition: Tensor,
    text: Tensor,
    ids: Tensor,
    noise: Tensor,
    sigmas: Tensor,
    guidance: float,
) -> Tensor:
    """Returns a clip's latents `[F, C, h, w]` from its condition latents and unit noise of the same shape.

    `text` is `[1, 1, D]`, `ids` `[1, 3]`, `sigmas` as `schedule.sigmas`. With guidance 1 there is one pass a step.
    """
    x = noise[None] * (1 + sigmas[0] ** 2).sqrt()
    bound, free = condition[None], torch.zeros_like(condition[None])
    for sigma, sigma_next in zip(sigmas[:-1], sigmas[1:], strict=True):

        def denoised(latents: Tensor, words: Tensor) -> Tensor:
            def velocity(scaled: Tensor, time: Tensor) -> Tensor:
                return unet(torch.cat([scaled, latents], 2), time, words, ids, return_dict=False)[0]

            return schedule.denoised(velocity, x, sigma)

        estimate = denoised(bound, text)
        if guidance != 1:
            unconditional = denoised(free, torch.zeros_like(text))
            estimate = unconditional + guidance * (estimate - unconditional)
        x = schedule.euler_step(x, estimate, sigma, sigma_next)
    return x[0]


@torch.no_grad()
def frames(vae: AutoencoderKLTemporalDecoder, latents: Tensor) -> Tensor:
    """Returns the frames of one clip's latents, `[F, 3, H, W]` in about ±1; `clips.from_model` makes pictures of them."""
    count = latents.shape[0]
    still = torch.zeros(1, count)
    return vae.decoder(latents / vae.config.scaling_factor, num_frames=count, image_only_indicator=still)

"""The graphs of a dreamer as torch modules: fp32 at the edges, the network's own precision inside."""

import torch
from diffusers import AutoencoderKLTemporalDecoder, UNetSpatioTemporalConditionModel
from torch import Tensor

from dreamitate_training import schedule


class Encoder(torch.nn.Module):
    """`image` `[N, 3, H, W]` in ±1 → `image_latents` `[N, C, h, w]`, the mode of the distribution, not scaled."""

    inputs = ("image",)
    output = "image_latents"

    def __init__(self, vae: AutoencoderKLTemporalDecoder):
        super().__init__()
        self.encoder, self.quant_conv = vae.encoder, vae.quant_conv
        self.channels = vae.config.latent_channels

    def forward(self, image: Tensor) -> Tensor:
        moments = self.quant_conv(self.encoder(image.to(self.quant_conv.weight.dtype)))
        return moments[:, : self.channels].float()


class Decoder(torch.nn.Module):
    """`latents` `[F, C, h, w]`, consecutive frames → `frames` `[F, 3, H, W]` in about ±1, not clamped."""

    inputs = ("latents",)
    output = "frames"

    def __init__(self, vae: AutoencoderKLTemporalDecoder):
        super().__init__()
        self.decoder = vae.decoder
        self.scale = vae.config.scaling_factor

    def forward(self, latents: Tensor) -> Tensor:
        frames = latents.shape[0]
        scaled = (latents / self.scale).to(self.decoder.conv_in.weight.dtype)
        still = torch.zeros(1, frames, dtype=scaled.dtype, device=scaled.device)
        return self.decoder(scaled, num_frames=frames, image_only_indicator=still).float()


class Network(torch.nn.Module):
    """The UNet alone: `sample` `[B, 25, 2C, h, w]`, `timestep` `[1]` → the velocity, `out_sample` `[B, 25, C, h, w]`.

    `encoder_hidden_states` `[1, 1, D]` and `added_time_ids` `[1, 3]` (frames a second, motion bucket, noise on the
    condition, raw) serve every clip of the batch. The ids become sinusoids in fp32, since fp16 loses their phase.
    """

    inputs = ("sample", "timestep", "encoder_hidden_states", "added_time_ids")
    output = "out_sample"

    def __init__(self, unet: UNetSpatioTemporalConditionModel):
        super().__init__()
        self.unet = unet

    def forward(
        self, sample: Tensor, timestep: Tensor, encoder_hidden_states: Tensor, added_time_ids: Tensor
    ) -> Tensor:
        clips, dtype = sample.shape[0], self.unet.conv_in.weight.dtype
        text = encoder_hidden_states.to(dtype).expand(clips, -1, -1)
        ids = added_time_ids.expand(clips, -1)
        return self.unet(sample.to(dtype), timestep, text, ids, return_dict=False)[0].float()


class Step(torch.nn.Module):
    """One Euler step (EDM, arXiv 2206.00364, algorithm 1, no churn): `latents` at `sigma` → those at `sigma_next`.

    `latents` and `image_latents` are `[B, 25, C, h, w]`, `sigma` and `sigma_next` `[1]`.
    """

    inputs = ("latents", "image_latents", "text_embeds", "added_time_ids", "sigma", "sigma_next")
    output = "latents_next"

    def __init__(self, unet: UNetSpatioTemporalConditionModel):
        super().__init__()
        self.network = Network(unet)

    def forward(
        self,
        latents: Tensor,
        image_latents: Tensor,
        text_embeds: Tensor,
        added_time_ids: Tensor,
        sigma: Tensor,
        sigma_next: Tensor,
    ) -> Tensor:
        def velocity(scaled, time):
            sample = torch.cat([scaled, image_latents], dim=2)
            return self.network(sample, time, text_embeds, added_time_ids)

        estimate = schedule.denoised(velocity, latents, sigma)
        return schedule.euler_step(latents, estimate, sigma, sigma_next)


class GuidedStep(Step):
    """A step with classifier-free guidance (arXiv 2207.12598), as `Step` with `guidance` `[25]`, one for each frame.

    The unconditional pass sees zeroes in place of the image's latents and of the text, and the same ids.
    """

    inputs = (*Step.inputs, "guidance")

    def forward(
        self,
        latents: Tensor,
        image_latents: Tensor,
        text_embeds: Tensor,
        added_time_ids: Tensor,
        sigma: Tensor,
        sigma_next: Tensor,
        guidance: Tensor,
    ) -> Tensor:
        def velocity(scaled, time):
            free = torch.cat([scaled, torch.zeros_like(image_latents)], dim=2)
            bound = torch.cat([scaled, image_latents], dim=2)
            free = self.network(free, time, torch.zeros_like(text_embeds), added_time_ids)
            bound = self.network(bound, time, text_embeds, added_time_ids)
            return free + guidance.reshape(1, -1, 1, 1, 1) * (bound - free)

        estimate = schedule.denoised(velocity, latents, sigma)
        return schedule.euler_step(latents, estimate, sigma, sigma_next)

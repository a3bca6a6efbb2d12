"""The small model in the form of the contract's graphs."""

import torch
from torch import nn

from dreamitate_training import schedule
from dreamitate_training.small.shape import Shape
from dreamitate_training.small.transformer import Transformer


class Step(nn.Module):
    """`unet_step`: one Euler step of all 2T + 1 frames.

    Diffusion runs on the change since the photo, `latents − image_latents`: the differential equation does not mind a
    shift of the origin, and where nothing moves the network has nothing to say. The top view's frame 0 is its photo.
    """

    def __init__(self, shape: Shape, transformer: Transformer) -> None:
        super().__init__()
        self.shape = shape
        self.transformer = transformer

    def forward(
        self,
        latents: torch.Tensor,
        image_latents: torch.Tensor,
        sigma: torch.Tensor,
        sigma_next: torch.Tensor,
    ) -> torch.Tensor:
        """Returns the latents at `sigma_next`; all latents `[B, 2T + 1, C, h, w]`, both levels `[1]`."""
        image = self._by_view(image_latents)

        def velocity(scaled: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
            return self.transformer(scaled, time, image)

        change = schedule.denoised(velocity, self._by_view(latents) - image, sigma)
        frames = image + change
        estimate = torch.cat([image_latents[:, :1], frames[:, 0], frames[:, 1]], dim=1)
        return schedule.euler_step(latents, estimate, sigma, sigma_next)

    def _by_view(self, latents: torch.Tensor) -> torch.Tensor:
        """Returns the moving frames `[B, V=2, T, C, h, w]`."""
        top, _ = self.shape.views
        return torch.stack([latents[:, 1:top], latents[:, top:]], dim=1)

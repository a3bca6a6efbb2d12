"""The autoencoder: an image to latents of an eighth of its size, and back.

Only convolutions, and no normalisation over a picture's area: crops and whole frames are treated alike, so that
training can look at crops around the hands.
"""

import torch
from torch import nn
from torch.nn import functional

from dreamitate_training.small.shape import LATENT_SCALE, Shape

#: The first and the last layer rearrange 4 × 4 pixels, since convolutions at full size would take most of the time.
PIXELS = 4


class Residual(nn.Module):
    """Adds two convolutions' result; `Autoencoder` begins with nothing, so that no normalisation is needed."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Returns `x` and what is added; same shape `[N, width, h, w]`."""
        return x + self.second(functional.silu(self.first(functional.silu(x))))


class Encoder(nn.Module):
    """Images `[N, 3, H, W]` in ±1 to latents `[N, C, H/8, W/8]` of zero mean and unit variance a channel."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        fine, coarse = shape.encoder_widths
        fine_depth, coarse_depth = shape.encoder_depths
        self.layers = nn.Sequential(
            nn.PixelUnshuffle(PIXELS),
            nn.Conv2d(3 * PIXELS**2, fine, 3, padding=1),
            *(Residual(fine) for _ in range(fine_depth)),
            nn.Conv2d(fine, coarse, 4, stride=LATENT_SCALE // PIXELS, padding=1),
            *(Residual(coarse) for _ in range(coarse_depth)),
            nn.SiLU(),
            nn.Conv2d(coarse, shape.channels, 3, padding=1),
        )
        # Without weights of its own it fixes the latents' scale, which no loss does; constants once it is trained.
        self.standard = nn.BatchNorm2d(shape.channels, affine=False, momentum=0.02)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Returns the latents."""
        return self.standard(self.layers(image))


class Decoder(nn.Module):
    """Latents `[N, C, h, w]` to images `[N, 3, 8h, 8w]` in about ±1."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        fine, coarse = shape.decoder_widths
        fine_depth, coarse_depth = shape.decoder_depths
        up = LATENT_SCALE // PIXELS
        self.layers = nn.Sequential(
            nn.Conv2d(shape.channels, coarse, 3, padding=1),
            *(Residual(coarse) for _ in range(coarse_depth)),
            nn.Conv2d(coarse, fine * up**2, 1),
            nn.PixelShuffle(up),
            *(Residual(fine) for _ in range(fine_depth)),
            nn.SiLU(),
            nn.Conv2d(fine, 3 * PIXELS**2, 3, padding=1),
            nn.PixelShuffle(PIXELS),
        )

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """Returns the images."""
        return self.layers(latents)


class Autoencoder(nn.Module):
    """Both halves."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.encoder = Encoder(shape)
        self.decoder = Decoder(shape)
        for module in self.modules():
            # PyTorch's own start shrinks a picture at each layer; this keeps its size.
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=module.weight[0].numel() ** -0.5)
                nn.init.zeros_(module.bias)
        for module in self.modules():
            if isinstance(module, Residual):
                nn.init.zeros_(module.second.weight)


def picture_loss(image: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Returns the mean absolute and squared difference of two batches `[N, 3, H, W]`, and of their edges at two scales.

    The square is what first draws bright things on a dark table. The edges keep printed lines sharp, by which the
    tool is found in a dream.
    """
    loss = functional.l1_loss(image, target) + functional.mse_loss(image, target)
    for _ in range(2):
        loss = loss + functional.l1_loss(image.diff(dim=2), target.diff(dim=2))
        loss = loss + functional.l1_loss(image.diff(dim=3), target.diff(dim=3))
        image, target = functional.avg_pool2d(image, 2), functional.avg_pool2d(target, 2)
    return loss

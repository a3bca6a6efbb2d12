"""What the UNet is trained for: the denoising loss of EDM (arXiv 2206.00364) with velocity
prediction.
"""

import dataclasses

import torch
from torch import Tensor

from dreamitate_training import schedule
from dreamitate_training.svd.latents import ClipLatents
from dreamitate_training.svd.recipe import Recipe


@dataclasses.dataclass(frozen=True)
class Example:
    """Clips with all that is random about them; the first axis is the clip."""

    #: `[B, 25, C, h, w]`: without noise, the noise of unit variance, the photos' latents.
    target: Tensor
    noise: Tensor
    image_latents: Tensor
    #: `[B]`.
    sigma: Tensor
    #: `[B, 1, D]`.
    text: Tensor

    def to(self, device: torch.device) -> "Example":
        return Example(**{name: value.to(device) for name, value in vars(self).items()})


def draw(
    clip: ClipLatents,
    text: Tensor,
    recipe: Recipe,
    random: torch.Generator,
    sigma: float | None = None,
) -> Example:
    """Returns an example of one clip, B = 1; `text` is `[1, 1, D]`.

    All frames share one σ with ln σ from a normal distribution (arXiv 2311.15127, appendix D),
    unless it is given; then nothing is left out either. Text and photos are each left out, as
    zeros, with the recipe's probabilities.
    """
    normal = torch.randn(1, generator=random)
    level = (
        (recipe.p_mean + recipe.p_std * normal).exp() if sigma is None else torch.tensor([sigma])
    )
    noise = torch.randn(clip.target.shape, generator=random)
    photos = clip.image_latents(random)
    lottery = torch.rand(2, generator=random)
    if sigma is None and lottery[0] < recipe.drop_text:
        text = torch.zeros_like(text)
    if sigma is None and lottery[1] < recipe.drop_photos:
        photos = torch.zeros_like(photos)
    return Example(clip.target[None], noise[None], photos[None], level, text)


def together(examples: list[Example]) -> Example:
    """Returns the examples as one batch."""
    return Example(
        **{name: torch.cat([getattr(e, name) for e in examples]) for name in vars(examples[0])}
    )


def weighting(sigma: Tensor) -> Tensor:
    """Returns the weight of a squared error, `(σ² + 1) / σ²`: EDM's λ(σ) for σ_data = 1, which
    makes the loss that of the velocity, of the same size for every σ.
    """
    return (sigma**2 + 1) / sigma**2


def losses(unet, example: Example, ids: Tensor) -> Tensor:
    """Returns the loss of each clip, float32 `[B]`; `ids` are frames a second, motion bucket and
    cond_aug, `[1, 3]`.
    """
    sigma = example.sigma.reshape(-1, 1, 1, 1, 1)

    def velocity(scaled: Tensor, time: Tensor) -> Tensor:
        sample = torch.cat([scaled, example.image_latents], dim=2)
        every = ids.expand(len(sample), -1)
        return unet(sample, time.flatten(), example.text, every, return_dict=False)[0].float()

    estimate = schedule.denoised(velocity, example.target + example.noise * sigma, sigma)
    return weighting(example.sigma) * ((estimate - example.target) ** 2).flatten(1).mean(1)


def fixed_levels(recipe: Recipe, number: int) -> list[float]:
    """Returns σ at the middle of each of `number` equally likely parts of its distribution."""
    parts = (torch.arange(number, dtype=torch.float64) + 0.5) / number
    return (recipe.p_mean + recipe.p_std * torch.special.ndtri(parts)).exp().tolist()

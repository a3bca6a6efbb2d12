"""The clips as latents, encoded once and kept in files.

The encoder is frozen, so a clip's latents are always the same. The noise on the photos comes before
the encoder; many noisy copies are encoded, and each frame of each step draws one of them.
"""

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from dreamitate_training import clips
from dreamitate_training.svd.recipe import Recipe
from dreamitate_training.svd.seeds import generator

#: Frames of the top view and of the side view that are generated.
GENERATED = (clips.FRAMES, clips.FRAMES - 1)


@dataclasses.dataclass(frozen=True)
class ClipLatents:
    """A clip as the UNet sees it, float32."""

    #: What is to be predicted, scaled: `[25, C, h, w]`.
    target: Tensor
    #: Noisy photos of each view, not scaled: `[draws, C, h, w]`.
    top_photos: Tensor
    side_photos: Tensor

    def image_latents(self, random: torch.Generator) -> Tensor:
        """Returns the photo's latents for each frame, `[25, C, h, w]`: each with its own noise,
        drawn from the copies.
        """
        chosen = [
            photos[torch.randperm(len(photos), generator=random)[:frames]]
            for photos, frames in zip((self.top_photos, self.side_photos), GENERATED, strict=True)
        ]
        return torch.cat(chosen)


class Store:
    """The latents of the clips in a folder; clips are files `NAME.safetensors`."""

    def __init__(self, folder: Path, sources: list[Path]) -> None:
        self.folder, self.sources = folder, sources

    def __len__(self) -> int:
        return len(self.sources)

    def __getitem__(self, index: int) -> ClipLatents:
        with safe_open(self.path(index), framework="pt") as file:
            return ClipLatents(
                *(file.get_tensor(field.name) for field in dataclasses.fields(ClipLatents))
            )

    def path(self, index: int) -> Path:
        return self.folder / f"{self.sources[index].name}.safetensors"

    def fill(
        self,
        recipe: Recipe,
        encode: Callable[[Tensor], Tensor],
        encoder: str,
        scale: float,
        share: slice = slice(None),
    ) -> int:
        """Encodes the clips (or this process's share of them) that are not there yet; returns how
        many were.

        `encode` takes `[N, 3, H, W]` to latents that are not scaled; `encoder` is a digest of its
        weights.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        made = 0
        for index in range(len(self))[share]:
            clip = clips.read_clip(self.sources[index], (recipe.width, recipe.height))
            pixels = hashlib.sha256(clip.top.tobytes() + clip.side.tobytes()).hexdigest()
            key = f"{pixels} {encoder} {recipe.width}x{recipe.height} {recipe.cond_aug} "
            key += f"{recipe.cond_draws} {recipe.seed}"
            if stored_key(self.path(index)) == key:
                continue
            random = generator(recipe.seed, "photos", int(pixels[:8], 16))
            latents = ClipLatents(
                target=frame_by_frame(encode, clips.generated(clip)) * scale,
                top_photos=noisy_photos(encode, clip.top[0], recipe, random),
                side_photos=noisy_photos(encode, clip.side[0], recipe, random),
            )
            unfinished = self.path(index).with_suffix(".unfinished")
            tensors = {name: value.contiguous() for name, value in vars(latents).items()}
            save_file(tensors, unfinished, metadata={"key": key})
            unfinished.replace(self.path(index))
            made += 1
        return made


def noisy_photos(encode, photo, recipe: Recipe, random: torch.Generator) -> Tensor:
    """Returns latents `[draws, C, h, w]` of a photo, uint8 `[H, W, 3]`, each with its own noise
    before the encoder.
    """
    image = clips.to_model(photo)
    noisy = (
        image + recipe.cond_aug * torch.randn(image.shape, generator=random)
        for _ in range(recipe.cond_draws)
    )
    return frame_by_frame(encode, noisy)


@torch.no_grad()
def frame_by_frame(encode, images) -> Tensor:
    """Returns the latents of images; one at a time, since each takes the encoder much memory."""
    return torch.cat([encode(image[None]).float().cpu() for image in images])


def stored_key(path: Path) -> str | None:
    """Returns what a file of latents was made of; None if there is no whole file."""
    try:
        with safe_open(path, framework="pt") as file:
            return (file.metadata() or {}).get("key")
    except Exception:  # safetensors has an exception of its own for each kind of damage
        return None


def digest(module: torch.nn.Module) -> str:
    """Returns a digest of a module's weights."""
    whole = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        whole.update(name.encode())
        whole.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return whole.hexdigest()

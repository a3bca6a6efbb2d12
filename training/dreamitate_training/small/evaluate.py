"""What the trained networks make of clips that they have not seen: contact sheets to look at, and figures."""

import dataclasses
from pathlib import Path

import torch
from PIL import Image

from dreamitate_training.contract import Noise
from dreamitate_training.small.autoencoder import Autoencoder
from dreamitate_training.small.sample import decoded, dream, encoded, photo_latents
from dreamitate_training.small.transformer import Transformer

#: A pixel moves if it differs from the photo by more, in grey levels.
MOVED = 24


def psnr(a: torch.Tensor, b: torch.Tensor, mask: torch.Tensor | None = None) -> float:
    """Returns the peak signal-to-noise ratio of two u8 `[..., 3]`, where `mask` `[...]` is true, in dB."""
    error = (a.float() - b.float()).square().mean(-1)
    error = (error[mask] if mask is not None and mask.any() else error).mean()
    return (10 * torch.log10(255**2 / error.clamp(min=1e-10))).item()


def moved(clip: torch.Tensor) -> torch.Tensor:
    """Returns where a clip u8 `[2(T + 1), H, W, 3]` differs from its photos, bool `[2(T + 1), H, W]`."""
    views = clip.float().reshape(2, -1, *clip.shape[1:])
    return ((views - views[:, :1]).abs().amax(-1) > MOVED).flatten(0, 1)


def restore(autoencoder: Autoencoder, clips: torch.Tensor, sheet: Path) -> tuple[float, float]:
    """Writes frames beside what the autoencoder makes of them; returns PSNR of all and of moving pixels, in dB."""
    restored = torch.stack([decoded(autoencoder, encoded(autoencoder, clip)) for clip in clips])
    mask = torch.stack([moved(clip) for clip in clips])
    half = clips.shape[1] // 2
    shown = [frame for frame in (0, half // 3, half - 1, half + half // 3) if frame < clips.shape[1]]
    write_sheet([[clips[0, k] for k in shown], [restored[0, k] for k in shown]], sheet)
    return psnr(restored, clips), psnr(restored, clips, mask)


def show_dreams(
    autoencoder: Autoencoder,
    transformer: Transformer,
    clips: torch.Tensor,
    levels: Noise,
    sheet: Path,
    every: int,
    shrink: int,
    seed: int = 0,
) -> None:
    """Dreams from each clip's photos and writes every so many frames: top dream, top truth, side dream, side truth."""
    images = torch.stack([photo_latents(autoencoder, clip) for clip in clips])
    generator = torch.Generator(images.device).manual_seed(seed)
    noise = torch.randn(images.shape, generator=generator, device=images.device)
    half = clips.shape[1] // 2
    rows = []
    for clip, latents in zip(clips, dream(transformer, images, noise, levels), strict=True):
        frames = decoded(autoencoder, latents)
        top, side = frames[:half], torch.cat([clip[half : half + 1], frames[half:]])
        rows += [view[every - 1 :: every] for view in (top, clip[:half], side, clip[half:])]
    write_sheet([list(row) for row in rows], sheet, shrink)


def write_sheet(rows: list[list[torch.Tensor]], path: Path, shrink: int = 1) -> None:
    """Writes rows of frames u8 `[H, W, 3]` as one image."""
    whole = torch.cat([torch.cat(row, dim=1) for row in rows], dim=0).cpu().numpy()
    image = Image.fromarray(whole)
    image.reduce(shrink).save(path) if shrink > 1 else image.save(path)


def evaluate(
    autoencoder: Autoencoder, transformer: Transformer | None, clips: torch.Tensor, out: Path, levels: Noise
) -> None:
    """Writes the sheets into `out` and prints the figures."""
    all_db, moving_db = restore(autoencoder, clips, out / "restored.png")
    print(f"autoencoder on {len(clips)} held-out clips: {all_db:.2f} dB, moving pixels {moving_db:.2f} dB", flush=True)
    if transformer is None:
        return
    few = dataclasses.replace(levels, steps=12)
    show_dreams(autoencoder, transformer, clips, levels, out / "dreams.png", every=2, shrink=2)
    show_dreams(autoencoder, transformer, clips[:2], few, out / "dreams_12_steps.png", every=4, shrink=1)

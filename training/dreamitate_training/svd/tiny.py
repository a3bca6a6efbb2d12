"""`tiny`: models of the true architecture with few channels and random weights, and what torch makes of them.

The tests of the Rust dreamer run them: `OUT/fp32` and `OUT/fp16` are model folders, each with a folder `golden` of
inputs and of torch's fp32 results.
"""

import argparse
from pathlib import Path

import numpy
import torch

from dreamitate_training import contract, schedule
from dreamitate_training.clips import crop_and_resize, from_model
from dreamitate_training.svd import architecture, reference
from dreamitate_training.svd.folder import Writing, write_graphs

HELP = "Makes tiny models with random weights and torch's results, for the tests of the dreamer."
#: Width and height of frames, and of photos: another aspect, and no whole multiple.
SIZE, PHOTO = (128, 64), (190, 108)
GUIDANCES = (1.0, 2.0)
#: Deviation of decoded frames, of their range −1 to 1: neither flat nor cut at the ends.
CONTRAST = 0.4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("out", type=Path, help="folder to write")


def run(args: argparse.Namespace) -> None:
    """Writes both models.

    Raises ValueError or OSError if a folder cannot be written or a graph differs from torch.
    """
    torch.set_num_threads(1)
    for precision in ("fp32", "fp16"):
        folder = args.out / precision
        write_tiny(folder, precision)
        print(f"{folder}: {sum(p.stat().st_size for p in folder.rglob('*') if p.is_file()) / 1e6:.1f} MB")


def write_tiny(folder: Path, precision: str) -> None:
    """Writes a tiny model with its golden results."""
    torch.manual_seed(0)
    unet, vae = (build("tiny").eval().requires_grad_(False) for build in (architecture.unet, architecture.vae))
    manifest = contract.Manifest(
        name=f"tiny-{precision}",
        task="rotation",
        prompt="a tiny model knows no words",
        licence="none: random numbers",
        origin="random numbers",
        width=SIZE[0],
        height=SIZE[1],
        precision=precision,
    )
    random = numpy.random.default_rng(0)
    text = random.standard_normal((1, 1, unet.config.cross_attention_dim)).astype(numpy.float32)
    golden = _golden(unet, vae, text, manifest, random)
    write_graphs(folder, unet, vae, SIZE, Writing(precision))
    numpy.save(folder / contract.TEXT, text)
    contract.write_manifest(folder, manifest)
    (folder / "golden").mkdir(exist_ok=True)
    for name, values in golden.items():
        numpy.save(folder / "golden" / f"{name}.npy", values)


def _golden(unet, vae, text, manifest: contract.Manifest, random) -> dict[str, numpy.ndarray]:
    top, side = manifest.views
    count, channels = top + side, manifest.latent_channels
    width, height = SIZE
    photos = _photos(random)
    fitted = numpy.stack([crop_and_resize(photo, SIZE) for photo in photos])
    noise = random.standard_normal((count, channels, height // 8, width // 8)).astype(numpy.float32)
    condition_noise = random.standard_normal((count, 3, height, width)).astype(numpy.float32)
    clean = torch.from_numpy(fitted).permute(0, 3, 1, 2).float() / 255 * 2 - 1
    condition = clean.repeat_interleave(torch.tensor([top, side]), dim=0)
    condition = condition + manifest.cond_aug * torch.from_numpy(condition_noise)
    latents = reference.image_latents(vae, condition)
    golden = {
        "photos": photos,
        "fitted": fitted,
        "noise": noise,
        "condition_noise": condition_noise,
        "image_latents": latents.numpy(),
    }
    levels = schedule.sigmas(manifest.noise.steps)
    ids = torch.tensor([[manifest.fps, manifest.motion_bucket, manifest.cond_aug]])
    sampled = {
        guidance: reference.sample(
            unet, latents, torch.from_numpy(text), ids, torch.from_numpy(noise), levels, guidance
        )
        for guidance in GUIDANCES
    }
    _set_contrast(vae, sampled[GUIDANCES[0]])
    for guidance, result in sampled.items():
        golden[f"latents_guidance_{guidance:g}"] = result.numpy()
        frames = from_model(reference.frames(vae, result))
        if frames.std() < 20 or (frames % 255 == 0).mean() > 0.2:
            raise ValueError(f"frames of deviation {frames.std():.1f} say little; other random weights are needed")
        golden[f"frames_guidance_{guidance:g}"] = frames
    return golden


def _photos(random) -> numpy.ndarray:
    """Returns two pictures u8 `[2, H, W, 3]` of stripes and noise."""
    width, height = PHOTO
    y, x = numpy.mgrid[:height, :width]
    waves = [numpy.sin(x / a + y / b) for a, b in ((5, 9), (12, -7), (-20, 4))]
    picture = 128 + 90 * numpy.stack(waves, axis=-1) + random.normal(0, 8, (2, height, width, 3))
    return picture.clip(0, 255).astype(numpy.uint8)


def _set_contrast(vae, latents: torch.Tensor) -> None:
    """Scales the decoder's last but one layer, after which all is linear, so that frames have `CONTRAST`."""
    with torch.no_grad():
        decoded = reference.frames(vae, latents)
        last = vae.decoder.time_conv_out
        last.weight *= CONTRAST / decoded.std()
        last.bias.copy_((last.bias - decoded.mean((0, 2, 3))) * CONTRAST / decoded.std())

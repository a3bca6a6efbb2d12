"""The model folder: what a dreamer is made of, and what its graphs are called.

`manifest.json` says all that a program must know to run the graphs; it is the only thing that Python and Rust share.
"""

import dataclasses
import hashlib
import json
from pathlib import Path

FORMAT = "dreamitate-model"
VERSION = 1
MANIFEST = "manifest.json"

#: The graphs of a folder. `unet_step` makes one Euler step without guidance; `unet_step_guided` makes two passes and
#: mixes them, and shares its weights; both are in the folder if the model can be guided.
ENCODER = "vae_encoder.onnx"
STEP = "unet_step.onnx"
GUIDED_STEP = "unet_step_guided.onnx"
DECODER = "vae_decoder.onnx"
TEXT = "text_embeds.npy"


@dataclasses.dataclass(frozen=True)
class Noise:
    """The sampler's noise levels, see `schedule.sigmas`."""

    steps: int = 30
    sigma_max: float = 700.0
    sigma_min: float = 0.002
    rho: float = 7.0


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What `manifest.json` holds besides the files' sizes and hashes."""

    name: str
    #: The task that the model was fine-tuned for, as in the task's configuration.
    task: str
    prompt: str
    #: Of the weights: an SPDX expression, or a name.
    licence: str
    #: Where the weights come from, in a sentence.
    origin: str
    width: int = 768
    height: int = 448
    latent_channels: int = 4
    #: Pixels of an image for one of its latent, along each axis.
    latent_scale: int = 8
    #: Frames of the top view and of the side view that are generated.
    views: tuple[int, int] = (13, 12)
    #: The side view's first generated frame is its frame with this number.
    side_offset: int = 1
    noise: Noise = Noise()
    fps: int = 6
    motion_bucket: int = 200
    cond_aug: float = 0.02
    #: 1 makes one pass a step.
    guidance: float = 1.0
    #: Of the arithmetic inside the graphs; their edges are always fp32.
    precision: str = "fp32"


def clear(folder: Path) -> None:
    """Makes the folder, and removes the files of an earlier model from it."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in [*folder.glob("*.onnx"), *folder.glob("*.weights"), folder / TEXT, folder / MANIFEST]:
        path.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Returns the file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Writes `manifest.json` with size and hash of the graphs, their weights and the text's embedding."""
    paths = [*folder.glob("*.onnx"), *folder.glob("*.weights"), *folder.glob(TEXT)]
    files = {path.name: {"bytes": path.stat().st_size, "sha256": sha256(path)} for path in sorted(paths)}
    whole = {"format": FORMAT, "version": VERSION, **dataclasses.asdict(manifest), "files": files}
    (folder / MANIFEST).write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

"""Weights files: safetensors in parts of bounded size, matrices as fp16, with the model's sizes beside them."""

from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from dreamitate_training.small.shape import Shape

#: Of a part, in bytes.
PART_LIMIT = 15_000_000


def save_weights(folder: Path, name: str, network: nn.Module, shape: Shape) -> list[Path]:
    """Writes `{name}-{part}.safetensors` and returns the paths."""
    parts: list[dict[str, torch.Tensor]] = [{}]
    size = 0
    for key, value in network.state_dict().items():
        narrow = value.dtype == torch.float32 and value.ndim >= 2
        tensor = value.detach().to("cpu", torch.float16 if narrow else value.dtype).contiguous()
        if parts[-1] and size + tensor.nbytes > PART_LIMIT:
            parts.append({})
            size = 0
        parts[-1][key] = tensor
        size += tensor.nbytes
    for old in folder.glob(f"{name}-*.safetensors"):
        old.unlink()
    paths = [folder / f"{name}-{number}.safetensors" for number in range(len(parts))]
    for path, tensors in zip(paths, parts, strict=True):
        save_file(tensors, path, metadata={"shape": shape.to_json()})
    return paths


def read_shape(folder: Path, name: str) -> Shape:
    """Returns the sizes in a weights file.

    Raises FileNotFoundError if there is none, ValueError if it says nothing that is understood.
    """
    with safe_open(_parts(folder, name)[0], framework="pt") as file:
        return Shape.from_json((file.metadata() or {}).get("shape", "null"))


def load_weights(folder: Path, name: str, network: nn.Module) -> None:
    """Fills the network.

    Raises FileNotFoundError if there are no weights, ValueError if they are another network's.
    """
    state = {}
    for path in _parts(folder, name):
        with safe_open(path, framework="pt") as file:
            state |= {key: file.get_tensor(key) for key in file.keys()}
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(f"{folder / name}: {error}") from error


def _parts(folder: Path, name: str) -> list[Path]:
    paths = sorted(folder.glob(f"{name}-*.safetensors"))
    if not paths:
        raise FileNotFoundError(f"{folder}: no {name}-*.safetensors")
    return paths

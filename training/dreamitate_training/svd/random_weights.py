"""Fills the missing weights files of a model folder with random values, to time graphs of the true size.

    python -m dreamitate_training.svd.random_weights FOLDER

needs numpy and onnx alone, and works as a file by itself. The values are the same on every machine.
"""

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx

#: Values are drawn once and used for every weight, from another start, since drawing 1.5 billion takes long.
DRAWN = 1 << 22


def missing(folder: Path) -> Iterator[tuple[Path, onnx.TensorProto, int, int]]:
    """Returns file, tensor, offset and length of the weights whose files the folder's graphs name, but lack."""
    for graph in sorted(folder.glob("*.onnx")):
        for tensor in onnx.load(graph, load_external_data=False).graph.initializer:
            place = {entry.key: entry.value for entry in tensor.external_data}
            if place and not (folder / place["location"]).exists():
                yield folder / place["location"], tensor, int(place["offset"]), int(place["length"])


def values(tensor: onnx.TensorProto, drawn: np.ndarray, offset: int) -> np.ndarray:
    """Returns a matrix's values: normal, scaled to keep the size of what passes through it.

    A convolution is stored `[out, in, ...]`, a matrix `[in, out]`.
    """
    dims = list(tensor.dims)
    fan_in = dims[0] if len(dims) == 2 else int(np.prod(dims[1:]))
    start = offset // 4096 * 7919 % DRAWN
    repeated = np.resize(np.roll(drawn, -start), int(np.prod(dims)))
    return (repeated * np.float32(fan_in**-0.5)).astype(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type))


def fill(folder: Path, seed: int = 0) -> dict[Path, int]:
    """Writes the missing files and returns their sizes in bytes."""
    drawn = np.random.default_rng(seed).standard_normal(DRAWN, dtype=np.float32)
    places = {(path, offset): (tensor, length) for path, tensor, offset, length in missing(folder)}
    sizes: dict[Path, int] = {}
    for (path, offset), (_, length) in places.items():
        sizes[path] = max(sizes.get(path, 0), offset + length)
    for path, size in sizes.items():
        with path.open("wb") as file:
            file.truncate(size)

    def write(place):
        (path, offset), (tensor, length) = place
        data = values(tensor, drawn, offset)
        if data.nbytes != length:
            raise ValueError(f"{tensor.name}: {data.nbytes} bytes of values for a place of {length} bytes")
        with path.open("r+b") as file:
            file.seek(offset)
            file.write(data.data)

    with ThreadPoolExecutor() as pool:
        list(pool.map(write, places.items()))
    return sizes


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    try:
        for path, size in fill(args.folder, args.seed).items():
            print(f"{path}: {size} bytes")
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

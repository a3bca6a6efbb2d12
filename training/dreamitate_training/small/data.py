"""Training clips in the memory of the training device, from a folder that may grow while it is read.

A clip is `{seed:06}.npy`, u8 `[2(T + 1), H, W, 3]`, RGB: the top view's frames, then the side view's; frame 0 of each
is the photo. Clips with a seed from `HELD_OUT_FROM` on are never trained on.
"""

import queue
import threading
import time
from pathlib import Path

import numpy
import torch
from torch.nn import functional

from dreamitate_training.small.shape import Shape

HELD_OUT_FROM = 900_000
#: Side of the squares in which change is measured, px.
CELL = 16


def read_clip(path: Path, shape: Shape) -> numpy.ndarray:
    """Returns the clip, u8 `[2(T + 1), H, W, 3]`.

    Raises ValueError if it has another shape, OSError if it cannot be read.
    """
    clip = numpy.load(path, allow_pickle=False)
    if clip.shape != shape.clip_shape or clip.dtype != numpy.uint8:
        raise ValueError(f"{path}: {clip.dtype} {list(clip.shape)}, not uint8 {list(shape.clip_shape)}")
    return clip


def listed(folder: Path) -> list[Path]:
    """Returns the folder's clips in the order of their seeds."""
    paths = [path for path in folder.glob("*.npy") if path.stem.isdigit()]
    return sorted(paths, key=lambda path: int(path.stem))


def held_out(folder: Path, shape: Shape, limit: int) -> torch.Tensor | None:
    """Returns up to `limit` clips that are not trained on, u8 `[N, 2(T + 1), H, W, 3]`; None if there are none."""
    paths = [path for path in listed(folder) if int(path.stem) >= HELD_OUT_FROM][:limit]
    return torch.from_numpy(numpy.stack([read_clip(path, shape) for path in paths])) if paths else None


def as_images(frames: torch.Tensor) -> torch.Tensor:
    """Returns u8 `[N, H, W, 3]` as fp32 `[N, 3, H, W]` in ±1, in memory order of the former."""
    return frames.permute(0, 3, 1, 2).float() / 127.5 - 1


class ClipStore:
    """Clips that are trained on. A thread reads them; `refresh` takes what it has read."""

    def __init__(self, folder: Path, shape: Shape, device: torch.device, capacity: int) -> None:
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder}: no such folder")
        self.shape = shape
        self.folder = folder
        self.count = 0
        self.frames = torch.empty((capacity, *shape.clip_shape), dtype=torch.uint8, device=device)
        cells = (shape.height // CELL) * (shape.width // CELL)
        #: How much each frame differs from its photo, by cells.
        self.change = torch.empty((capacity, shape.clip_shape[0], cells), dtype=torch.float16, device=device)
        # What is there at the start is read in order and at once: then a whole folder is the same data every time.
        self._seen: set[str] = set()
        for path in self._fresh()[:capacity]:
            self._append(read_clip(path, shape))
        self._read: queue.Queue = queue.Queue(maxsize=64)
        threading.Thread(target=self._watch, daemon=True).start()

    def refresh(self, limit: int = 8) -> int:
        """Takes up to `limit` clips that were read since and returns how many there are in all.

        Raises ValueError or OSError if one of them is no clip.
        """
        for _ in range(limit):
            if self._read.empty() or self.count == len(self.frames):
                break
            clip = self._read.get()
            if isinstance(clip, Exception):
                raise clip
            self._append(clip)
        return self.count

    def wait_for(self, count: int, seconds: float) -> None:
        """Returns once there are `count` clips.

        Raises ValueError if there are fewer after `seconds`.
        """
        end = time.monotonic() + seconds
        while self.refresh() < min(count, len(self.frames)):
            if time.monotonic() > end:
                raise ValueError(f"{self.folder}: {self.count} clips to train on; at least {count} are needed")
            time.sleep(0.05)

    def crops(self, number: int, side: int, generator: torch.Generator) -> torch.Tensor:
        """Returns random squares of random frames, u8 `[number, side, side, 3]`, mostly of where something moves."""
        _, height, width, _ = self.shape.clip_shape
        side_y, side_x = min(side, height), min(side, width)
        device = self.frames.device

        def whole(limit: int) -> torch.Tensor:
            return torch.randint(limit, (number,), generator=generator, device=device)

        clip, frame = whole(self.count), whole(self.shape.clip_shape[0])
        chance = self.change[clip, frame].float()
        chance = chance + 0.1 * chance.mean(1, keepdim=True) + 1e-3
        cell = torch.multinomial(chance, 1, generator=generator).squeeze(1)
        columns = width // CELL
        middle_y = cell // columns * CELL + whole(CELL) - side_y // 2
        middle_x = cell % columns * CELL + whole(CELL) - side_x // 2
        top = (middle_y + whole(side_y // 2) - side_y // 4).clamp(0, height - side_y)
        left = (middle_x + whole(side_x // 2) - side_x // 4).clamp(0, width - side_x)
        rows = top[:, None] + torch.arange(side_y, device=device)
        across = left[:, None] + torch.arange(side_x, device=device)
        return self.frames[clip[:, None, None], frame[:, None, None], rows[:, :, None], across[:, None, :]]

    def _append(self, clip: numpy.ndarray) -> None:
        frames = torch.from_numpy(clip).to(self.frames.device)
        self.frames[self.count] = frames
        by_view = frames.reshape(2, -1, *frames.shape[1:])
        difference = (by_view.half() - by_view[:, :1].half()).abs().mean(-1).flatten(0, 1)
        # The camera's noise differs in every frame by about two grey levels.
        cells = (functional.avg_pool2d(difference.float()[:, None], CELL) - 4).clamp(min=0)
        self.change[self.count] = cells.flatten(1).half()
        self.count += 1

    def _fresh(self) -> list[Path]:
        paths = [path for path in listed(self.folder) if int(path.stem) < HELD_OUT_FROM]
        paths = [path for path in paths if path.name not in self._seen]
        self._seen.update(path.name for path in paths)
        return paths

    def _watch(self) -> None:
        while len(self._seen) < len(self.frames):
            for path in self._fresh():
                try:
                    self._read.put(read_clip(path, self.shape))
                except (OSError, ValueError) as error:
                    self._read.put(error)
                    return
            time.sleep(0.5)

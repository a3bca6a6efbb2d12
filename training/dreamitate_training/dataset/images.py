"""A recording as two folders of pictures."""

import re
from pathlib import Path

import numpy as np

from dreamitate_training.clips import VIEWS, read_image

SUFFIXES = (".png", ".jpg", ".jpeg")


class Images:
    """Pictures in `top/` and `side/`, pairs in the order of their names."""

    def __init__(self, folder: Path, rate_hz: float | None) -> None:
        """Lists the pictures; without `rate_hz` each file's name is its time in seconds or
        nanoseconds.
        """
        self.paths: dict[str, list[Path]] = {}
        self.times: dict[str, np.ndarray] = {}
        for view in VIEWS:
            if not (folder / view).is_dir():
                raise OSError(f"the recording {folder} has no folder {view}/")
            paths = [p for p in (folder / view).iterdir() if p.suffix.lower() in SUFFIXES]
            if not paths:
                raise OSError(f"{folder / view} holds no pictures ({', '.join(SUFFIXES)})")
            if rate_hz is None:
                paths.sort(key=time_in_name)
                times = np.array([time_in_name(path) for path in paths], dtype=np.int64)
            else:
                paths.sort()
                times = np.arange(len(paths)) / rate_hz
            self.paths[view], self.times[view] = paths, times
        if rate_hz is None:
            begin = min(times[0] for times in self.times.values())
            self.times = {view: (times - begin) / 1e9 for view, times in self.times.items()}
        elif len(self.paths["top"]) != len(self.paths["side"]):
            counts = [len(self.paths[view]) for view in VIEWS]
            raise ValueError(
                f"{folder} has {counts[0]} top and {counts[1]} side pictures; they must be pairs"
            )

    def times_s(self, view: str) -> np.ndarray:
        return self.times[view]

    def frames(self, view: str, indices: list[int]) -> list[np.ndarray]:
        return [read_image(self.paths[view][index]) for index in indices]


def time_in_name(path: Path) -> int:
    """Returns the time that a file's name tells, nanoseconds: a whole number of 16 digits or more,
    or seconds.
    """
    stem = path.stem
    if re.fullmatch(r"\d{16,}", stem):
        return int(stem)
    if re.fullmatch(r"\d+(\.\d+)?", stem):
        whole, _, fraction = stem.partition(".")
        return int(whole) * 10**9 + int((fraction + "0" * 9)[:9])
    raise ValueError(
        f"the name of {path} is no time in seconds or nanoseconds; give rate_hz if names only count"
    )

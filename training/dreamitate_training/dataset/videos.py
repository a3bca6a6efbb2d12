"""A recording as a video a view, read by ffmpeg."""

import re
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np


class Videos:
    """Two videos that began together, but for a delay."""

    def __init__(self, top: Path, side: Path, side_delay_s: float) -> None:
        """Reads when the frames were taken; a side video's frame at t is from the top video's t −
        `side_delay_s`.
        """
        self.paths = {"top": top, "side": side}
        #: On the videos' own clocks.
        self.stamps = {view: frame_times_s(path) for view, path in self.paths.items()}
        self.delays = {"top": 0.0, "side": side_delay_s}

    def times_s(self, view: str) -> np.ndarray:
        return self.stamps[view] - self.delays[view]

    def frames(self, view: str, indices: list[int]) -> list[np.ndarray]:
        return decode(self.paths[view], self.stamps[view], indices)


def frame_times_s(path: Path) -> np.ndarray:
    """Returns the time of each frame from the video's beginning, seconds, without decoding it.

    Videos of cameras do not keep their nominal rate: a dropped frame shows only in these times.
    """
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-map", "0:v:0"]
    done = subprocess.run(
        [*command, "-c", "copy", "-f", "framecrc", "-"], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise OSError(f"ffmpeg cannot read {path}: {done.stderr.strip()}")
    base = re.search(r"^#tb 0: (\d+)/(\d+)$", done.stdout, re.MULTILINE)
    rows = [
        line.split(",") for line in done.stdout.splitlines() if line and not line.startswith("#")
    ]
    if base is None or not rows:
        raise OSError(f"ffmpeg finds no frames in {path}")
    ticks = np.array(sorted(int(row[2]) for row in rows), dtype=np.float64)
    return ticks * int(base[1]) / int(base[2])


def decode(path: Path, times_s: np.ndarray, indices: list[int]) -> list[np.ndarray]:
    """Returns frames of a video by their numbers (rising), uint8 `[H, W, 3]`."""
    first = indices[0]
    # ffmpeg drops what lies before the place that it seeks: half-way between two frames is safe
    # from rounding.
    seek = 0.0 if first == 0 else (times_s[first - 1] + times_s[first]) / 2
    reader = imageio_ffmpeg.read_frames(
        str(path),
        input_params=["-ss", f"{seek:.6f}"] if first else [],
        output_params=["-fps_mode", "passthrough"],
    )
    try:
        width, height = next(reader)["size"]
        wanted, found = set(indices), {}
        for index, data in enumerate(reader, first):
            if index in wanted:
                found[index] = np.frombuffer(data, np.uint8).reshape(height, width, 3)
            if index == indices[-1]:
                break
    except RuntimeError as error:
        raise OSError(f"cannot decode {path}: {error}") from error
    finally:
        reader.close()
    missing = [index for index in indices if index not in found]
    if missing:
        raise OSError(
            f"{path} ends before its frame {missing[0]}, though it lists {len(times_s)} frames"
        )
    return [found[index] for index in indices]

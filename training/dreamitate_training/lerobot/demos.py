"""The demonstrations that `dreamitate demos` wrote: `demos.json`, and a folder a clip with
`truth.json`.
"""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np

from dreamitate_training.clips import FRAMES

#: How far a frame rate may lie from a whole number, frames a second.
RATE_LIMIT = 1e-3
#: How far R·Rᵀ of a pose may lie from 1.
ROTATION_LIMIT = 1e-4


@dataclasses.dataclass(frozen=True)
class Episode:
    """A clip, of which frame 0, the photo without tools, is no part."""

    folder: Path
    seed: int
    #: What the task measures: names with units, and values.
    score: dict[str, float]
    #: Rows `[R | t]`, metres, float64 `[tools, T=12, 3, 4]`: frames 1 to 12.
    world_from_tool: np.ndarray


@dataclasses.dataclass(frozen=True)
class Demos:
    """Demonstrations of one task with the same tools at the same rate."""

    prompt: str
    #: Their names, in the order of the poses.
    tools: tuple[str, ...]
    fps: int
    episodes: list[Episode]


def read_demos(folder: Path) -> Demos:
    """Returns the clips that `demos.json` lists, in its order, without their pictures.

    Raises OSError for a file that cannot be read, and ValueError for a clip that is missing, is of
    another task, prompt, rate or tools than the others, or has a pose that is none.
    """
    path = folder / "demos.json"
    task, names = (entry(read_json(path), key, path) for key in ("task", "clips"))
    if not names:
        raise ValueError(f"{path} lists no clips")
    common, episodes = None, []
    for name in names:
        path = folder / name / "truth.json"
        if not path.is_file():
            raise ValueError(f"the clip {name} of {folder / 'demos.json'} has no {path}")
        truth = read_json(path)
        poses = entry(truth, "world_from_tool", path)
        found = {
            "task": entry(truth, "task", path),
            "prompt": entry(truth, "prompt", path),
            "tools": tuple(sorted(poses)),
            "fps": frames_a_second(entry(truth, "frame_period_s", path), path),
        }
        common = common or found | {"task": task}
        for key, value in found.items():
            if value != common[key]:
                raise ValueError(f"{path}: {key} is {value!r}, of the others {common[key]!r}")
        tools = [read_poses(poses[tool], f"{path}: {tool}") for tool in found["tools"]]
        score, seed = entry(truth, "score", path), entry(truth, "seed", path)
        episodes.append(Episode(path.parent, seed, score, np.stack(tools)))
    return Demos(common["prompt"], common["tools"], common["fps"], episodes)


def read_json(path: Path) -> dict:
    """Returns the object in a file."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} holds no JSON object: {error}") from error


def entry(record: dict, key: str, path: Path):
    """Returns the value of a key that must be there."""
    if key not in record:
        raise ValueError(f"{path} has no {key}")
    return record[key]


def frames_a_second(period_s: float, path: Path) -> int:
    """Returns the rate, which LeRobot wants to be a whole number."""
    rate = 1 / period_s if isinstance(period_s, (int, float)) and period_s > 0 else math.nan
    if not (math.isfinite(rate) and rate > 0.5 and abs(rate - round(rate)) <= RATE_LIMIT):
        raise ValueError(
            f"{path}: frame_period_s is {period_s}, {rate:.4f} frames a second; "
            f"this should be a whole number within {RATE_LIMIT:g}"
        )
    return round(rate)


def read_poses(rows: list, what: str) -> np.ndarray:
    """Returns a tool's poses in frames 1 to 12, float64 `[T=12, 3, 4]`."""
    if len(rows) != FRAMES:
        raise ValueError(f"{what} has {len(rows)} poses, expected {FRAMES}")
    for frame, row in enumerate(rows[1:], start=1):
        try:
            pose = np.array(row, dtype=np.float64)
        except (TypeError, ValueError):
            pose = np.empty(0)
        if pose.shape != (3, 4) or not np.isfinite(pose).all():
            raise ValueError(f"{what} in frame {frame} is no pose of 3×4 finite numbers: {row}")
        rotation = pose[:, :3]
        off = np.abs(rotation @ rotation.T - np.eye(3)).max()
        if off > ROTATION_LIMIT or np.linalg.det(rotation) < 0:
            raise ValueError(
                f"{what} in frame {frame} is no rotation: R·Rᵀ is {off:.2g} off 1, limit "
                f"{ROTATION_LIMIT:g}, determinant {np.linalg.det(rotation):.3f}"
            )
    return np.array(rows[1:], dtype=np.float64)

"""The files of a LeRobot dataset, format v3.0: what `LeRobotDataset` of the package lerobot reads.

`data/` holds a row a frame, `videos/` an mp4 a view, `meta/` all else. Several episodes share a
file.
"""

import contextlib
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

import imageio.v2 as imageio
import numpy as np
import pyarrow as pa
from pyarrow import parquet

from dreamitate_training.clips import VIEWS, Clip, read_clip
from dreamitate_training.lerobot import layout, meta, poses, stats
from dreamitate_training.lerobot.demos import Demos, Episode

#: H.264. Every second frame is a key frame, as in LeRobot's own videos, since training seeks; no
#: frame refers to a later one, so that its number alone tells its time.
VIDEO_OPTIONS = ["-crf", "18", "-g", "2", "-bf", "0", "-movflags", "+faststart"]


def write_dataset(demos: Demos, out: Path, robot_type: str) -> None:
    """Writes the folder `out`.

    Raises OSError for a picture that cannot be read, and ValueError for a clip with another number
    or size of frames than the first, or with an odd size.
    """
    size = read_clip(demos.episodes[0].folder, size=None).size
    if size[0] % 2 or size[1] % 2:
        raise ValueError(
            f"the frames of {demos.episodes[0].folder} are {size[0]}×{size[1]} px; "
            f"a video needs an even width and height"
        )
    columns, clips, levels = columns_of(demos), read_clips(demos.episodes, size), []
    for begin in range(0, len(columns), layout.EPISODES_A_FILE):
        some = columns[begin : begin + layout.EPISODES_A_FILE]
        write_data(layout.data(out, begin), some)
        paths = {view: layout.video(out, begin, view) for view in VIEWS}
        levels += write_videos(paths, itertools.islice(clips, len(some)), demos.fps)
    meta.write_meta(out, demos, columns, levels, size, robot_type)


def columns_of(demos: Demos) -> list[dict[str, np.ndarray]]:
    """Returns each episode's rows of `data/`: a column a key, `[T]` or `[T, D]`.

    The state is the tools' poses. The action is those of the next frame; in the last frame, those
    of the frame itself.
    """
    columns: list[dict[str, np.ndarray]] = []
    first = None
    for episode in demos.episodes:
        state = poses.vectors(episode.world_from_tool, first)
        # Of the two quaternions of a rotation, all episodes begin with the nearer to the first's.
        first = state[0] if first is None else first
        number, frames = len(columns), np.arange(layout.FRAMES)
        columns.append(
            {
                "observation.state": state.astype(np.float32),
                "action": np.concatenate([state[1:], state[-1:]]).astype(np.float32),
                "timestamp": (frames / demos.fps).astype(np.float32),
                "frame_index": frames,
                "episode_index": np.full(layout.FRAMES, number),
                "index": number * layout.FRAMES + frames,
                "task_index": np.zeros(layout.FRAMES, np.int64),
            }
        )
    return columns


def read_clips(episodes: Iterable[Episode], size: tuple[int, int]) -> Iterator[Clip]:
    """Yields the episodes' pictures, frame 0 too; ValueError if they are of another size."""
    for episode in episodes:
        clip = read_clip(episode.folder, size=None)
        if clip.size != size:
            raise ValueError(
                f"the frames of {episode.folder} are {clip.size[0]}×{clip.size[1]} px, "
                f"of the first clip {size[0]}×{size[1]} px"
            )
        yield clip


def write_data(path: Path, columns: list[dict[str, np.ndarray]]) -> None:
    """Writes the rows of episodes; each is a row group, for readers that take one at a time."""
    tables = [pa.table({key: array(values) for key, values in c.items()}) for c in columns]
    path.parent.mkdir(parents=True, exist_ok=True)
    with parquet.ParquetWriter(path, tables[0].schema) as writer:
        for table in tables:
            writer.write_table(table)


def array(values: np.ndarray) -> pa.Array:
    """Returns `[T]`, or `[T, D]` as lists of fixed length."""
    if values.ndim == 1:
        return pa.array(values)
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])


def write_videos(
    paths: dict[str, Path], clips: Iterable[Clip], fps: int
) -> list[dict[str, np.ndarray]]:
    """Writes frames 1 to 12 of the clips one behind another, a file a view, and returns for each
    clip and view how often each level is in each channel, see `stats.count_levels`.
    """
    levels = []
    with contextlib.ExitStack() as files:
        writers = {}
        for view, path in paths.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            writer = imageio.get_writer(
                path,
                fps=fps,
                codec="libx264",
                quality=None,
                macro_block_size=2,
                output_params=VIDEO_OPTIONS,
            )
            writers[view] = files.enter_context(writer)
        for clip in clips:
            frames = {view: getattr(clip, view)[1:] for view in paths}
            for view, pictures in frames.items():
                for picture in pictures:
                    writers[view].append_data(picture)
            levels.append({view: stats.count_levels(f) for view, f in frames.items()})
    return levels

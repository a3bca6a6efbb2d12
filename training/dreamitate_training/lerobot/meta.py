"""`meta/` of a LeRobot dataset: what there is, where each episode is, and statistics."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from dreamitate_training.clips import VIEWS
from dreamitate_training.lerobot import layout, poses, stats
from dreamitate_training.lerobot.demos import Demos


def write_meta(
    out: Path,
    demos: Demos,
    columns: list[dict[str, np.ndarray]],
    levels: list[dict[str, np.ndarray]],
    size: tuple[int, int],
    robot_type: str,
) -> None:
    """Writes `meta/`: `columns` and `levels` as in `dataset`, an entry an episode; `size` is width
    and height of a frame, px.
    """
    (out / layout.EPISODES).parent.mkdir(parents=True, exist_ok=True)
    rows = [
        episode_row(demos, k, *both) for k, both in enumerate(zip(columns, levels, strict=True))
    ]
    scores = sorted({name for episode in demos.episodes for name in episode.score})
    for row, episode in zip(rows, demos.episodes, strict=True):
        # LeRobot does not ask for these and passes over them.
        row |= {"clip": episode.folder.name, "seed": episode.seed}
        row |= {f"score/{name}": episode.score.get(name) for name in scores}
    parquet.write_table(pa.Table.from_pylist(rows), out / layout.EPISODES)
    parquet.write_table(tasks_table([demos.prompt]), out / layout.TASKS)
    whole = {key: np.concatenate([c[key] for c in columns]) for key in columns[0]}
    summed = {view: sum(counts[view] for counts in levels) for view in VIEWS}
    write_json(out / layout.STATS, statistics(whole, summed))
    write_json(out / layout.INFO, info(demos, columns[0], size, robot_type))


def episode_row(
    demos: Demos, number: int, columns: dict[str, np.ndarray], levels: dict[str, np.ndarray]
) -> dict:
    """Returns what `meta/episodes/` says of an episode."""
    place, first = layout.place(number), number * layout.FRAMES
    row = {
        "episode_index": number,
        "tasks": [demos.prompt],
        "length": layout.FRAMES,
        "dataset_from_index": first,
        "dataset_to_index": first + layout.FRAMES,
        "meta/episodes/chunk_index": 0,
        "meta/episodes/file_index": 0,
    }
    row |= {f"data/{name}": value for name, value in place.items()}
    begin = number % layout.EPISODES_A_FILE * layout.FRAMES
    for view in VIEWS:
        video = f"videos/{layout.video_key(view)}"
        row |= {f"{video}/{name}": value for name, value in place.items()}
        row[f"{video}/from_timestamp"] = begin / demos.fps
        row[f"{video}/to_timestamp"] = (begin + layout.FRAMES) / demos.fps
    for key, found in statistics(columns, levels).items():
        row |= {f"stats/{key}/{name}": value for name, value in found.items()}
    return row


def statistics(
    columns: dict[str, np.ndarray], levels: dict[str, np.ndarray]
) -> dict[str, dict[str, list]]:
    """Returns the statistics of all that a frame has."""
    found = {key: stats.of_numbers(values) for key, values in columns.items()}
    frames = len(columns["index"])
    return found | {
        layout.video_key(view): stats.of_pictures(counts, frames) for view, counts in levels.items()
    }


def info(
    demos: Demos, columns: dict[str, np.ndarray], size: tuple[int, int], robot_type: str
) -> dict:
    """Returns what `info.json` holds; `columns` are those of any episode."""
    width, height = size
    picture = {
        "dtype": "video",
        "shape": [height, width, 3],
        "names": ["height", "width", "channels"],
        "info": {
            "video.height": height,
            "video.width": width,
            "video.codec": "h264",
            "video.pix_fmt": "yuv420p",
            "video.is_depth_map": False,
            "video.fps": demos.fps,
            "video.channels": 3,
            "has_audio": False,
        },
    }
    numbers = {
        key: {
            "dtype": str(values.dtype),
            "shape": [values[0].size],
            "names": poses.names(demos.tools) if values.ndim > 1 else None,
        }
        for key, values in columns.items()
    }
    episodes = len(demos.episodes)
    return {
        "codebase_version": "v3.0",
        "robot_type": robot_type,
        "total_episodes": episodes,
        "total_frames": episodes * layout.FRAMES,
        "total_tasks": 1,
        "chunks_size": layout.FILES_A_CHUNK,
        # What LeRobot itself would fill a file to, should it add episodes.
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": 200,
        "fps": demos.fps,
        "splits": {"train": f"0:{episodes}"},
        "data_path": layout.DATA,
        "video_path": layout.VIDEO,
        "features": {layout.video_key(view): picture for view in VIEWS} | numbers,
    }


def tasks_table(prompts: list[str]) -> pa.Table:
    """Returns the prompts and their numbers; pandas, with which LeRobot reads them, makes the
    prompts the index.
    """
    table = pa.table({"task_index": list(range(len(prompts))), "task": prompts})
    columns = [
        {"name": name, "field_name": name, "pandas_type": kind, "numpy_type": of, "metadata": None}
        for name, kind, of in (("task_index", "int64", "int64"), ("task", "unicode", "object"))
    ]
    pandas = {"index_columns": ["task"], "column_indexes": [], "columns": columns}
    return table.replace_schema_metadata({"pandas": json.dumps(pandas)})


def write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=4, ensure_ascii=False) + "\n", encoding="utf-8")

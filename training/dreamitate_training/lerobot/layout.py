"""Where things are in a LeRobot dataset: in which file, and where there."""

from pathlib import Path

from dreamitate_training import clips

#: Of an episode: a clip's without frame 0, the photo, in which there is no tool yet.
FRAMES = clips.FRAMES - 1
#: Of a data file, and of the videos beside it: 10 minutes at most. LeRobot compares times in
#: float32 with a limit of 0.1 ms, which beyond 17 minutes is less than their rounding.
EPISODES_A_FILE = 250
#: Files of a folder, `chunk-000`.
FILES_A_CHUNK = 1000
DATA = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
EPISODES = "meta/episodes/chunk-000/file-000.parquet"
TASKS = "meta/tasks.parquet"
STATS = "meta/stats.json"
INFO = "meta/info.json"


def video_key(view: str) -> str:
    """Returns what LeRobot calls a view's pictures."""
    return f"observation.images.{view}"


def place(episode: int) -> dict[str, int]:
    """Returns the numbers of an episode's files, the same for data and videos."""
    chunk, file = divmod(episode // EPISODES_A_FILE, FILES_A_CHUNK)
    return {"chunk_index": chunk, "file_index": file}


def data(out: Path, episode: int) -> Path:
    """Returns the file of an episode's rows."""
    return out / DATA.format(**place(episode))


def video(out: Path, episode: int, view: str) -> Path:
    """Returns the file of an episode's pictures."""
    return out / VIDEO.format(video_key=video_key(view), **place(episode))

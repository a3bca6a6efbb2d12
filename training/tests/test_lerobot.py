"""From demonstrations to a LeRobot dataset. What was written is read by pyarrow, ffmpeg and, where
it is installed, LeRobot itself.
"""

import json
import re
from pathlib import Path

import imageio.v2 as imageio
import numpy as np
import pytest
from pyarrow import parquet

from dreamitate_training import cli, clips
from dreamitate_training.lerobot import layout, poses

SIZE = (96, 64)
TOOLS = ("left", "right")
PROMPT = "Turn the thing"
#: How far a pixel may be from its picture: H.264 and colours at half the resolution.
PIXEL_LIMIT = 12


def picture(clip: int, view: int, frame: int) -> np.ndarray:
    """A slope with a white bar whose place tells the frame; red tells the clip, blue the view."""
    pixels = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    pixels[..., 0] = 40 + 50 * clip
    pixels[..., 1] = np.linspace(20, 120, SIZE[0])
    pixels[..., 2] = 60 + 90 * view
    pixels[8:56, 4 + 6 * frame : 10 + 6 * frame] = 220
    return pixels


def rotation(axis: list[float], angle: float) -> np.ndarray:
    """Rodrigues' formula."""
    x, y, z = np.array(axis) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def pose(clip: int, tool: int, frame: int) -> np.ndarray:
    """Half a turn and more, so that a quaternion of w ≥ 0 would jump in between."""
    turn = rotation([0.2 + clip, 1, 0.5 - tool], np.pi - 1 + 0.2 * frame)
    at = [0.4 + 0.01 * frame, 0.1 * clip - 0.2 * tool, 0.3 - 0.005 * frame]
    return np.column_stack([turn, at])


def write_demos(folder: Path, count: int = 3, period_s: float = 1 / 6) -> Path:
    names = [f"training_{clip:05}" for clip in range(count)]
    for clip, name in enumerate(names):
        frames = [
            np.stack([picture(clip, view, k) for k in range(clips.FRAMES)]) for view in range(2)
        ]
        clips.write_clip(folder / name, clips.Clip(*frames))
        truth = {
            "task": "rotation",
            "prompt": PROMPT,
            "seed": 7 + clip,
            "split": "training",
            "about": "a box",
            "frame_period_s": period_s,
            "score": {"turned_deg": 80.5 + clip},
            "world_from_tool": {
                tool: [None] + [pose(clip, t, k).tolist() for k in range(1, clips.FRAMES)]
                for t, tool in enumerate(TOOLS)
            },
        }
        (folder / name / "truth.json").write_text(json.dumps(truth))
    listed = {"task": "rotation", "split": "training", "clips": names, "failed": 1}
    (folder / "demos.json").write_text(json.dumps(listed))
    return folder


def lerobot(demos: Path, out: Path, *arguments: str) -> int:
    return cli.main(["lerobot", "--demos", str(demos), "--out", str(out), *arguments])


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    """Three episodes, two a file."""
    folder = tmp_path_factory.mktemp("lerobot")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "EPISODES_A_FILE", 2)
        assert lerobot(write_demos(folder / "demos"), folder / "out") == 0
    return folder / "out"


def matrix(q: np.ndarray) -> np.ndarray:
    """The rotation of a quaternion x, y, z, w, by the formula of every textbook."""
    x, y, z, w = q
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def check_numbers(state: np.ndarray, clip: int, frame: int) -> None:
    for t in range(len(TOOLS)):
        numbers = state[7 * t : 7 * t + 7].astype(float)
        expected = pose(clip, t, frame)
        np.testing.assert_allclose(numbers[:3], expected[:, 3], atol=1e-6)
        np.testing.assert_allclose(matrix(numbers[3:]), expected[:, :3], atol=1e-6)


def test_rows_hold_the_poses_of_this_frame_and_of_the_next(dataset):
    first, second = (
        parquet.read_table(dataset / f"data/chunk-000/file-00{k}.parquet") for k in (0, 1)
    )
    assert [first.num_rows, second.num_rows] == [24, 12]
    assert parquet.ParquetFile(dataset / "data/chunk-000/file-000.parquet").num_row_groups == 2
    rows = first.to_pylist() + second.to_pylist()
    for n, row in enumerate(rows):
        clip, k = divmod(n, 12)
        assert (row["index"], row["episode_index"], row["frame_index"]) == (n, clip, k)
        assert row["task_index"] == 0
        assert row["timestamp"] == pytest.approx(k / 6, abs=1e-6)
        check_numbers(np.array(row["observation.state"]), clip, k + 1)
        check_numbers(np.array(row["action"]), clip, min(k + 2, 12))
        assert k == 11 or row["action"] == rows[n + 1]["observation.state"]
    states = np.array([row["observation.state"] for row in rows]).reshape(3, 12, 2, 7)[..., 3:]
    assert (states[..., 3].min(), states[..., 3].max()) < (-0.1, 0.1), "the test turns far enough"
    assert ((states[:, 1:] * states[:, :-1]).sum(-1) > 0.9).all(), "a quaternion changes its sign"
    assert ((states[:, 0] * states[0, 0]).sum(-1) > 0).all()


def test_quaternions_at_half_turns():
    axes = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, -2, 3]]
    turns = np.array([rotation(a, s) for a in axes for s in (0, 1e-8, 2, np.pi - 1e-8, np.pi)])
    found = poses.quaternions(turns)
    np.testing.assert_allclose([matrix(q) for q in found], turns, atol=1e-12)


def test_videos_hold_the_frames_behind_one_another(dataset):
    for v, view in enumerate(clips.VIEWS):
        folder = dataset / f"videos/observation.images.{view}/chunk-000"
        for file, shown in (("file-000.mp4", [0, 1]), ("file-001.mp4", [2])):
            with imageio.get_reader(folder / file) as reader:
                assert reader.get_meta_data()["codec"] == "h264"
                assert reader.get_meta_data()["fps"] == 6
                found = [np.asarray(frame) for frame in reader]
            assert len(found) == 12 * len(shown)
            for n, frame in enumerate(found):
                expected = picture(shown[n // 12], v, n % 12 + 1)
                assert np.abs(frame.astype(int) - expected).mean() < 2
                # Half of the bar's inside, away from edges.
                x = 4 + 6 * (n % 12 + 1) + 2
                assert np.abs(frame[16:48, x : x + 2].astype(int) - 220).max() <= PIXEL_LIMIT


def test_meta_says_where_everything_is(dataset):
    info = json.loads((dataset / "meta/info.json").read_text())
    assert (info["codebase_version"], info["fps"]) == ("v3.0", 6)
    assert (info["total_episodes"], info["total_frames"], info["total_tasks"]) == (3, 36, 1)
    assert (info["splits"], info["robot_type"]) == ({"train": "0:3"}, "dreamitate_tool")
    names = [f"{t}.{n}" for t in TOOLS for n in ("x_m", "y_m", "z_m", "qx", "qy", "qz", "qw")]
    for key in ("observation.state", "action"):
        assert info["features"][key] == {"dtype": "float32", "shape": [14], "names": names}
    assert info["features"]["observation.images.side"]["shape"] == [64, 96, 3]
    episodes = parquet.read_table(dataset / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    assert [e["dataset_from_index"] for e in episodes] == [0, 12, 24]
    assert [e["dataset_to_index"] for e in episodes] == [12, 24, 36]
    assert [e["data/file_index"] for e in episodes] == [0, 0, 1]
    for view in clips.VIEWS:
        video = f"videos/observation.images.{view}"
        assert [e[f"{video}/file_index"] for e in episodes] == [0, 0, 1]
        assert [e[f"{video}/from_timestamp"] for e in episodes] == [0, 2, 0]
        assert [e[f"{video}/to_timestamp"] for e in episodes] == [2, 4, 2]
    assert [e["tasks"] for e in episodes] == [[PROMPT]] * 3
    assert [e["clip"] for e in episodes] == [f"training_0000{k}" for k in range(3)]
    assert [e["score/turned_deg"] for e in episodes] == [80.5, 81.5, 82.5]
    tasks = parquet.read_table(dataset / "meta/tasks.parquet")
    assert tasks.to_pylist() == [{"task_index": 0, "task": PROMPT}]
    assert json.loads(tasks.schema.metadata[b"pandas"])["index_columns"] == ["task"]


def test_statistics_are_those_of_the_numbers_and_the_pictures(dataset):
    found = json.loads((dataset / "meta/stats.json").read_text())
    rows = [r for f in sorted(dataset.glob("data/*/*")) for r in parquet.read_table(f).to_pylist()]
    for key in ("observation.state", "action", "timestamp", "index"):
        values = np.array([row[key] for row in rows]).reshape(36, -1)
        check_stats(found[key], values)
    pictures = {
        v: np.stack([picture(c, v, k) for c in range(3) for k in range(1, 13)]) / 255
        for v in (0, 1)
    }
    for v, view in enumerate(clips.VIEWS):
        key = f"observation.images.{view}"
        assert np.shape(found[key]["mean"]) == (3, 1, 1)
        flat = {name: np.ravel(value) for name, value in found[key].items()}
        check_stats(flat, pictures[v].reshape(-1, 3), count=36)
    episodes = parquet.read_table(dataset / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    last = {
        name: np.ravel(episodes[2][f"stats/observation.images.top/{name}"])
        for name in found["observation.images.top"]
    }
    check_stats(last, pictures[0][24:].reshape(-1, 3), count=12)
    assert episodes[1]["stats/index/min"] == [12]


def check_stats(found: dict, values: np.ndarray, count: int | None = None) -> None:
    assert set(found) == {"min", "max", "mean", "std", "count", "q01", "q10", "q50", "q90", "q99"}
    assert list(found["count"]) == [count or len(values)]
    for name in ("min", "max", "mean", "std"):
        np.testing.assert_allclose(found[name], getattr(values, name)(0), atol=1e-6)
    # Of pictures it is the level, of numbers it may lie between two.
    method = "linear" if count is None else "inverted_cdf"
    for name, share in (("q01", 0.01), ("q10", 0.1), ("q50", 0.5), ("q90", 0.9), ("q99", 0.99)):
        expected = np.quantile(values, share, axis=0, method=method)
        np.testing.assert_allclose(found[name], expected, atol=1e-6)


def change(folder: Path, clip: int, **values: object) -> None:
    path = folder / f"training_{clip:05}" / "truth.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def with_pose(frame: int, row: object) -> dict:
    """The tools' poses with another one of the right tool."""
    found = {t: [None] + [pose(1, 0, k).tolist() for k in range(1, 13)] for t in TOOLS}
    found["right"][frame] = row
    return found


EYE = np.eye(3, 4).tolist()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"task": "sweeping"}, "task is 'sweeping', of the others 'rotation'"),
        ({"prompt": "Go"}, "prompt is 'Go', of the others 'Turn the thing'"),
        ({"frame_period_s": 0.2}, "fps is 5, of the others 6"),
        ({"frame_period_s": 0.15}, "frame_period_s is 0.15, 6.6667 frames a second; .* 0.001"),
        ({"frame_period_s": 0}, "frame_period_s is 0, nan frames"),
        ({"world_from_tool": {t: [] for t in TOOLS}}, "left has 0 poses, expected 13"),
        (
            {"world_from_tool": {"left": with_pose(1, EYE)["left"]}},
            r"tools is \('left',\), of the others \('left', 'right'\)",
        ),
        ({"world_from_tool": with_pose(4, None)}, "right in frame 4 is no pose of 3×4 finite"),
        (
            {"world_from_tool": with_pose(5, [[float("nan"), 0, 0, 0], *EYE[1:]])},
            "right in frame 5 is no pose of 3×4 finite numbers",
        ),
        (
            {"world_from_tool": with_pose(6, [[1.01, 0, 0, 0], *EYE[1:]])},
            "right in frame 6 is no rotation: R·Rᵀ is 0.02 off 1, limit 0.0001",
        ),
        (
            {"world_from_tool": with_pose(7, [[-1, 0, 0, 0], *EYE[1:]])},
            "right in frame 7 is no rotation: .* determinant -1.000",
        ),
    ],
)
def test_clips_that_do_not_fit_are_refused(tmp_path, capsys, values, message):
    demos = write_demos(tmp_path / "demos", count=2)
    change(demos, 1, **values)
    assert lerobot(demos, tmp_path / "out") == 1
    assert re.search(f"training_00001/truth.json.* {message}", capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


def test_missing_and_strange_files_are_refused(tmp_path, capsys):
    demos, out = write_demos(tmp_path / "demos", count=2), tmp_path / "out"

    def refused(message: str) -> None:
        assert lerobot(demos, out) == 1
        assert re.search(message, capsys.readouterr().err)
        assert not out.exists()

    (demos / "training_00001/side/05.png").rename(tmp_path / "05.png")
    refused("side view of .*training_00001 has 12 frames, expected 13")
    (tmp_path / "05.png").rename(demos / "training_00001/side/05.png")
    other = clips.Clip(*np.zeros((2, 13, 32, 48, 3), np.uint8))
    clips.write_clip(demos / "training_00001", other)
    refused("training_00001 are 48×32 px, of the first clip 96×64 px")
    clips.write_clip(demos / "training_00000", clips.Clip(*np.zeros((2, 13, 32, 47, 3), np.uint8)))
    refused("training_00000 are 47×32 px; a video needs an even width and height")
    (demos / "training_00001/truth.json").write_text("[1]")
    refused("training_00001/truth.json holds no JSON object")
    (demos / "training_00001/truth.json").unlink()
    refused("the clip training_00001 of .*demos.json has no .*truth.json")
    (demos / "demos.json").write_text('{"task": "rotation", "clips": []}')
    refused("demos.json lists no clips")
    (demos / "demos.json").unlink()
    refused("No such file .*demos.json")


def test_a_folder_with_files_is_left_alone(tmp_path, capsys):
    demos, out = write_demos(tmp_path / "demos", count=1, period_s=0.2), tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    assert lerobot(demos, out) == 1
    assert "is not an empty folder; nothing was touched" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["mine.txt"]
    (out / "mine.txt").unlink()
    assert lerobot(demos, out, "--robot-type", "xarm7") == 0
    info = json.loads((out / "meta/info.json").read_text())
    assert (info["robot_type"], info["fps"], info["total_frames"]) == ("xarm7", 5, 12)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_lerobot_reads_it(dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    module = pytest.importorskip(
        "lerobot.datasets.lerobot_dataset", reason="LeRobot is not installed"
    )
    ahead = {"action": [k / 6 for k in range(3)], "observation.images.top": [-1 / 6, 0]}
    read = module.LeRobotDataset(
        "local/demos", root=dataset, delta_timestamps=ahead, video_backend="pyav"
    )
    assert (read.num_episodes, len(read), read.fps) == (3, 36, 6)
    assert read.meta.stats["action"]["mean"].shape == (14,)
    for n in range(len(read)):
        item, (clip, k) = read[n], divmod(n, 12)
        assert item["task"] == PROMPT
        check_numbers(item["observation.state"].numpy(), clip, k + 1)
        for step, action in enumerate(item["action"].numpy()):
            check_numbers(action, clip, min(k + step + 2, 12))
        assert item["action_is_pad"].tolist() == [k + step > 11 for step in range(3)]
        shown = {
            (0, k): item["observation.images.top"][1],
            (0, max(k - 1, 0)): item["observation.images.top"][0],
            (1, k): item["observation.images.side"],
        }
        for (view, frame), found in shown.items():
            pixels = 255 * found.numpy().transpose(1, 2, 0)
            assert np.abs(pixels - picture(clip, view, frame + 1)).mean() < 2

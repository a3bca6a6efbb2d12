"""From recordings to clips: which frames are taken, and what is refused. Frame n of a recording has
grey level n·step.
"""

import io
import json
import re
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from dreamitate_training import cli, clips
from dreamitate_training.dataset import bag, cuts, sampling, sheet, videos

SIZE = (48, 28)
SMALL = ["--width", str(SIZE[0]), "--height", str(SIZE[1])]


def grey(level: int) -> np.ndarray:
    return np.full((36, 64, 3), level, np.uint8)


def write_recording(folder: Path, frames: int = 90, fps: float = 30, side_late: int = 0) -> None:
    """Two videos; the side camera's began `side_late` frames before the top camera's."""
    folder.mkdir(parents=True, exist_ok=True)
    clips.write_video(folder / "top.mp4", (grey(2 * n) for n in range(frames)), fps)
    clips.write_video(
        folder / "side.mp4", (grey(min(250, 250 - 2 * (n - side_late))) for n in range(frames)), fps
    )


def write_list(folder: Path, *rows: dict) -> Path:
    path = folder / "cuts.yaml"
    path.write_text(json.dumps({"cuts": list(rows)}))  # JSON is YAML
    return path


def dataset(*arguments: object) -> int:
    return cli.main(["dataset", *(str(a) for a in arguments), *SMALL])


def levels(clip: clips.Clip) -> tuple[list[int], list[int]]:
    return tuple([round(float(frame.mean())) for frame in view] for view in (clip.top, clip.side))


VIDEO = {"name": "a", "top": "rec/top.mp4", "side": "rec/side.mp4", "start_s": 0.5, "end_s": 2.5}


def test_videos_are_sampled_at_the_tasks_rate(tmp_path):
    write_recording(tmp_path / "rec")
    assert dataset(write_list(tmp_path, VIDEO), "--out", tmp_path / "out", "--fps", 6) == 0
    top, side = levels(clips.read_clip(tmp_path / "out" / "a", SIZE))
    expected = [15 + 5 * k for k in range(13)]
    assert np.abs(np.array(top) - 2 * np.array(expected)).max() <= 2
    assert np.abs(np.array(side) - (250 - 2 * np.array(expected))).max() <= 2
    index = json.loads((tmp_path / "out" / "clips.json").read_text())
    assert index["fps"] == 6
    assert index["clips"][0]["times_s"]["top"][1] == pytest.approx(20 / 30, abs=1e-4)
    assert index["clips"][0]["source"] == [
        str(tmp_path / "rec/top.mp4"),
        str(tmp_path / "rec/side.mp4"),
    ]
    with Image.open(tmp_path / "out" / "sheet_00.png") as picture:
        assert picture.size == (13 * 128, sheet.LABEL_HEIGHT + 2 * 75)
        # The last thumbnail of the lower row is the side view's last frame.
        assert (
            abs(picture.getpixel((12 * 128 + 60, sheet.LABEL_HEIGHT + 75 + 40))[0] - side[12]) <= 1
        )


def test_a_delayed_side_video_and_a_photo_from_before(tmp_path):
    write_recording(tmp_path / "rec", side_late=6)
    row = VIDEO | {"side_delay_s": 0.2, "photo_s": 0.1}
    assert dataset(write_list(tmp_path, row), "--out", tmp_path / "out", "--fps", 6, "--video") == 0
    top, side = levels(clips.read_clip(tmp_path / "out" / "a", SIZE))
    assert np.abs(np.array(top) - np.array([6] + [30 + 10 * k for k in range(1, 13)])).max() <= 4
    assert np.abs(250 - np.array(side) - np.array(top)).max() <= 6


def test_finished_clips_are_kept_and_unfinished_ones_made_again(tmp_path, capsys):
    write_recording(tmp_path / "rec")
    listed = write_list(tmp_path, VIDEO, VIDEO | {"name": "b", "start_s": 0.4})
    out = tmp_path / "out"
    assert dataset(listed, "--out", out, "--fps", 6) == 0
    before = (out / "a" / "top" / "05.png").stat().st_mtime_ns
    index = (out / "clips.json").read_bytes()
    # As if it had been interrupted while it wrote b.
    (out / "b").rename(out / ".b.unfinished")
    (out / ".b.unfinished" / "clip.json").unlink()
    assert dataset(listed, "--out", out, "--fps", 6) == 0
    assert "a: kept" in capsys.readouterr().out
    assert (out / "a" / "top" / "05.png").stat().st_mtime_ns == before
    assert (out / "clips.json").read_bytes() == index
    assert not (out / ".b.unfinished").exists()
    assert len(clips.find_clips(out)) == 2
    assert dataset(listed, "--out", out, "--fps", 6.5) == 0
    assert (out / "a" / "top" / "05.png").stat().st_mtime_ns > before, "another rate makes it again"
    (out / "b" / "clip.json").unlink()
    assert dataset(listed, "--out", out, "--fps", 6) == 1
    assert "is no clip that this command made" in capsys.readouterr().err


def test_a_dropped_frame_shows_in_the_times(tmp_path):
    write_recording(tmp_path / "rec")
    # Frames 33 to 39 of the top view never came: they are no duplicates, they are missing.
    whole = tmp_path / "rec" / "whole.mp4"
    (tmp_path / "rec" / "top.mp4").rename(whole)
    ffmpeg = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-v",
        "error",
        "-i",
        str(whole),
        "-vf",
        "select='not(between(n,33,39))'",
    ]
    subprocess.run(
        [*ffmpeg, "-fps_mode", "passthrough", str(tmp_path / "rec" / "top.mp4")], check=True
    )
    times = videos.frame_times_s(tmp_path / "rec" / "top.mp4")
    assert len(times) == 83
    assert times[33] == pytest.approx(40 / 30, abs=1e-3)
    listed = write_list(tmp_path, VIDEO, VIDEO | {"name": "late", "start_s": 1.4, "end_s": None})
    assert dataset(listed, "--out", tmp_path / "out", "--fps", 10) == 1
    # The cut behind the hole is as it was: frame 42 on, every third.
    top, side = levels(clips.read_clip(tmp_path / "out" / "late", SIZE))
    assert np.abs(np.array(top) - [2 * (42 + 3 * k) for k in range(13)]).max() <= 2
    assert np.abs(np.array(top) + side - 250).max() <= 3
    assert not (tmp_path / "out" / "a").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"end_s": 2.0}, r"is 1.500 s long, and 13 frames at 6 frames a second need 2.000 s"),
        (
            {"start_s": 1.5, "end_s": None},
            r"top view from 1.500 to 3.500 s; the recording has it from 0.000 to 2.967",
        ),
        ({"side_delay_s": 0.015}, None),
        ({"start_s": 0.5167, "side_delay_s": 0.0167}, None),
        ({"side": "rec/none.mp4"}, r"none.mp4 of the cut a does not exist"),
        ({"side": "cuts.yaml"}, r"ffmpeg cannot read .*cuts.yaml"),
    ],
)
def test_cuts_that_do_not_fit_are_refused(tmp_path, capsys, change, message):
    write_recording(tmp_path / "rec")
    listed = write_list(tmp_path, VIDEO | change)
    code = dataset(listed, "--out", tmp_path / "out", "--fps", 6)
    if message is None:
        assert code == 0
        return
    assert code == 1
    assert re.search(message, capsys.readouterr().err)


def test_views_apart_and_missing_frames_are_refused():
    class Two:
        def __init__(self, top, side):
            self.known = {"top": np.array(top), "side": np.array(side)}

        def times_s(self, view):
            return self.known[view]

    cut = cuts.Cut("a", 0.0)
    even = np.arange(91) / 30
    with pytest.raises(
        ValueError, match="views of the cut a are 0.025 s apart at frame 0, more than 0.02 s"
    ):
        sampling.choose(Two(even, even[:-1] + 0.025), cut, 6, sampling.Limits(gap_s=0.03))
    hole = np.delete(even, range(48, 53))  # 1.6 to 1.733 s
    with pytest.raises(
        ValueError,
        match=r"no side frame within 0.04 s of 1.667 s \(frame 10\); the nearest is 0.100",
    ):
        sampling.choose(Two(even, hole), cut, 6, sampling.Limits())
    choice = sampling.choose(Two(even, even), cut, 5, sampling.Limits())
    assert choice.indices["top"] == [6 * k for k in range(13)] == choice.indices["side"]


def test_pictures_with_times_as_names(tmp_path):
    for view, shift in (("top", 0), ("side", 4_000_000)):
        (tmp_path / "rec" / view).mkdir(parents=True)
        for n in range(40):
            stamp = 1_700_000_000_000_000_000 + n * 100_000_000 + shift
            Image.fromarray(grey(5 * n)).save(tmp_path / "rec" / view / f"{stamp}.png")
    listed = tmp_path / "cuts.csv"
    listed.write_text("name,images,start_s,rate_hz\na,rec,0.2,\nb,rec,0.2,20\n")
    assert dataset(listed, "--out", tmp_path / "out", "--fps", 5) == 1, (
        "b is too short at 20 pictures a second"
    )
    top, side = levels(clips.read_clip(tmp_path / "out" / "a", SIZE))
    assert top == side == [5 * (2 + 2 * k) for k in range(13)]
    record = json.loads((tmp_path / "out" / "a" / "clip.json").read_text())
    assert record["skew_s"] == pytest.approx(0.004)


@pytest.mark.parametrize("kind", ["raw", "compressed"])
def test_bags_of_ros_2(tmp_path, kind):
    write_bag(tmp_path / "rec", kind)
    listed = write_list(tmp_path, {"name": "a", "bag": "rec", "start_s": 0.1})
    assert dataset(listed, "--out", tmp_path / "out", "--fps", 5) == 0
    clip = clips.read_clip(tmp_path / "out" / "a", SIZE)
    assert levels(clip)[0] == levels(clip)[1]
    # Red, green and blue are in their places.
    assert [clip.top[0, 5, 5].tolist(), clip.side[12, 5, 5].tolist()] == [
        [5, 100, 200],
        [125, 100, 200],
    ]


def write_bag(path: Path, kind: str) -> None:
    """A bag of 30 pairs at 10 Hz; red tells the number. The top camera's are bgr8, the side
    camera's rgb8 with padding.
    """
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_JAZZY)
    image, compressed = store.types[bag.RAW], store.types[bag.COMPRESSED]
    header, stamp_type = (
        store.types["std_msgs/msg/Header"],
        store.types["builtin_interfaces/msg/Time"],
    )
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        for view in clips.VIEWS:
            topic = f"/rig/camera/{view}/image_raw" + (
                "/compressed" if kind == "compressed" else ""
            )
            connection = writer.add_connection(
                topic, bag.RAW if kind == "raw" else bag.COMPRESSED, typestore=store
            )
            for n in range(30):
                pixels = np.empty((36, 64, 3), np.uint8)
                pixels[:] = [5 * n, 100, 200]
                when = 1_700_000_000_000_000_000 + n * 100_000_000
                head = header(stamp_type(when // 10**9, when % 10**9), "camera")
                if kind == "compressed":
                    file = io.BytesIO()
                    Image.fromarray(pixels).save(file, "PNG")
                    message = compressed(
                        head, "rgb8; png compressed", np.frombuffer(file.getvalue(), np.uint8)
                    )
                elif view == "top":
                    message = image(
                        head, 36, 64, "bgr8", 0, 192, pixels[:, :, ::-1].reshape(-1).copy()
                    )
                else:
                    rows = np.pad(pixels.reshape(36, 192), ((0, 0), (0, 8)))
                    message = image(head, 36, 64, "rgb8", 0, 200, rows.reshape(-1))
                # Messages reach the bag later than their pictures were taken, by no fixed time.
                writer.write(
                    connection,
                    when + 3_000_000 * (n % 7),
                    store.serialize_cdr(message, connection.msgtype),
                )


def test_bags_that_do_not_serve_are_refused(tmp_path):
    write_bag(tmp_path / "rec", "raw")
    with bag.open_bag(tmp_path / "rec") as reader:
        with pytest.raises(
            ValueError, match="no topic camera/front/image_raw of sensor_msgs/msg/Image"
        ):
            bag.topic_of(reader, "front", tmp_path / "rec")
        message = next(bag.messages(reader, bag.topic_of(reader, "top", tmp_path / "rec")))
    message.encoding = "16UC1"
    with pytest.raises(ValueError, match="encoding 16UC1"):
        bag.picture(message, "message 0")
    message.encoding, message.height = "bgr8", 37
    with pytest.raises(ValueError, match="6912 bytes in rows of 192, too few for 64×37"):
        bag.picture(message, "message 0")
    (tmp_path / "empty").mkdir()
    with pytest.raises(OSError, match="metadata file"), bag.open_bag(tmp_path / "empty"):
        pass


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"name": "a", "bag": "r", "start_s": 0, "stop_s": 1}], "unknown key stop_s"),
        ([{"name": "a", "bag": "r", "images": "i", "start_s": 0}], "needs one recording"),
        ([{"name": "a", "top": "t.mp4", "start_s": 0}], "needs one recording"),
        ([{"name": "a", "bag": "r"}], "has no start_s"),
        ([{"name": "a", "bag": "r", "start_s": "soon"}], "start_s is 'soon', not a number"),
        ([{"name": "a", "bag": "r", "start_s": float("nan")}], "not finite"),
        ([{"name": "../a", "bag": "r", "start_s": 0}], "the name '../a'"),
        ([{"name": "a", "bag": "r", "start_s": 0}] * 2, "two cuts are called a"),
        ([], "lists no cuts"),
        (["a"], "cut 1 of .* is 'a'"),
    ],
)
def test_wrong_lists_are_refused(tmp_path, rows, message):
    with pytest.raises(ValueError, match=message):
        cuts.read_cuts(write_list(tmp_path, *rows))

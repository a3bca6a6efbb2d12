"""Clips on disk, and the crop and resize that makes their frames."""

import numpy as np
import pytest
import torch
from PIL import Image

from dreamitate_training import clips


@pytest.fixture
def clip() -> clips.Clip:
    rng = np.random.default_rng(1)
    return clips.Clip(
        *(rng.integers(0, 256, (clips.FRAMES, 32, 48, 3), dtype=np.uint8) for _ in range(2))
    )


def area_mean(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """The mean over the area of each target pixel, by sums over a table: another way than the
    weights.
    """
    table = np.zeros((image.shape[0] + 1, image.shape[1] + 1, 3))
    table[1:, 1:] = image.astype(float).cumsum(0).cumsum(1)

    def at(y: np.ndarray, x: np.ndarray) -> np.ndarray:
        rows, columns = np.arange(table.shape[0]), np.arange(table.shape[1])
        narrow = np.stack([[np.interp(x, columns, row[:, c]) for c in range(3)] for row in table])
        return np.stack(
            [[np.interp(y, rows, narrow[:, c, k]) for c in range(3)] for k in range(len(x))]
        ).transpose(2, 0, 1)

    corners = at(
        np.linspace(0, image.shape[0], height + 1), np.linspace(0, image.shape[1], width + 1)
    )
    sums = corners[1:, 1:] - corners[:-1, 1:] - corners[1:, :-1] + corners[:-1, :-1]
    return sums * (width * height) / (image.shape[0] * image.shape[1])


@pytest.mark.parametrize("size", [(30, 20), (48, 32), (17, 11)])
def test_resize_is_the_mean_over_the_area(size):
    image = np.random.default_rng(2).integers(0, 256, (51, 76, 3), dtype=np.uint8)
    wide = 76 * size[1] > 51 * size[0]
    width, height = (51 * size[0] // size[1], 51) if wide else (76, 76 * size[1] // size[0])
    x, y = (76 - width) // 2, (51 - height) // 2
    expected = area_mean(image[y : y + height, x : x + width], *size)
    assert np.abs(clips.crop_and_resize(image, size) - expected).max() <= 0.51


def test_a_camera_picture_loses_27_columns_left_and_right_of_1280():
    image = np.zeros((720, 1280, 3), dtype=np.uint8)
    image[:, 23:1257] = 200  # 1234 columns stay
    resized = clips.crop_and_resize(image)
    assert resized.shape == (448, 768, 3)
    assert (resized == 200).all()
    image[:, 24] = image[:, 1255] = 0
    assert (clips.crop_and_resize(image)[:, [0, 767]] < 200).all()


def test_a_tall_picture_loses_rows():
    image = np.zeros((1000, 768, 3), dtype=np.uint8)
    image[276:724] = 90
    assert (clips.crop_and_resize(image) == 90).all()


def test_too_small_a_picture_is_refused():
    with pytest.raises(ValueError, match="700×448 px.*smaller than 768×448"):
        clips.crop_and_resize(np.zeros((448, 700, 3), dtype=np.uint8))


def test_png_clips_come_back_bit_for_bit(clip, tmp_path):
    clips.write_clip(tmp_path / "a", clip)
    assert sorted(p.name for p in (tmp_path / "a" / "side").iterdir()) == [
        f"{k:02}.png" for k in range(13)
    ]
    read = clips.read_clip(tmp_path / "a", size=None)
    assert (read.top == clip.top).all()
    assert (read.side == clip.side).all()
    assert clips.find_clips(tmp_path) == [tmp_path / "a"]


def test_video_clips_keep_frames_and_order(tmp_path):
    levels = np.arange(clips.FRAMES, dtype=np.uint8) * 15 + 20
    view = np.broadcast_to(levels[:, None, None, None], (clips.FRAMES, 32, 48, 3)).copy()
    clips.write_clip(tmp_path, clips.Clip(view, view[::-1].copy()), video_fps=6)
    read = clips.read_clip(tmp_path, size=None)
    assert np.abs(read.top.mean((1, 2, 3)) - levels).max() < 3
    assert np.abs(read.side.mean((1, 2, 3)) - levels[::-1]).max() < 3


def test_the_model_gets_both_views_without_the_side_photo(clip):
    frames = clips.generated(clip)
    assert frames.shape == (25, 3, 32, 48)
    assert torch.equal(frames[12], clips.to_model(clip.top[12]))
    assert torch.equal(frames[13], clips.to_model(clip.side[1]))
    assert np.abs(clips.from_model(frames[:13]).astype(int) - clip.top).max() <= 1
    assert frames.min() >= -1
    assert frames.max() <= 1


def test_wrong_clips_are_refused(clip, tmp_path):
    with pytest.raises(ValueError, match="has 12 frames, expected 13"):
        clips.Clip(clip.top[:12], clip.side)
    with pytest.raises(ValueError, match="differ in size"):
        clips.Clip(clip.top, clip.side[:, :16])
    clips.write_clip(tmp_path / "a", clip)
    (tmp_path / "a" / "top" / "03.png").unlink()
    with pytest.raises(ValueError, match="top view of .* has 12 frames"):
        clips.read_clip(tmp_path / "a")
    (tmp_path / "a" / "top" / "03.png").write_bytes(b"no picture")
    with pytest.raises(OSError, match="03.png"):
        clips.read_clip(tmp_path / "a")
    with pytest.raises(ValueError, match="holds no clips"):
        clips.find_clips(tmp_path / "a")


def test_photos_in_grey_become_rgb(tmp_path):
    Image.new("L", (8, 8), 77).save(tmp_path / "grey.png")
    assert (clips.read_image(tmp_path / "grey.png") == 77).all()

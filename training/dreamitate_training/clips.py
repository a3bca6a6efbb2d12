"""Stereo clips on disk: a folder with the 13 frames of each view.

`top/00.png` … `top/12.png` and the same in `side/`: the layout that the Rust program reads as a
recorded dream too. Or `top.mp4` and `side.mp4`, which only this package reads. Frame 0 of a view is
the photo: the scene without hands.
"""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

import imageio.v2 as imageio
import numpy as np
import torch
from PIL import Image, UnidentifiedImageError

VIEWS = ("top", "side")
#: Frames of a view; frame 0 is the photo.
FRAMES = 13
#: Width and height of a frame, px (arXiv 2406.16862, section 4).
SIZE = (768, 448)


@dataclasses.dataclass(frozen=True)
class Clip:
    """Both views of one demonstration: uint8 `[T=13, H, W, C=3]` each, RGB, of one size."""

    top: np.ndarray
    side: np.ndarray

    def __post_init__(self) -> None:
        for name, frames in (("top", self.top), ("side", self.side)):
            if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3:
                raise ValueError(
                    f"the {name} view is {frames.dtype} {list(frames.shape)}, "
                    f"not uint8 [T, H, W, 3]"
                )
            if len(frames) != FRAMES:
                raise ValueError(f"the {name} view has {len(frames)} frames, expected {FRAMES}")
        if self.top.shape != self.side.shape:
            raise ValueError(
                f"the views differ in size: top {self.top.shape[1:3]}, side {self.side.shape[1:3]}"
            )

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, px."""
        return self.top.shape[2], self.top.shape[1]


def generated(clip: Clip) -> torch.Tensor:
    """Returns what the model generates, float32 `[25, 3, H, W]` in ±1.

    All frames of the top view, then the side view's without its frame 0, which is the side photo
    itself.
    """
    return to_model(np.concatenate([clip.top, clip.side[1:]]))


def to_model(frames: np.ndarray) -> torch.Tensor:
    """Returns uint8 frames `[..., H, W, 3]` as float32 `[..., 3, H, W]` in ±1."""
    return torch.from_numpy(np.ascontiguousarray(frames)).movedim(-1, -3).float() / 127.5 - 1


def from_model(frames: torch.Tensor) -> np.ndarray:
    """Returns float frames `[..., 3, H, W]` in ±1 as uint8 `[..., H, W, 3]`, truncated as the
    authors do.
    """
    levels = ((frames.float() + 1) / 2).clamp(0, 1) * 255
    return levels.to(torch.uint8).movedim(-3, -1).cpu().numpy()


def read_clip(folder: Path, size: tuple[int, int] | None = SIZE) -> Clip:
    """Returns the clip in a folder.

    Frames of another size (width, height) than `size` are cropped and resized to it; None leaves
    them as they are.
    Raises OSError for a file that cannot be read and ValueError for a wrong number of frames.
    """
    views = []
    for view in VIEWS:
        images, video = folder / view, folder / f"{view}.mp4"
        if images.is_dir():
            frames = [read_image(path) for path in sorted(images.glob("*.png"))]
        elif video.is_file():
            with imageio.get_reader(video) as reader:
                frames = [np.asarray(frame) for frame in reader]
        else:
            raise ValueError(f"the clip {folder} has neither a folder {view}/ nor {view}.mp4")
        if len(frames) != FRAMES:
            raise ValueError(
                f"the {view} view of {folder} has {len(frames)} frames, expected {FRAMES}"
            )
        if size is not None:
            frames = [crop_and_resize(frame, size) for frame in frames]
        views.append(np.stack(frames))
    return Clip(*views)


def read_image(path: Path) -> np.ndarray:
    """Returns a picture, uint8 `[H, W, 3]`, RGB."""
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except UnidentifiedImageError as error:
        raise OSError(f"cannot read the image {path}: {error}") from error


def write_clip(folder: Path, clip: Clip, *, video_fps: float | None = None) -> None:
    """Writes the clip into the folder: PNG files, or a video a view if `video_fps` is given
    (smaller, lossy).
    """
    folder.mkdir(parents=True, exist_ok=True)
    for view, frames in zip(VIEWS, (clip.top, clip.side), strict=True):
        if video_fps is not None:
            write_video(folder / f"{view}.mp4", frames, video_fps)
            continue
        (folder / view).mkdir(exist_ok=True)
        for k, frame in enumerate(frames):
            Image.fromarray(frame).save(folder / view / f"{k:02}.png")


def write_video(path: Path, frames: Iterable[np.ndarray], fps: float) -> None:
    """Writes uint8 frames `[H, W, 3]` as H.264; width and height must be even."""
    # Quality 9 of 10 keeps the error near one level; frames keep their size, so no block size is
    # forced.
    with imageio.get_writer(
        path, fps=fps, codec="libx264", quality=9, macro_block_size=2
    ) as writer:
        for frame in frames:
            writer.append_data(frame)


def find_clips(folder: Path) -> list[Path]:
    """Returns the folders of clips directly in `folder`, in the order of their names; ValueError if
    there are none.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder")
    clips = [
        path
        for path in sorted(folder.iterdir())
        if not path.name.startswith(".")
        and all((path / view).is_dir() or (path / f"{view}.mp4").is_file() for view in VIEWS)
    ]
    if not clips:
        raise ValueError(
            f"{folder} holds no clips: folders with top/ and side/, or top.mp4 and side.mp4"
        )
    return clips


def crop_and_resize(image: np.ndarray, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Returns the image uint8 `[H, W, 3]` cropped in the middle to the aspect of `size` and
    averaged down to it.

    The authors' crop: too wide, it loses columns (width `⌊H·w/h⌋`, offset half of the rest); too
    tall, rows. Each pixel of the result is the mean of the area that it covers, within one level of
    OpenCV's INTER_AREA.
    """
    (height, width), (out_width, out_height) = image.shape[:2], size
    if (width, height) == (out_width, out_height):
        return image
    crop_width, crop_height = width, height
    if width * out_height > height * out_width:
        crop_width = height * out_width // out_height
    else:
        crop_height = width * out_height // out_width
    if crop_width < out_width or crop_height < out_height:
        raise ValueError(
            f"the image is {width}×{height} px, cropped {crop_width}×{crop_height} px: "
            f"smaller than {out_width}×{out_height} px, to which it should be averaged down"
        )
    x, y = (width - crop_width) // 2, (height - crop_height) // 2
    crop = torch.from_numpy(
        np.ascontiguousarray(image[y : y + crop_height, x : x + crop_width])
    ).float()
    rows, columns = area_weights(crop_height, out_height), area_weights(crop_width, out_width)
    narrow = torch.einsum("xw,hwc->hxc", columns, crop)
    return (torch.einsum("yh,hxc->yxc", rows, narrow) + 0.5).clamp(0, 255).to(torch.uint8).numpy()


def area_weights(source: int, target: int) -> torch.Tensor:
    """Returns the share of each source pixel in each target pixel, float32 `[target, source]`; its
    rows sum to 1.
    """
    edges = torch.arange(target + 1, dtype=torch.float64) * (source / target)
    pixels = torch.arange(source, dtype=torch.float64)
    overlap = torch.minimum(edges[1:, None], pixels + 1) - torch.maximum(edges[:-1, None], pixels)
    return (overlap.clamp(min=0) * (target / source)).float()

"""Contact sheets: all frames of the clips, small, to look at before training."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from dreamitate_training.clips import FRAMES, VIEWS, Clip

THUMBNAIL_WIDTH = 128
LABEL_HEIGHT = 14
#: More would make a picture that is awkward to open.
CLIPS_A_SHEET = 25


def row(clip: Clip, label: str) -> Image.Image:
    """Returns one clip: a label, the top view's frames, the side view's below."""
    width, height = clip.size
    small = (THUMBNAIL_WIDTH, max(1, round(THUMBNAIL_WIDTH * height / width)))
    picture = Image.new("RGB", (FRAMES * small[0], LABEL_HEIGHT + len(VIEWS) * small[1]), "white")
    ImageDraw.Draw(picture).text((2, 1), label, fill="black")
    for line, frames in enumerate((clip.top, clip.side)):
        for k, frame in enumerate(frames):
            thumbnail = Image.fromarray(frame).resize(small, Image.Resampling.BOX)
            picture.paste(thumbnail, (k * small[0], LABEL_HEIGHT + line * small[1]))
    return picture


def write_sheets(folder: Path, rows: list[Image.Image]) -> list[Path]:
    """Writes `sheet_00.png`, … with the rows in order, removes older ones, returns the paths."""
    for old in folder.glob("sheet_*.png"):
        old.unlink()
    paths = []
    for number, first in enumerate(range(0, len(rows), CLIPS_A_SHEET)):
        part = rows[first : first + CLIPS_A_SHEET]
        paths.append(folder / f"sheet_{number:02}.png")
        width, height = max(r.width for r in part), sum(r.height for r in part)
        sheet = np.full((height, width, 3), 255, np.uint8)
        y = 0
        for picture in part:
            sheet[y : y + picture.height, : picture.width] = np.asarray(picture)
            y += picture.height
        Image.fromarray(sheet).save(paths[-1])
    return paths

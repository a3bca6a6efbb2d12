"""The list of cuts: which part of which recording becomes a clip. YAML, or CSV with the same names
as columns.
"""

import csv
import dataclasses
import math
import re
from pathlib import Path

import yaml


@dataclasses.dataclass(frozen=True)
class Cut:
    """One clip's part of a recording; times in seconds from the recording's beginning."""

    #: The clip's folder.
    name: str
    #: When the clip's frame 0 was taken; frame k follows k periods later.
    start_s: float
    #: A clip must not reach beyond this; None lets it reach to the recording's end.
    end_s: float | None = None
    #: Where frame 0, the photo without hands, is taken from if not at the start.
    photo_s: float | None = None
    #: Videos: the time in the side video less that in the top video, at one moment.
    side_delay_s: float = 0.0
    #: Videos of both views.
    top: Path | None = None
    side: Path | None = None
    #: A folder with pictures in `top/` and `side/`.
    images: Path | None = None
    #: Pictures a second; without it the files' names are times.
    rate_hz: float | None = None
    #: A ROS 2 bag: its folder, or its .mcap file.
    bag: Path | None = None

    @property
    def source(self) -> tuple[Path, ...]:
        """The files or folders that the recording is made of."""
        return tuple(
            path for path in (self.top, self.side, self.images, self.bag) if path is not None
        )


PATHS = ("top", "side", "images", "bag")
KEYS = tuple(field.name for field in dataclasses.fields(Cut))


def read_cuts(path: Path) -> list[Cut]:
    """Returns the cuts of a list, each with a name of its own; paths in it are relative to the
    list's folder.

    Raises ValueError for an unknown key, a missing or double name, a cut without exactly one
    recording, or a time that is no number; OSError for a list that cannot be read.
    """
    text = path.read_text(encoding="utf-8")
    if path.suffix.lower() == ".csv":
        rows = list(csv.DictReader(text.splitlines()))
    else:
        try:
            whole = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ValueError(f"{path} is no YAML: {error}") from error
        if not isinstance(whole, dict) or not isinstance(whole.get("cuts"), list):
            raise ValueError(f"{path} has no list `cuts`")
        rows = whole["cuts"]
    if not rows:
        raise ValueError(f"{path} lists no cuts")
    cuts = [parse(row, number, path) for number, row in enumerate(rows, 1)]
    names: set[str] = set()
    for cut in cuts:
        if cut.name in names:
            raise ValueError(f"{path}: two cuts are called {cut.name}")
        names.add(cut.name)
    return cuts


def parse(row: object, number: int, path: Path) -> Cut:
    """Returns the cut of one row, the list's `number`-th from 1."""
    where = f"cut {number} of {path}"
    if not isinstance(row, dict):
        raise ValueError(f"{where} is {row!r}, not names with values")
    given = {key: value for key, value in row.items() if value not in (None, "")}
    unknown = [str(key) for key in given if key not in KEYS]
    if unknown:
        raise ValueError(f"{where} has the unknown key {unknown[0]}; known are {', '.join(KEYS)}")
    kinds = [{"top", "side"} <= given.keys(), "images" in given, "bag" in given]
    if sum(kinds) != 1 or len({"top", "side"} & given.keys()) == 1:
        raise ValueError(
            f"{where} needs one recording: `top` and `side` (videos), `images` (a folder), or `bag`"
        )
    values: dict = {"name": f"clip_{number:03}"}
    for key, value in given.items():
        if key == "name":
            values[key] = str(value)
        elif key in PATHS:
            values[key] = path.parent / str(value)
        else:
            values[key] = seconds(value, key, where)
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", values["name"]):
        raise ValueError(
            f"{where}: the name {values['name']!r} should be letters, digits, _, - and ."
        )
    if "start_s" not in values:
        raise ValueError(f"{where} has no start_s")
    if values.get("rate_hz", 1) <= 0:
        raise ValueError(f"{where}: rate_hz is {values['rate_hz']:g}, and should be above 0")
    return Cut(**values)


def seconds(value: object, key: str, where: str) -> float:
    """Returns a finite number."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{where}: {key} is {value!r}, not a number") from None
    if not math.isfinite(number):
        raise ValueError(f"{where}: {key} is {number}, not finite")
    return number

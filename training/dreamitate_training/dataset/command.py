"""`dreamitate-training dataset`: from recordings and a list of cuts to a folder of clips."""

import argparse
import json
import shutil
from pathlib import Path

import numpy as np

from dreamitate_training import clips
from dreamitate_training.dataset import sampling, sheet
from dreamitate_training.dataset.cuts import Cut, read_cuts
from dreamitate_training.dataset.recording import Recording, open_recording

HELP = "Cuts recordings into stereo clips of 13 frames a view."
#: Says what a clip was made of; written last into its folder.
RECORD = "clip.json"
#: The records of all clips, in the folder of the clips.
INDEX = "clips.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    limits = sampling.Limits()
    parser.add_argument("cuts", type=Path, help="list of cuts, YAML or CSV")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the clips; finished clips in it are kept"
    )
    parser.add_argument(
        "--fps", type=float, required=True, help="frames a second of the clips: the task's, 6 or 5"
    )
    parser.add_argument(
        "--width", type=int, default=clips.SIZE[0], help="of a frame, px (default %(default)s)"
    )
    parser.add_argument(
        "--height", type=int, default=clips.SIZE[1], help="of a frame, px (default %(default)s)"
    )
    parser.add_argument(
        "--video", action="store_true", help="an mp4 a view in place of PNG files: smaller, lossy"
    )
    parser.add_argument(
        "--max-gap-s",
        type=float,
        default=limits.gap_s,
        help="from a frame to its time (default %(default)s)",
    )
    parser.add_argument(
        "--max-skew-s",
        type=float,
        default=limits.skew_s,
        help="between the views of a pair (default %(default)s)",
    )


def run(args: argparse.Namespace) -> None:
    """Writes each clip's folder, then `clips.json` and contact sheets; a clip that fails is named
    at the end.

    A clip appears under its name when it is complete. One that is there and was made with the same
    settings is kept; one made with others is made again.
    """
    if args.fps <= 0 or args.width <= 0 or args.height <= 0:
        raise ValueError(
            f"fps {args.fps:g}, width {args.width}, height {args.height}: all should be above 0"
        )
    if args.video and (args.width % 2 or args.height % 2):
        raise ValueError(f"a video needs an even width and height, not {args.width}×{args.height}")
    cuts = read_cuts(args.cuts)
    args.out.mkdir(parents=True, exist_ok=True)
    recordings: dict[tuple, Recording] = {}
    records, rows, failures = [], [], []
    for cut in cuts:
        try:
            record, made = keep_or_make(args, cut, recordings)
        except (OSError, ValueError) as error:
            failures.append(str(error))
            continue
        print(
            f"{cut.name}: {'made' if made else 'kept'}, frames at most {record['gap_s']:.3f} s "
            f"from their times, views at most {record['skew_s']:.3f} s apart"
        )
        records.append(record)
        rows.append(
            sheet.row(
                clips.read_clip(args.out / cut.name, size=None), f"{cut.name}  {args.fps:g} Hz"
            )
        )
    write_json(
        args.out / INDEX,
        {"fps": args.fps, "width": args.width, "height": args.height, "clips": records},
    )
    for path in sheet.write_sheets(args.out, rows):
        print(f"look at {path}")
    if failures:
        raise ValueError(
            f"{len(failures)} of {len(cuts)} clips failed:\n  " + "\n  ".join(failures)
        )


def keep_or_make(
    args: argparse.Namespace, cut: Cut, recordings: dict[tuple, Recording]
) -> tuple[dict, bool]:
    """Returns the clip's record and whether it was made now."""
    folder = args.out / cut.name
    wanted = settings(args, cut)
    if folder.exists():
        try:
            record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ValueError(
                f"{folder} is no clip that this command made: {error}; nothing was touched"
            ) from error
        within = (
            record.get("gap_s", 1e9) <= args.max_gap_s
            and record.get("skew_s", 1e9) <= args.max_skew_s
        )
        if within and all(record.get(key) == value for key, value in wanted.items()):
            return record, False
    key = (*cut.source, cut.rate_hz, cut.side_delay_s)
    if key not in recordings:
        # Of the others only times are kept, but a person may cut hundreds of recordings.
        recordings.clear()
        recordings[key] = open_recording(cut)
    recording = recordings[key]
    choice = sampling.choose(
        recording, cut, args.fps, sampling.Limits(args.max_gap_s, args.max_skew_s)
    )
    size = (args.width, args.height)
    clip = clips.Clip(
        *(read_view(recording, view, choice.indices[view], size) for view in clips.VIEWS)
    )
    record = {**wanted, "times_s": choice.times_s, "gap_s": choice.gap_s, "skew_s": choice.skew_s}
    unfinished = args.out / f".{cut.name}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    clips.write_clip(unfinished, clip, video_fps=args.fps if args.video else None)
    write_json(unfinished / RECORD, record)
    if folder.exists():
        shutil.rmtree(folder)
    unfinished.rename(folder)
    return record, True


def settings(args: argparse.Namespace, cut: Cut) -> dict:
    """Returns all that a clip's frames depend on, as its record holds it."""
    return {
        "name": cut.name,
        "source": [str(path) for path in cut.source],
        "start_s": cut.start_s,
        "end_s": cut.end_s,
        "photo_s": cut.photo_s,
        "rate_hz": cut.rate_hz,
        "side_delay_s": cut.side_delay_s,
        "fps": args.fps,
        "width": args.width,
        "height": args.height,
        "form": "mp4" if args.video else "png",
    }


def read_view(
    recording: Recording, view: str, indices: list[int], size: tuple[int, int]
) -> np.ndarray:
    """Returns the frames of a view, uint8 `[13, H, W, 3]`."""
    if indices == sorted(indices):
        frames = recording.frames(view, indices)
    else:  # the photo lies later than the start
        frames = recording.frames(view, indices[:1]) + recording.frames(view, indices[1:])
    return np.stack([clips.crop_and_resize(frame, size) for frame in frames])


def write_json(path: Path, value: object) -> None:
    """Writes the file so that a reader never sees half of it."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(path)

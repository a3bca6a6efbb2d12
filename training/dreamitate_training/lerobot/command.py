"""`dreamitate-training lerobot`: from a folder of demonstrations to a LeRobot dataset."""

import argparse
import shutil
from pathlib import Path

from dreamitate_training.lerobot.demos import read_demos
from dreamitate_training.lerobot.layout import FRAMES

HELP = "Converts the demonstrations of `dreamitate demos` to a LeRobot dataset, format v3.0."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--demos", type=Path, required=True, help="folder that `dreamitate demos` wrote"
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the dataset: a new or an empty one"
    )
    parser.add_argument(
        "--robot-type", default="dreamitate_tool", help="what info.json says (default %(default)s)"
    )


def run(args: argparse.Namespace) -> None:
    """Writes the dataset; it appears under its name when it is complete."""
    try:
        from dreamitate_training.lerobot.dataset import write_dataset
    except ImportError as error:
        raise OSError(
            f"a LeRobot dataset needs the package pyarrow: install dreamitate-training[lerobot] "
            f"({error})"
        ) from error
    if args.out.exists() and (not args.out.is_dir() or any(args.out.iterdir())):
        raise ValueError(f"{args.out} is not an empty folder; nothing was touched")
    demos = read_demos(args.demos)
    unfinished = args.out.absolute().with_name(f".{args.out.absolute().name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    write_dataset(demos, unfinished, args.robot_type)
    unfinished.replace(args.out)
    print(
        f"{len(demos.episodes)} episodes of {FRAMES} frames, {demos.fps} a second, "
        f"tools {', '.join(demos.tools)}: {args.out}"
    )

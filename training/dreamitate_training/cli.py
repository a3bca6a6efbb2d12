"""The command line: `dreamitate-training COMMAND`."""

import argparse
import importlib
import sys

#: Each command is a module with `HELP`, `add_arguments(parser)` and `run(args)`; modules load when they are called,
#: since torch takes seconds.
COMMANDS = {
    "export": "dreamitate_training.svd.export",
    "tiny": "dreamitate_training.svd.tiny",
    "dataset": "dreamitate_training.dataset",
    "finetune": "dreamitate_training.svd.finetune",
    "small": "dreamitate_training.small.train",
    "small-export": "dreamitate_training.small.export",
    "lerobot": "dreamitate_training.lerobot",
}


def main(arguments: list[str] | None = None) -> int:
    """Runs a command and returns the exit code: 0 done, 1 an error, 2 wrong arguments."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="dreamitate-training", description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    command = parser.parse_args(arguments[:1]).command
    module = importlib.import_module(COMMANDS[command])
    parser = argparse.ArgumentParser(prog=f"dreamitate-training {command}", description=module.HELP)
    module.add_arguments(parser)
    try:
        module.run(parser.parse_args(arguments[1:]))
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

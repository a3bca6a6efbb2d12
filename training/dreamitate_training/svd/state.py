"""A fine-tuning's state on disk: what is needed to go on as if it had not been interrupted."""

from pathlib import Path

import torch

from dreamitate_training.svd.ema import Average, copy_into

NAME = "step_{:08}.pt"


def save(
    folder: Path,
    step: int,
    trained: dict,
    optimizer: torch.optim.Optimizer,
    average: Average | None,
) -> None:
    """Writes the state after `step` steps and then removes older ones."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = {
        "step": step,
        "weights": {name: parameter.detach().cpu() for name, parameter in trained.items()},
        "optimizer": optimizer.state_dict(),
    }
    if average is not None:
        whole["average"] = {name: value.cpu() for name, value in average.weights.items()}
        whole["average_updates"] = average.updates
    path = folder / NAME.format(step)
    unfinished = path.with_suffix(".unfinished")
    torch.save(whole, unfinished)
    unfinished.replace(path)
    for old in folder.glob("step_*.pt"):
        if old != path:
            old.unlink()


def latest(folder: Path) -> Path | None:
    """Returns the newest state's file, or None."""
    return max(folder.glob("step_*.pt"), default=None)


def load(
    path: Path, trained: dict, optimizer: torch.optim.Optimizer, average: Average | None
) -> int:
    """Takes a state over and returns after how many steps it was written; ValueError if it is of
    another network.
    """
    try:
        whole = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError) as error:
        raise OSError(f"cannot read the state {path}: {error}") from error
    copy_into(trained, whole["weights"])
    optimizer.load_state_dict(whole["optimizer"])
    if average is not None:
        if "average" not in whole:
            raise ValueError(
                f"the state {path} holds no average of the weights; it was kept with ema_decay 0"
            )
        copy_into(average.weights, whole["average"])
        average.updates = whole["average_updates"]
    return whole["step"]

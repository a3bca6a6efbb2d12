"""What both stages of training share: checkpoints, precision, and a line of figures now and then."""

import contextlib
import dataclasses
import os
import time
from pathlib import Path

import torch
from torch import nn

from dreamitate_training.small.budget import Budget
from dreamitate_training.small.optimiser import Optimiser
from dreamitate_training.small.shape import Shape

#: Seconds between two lines of figures, between two checkpoints, and between two looks for new clips.
REPORT_S, CHECKPOINT_S, REFRESH_S = 10.0, 120.0, 0.5


def autocast(device: torch.device) -> contextlib.AbstractContextManager:
    """Returns bf16 arithmetic on a GPU, fp32 on a CPU."""
    if device.type == "cuda":
        return torch.autocast("cuda", torch.bfloat16)
    return contextlib.nullcontext()


@dataclasses.dataclass
class Stage:
    """A network that is trained, the running mean of its weights, and how far it has come."""

    name: str
    shape: Shape
    network: nn.Module
    mean: nn.Module
    optimiser: Optimiser
    budget: Budget
    generator: torch.Generator

    def save(self, folder: Path) -> None:
        """Writes `{name}.pt`; the old one stays until the new one is whole."""
        state = {
            "stage": self.name,
            "shape": self.shape.to_json(),
            "network": self.network.state_dict(),
            "mean": self.mean.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.budget.step,
            "spent": self.budget.spent,
            "generator": self.generator.get_state(),
        }
        partial = folder / f".{self.name}.pt"
        torch.save(state, partial)
        os.replace(partial, folder / f"{self.name}.pt")

    def restore(self, state: dict) -> None:
        """Takes a checkpoint's state, all but the budget, which is made with it.

        Raises ValueError if it is another network's.
        """
        try:
            self.network.load_state_dict(state["network"])
            self.mean.load_state_dict(state["mean"])
            self.optimiser.load_state_dict(state["optimiser"])
        except (RuntimeError, ValueError, KeyError) as error:
            raise ValueError(f"the checkpoint of the {self.name} does not fit: {error}") from error
        self.generator.set_state(state["generator"].cpu())


def read_checkpoint(path: Path) -> dict:
    """Returns what `Stage.save` wrote.

    Raises ValueError if it is no such file, OSError if it cannot be read.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError) as error:
        raise ValueError(f"{path}: {error}") from error
    if not isinstance(state, dict) or state.get("stage") not in ("autoencoder", "transformer"):
        raise ValueError(f"{path}: no checkpoint of the small model")
    return state


class Every:
    """Says once in a while that it is time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._last = time.monotonic()

    def due(self) -> bool:
        """Whether `seconds` have passed since it last said so."""
        now = time.monotonic()
        if now - self._last < self.seconds:
            return False
        self._last = now
        return True

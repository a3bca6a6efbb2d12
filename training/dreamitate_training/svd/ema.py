"""An exponential moving average of the trained weights."""

import contextlib
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor


class Average:
    """Keeps `average ← d·average + (1−d)·weight` in fp32, with d = min(decay, (1+n)/(10+n)) at the
    n-th update.

    The ramp lets the average leave the initial weights soon (as in TensorFlow's
    ExponentialMovingAverage).
    """

    def __init__(self, parameters: Mapping[str, Tensor], decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.weights = {name: p.detach().float().clone() for name, p in parameters.items()}

    @torch.no_grad()
    def update(self, parameters: Mapping[str, Tensor]) -> None:
        """Takes in the weights after a step."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for name, average in self.weights.items():
            average.lerp_(parameters[name].detach().float(), 1 - decay)

    @contextlib.contextmanager
    def in_place(self, parameters: Mapping[str, Tensor]) -> Iterator[None]:
        """Puts the average in the network's place for as long as the context lasts."""
        kept = {name: parameters[name].detach().clone() for name in self.weights}
        copy_into(parameters, self.weights)
        try:
            yield
        finally:
            copy_into(parameters, kept)


@torch.no_grad()
def copy_into(parameters: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    """Sets parameters to values of the same names; ValueError if names or shapes differ."""
    if parameters.keys() != values.keys():
        name = sorted(parameters.keys() ^ values.keys())[0]
        raise ValueError(f"the weights differ in {name}, which only one of both has")
    for name, value in values.items():
        if parameters[name].shape != value.shape:
            raise ValueError(
                f"{name} is {list(value.shape)}, expected {list(parameters[name].shape)}"
            )
        parameters[name].copy_(value)

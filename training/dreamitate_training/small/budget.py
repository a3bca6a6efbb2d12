"""How far a training stage has come: by time, or by steps where a run must be repeatable."""

import time

#: The learning rate rises over this part of a stage, and falls to nothing from the other on.
WARM_UP, DECAY_FROM = 0.03, 0.35


class Budget:
    """A stage's length in steps, or else in seconds."""

    def __init__(self, steps: int | None, seconds: float, step: int = 0, spent: float = 0.0) -> None:
        self.steps, self.seconds = steps, seconds
        self.step = step
        self._begun = time.monotonic() - spent

    @staticmethod
    def resumed(steps: int | None, seconds: float, state: dict) -> "Budget":
        """Returns the rest of a stage: up to `steps` in all, or `seconds` more than the checkpoint has spent."""
        return Budget(steps, seconds + state["spent"], state["step"], state["spent"])

    @property
    def spent(self) -> float:
        """Seconds since the stage began, without the time between a stop and a resumption."""
        return time.monotonic() - self._begun

    @property
    def progress(self) -> float:
        """From 0 at the start to 1 at the end."""
        if self.steps is not None:
            return min(self.step / max(self.steps, 1), 1.0)
        return min(self.spent / max(self.seconds, 1e-3), 1.0)

    @property
    def done(self) -> bool:
        """Whether the stage is over."""
        return self.progress >= 1.0

    def rate(self) -> float:
        """Returns the learning rate's factor: up, level, and down to 0 in a straight line."""
        progress = self.progress
        rise = (progress + 1e-3) / WARM_UP
        fall = (1 - progress) / (1 - DECAY_FROM)
        return max(min(rise, fall, 1.0), 0.0)

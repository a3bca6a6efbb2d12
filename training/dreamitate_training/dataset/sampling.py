"""Which frames of a recording make a clip."""

import dataclasses

import numpy as np

from dreamitate_training.clips import FRAMES, VIEWS
from dreamitate_training.dataset.cuts import Cut
from dreamitate_training.dataset.recording import Recording


@dataclasses.dataclass(frozen=True)
class Limits:
    """How far a clip's frames may lie from where they should, seconds."""

    #: From the wanted time to the nearest frame; at 30 frames a second it is at most 0.017.
    gap_s: float = 0.04
    #: Between the two views of a pair.
    skew_s: float = 0.02


@dataclasses.dataclass(frozen=True)
class Choice:
    """The frames of a clip: their numbers and times in the recording, 13 a view."""

    indices: dict[str, list[int]]
    times_s: dict[str, list[float]]
    #: The largest distance of a frame from its time, and of the views of a pair from each other.
    gap_s: float
    skew_s: float


def choose(recording: Recording, cut: Cut, fps: float, limits: Limits) -> Choice:
    """Returns the frames nearest in time to `start_s + k / fps`, k = 0…12; frame 0 from `photo_s`
    if it is given.

    Raises ValueError if the recording or the cut is too short, a frame is missing where one should
    be, or the views of a pair were not taken together.
    """
    wanted = cut.start_s + np.arange(FRAMES) / fps
    if cut.end_s is not None and wanted[-1] > cut.end_s + limits.gap_s:
        raise ValueError(
            f"the cut {cut.name} is {cut.end_s - cut.start_s:.3f} s long, and {FRAMES} frames "
            f"at {fps:g} frames a second need {wanted[-1] - wanted[0]:.3f} s"
        )
    if cut.photo_s is not None:
        wanted[0] = cut.photo_s
    indices, times, worst = {}, {}, 0.0
    for view in VIEWS:
        known = recording.times_s(view)
        if wanted.min() < known[0] - limits.gap_s or wanted.max() > known[-1] + limits.gap_s:
            raise ValueError(
                f"the cut {cut.name} needs the {view} view from {wanted.min():.3f} "
                f"to {wanted.max():.3f} s; "
                f"the recording has it from {known[0]:.3f} to {known[-1]:.3f} s"
            )
        chosen = nearest(known, wanted)
        gaps = np.abs(known[chosen] - wanted)
        if gaps.max() > limits.gap_s:
            k = int(gaps.argmax())
            raise ValueError(
                f"the cut {cut.name} has no {view} frame within {limits.gap_s:g} s "
                f"of {wanted[k]:.3f} s (frame {k}); the nearest is {gaps[k]:.3f} s away"
            )
        worst = max(worst, float(gaps.max()))
        indices[view] = [int(index) for index in chosen]
        times[view] = known[chosen]
    skews = np.abs(times["top"] - times["side"])
    if skews.max() > limits.skew_s:
        k = int(skews.argmax())
        raise ValueError(
            f"the views of the cut {cut.name} are {skews[k]:.3f} s apart at frame {k}, "
            f"more than {limits.skew_s:g} s"
        )
    listed = {view: [round(float(time), 6) for time in times[view]] for view in VIEWS}
    return Choice(indices, listed, round(worst, 6), round(float(skews.max()), 6))


def nearest(known: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Returns for each wanted time the number of the nearest of the known times (rising)."""
    after = (
        np.searchsorted(known, wanted).clip(1, len(known) - 1)
        if len(known) > 1
        else np.ones(len(wanted), int)
    )
    before = after - 1
    if len(known) == 1:
        return before
    return np.where(wanted - known[before] <= known[after] - wanted, before, after)

"""What a recording can be asked, and which kind of recording a cut names."""

from typing import Protocol

import numpy as np

from dreamitate_training.dataset.cuts import Cut


class Recording(Protocol):
    """Pictures of both views with the times at which they were taken."""

    def times_s(self, view: str) -> np.ndarray:
        """Returns when each frame of the view was taken, float64, rising, on one clock for both
        views.
        """

    def frames(self, view: str, indices: list[int]) -> list[np.ndarray]:
        """Returns those frames (rising indices, also the same again), uint8 `[H, W, 3]`, RGB."""


def open_recording(cut: Cut) -> Recording:
    """Returns the recording of a cut; OSError or ValueError if it cannot be read."""
    for path in cut.source:
        if not path.exists():
            raise OSError(f"the recording {path} of the cut {cut.name} does not exist")
    if cut.bag is not None:
        from dreamitate_training.dataset.bag import Bag

        return Bag(cut.bag)
    if cut.images is not None:
        from dreamitate_training.dataset.images import Images

        return Images(cut.images, cut.rate_hz)
    from dreamitate_training.dataset.videos import Videos

    return Videos(cut.top, cut.side, cut.side_delay_s)

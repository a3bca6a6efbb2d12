"""Statistics as LeRobot keeps them: it normalizes with them. All are exact, none is estimated."""

import numpy as np

QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}


def of_numbers(values: np.ndarray) -> dict[str, list]:
    """Returns the statistics of `[N]` or `[N, D]`, a number or D of them each."""
    values = values.reshape(len(values), -1)
    found = {
        "min": values.min(0),
        "max": values.max(0),
        "mean": values.mean(0, dtype=np.float64),
        "std": values.std(0, dtype=np.float64),
        "count": np.array([len(values)]),
    }
    found |= {name: np.quantile(values, share, axis=0) for name, share in QUANTILES.items()}
    return {name: value.tolist() for name, value in found.items()}


def count_levels(frames: np.ndarray) -> np.ndarray:
    """Returns how often each level is in each channel of uint8 `[T, H, W, 3]`, int64 `[3, 256]`."""
    return np.stack([np.bincount(frames[..., c].ravel(), minlength=256) for c in range(3)])


def of_pictures(levels: np.ndarray, pictures: int) -> dict[str, list]:
    """Returns the statistics of the channels, in 0 to 1, each `[3, 1, 1]`, of counted levels."""
    values = np.arange(256) / 255
    below = levels.cumsum(1)
    total = below[:, -1:]
    mean = levels @ values / total[:, 0]
    found = {
        "min": values[(below > 0).argmax(1)],
        "max": values[(below == total).argmax(1)],
        "mean": mean,
        "std": np.sqrt((levels * (values - mean[:, None]) ** 2).sum(1) / total[:, 0]),
    }
    found |= {name: values[(below >= share * total).argmax(1)] for name, share in QUANTILES.items()}
    return {name: value.reshape(3, 1, 1).tolist() for name, value in found.items()} | {
        "count": [pictures]
    }

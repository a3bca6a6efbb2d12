"""Random numbers that depend only on a seed and on what they are for.

So a step draws the same however many GPUs there are, and after a resume, without any generator's
state being kept.
"""

import zlib

import numpy as np
import torch


def generator(seed: int, purpose: str, number: int = 0) -> torch.Generator:
    """Returns a generator on the CPU for the `number`-th use of `purpose`."""
    words = np.random.SeedSequence([seed, zlib.crc32(purpose.encode()), number]).generate_state(2)
    return torch.Generator().manual_seed(int(words[0]) << 32 | int(words[1]))


def clip_at(seed: int, position: int, clips: int) -> int:
    """Returns which clip is the `position`-th that a fine-tuning sees: all in a new random order,
    again and again.
    """
    order = torch.randperm(clips, generator=generator(seed, "order", position // clips))
    return int(order[position % clips])

"""Which weights are trained: the spatial and temporal attention of the UNet (arXiv 2406.16862,
section 4).
"""

import re

import torch

#: Attention modules of the spatial and the temporal transformer blocks: `attn1` among the pixels or
#: the frames, `attn2` to the text.
ATTENTION = re.compile(r"\.(temporal_)?transformer_blocks\.\d+\.attn[12]\.")
#: The text is one token, which gets all the attention whatever query and key are: their gradient is
#: exactly zero.
IDLE = re.compile(r"\.attn2\.to_[qk]\.")


def choose_trainable(unet: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """Freezes all but the attention and returns the trained parameters by name; ValueError if there
    are none.
    """
    trained = {}
    for name, parameter in unet.named_parameters():
        chosen = ATTENTION.search(name) is not None and IDLE.search(name) is None
        parameter.requires_grad_(chosen)
        if chosen:
            trained[name] = parameter
    if not trained:
        raise ValueError(
            "the network has no attention in transformer_blocks; nothing could be trained"
        )
    return trained


def count(parameters) -> int:
    """Returns how many numbers the parameters hold."""
    return sum(parameter.numel() for parameter in parameters)

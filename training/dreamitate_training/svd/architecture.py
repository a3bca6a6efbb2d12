"""The modules of Stable Video Diffusion (arXiv 2311.15127), built from a configuration, with random weights.

`full` is the authors' network; `tiny` is the same architecture with few channels, for tests.
"""

from collections.abc import Mapping

import torch
from diffusers import AutoencoderKLTemporalDecoder, UNetSpatioTemporalConditionModel

#: Numbers of the added ids: frames a second, motion bucket, noise on the condition.
ADDED_IDS = 3
#: Width of the sinusoid embedding of each added id.
ID_WIDTH = 256

UNETS = {
    "full": {
        "in_channels": 8,
        "out_channels": 4,
        "block_out_channels": (320, 640, 1280, 1280),
        "layers_per_block": 2,
        "num_attention_heads": (5, 10, 20, 20),
        "cross_attention_dim": 1024,
        "addition_time_embed_dim": ID_WIDTH,
        "projection_class_embeddings_input_dim": ADDED_IDS * ID_WIDTH,
        "num_frames": 25,
    },
}
UNETS["tiny"] = UNETS["full"] | {
    "down_block_types": ("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
    "up_block_types": ("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
    "block_out_channels": (32, 32),
    "layers_per_block": 1,
    "num_attention_heads": (1, 2),
    "cross_attention_dim": 32,
}

VAES = {
    "full": {
        "block_out_channels": (128, 256, 512, 512),
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "layers_per_block": 2,
        "latent_channels": 4,
        "sample_size": 768,
        "scaling_factor": 0.18215,
    },
}
VAES["tiny"] = VAES["full"] | {
    "block_out_channels": (32, 32, 32, 32),
    "layers_per_block": 1,
    "sample_size": 128,
}


def settings(config: str | Mapping, known: Mapping[str, Mapping]) -> dict:
    """Returns the configuration called `config`, or `config` itself without the hub's private keys.

    Raises ValueError for a name that is not known.
    """
    if isinstance(config, str):
        if config not in known:
            raise ValueError(f"unknown configuration {config!r}; known are {', '.join(known)}")
        return dict(known[config])
    return {key: value for key, value in config.items() if not key.startswith("_")}


def unet(config: str | Mapping = "full") -> UNetSpatioTemporalConditionModel:
    """Returns the UNet with random weights: `full`, `tiny`, or diffusers' configuration as a mapping."""
    network = UNetSpatioTemporalConditionModel(**settings(config, UNETS))
    correct_norms(network)
    return network


def vae(config: str | Mapping = "full") -> AutoencoderKLTemporalDecoder:
    """Returns the image encoder and temporal decoder with random weights; `config` as for `unet`."""
    return AutoencoderKLTemporalDecoder(**settings(config, VAES))


def correct_norms(network: torch.nn.Module) -> None:
    """Sets the UNet's GroupNorms to the epsilons that it was trained with.

    They are 1e-6 inside the transformers and 1e-5 elsewhere; diffusers has 1e-6 in 72 of the others, which moves the
    output by 3e-4 of its size.
    """
    for name, module in network.named_modules():
        if isinstance(module, torch.nn.GroupNorm):
            module.eps = 1e-6 if ".attentions." in name else 1e-5


def clip_of(config: str | Mapping = "full") -> tuple[int, int, int]:
    """Returns the number of frames, the latent's channels and the width of the text embedding of a UNet."""
    values = settings(config, UNETS)
    return values["num_frames"], values["out_channels"], values["cross_attention_dim"]

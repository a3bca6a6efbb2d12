"""Reads the authors' checkpoints: from the names of sgm to the modules of diffusers.

sgm is https://github.com/Stability-AI/generative-models: `VideoUNet` (video_model.py), `Encoder`
(model.py) and `VideoDecoder` (temporal_ae.py). The values are the same in both; only names differ,
and 1×1 convolutions of the VAE's attention are linear layers in diffusers.

Of a checkpoint three parts are read: the UNet, the encoder of the condition, and the first stage's
decoder. All else is left alone: CLIP, the first stage's own encoder, the decoder that belongs to
the condition's encoder (`conditioner.embedders.3.encoder.decoder`), and `model_ema.*`: if the
training kept an average of the weights, it is not the average that is read.
"""

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from diffusers import AutoencoderKLTemporalDecoder, UNetSpatioTemporalConditionModel
from torch import Tensor, nn

UNET = "model.diffusion_model."
ENCODER = "conditioner.embedders.3.encoder.encoder."
QUANT_CONV = "conditioner.embedders.3.encoder.quant_conv."
DECODER = "first_stage_model.decoder."
#: Keys that an error names.
NAMED = 5

#: Names within a block: diffusers' and sgm's. They are replaced in this order.
Rules = tuple[tuple[str, str], ...]
CONVOLUTIONS: Rules = (
    ("norm1.", "in_layers.0."),
    ("conv1.", "in_layers.2."),
    ("time_emb_proj.", "emb_layers.1."),
    ("norm2.", "out_layers.0."),
    ("conv2.", "out_layers.3."),
)
UNET_RULES: dict[str, Rules] = {
    "resnets": (
        ("spatial_res_block.", ""),
        ("temporal_res_block.", "time_stack."),
        ("conv_shortcut.", "skip_connection."),
        *CONVOLUTIONS,
    ),
    "attentions": (
        ("temporal_transformer_blocks.", "time_stack."),
        ("time_pos_embed.linear_1.", "time_pos_embed.0."),
        ("time_pos_embed.linear_2.", "time_pos_embed.2."),
    ),
}
VAE_RULES: dict[str, Rules] = {
    "resnets": (
        *((f"temporal_res_block.{ours}", f"time_stack.{theirs}") for ours, theirs in CONVOLUTIONS),
        ("spatial_res_block.", ""),
        ("time_mixer.", ""),
        ("conv_shortcut.", "nin_shortcut."),
    ),
    "attentions": (
        ("group_norm.", "norm."),
        ("to_q.", "q."),
        ("to_k.", "k."),
        ("to_v.", "v."),
        ("to_out.0.", "proj_out."),
    ),
}


def load(
    path: Path, unet: UNetSpatioTemporalConditionModel, vae: AutoencoderKLTemporalDecoder
) -> None:
    """Fills both modules from a checkpoint; their own precision stays.

    Raises OSError or ValueError if the file cannot be read, or a key is missing, left over or of
    another shape; then neither module is changed.
    """
    checkpoint = read(path)
    try:
        states = unet_state(checkpoint, unet), vae_state(checkpoint, vae)
    except ValueError as error:
        raise ValueError(f"{path} {error}") from error
    for module, state in zip((unet, vae), states, strict=True):
        module.load_state_dict(state, strict=True)


def read(path: Path) -> dict[str, Tensor]:
    """Returns the tensors of a `.safetensors` file or of one that torch saved, mapped from the disk
    where possible.

    Of a training's checkpoint they are those under `state_dict`. No code in the file is run.
    """
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        # Files of before torch 1.6 are no archives, and cannot be mapped.
        mapped = zipfile.is_zipfile(path)
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except (
        safetensors.SafetensorError,
        pickle.UnpicklingError,
        RuntimeError,
        EOFError,
    ) as error:
        raise ValueError(f"{path} holds no weights that can be read: {error}") from error
    if isinstance(content, Mapping):
        content = content.get("state_dict", content)
    if not isinstance(content, Mapping):
        raise ValueError(f"{path} holds a {type(content).__name__} and no tensors with names")
    return {key: value for key, value in content.items() if isinstance(value, Tensor)}


def unet_state(
    checkpoint: Mapping[str, Tensor], unet: UNetSpatioTemporalConditionModel
) -> dict[str, Tensor]:
    """Returns the state for `unet.load_state_dict`.

    Raises ValueError if a key is missing, has another shape, or is left over under the prefix.
    """
    return _state(checkpoint, unet, _unet_places(unet), UNET_RULES, (UNET,))


def vae_state(
    checkpoint: Mapping[str, Tensor], vae: AutoencoderKLTemporalDecoder
) -> dict[str, Tensor]:
    """Returns the state of encoder, quant_conv and temporal decoder; errors as for `unet_state`."""
    return _state(checkpoint, vae, _vae_places(vae), VAE_RULES, (ENCODER, QUANT_CONV, DECODER))


def _unet_places(unet: UNetSpatioTemporalConditionModel) -> dict[str, str]:
    """Returns where each part of diffusers' UNet lies in sgm's, which numbers the blocks of all
    levels in one row.
    """
    places = {
        "conv_in": "input_blocks.0.0",
        "time_embedding.linear_1": "time_embed.0",
        "time_embedding.linear_2": "time_embed.2",
        "add_embedding.linear_1": "label_emb.0.0",
        "add_embedding.linear_2": "label_emb.0.2",
        "mid_block.resnets.0": "middle_block.0",
        "mid_block.attentions.0": "middle_block.1",
        "mid_block.resnets.1": "middle_block.2",
        "conv_norm_out": "out.0",
        "conv_out": "out.2",
    }
    number = 1
    for level, block in enumerate(unet.down_blocks):
        for layer in range(len(block.resnets)):
            places[f"down_blocks.{level}.resnets.{layer}"] = f"input_blocks.{number}.0"
            places[f"down_blocks.{level}.attentions.{layer}"] = f"input_blocks.{number}.1"
            number += 1
        if block.downsamplers:
            places[f"down_blocks.{level}.downsamplers.0.conv"] = f"input_blocks.{number}.0.op"
            number += 1
    number = 0
    for level, block in enumerate(unet.up_blocks):
        for layer in range(len(block.resnets)):
            places[f"up_blocks.{level}.resnets.{layer}"] = f"output_blocks.{number}.0"
            places[f"up_blocks.{level}.attentions.{layer}"] = f"output_blocks.{number}.1"
            number += 1
        # It comes last in the level's last block, behind the attention if there is one.
        last = 2 if hasattr(block, "attentions") else 1
        places[f"up_blocks.{level}.upsamplers.0.conv"] = f"output_blocks.{number - 1}.{last}.conv"
    return {ours: UNET + theirs for ours, theirs in places.items()}


def _vae_places(vae: AutoencoderKLTemporalDecoder) -> dict[str, str]:
    """Returns where each part of diffusers' VAE lies; sgm numbers the decoder's levels from the
    finest.
    """
    places = {
        "quant_conv": QUANT_CONV.removesuffix("."),
        "decoder.time_conv_out": f"{DECODER}conv_out.time_mix_conv",
    }
    for part, prefix in (("encoder", ENCODER), ("decoder", DECODER)):
        for ours, theirs in (
            ("conv_in", "conv_in"),
            ("mid_block.resnets.0", "mid.block_1"),
            ("mid_block.attentions.0", "mid.attn_1"),
            ("mid_block.resnets.1", "mid.block_2"),
            ("conv_norm_out", "norm_out"),
            ("conv_out", "conv_out"),
        ):
            places[f"{part}.{ours}"] = prefix + theirs
    for level, block in enumerate(vae.encoder.down_blocks):
        ours, theirs = f"encoder.down_blocks.{level}", f"{ENCODER}down.{level}"
        for layer in range(len(block.resnets)):
            places[f"{ours}.resnets.{layer}"] = f"{theirs}.block.{layer}"
        places[f"{ours}.downsamplers.0.conv"] = f"{theirs}.downsample.conv"
    coarsest = len(vae.decoder.up_blocks) - 1
    for level, block in enumerate(vae.decoder.up_blocks):
        ours, theirs = f"decoder.up_blocks.{level}", f"{DECODER}up.{coarsest - level}"
        for layer in range(len(block.resnets)):
            places[f"{ours}.resnets.{layer}"] = f"{theirs}.block.{layer}"
        places[f"{ours}.upsamplers.0.conv"] = f"{theirs}.upsample.conv"
    return places


def _source(key: str, places: Mapping[str, str], rules: Mapping[str, Rules]) -> str:
    """Returns sgm's name of a tensor of diffusers."""
    place = key
    while place not in places:
        place, dot, _ = place.rpartition(".")
        if not dot:
            raise ValueError(f"has no place for {key}: the network is built as sgm's never is")
    rest = key.removeprefix(place)[1:]
    kind = next((kind for kind in rules if f".{kind}." in place), None)
    for ours, theirs in rules.get(kind, ()):
        rest = rest.replace(ours, theirs)
    return f"{places[place]}.{rest}"


def _state(
    checkpoint: Mapping[str, Tensor],
    module: nn.Module,
    places: Mapping[str, str],
    rules: Mapping[str, Rules],
    prefixes: tuple[str, ...],
) -> dict[str, Tensor]:
    state, faults = {}, []
    left = {key for key in checkpoint if key.startswith(prefixes)}
    for key, ours in module.state_dict().items():
        source = _source(key, places, rules)
        if source not in left:
            faults.append(f"lacks {source} {list(ours.shape)}")
            continue
        left.remove(source)
        value = checkpoint[source]
        if ours.ndim == 2 and value.ndim == 4 and value.shape[2:] == (1, 1):
            value = value[:, :, 0, 0]
        if value.shape != ours.shape:
            faults.append(f"has {source} {list(value.shape)}, expected {list(ours.shape)}")
        state[key] = value
    for key in sorted(left):
        faults.append(f"has {key} {list(checkpoint[key].shape)}, which has no place")
    if faults:
        more = f"; and {len(faults) - NAMED} more" if len(faults) > NAMED else ""
        raise ValueError("does not fit the network: it " + "; ".join(faults[:NAMED]) + more)
    return state

"""The authors' checkpoints: sgm's names and shapes, built here from the structure of its modules,
against those of diffusers.
"""

import re

import pytest
import safetensors.torch
import torch

from dreamitate_training.svd import architecture, checkpoint, finetune

torch.set_num_threads(1)

UNETS = {
    "full": {
        "width": 320,
        "mults": (1, 2, 4, 4),
        "layers": 2,
        "attended": (0, 1, 2),
        "context": 1024,
    },
    "tiny": {"width": 32, "mults": (1, 1), "layers": 1, "attended": (0,), "context": 32},
}
VAES = {
    "full": {"width": 128, "mults": (1, 2, 4, 4), "layers": 2},
    "tiny": {"width": 32, "mults": (1, 1, 1, 1), "layers": 2},
}
#: With one layer a block, diffusers' decoder has one block in its middle, and sgm's always two.
BUILT = {"full": "full", "tiny": architecture.VAES["tiny"] | {"layers_per_block": 2}}
FIRST = "model.diffusion_model."
ENCODER, DECODER = "conditioner.embedders.3.encoder.", "first_stage_model.decoder."


class Names(dict):
    """Shapes by name, filled as sgm's modules are nested."""

    def layer(self, name, out, *rest, bias=True):
        self[f"{name}.weight"] = (out, *rest)
        if bias:
            self[f"{name}.bias"] = (out,)

    def norm(self, name, width):
        self.layer(name, width)

    def embedding(self, name, inside, middle, out):
        self.layer(f"{name}.0", middle, inside)
        self.layer(f"{name}.2", out, middle)

    def res_block(self, name, inside, out, time, kernel):
        """openaimodel.ResBlock."""
        self.norm(f"{name}.in_layers.0", inside)
        self.layer(f"{name}.in_layers.2", out, inside, *kernel)
        if time:
            self.layer(f"{name}.emb_layers.1", out, time)
        self.norm(f"{name}.out_layers.0", out)
        self.layer(f"{name}.out_layers.3", out, out, *kernel)
        if inside != out:
            self.layer(f"{name}.skip_connection", out, inside, *(1 for _ in kernel))

    def video_res_block(self, name, inside, out, time):
        """video_model.VideoResBlock."""
        self.res_block(name, inside, out, time, (3, 3))
        self.res_block(f"{name}.time_stack", out, out, time, (3, 1, 1))
        self[f"{name}.time_mixer.mix_factor"] = (1,)

    def attention(self, name, width, context):
        self.layer(f"{name}.to_q", width, width, bias=False)
        for part in ("to_k", "to_v"):
            self.layer(f"{name}.{part}", width, context, bias=False)
        self.layer(f"{name}.to_out.0", width, width)

    def feed_forward(self, name, width):
        self.layer(f"{name}.net.0.proj", 8 * width, width)
        self.layer(f"{name}.net.2", width, 4 * width)

    def transformer_block(self, name, width, context):
        self.attention(f"{name}.attn1", width, width)
        self.feed_forward(f"{name}.ff", width)
        self.attention(f"{name}.attn2", width, context)
        for number in (1, 2, 3):
            self.norm(f"{name}.norm{number}", width)

    def video_transformer(self, name, width, context):
        """video_attention.SpatialVideoTransformer, linear, with ff_in and the spatial context."""
        self.norm(f"{name}.norm", width)
        self.layer(f"{name}.proj_in", width, width)
        self.transformer_block(f"{name}.transformer_blocks.0", width, context)
        self.layer(f"{name}.proj_out", width, width)
        self.norm(f"{name}.time_stack.0.norm_in", width)
        self.feed_forward(f"{name}.time_stack.0.ff_in", width)
        self.transformer_block(f"{name}.time_stack.0", width, context)
        self.embedding(f"{name}.time_pos_embed", width, 4 * width, width)
        self[f"{name}.time_mixer.mix_factor"] = (1,)

    def resnet_block(self, name, inside, out, video):
        """model.ResnetBlock without a time, and temporal_ae.VideoResBlock."""
        self.norm(f"{name}.norm1", inside)
        self.layer(f"{name}.conv1", out, inside, 3, 3)
        self.norm(f"{name}.norm2", out)
        self.layer(f"{name}.conv2", out, out, 3, 3)
        if inside != out:
            self.layer(f"{name}.nin_shortcut", out, inside, 1, 1)
        if video:
            self.res_block(f"{name}.time_stack", out, out, None, (3, 1, 1))
            self[f"{name}.mix_factor"] = (1,)

    def middle(self, name, width, video):
        self.resnet_block(f"{name}.block_1", width, width, video)
        self.norm(f"{name}.attn_1.norm", width)
        for part in ("q", "k", "v", "proj_out"):
            self.layer(f"{name}.attn_1.{part}", width, width, 1, 1)
        self.resnet_block(f"{name}.block_2", width, width, video)


def unet_names(width, mults, layers, attended, context) -> Names:
    """video_model.VideoUNet."""
    names, time = Names(), 4 * width
    names.embedding(f"{FIRST}time_embed", width, time, time)
    names.embedding(f"{FIRST}label_emb.0", 768, time, time)
    names.layer(f"{FIRST}input_blocks.0.0", width, 8, 3, 3)
    kept, now, number = [width], width, 0
    for level, mult in enumerate(mults):
        for _ in range(layers):
            number += 1
            names.video_res_block(f"{FIRST}input_blocks.{number}.0", now, mult * width, time)
            now = mult * width
            if level in attended:
                names.video_transformer(f"{FIRST}input_blocks.{number}.1", now, context)
            kept.append(now)
        if level != len(mults) - 1:
            number += 1
            names.layer(f"{FIRST}input_blocks.{number}.0.op", now, now, 3, 3)
            kept.append(now)
    names.video_res_block(f"{FIRST}middle_block.0", now, now, time)
    names.video_transformer(f"{FIRST}middle_block.1", now, context)
    names.video_res_block(f"{FIRST}middle_block.2", now, now, time)
    number = 0
    for level, mult in reversed(list(enumerate(mults))):
        for layer in range(layers + 1):
            block = f"{FIRST}output_blocks.{number}"
            names.video_res_block(f"{block}.0", now + kept.pop(), mult * width, time)
            now, place = mult * width, 1
            if level in attended:
                names.video_transformer(f"{block}.1", now, context)
                place = 2
            if level and layer == layers:
                names.layer(f"{block}.{place}.conv", now, now, 3, 3)
            number += 1
    names.norm(f"{FIRST}out.0", now)
    names.layer(f"{FIRST}out.2", 4, now, 3, 3)
    return names


def vae_names(width, mults, layers) -> Names:
    """The condition's model.Encoder with quant_conv, and the first stage's VideoDecoder of
    temporal_ae.
    """
    names, now, prefix = Names(), width, f"{ENCODER}encoder."
    names.layer(f"{prefix}conv_in", width, 3, 3, 3)
    for level, mult in enumerate(mults):
        for layer in range(layers):
            names.resnet_block(f"{prefix}down.{level}.block.{layer}", now, mult * width, False)
            now = mult * width
        if level != len(mults) - 1:
            names.layer(f"{prefix}down.{level}.downsample.conv", now, now, 3, 3)
    names.middle(f"{prefix}mid", now, False)
    names.norm(f"{prefix}norm_out", now)
    names.layer(f"{prefix}conv_out", 8, now, 3, 3)
    names.layer(f"{ENCODER}quant_conv", 8, 8, 1, 1)
    names.layer(f"{DECODER}conv_in", now, 4, 3, 3)
    names.middle(f"{DECODER}mid", now, True)
    for level, mult in reversed(list(enumerate(mults))):
        for layer in range(layers + 1):
            names.resnet_block(f"{DECODER}up.{level}.block.{layer}", now, mult * width, True)
            now = mult * width
        if level:
            names.layer(f"{DECODER}up.{level}.upsample.conv", now, now, 3, 3)
    names.norm(f"{DECODER}norm_out", now)
    names.layer(f"{DECODER}conv_out", 3, now, 3, 3)
    names.layer(f"{DECODER}conv_out.time_mix_conv", 3, 3, 3, 1, 1)
    return names


#: What a real checkpoint holds besides, and is not read.
OTHERS = (
    "model_ema.diffusion_modelout2bias",
    f"{ENCODER}decoder.conv_in.bias",
    f"{ENCODER}post_quant_conv.bias",
    "first_stage_model.encoder.conv_in.bias",
    "conditioner.embedders.0.open_clip.model.logit_scale",
)


@pytest.fixture(scope="module")
def tiny():
    """Random numbers under the tiny network's names."""
    random = torch.Generator().manual_seed(0)
    shapes = unet_names(**UNETS["tiny"]) | vae_names(**VAES["tiny"]) | dict.fromkeys(OTHERS, (1,))
    return {key: torch.randn(shape, generator=random) for key, shape in shapes.items()}


@pytest.fixture(scope="module")
def modules():
    with torch.device("meta"):
        return architecture.unet("tiny"), architecture.vae(BUILT["tiny"])


@pytest.mark.parametrize("size", ["full", "tiny"])
def test_every_key_of_the_network_is_filled_and_every_key_of_the_checkpoint_used(size):
    with torch.device("meta"):
        unet, vae = architecture.unet(size), architecture.vae(BUILT[size])
        unet_keys, vae_keys = (
            {key: torch.empty(shape) for key, shape in names.items()}
            for names in (unet_names(**UNETS[size]), vae_names(**VAES[size]))
        )
    if size == "full":
        assert len(unet_keys) == 1428
    for module, keys, state in (
        (unet, unet_keys, checkpoint.unet_state(unet_keys, unet)),
        (vae, vae_keys, checkpoint.vae_state(vae_keys, vae)),
    ):
        expected = module.state_dict()
        assert {k: v.shape for k, v in state.items()} == {k: v.shape for k, v in expected.items()}
        assert len(state) == len(keys)


SPATIAL, TEMPORAL = "spatial_res_block", "temporal_res_block"
ATTENTION = "down_blocks.0.attentions.0"
UNET_PAIRS = {
    "time_embed.2.weight": "time_embedding.linear_2.weight",
    "label_emb.0.0.bias": "add_embedding.linear_1.bias",
    "input_blocks.1.0.in_layers.0.weight": f"down_blocks.0.resnets.0.{SPATIAL}.norm1.weight",
    "input_blocks.1.0.in_layers.2.weight": f"down_blocks.0.resnets.0.{SPATIAL}.conv1.weight",
    "input_blocks.1.0.emb_layers.1.bias": f"down_blocks.0.resnets.0.{SPATIAL}.time_emb_proj.bias",
    "input_blocks.1.0.out_layers.0.bias": f"down_blocks.0.resnets.0.{SPATIAL}.norm2.bias",
    "input_blocks.1.0.out_layers.3.weight": f"down_blocks.0.resnets.0.{SPATIAL}.conv2.weight",
    "input_blocks.3.0.time_stack.in_layers.2.bias": (
        f"down_blocks.1.resnets.0.{TEMPORAL}.conv1.bias"
    ),
    "input_blocks.3.0.time_stack.out_layers.3.bias": (
        f"down_blocks.1.resnets.0.{TEMPORAL}.conv2.bias"
    ),
    "input_blocks.1.0.time_mixer.mix_factor": "down_blocks.0.resnets.0.time_mixer.mix_factor",
    "input_blocks.1.1.norm.weight": "down_blocks.0.attentions.0.norm.weight",
    "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (
        f"{ATTENTION}.transformer_blocks.0.attn2.to_k.weight"
    ),
    "input_blocks.1.1.time_stack.0.ff_in.net.0.proj.weight": (
        f"{ATTENTION}.temporal_transformer_blocks.0.ff_in.net.0.proj.weight"
    ),
    "input_blocks.1.1.time_pos_embed.2.weight": f"{ATTENTION}.time_pos_embed.linear_2.weight",
    "input_blocks.1.1.time_mixer.mix_factor": f"{ATTENTION}.time_mixer.mix_factor",
    "input_blocks.2.0.op.weight": "down_blocks.0.downsamplers.0.conv.weight",
    "input_blocks.3.0.in_layers.0.weight": f"down_blocks.1.resnets.0.{SPATIAL}.norm1.weight",
    "middle_block.2.out_layers.3.weight": f"mid_block.resnets.1.{SPATIAL}.conv2.weight",
    "output_blocks.1.0.skip_connection.weight": (
        f"up_blocks.0.resnets.1.{SPATIAL}.conv_shortcut.weight"
    ),
    "output_blocks.1.0.time_mixer.mix_factor": "up_blocks.0.resnets.1.time_mixer.mix_factor",
    "output_blocks.1.1.conv.weight": "up_blocks.0.upsamplers.0.conv.weight",
    "output_blocks.2.1.proj_in.weight": "up_blocks.1.attentions.0.proj_in.weight",
    "out.0.weight": "conv_norm_out.weight",
    "out.2.weight": "conv_out.weight",
}
VAE_PAIRS = {
    f"{ENCODER}encoder.down.0.block.0.conv1.weight": "encoder.down_blocks.0.resnets.0.conv1.weight",
    f"{ENCODER}encoder.down.2.downsample.conv.bias": (
        "encoder.down_blocks.2.downsamplers.0.conv.bias"
    ),
    f"{ENCODER}encoder.mid.block_2.norm1.weight": "encoder.mid_block.resnets.1.norm1.weight",
    f"{ENCODER}encoder.norm_out.bias": "encoder.conv_norm_out.bias",
    f"{ENCODER}quant_conv.weight": "quant_conv.weight",
    f"{DECODER}mid.attn_1.norm.weight": "decoder.mid_block.attentions.0.group_norm.weight",
    f"{DECODER}up.3.block.0.norm2.weight": f"decoder.up_blocks.0.resnets.0.{SPATIAL}.norm2.weight",
    f"{DECODER}up.3.upsample.conv.weight": "decoder.up_blocks.0.upsamplers.0.conv.weight",
    f"{DECODER}up.0.block.1.mix_factor": "decoder.up_blocks.3.resnets.1.time_mixer.mix_factor",
    f"{DECODER}up.0.block.1.time_stack.in_layers.0.weight": (
        "decoder.up_blocks.3.resnets.1.temporal_res_block.norm1.weight"
    ),
    f"{DECODER}up.0.block.1.time_stack.out_layers.3.weight": (
        "decoder.up_blocks.3.resnets.1.temporal_res_block.conv2.weight"
    ),
    f"{DECODER}conv_out.weight": "decoder.conv_out.weight",
    f"{DECODER}conv_out.time_mix_conv.weight": "decoder.time_conv_out.weight",
}


def test_values_arrive_where_they_belong(tiny, modules):
    state = checkpoint.unet_state(tiny, modules[0])
    for theirs, ours in UNET_PAIRS.items():
        assert torch.equal(state[ours], tiny[FIRST + theirs]), theirs
    state = checkpoint.vae_state(tiny, modules[1])
    for theirs, ours in VAE_PAIRS.items():
        assert torch.equal(state[ours], tiny[theirs]), theirs
    for part, prefix in (("encoder", f"{ENCODER}encoder."), ("decoder", DECODER)):
        for theirs, ours in (("q", "to_q"), ("k", "to_k"), ("v", "to_v"), ("proj_out", "to_out.0")):
            value = tiny[f"{prefix}mid.attn_1.{theirs}.weight"]
            found = state[f"{part}.mid_block.attentions.0.{ours}.weight"]
            assert torch.equal(found, value[:, :, 0, 0])


@pytest.mark.parametrize(
    "key, states",
    [
        (f"{FIRST}input_blocks.1.1.time_stack.0.norm_in.weight", checkpoint.unet_state),
        (f"{DECODER}up.0.block.0.mix_factor", checkpoint.vae_state),
        (f"{ENCODER}quant_conv.bias", checkpoint.vae_state),
    ],
)
def test_a_missing_an_extra_and_a_misshapen_key_are_named(tiny, modules, key, states):
    module = modules[states is checkpoint.vae_state]
    shape = list(tiny[key].shape)
    name = re.escape(f"{key} {shape}")
    with pytest.raises(ValueError, match=f"lacks {name}"):
        states({k: v for k, v in tiny.items() if k != key}, module)
    with pytest.raises(ValueError, match=re.escape(f"has {key}.more [7], which has no place")):
        states(tiny | {f"{key}.more": torch.zeros(7)}, module)
    with pytest.raises(ValueError, match=re.escape(f"has {key} [3, 5], expected {shape}")):
        states(tiny | {key: torch.zeros(3, 5)}, module)


def test_an_error_names_five_keys_and_counts_the_rest(modules):
    with pytest.raises(ValueError, match="and 417 more") as error:
        checkpoint.unet_state({}, modules[0])
    assert str(error.value).count("lacks") == 5


def write(path, tensors):
    if path.suffix == ".safetensors":
        safetensors.torch.save_file(tensors, path)
    else:
        nested = {"state_dict": tensors, "global_step": 4000} if path.stem == "nested" else tensors
        torch.save(nested, path, _use_new_zipfile_serialization=path.stem != "old")


@pytest.mark.parametrize("name", ["nested.ckpt", "plain.ckpt", "old.ckpt", "plain.safetensors"])
def test_fine_tuning_begins_with_a_checkpoint_file(tiny, tmp_path, monkeypatch, name):
    monkeypatch.setitem(architecture.UNETS, "full", architecture.UNETS["tiny"])
    monkeypatch.setitem(architecture.VAES, "full", BUILT["tiny"])
    write(tmp_path / name, {key: value.half() for key, value in tiny.items()})
    unet, vae = finetune.initial_weights(tmp_path / name, None)
    assert unet.dtype == vae.dtype == torch.float32
    assert torch.equal(unet.conv_out.weight, tiny[f"{FIRST}out.2.weight"].half().float())
    assert torch.equal(vae.quant_conv.weight, tiny[f"{ENCODER}quant_conv.weight"].half().float())


def test_a_checkpoint_that_does_not_fit_changes_nothing(tiny, tmp_path):
    unet, vae = architecture.unet("tiny"), architecture.vae(BUILT["tiny"])
    before = unet.conv_in.weight.clone()
    part = {key: value for key, value in tiny.items() if not key.startswith(DECODER)}
    write(tmp_path / "part.safetensors", part)
    with pytest.raises(ValueError, match="part.safetensors does not fit the network: it lacks"):
        checkpoint.load(tmp_path / "part.safetensors", unet, vae)
    assert torch.equal(unet.conv_in.weight, before)


@pytest.mark.parametrize("name", ["broken.ckpt", "broken.safetensors"])
def test_a_file_without_weights_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"no weights")
    with pytest.raises(ValueError, match=f"{name} holds no weights"):
        checkpoint.read(tmp_path / name)
    with pytest.raises(OSError):
        checkpoint.read(tmp_path / "nowhere" / name)

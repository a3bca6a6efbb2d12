"""Exporting Stable Video Diffusion's graphs, on the tiny configuration."""

import json

import numpy
import onnxruntime
import pytest
import torch
from diffusers.models.attention_processor import Attention

from dreamitate_training import contract
from dreamitate_training.cli import main
from dreamitate_training.svd import architecture
from dreamitate_training.svd.folder import Writing, difference, write_graphs
from dreamitate_training.svd.lowering import lower, set_attention

SIZE = (32, 32)


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model exported by the command, guided, from random weights saved as a diffusers folder."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
    source, out = tmp_path_factory.mktemp("diffusers"), tmp_path_factory.mktemp("model")
    architecture.unet("tiny").save_pretrained(source / "unet")
    architecture.vae("tiny").save_pretrained(source / "vae")
    text = source / "text.npy"
    numpy.save(text, numpy.random.default_rng(0).standard_normal((1, 1, 32)).astype(numpy.float32))
    arguments = ["--diffusers", source, "--text-embeds", text, "--licence", "MIT", "--out", out]
    sizes = ["--width", SIZE[0], "--height", SIZE[1], "--precision", "fp32", "--task", "rotation", "--prompt", "turn it"]
    assert main(["export", *map(str, [*arguments, *sizes])]) == 0
    return out


def inputs(batch, seed=0):
    random = numpy.random.default_rng(seed)
    video = (batch, 25, 4, SIZE[1] // 8, SIZE[0] // 8)
    return {
        "latents": random.standard_normal(video).astype(numpy.float32),
        "image_latents": random.standard_normal(video).astype(numpy.float32),
        "text_embeds": random.standard_normal((1, 1, 32)).astype(numpy.float32),
        "added_time_ids": numpy.array([[6, 200, 0.02]], numpy.float32),
        "sigma": numpy.array([5], numpy.float32),
        "sigma_next": numpy.array([3], numpy.float32),
    }


def test_the_manifest_says_what_the_dreamer_needs(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["format"], manifest["prompt"], manifest["licence"]) == ("dreamitate-model", "turn it", "MIT")
    assert (manifest["width"], manifest["height"], manifest["views"]) == (*SIZE, [13, 12])
    for name in [contract.ENCODER, contract.STEP, contract.GUIDED_STEP, contract.DECODER, contract.TEXT]:
        entry = manifest["files"][name]
        assert entry == {"bytes": (folder / name).stat().st_size, "sha256": contract.sha256(folder / name)}


def test_videos_together_are_those_alone(folder):
    step = session(folder / contract.STEP)
    together = inputs(2)
    (both,) = step.run(None, together)
    alone = together | {name: together[name][1:] for name in ("latents", "image_latents")}
    (second,) = step.run(None, alone)
    assert numpy.abs(both[1:] - second).max() < 1e-4 * numpy.abs(second).max()


def test_guidance_of_one_is_no_guidance(folder):
    given = inputs(1)
    (plain,) = session(folder / contract.STEP).run(None, given)
    guided = session(folder / contract.GUIDED_STEP)
    (one,) = guided.run(None, given | {"guidance": numpy.ones(25, numpy.float32)})
    (two,) = guided.run(None, given | {"guidance": numpy.full(25, 2, numpy.float32)})
    assert numpy.abs(one - plain).max() < 1e-4 * numpy.abs(plain).max()
    assert numpy.abs(two - plain).max() > 1e-2 * numpy.abs(plain).max()


def test_any_number_of_frames_is_encoded_and_decoded(folder):
    decoder, encoder = session(folder / contract.DECODER), session(folder / contract.ENCODER)
    for count in (1, 7):
        latents = numpy.zeros((count, 4, SIZE[1] // 8, SIZE[0] // 8), numpy.float32)
        assert decoder.run(None, {"latents": latents})[0].shape == (count, 3, *SIZE)
        assert encoder.run(None, {"image": numpy.zeros((count, 3, *SIZE), numpy.float32)})[0].shape == latents.shape


@pytest.mark.parametrize("written", ["unfused", "onnx", "ort"])
def test_attention_is_the_same_however_it_is_written(written, tmp_path):
    torch.manual_seed(0)

    class Layer(torch.nn.Module):
        inputs, output = ("hidden",), "attended"

        def __init__(self):
            super().__init__()
            self.attention = Attention(query_dim=32, heads=2, dim_head=16)

        def forward(self, hidden):
            return self.attention(hidden)

    layer = lower(Layer())
    hidden = torch.randn(3, 20, 32)
    set_attention(layer, written)
    program = torch.export.export(layer, (hidden,))
    graph = torch.onnx.export(program, dynamo=True, opset_version=23, input_names=["hidden"], verbose=False)
    graph.save(tmp_path / "layer.onnx")
    set_attention(layer, "unfused")
    assert difference(tmp_path / "layer.onnx", layer, (hidden,)) < 1e-5


def test_a_graph_that_differs_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr("dreamitate_training.svd.folder.difference", lambda *_: 0.5)
    unet, vae = architecture.unet("tiny"), architecture.vae("tiny")
    with pytest.raises(ValueError, match="unet_step.onnx differs from torch by 5.0e-01"):
        write_graphs(tmp_path, unet, vae, SIZE, Writing(guided=False))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--diffusers", "nowhere", "--task", "t", "--prompt", "p", "--licence", "l"], "nowhere"),
        (["--diffusers", "nowhere"], "--task, --prompt or --licence is missing"),
        (["--random", "tiny", "--guidance", "2", "--unguided"], "--guidance 2; it is at least 1"),
        (["--random", "tiny", "--width", "36"], "36x448 px"),
        (["--random", "tiny", "--graphs-only"], "--graphs-only goes with --random full"),
        (["--random", "tiny", "--attention", "onnx"], "needs opset 23, not 20"),
        (["--random", "tiny", "--open-clip", "clip.bin"], "there is none"),
    ],
)
def test_what_cannot_be_exported_is_said(arguments, message, tmp_path, capsys):
    assert main(["export", *arguments, "--out", str(tmp_path)]) == 1
    assert message in capsys.readouterr().err

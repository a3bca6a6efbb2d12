"""The embedding of a sentence, against open_clip's whole model with few channels and random
weights.
"""

import numpy as np
import open_clip
import pytest
import safetensors.torch
import torch

from dreamitate_training.svd import architecture, finetune, prompt
from dreamitate_training.svd.recipe import Recipe

torch.set_num_threads(1)
CONFIG = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 3},
}
SENTENCE = "Rotate the object on the black table counter clockwise with two hands"


@pytest.fixture(scope="module")
def clip():
    torch.manual_seed(0)
    model = open_clip.model.CLIP(**CONFIG).eval()
    # Fresh norms are the identity, and would hide one that is left out.
    torch.nn.init.normal_(model.ln_final.weight)
    torch.nn.init.normal_(model.ln_final.bias)
    return model


def write(path, weights):
    save = safetensors.torch.save_file if path.suffix == ".safetensors" else torch.save
    save(weights, path)
    return path


@pytest.mark.parametrize("name", ["clip.bin", "clip.pt", "clip.safetensors"])
def test_the_embedding_is_that_of_the_whole_model(clip, tmp_path, name):
    path = write(tmp_path / name, clip.state_dict())
    values = prompt.embed(path, SENTENCE, CONFIG)
    assert values.shape == (1, 1, 24) and values.dtype == np.float32
    with torch.inference_mode():
        expected = clip.encode_text(open_clip.tokenize([SENTENCE])).numpy()
    np.testing.assert_allclose(values[0], expected, rtol=1e-5, atol=1e-6)
    assert abs(np.linalg.norm(expected) - 1) > 0.01, "a unit vector would not show a normalisation"
    assert not np.allclose(values, prompt.embed(path, "Sweep the table", CONFIG), atol=1e-3)


def test_fine_tuning_embeds_the_prompt_of_its_recipe(clip, tmp_path, monkeypatch):
    monkeypatch.setattr(open_clip, "get_model_config", lambda name: CONFIG)
    path = write(tmp_path / "clip.bin", clip.state_dict())
    recipe = Recipe(task="rotation", prompt=SENTENCE, fps=6.0)
    for width in (24, 32):
        with torch.device("meta"):
            unet = architecture.unet(architecture.UNETS["tiny"] | {"cross_attention_dim": width})
        if width == 24:
            text = finetune.text_embedding(None, path, unet, recipe, given_up=False)
            np.testing.assert_array_equal(text.numpy(), prompt.embed(path, SENTENCE, CONFIG))
        else:
            with pytest.raises(ValueError, match=r"gives \[1, 1, 24\], expected \[1, 1, 32\]"):
                finetune.text_embedding(None, path, unet, recipe, given_up=False)


def test_weights_that_do_not_fit_are_named(clip, tmp_path):
    weights = dict(clip.state_dict())
    more = write(tmp_path / "more.pt", weights | {"ln_more.weight": torch.zeros(3)})
    with pytest.raises(ValueError, match="ln_more.weight"):
        prompt.embed(more, SENTENCE, CONFIG)
    del weights["ln_final.bias"]
    with pytest.raises(ValueError, match="ln_final.bias"):
        prompt.embed(write(tmp_path / "less.pt", weights), SENTENCE, CONFIG)


@pytest.mark.parametrize(
    "sentence, message", [(" ", "prompt is empty"), ("hand " * 76, "has 76 tokens, and at most 75")]
)
def test_a_sentence_that_cannot_be_read_whole_is_refused(tmp_path, sentence, message):
    with pytest.raises(ValueError, match=message):
        prompt.embed(tmp_path / "never_opened.bin", sentence, CONFIG)


def test_an_embedding_is_read_as_it_was_written(tmp_path):
    values = np.linspace(-1, 1, 8).reshape(1, 1, 8)
    np.save(tmp_path / "text.npy", values)
    read = prompt.read_embedding(tmp_path / "text.npy")
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, values.astype(np.float32))


@pytest.mark.parametrize(
    "values, message",
    [
        (np.zeros((1, 8)), r"is \[1, 8\], expected \[1, 1, N\]"),
        (np.zeros((1, 2, 8)), r"is \[1, 2, 8\], expected"),
        (np.full((1, 1, 8), np.nan), "not finite"),
        (np.zeros((1, 1, 8), np.int64), "no array of floating-point"),
    ],
)
def test_a_wrong_embedding_is_refused(tmp_path, values, message):
    np.save(tmp_path / "text.npy", values)
    with pytest.raises(ValueError, match=message):
        prompt.read_embedding(tmp_path / "text.npy")


def test_a_file_that_is_no_array_is_refused(tmp_path):
    (tmp_path / "text.npy").write_bytes(b"text")
    with pytest.raises(ValueError, match="holds no array"):
        prompt.read_embedding(tmp_path / "text.npy")

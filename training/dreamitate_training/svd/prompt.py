"""The embedding of a task's sentence, which takes the place of Stable Video Diffusion's embedding
of the image.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy
import open_clip
import torch
from open_clip.tokenizer import SimpleTokenizer
from open_clip.transformer import TextTransformer

from dreamitate_training.svd import checkpoint

#: The CLIP that the network was trained with (arXiv 2212.07143).
MODEL = "ViT-H-14"
#: What the file holds besides the text tower.
IGNORED = ("visual.", "logit_scale", "logit_bias")
#: Tokens that begin and end a sentence.
MARKS = 2


def embed(open_clip_file: Path, prompt: str, config: Mapping | None = None) -> numpy.ndarray:
    """Returns CLIP's embedding of a sentence, f32 `[1, 1, 1024]`.

    It is the last layer's row at the end of the text, normed and projected, but not made a unit
    vector. The vocabulary is open_clip's own; the file holds the weights of the whole CLIP, and
    only the text tower's are used. `config` is open_clip's description of the model.

    Raises OSError or ValueError if the file cannot be read or does not fit, or if the sentence is
    empty or too long.
    """
    config = config or open_clip.get_model_config(MODEL)
    tower = TextTransformer(output_dim=config["embed_dim"], **config["text_cfg"]).float().eval()
    tokens = _tokens(prompt, tower.context_length)
    weights = {
        key: value
        for key, value in checkpoint.read(open_clip_file).items()
        if not key.startswith(IGNORED)
    }
    try:
        tower.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        raise ValueError(f"{open_clip_file} does not fit the text tower: {error}") from error
    with torch.inference_mode():
        return tower(tokens)[:, None].numpy()


def read_embedding(path: Path) -> numpy.ndarray:
    """Returns the embedding in a `.npy` file, f32 `[1, 1, N]`.

    Raises OSError or ValueError if there is no such file, its shape is another, or a number is not
    finite.
    """
    try:
        values = numpy.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} holds no array: {error}") from error
    if not isinstance(values, numpy.ndarray) or not numpy.issubdtype(values.dtype, numpy.floating):
        raise ValueError(f"{path} holds no array of floating-point numbers")
    if values.ndim != 3 or values.shape[:2] != (1, 1) or values.shape[2] == 0:
        raise ValueError(f"{path} is {list(values.shape)}, expected [1, 1, N]")
    if not numpy.isfinite(values).all():
        raise ValueError(f"{path} holds numbers that are not finite")
    return values.astype(numpy.float32)


def _tokens(prompt: str, length: int) -> torch.Tensor:
    """Returns the sentence's tokens, i64 `[1, length]`."""
    tokenizer = SimpleTokenizer(context_length=length)
    count = len(tokenizer.encode(prompt))
    if count == 0:
        raise ValueError("the prompt is empty")
    # The tokenizer would cut the sentence off and say nothing.
    if count > length - MARKS:
        raise ValueError(f"the prompt has {count} tokens, and at most {length - MARKS} are read")
    return tokenizer(prompt)

"""Attention as the graphs compute it."""

import torch

#: How attention is written: as matrix products and a softmax (any runtime; holds every score in memory), as ONNX's
#: own operator (opset 23), or as ONNX Runtime's operator, which is a fused kernel on a GPU.
LOWERINGS = ("unfused", "onnx", "ort")


def _unfused(query, key, value, heads: int):
    query, key, value = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (query, key, value))
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
    return (scores.softmax(-1) @ value).transpose(1, 2).flatten(2)


def _onnx(query, key, value, heads: int):
    heads = {"q_num_heads": heads, "kv_num_heads": heads}
    return torch.onnx.ops.symbolic(
        "Attention", (query, key, value), heads, dtype=query.dtype, shape=query.shape, version=23
    )


def _ort(query, key, value, heads: int):
    return torch.onnx.ops.symbolic(
        "com.microsoft::MultiHeadAttention",
        (query, key, value),
        {"num_heads": heads},
        dtype=query.dtype,
        shape=query.shape,
        version=1,
    )


class Processor:
    """Computes a diffusers `Attention` module as `lowering` says; only `unfused` can also run in torch.

    A context of one token takes all the attention whatever the query is, so that its value is the result: this spares
    the cross attention with the prompt's single embedding.
    """

    def __init__(self, lowering: str):
        self.compute = {"unfused": _unfused, "onnx": _onnx, "ort": _ort}[lowering]

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, temb=None):
        """Returns the attention's output, shaped as `hidden_states`, or `[B, 1, C]` for a context of one token."""
        if attention_mask is not None:
            raise ValueError("an attention mask cannot be exported")
        residual = hidden_states
        if image := hidden_states.ndim == 4:
            hidden_states = hidden_states.flatten(2).transpose(1, 2)
        if attn.group_norm is not None:
            hidden_states = attn.group_norm(hidden_states.transpose(1, 2)).transpose(1, 2)
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        mixed = attn.to_v(context)
        if encoder_hidden_states is None or context.shape[1] > 1:
            mixed = self.compute(attn.to_q(hidden_states), attn.to_k(context), mixed, attn.heads)
        output = attn.to_out[1](attn.to_out[0](mixed))
        if image:
            output = output.transpose(1, 2).unflatten(2, residual.shape[2:])
        if attn.residual_connection:
            output = output + residual
        return output / attn.rescale_output_factor

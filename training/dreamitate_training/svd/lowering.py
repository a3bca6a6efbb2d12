"""Rewrites a network's layers, without changing what it computes, to those that export to fast graphs."""

import torch
import torch.nn.functional as F
from diffusers.models.attention_processor import Attention
from diffusers.models.upsampling import Upsample2D

from dreamitate_training.svd.attention import Processor


class MatMul(torch.nn.Module):
    """A linear layer that stores its weight as the graph multiplies it, `[in, out]`, so that no runtime transposes."""

    def __init__(self, linear: torch.nn.Linear):
        super().__init__()
        self.weight = torch.nn.Parameter(linear.weight.detach().t().contiguous(), requires_grad=False)
        self.bias = linear.bias

    def forward(self, x):
        """Returns the layer's output `[..., out]`."""
        product = x @ self.weight
        return product if self.bias is None else product + self.bias


class TemporalConv(torch.nn.Module):
    """A convolution over time alone (kernel `[k, 1, 1]`), as a 2D one over time and all the pixels: 2D is faster."""

    def __init__(self, conv: torch.nn.Conv3d):
        super().__init__()
        self.weight = torch.nn.Parameter(conv.weight.detach().squeeze(-1), requires_grad=False)
        self.bias = conv.bias
        self.padding = conv.padding[:2]

    def forward(self, x):
        """Returns the convolution of `[B, C, T, H, W]`."""
        return F.conv2d(x.flatten(3), self.weight, self.bias, padding=self.padding).unflatten(3, x.shape[3:])


class Upsample(torch.nn.Module):
    """Twice the size by repetition, then a convolution; diffusers' own branches on the batch, which fixes its size."""

    def __init__(self, upsample: Upsample2D):
        super().__init__()
        self.conv = upsample.conv

    def forward(self, x, output_size=None):
        """Returns `[B, C, 2H, 2W]`, or `output_size`."""
        scale = 2.0 if output_size is None else None
        return self.conv(F.interpolate(x, size=output_size, scale_factor=scale, mode="nearest"))


def _is_temporal(module: torch.nn.Module) -> bool:
    return (
        isinstance(module, torch.nn.Conv3d)
        and module.kernel_size[1:] == (1, 1)
        and module.padding[1:] == (0, 0)
        and (module.stride, module.dilation, module.groups) == ((1, 1, 1), (1, 1, 1), 1)
    )


def set_attention(network: torch.nn.Module, attention: str) -> None:
    """Has the network's attention computed as `attention` says; only `unfused` also runs in torch."""
    for module in network.modules():
        if isinstance(module, Attention):
            module.set_processor(Processor(attention))


def lower(network: torch.nn.Module) -> torch.nn.Module:
    """Rewrites the network in place for an export, with unfused attention, and returns it without gradients."""
    network.eval().requires_grad_(False)
    set_attention(network, "unfused")
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, torch.nn.Linear):
                setattr(module, name, MatMul(child))
            elif _is_temporal(child):
                setattr(module, name, TemporalConv(child))
            elif isinstance(child, Upsample2D):
                setattr(module, name, Upsample(child))
    return network

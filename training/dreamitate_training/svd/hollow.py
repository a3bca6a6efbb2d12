"""Networks of the true size whose large weights have no values, for graphs that are written without their weights."""

import torch


def fill(network: torch.nn.Module, dtype: torch.dtype) -> torch.nn.Module:
    """Returns a network on the `meta` device as one on the CPU, whose matrices are memory that nobody has touched.

    So three gigabytes of weights take no memory. Vectors are true: norms 1, biases 0, mixing factors 0.5.
    """
    network = network.to(dtype).to_empty(device="cpu").requires_grad_(False)
    for name, weight in network.named_parameters():
        if weight.ndim < 2:
            weight.fill_(0.5 if name.endswith("mix_factor") else float(name.endswith("weight")))
    return network


def addresses(network: torch.nn.Module) -> frozenset[int]:
    """Returns where the matrices without values lie."""
    return frozenset(weight.data_ptr() for weight in network.parameters() if weight.ndim >= 2)

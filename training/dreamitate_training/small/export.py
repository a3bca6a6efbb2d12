"""`small-export`: from the trained weights to the model folder that the dreamer runs."""

import argparse
import dataclasses
from pathlib import Path

import numpy
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from dreamitate_training import contract
from dreamitate_training.small.autoencoder import Autoencoder
from dreamitate_training.small.graphs import Step
from dreamitate_training.small.sample import NOISE
from dreamitate_training.small.shape import LATENT_SCALE, Shape
from dreamitate_training.small.transformer import Transformer
from dreamitate_training.small.weights import load_weights, read_shape

HELP = "Exports the trained small model to the graphs that the dreamer runs."
OPSET = 20
#: Largest difference between a graph and its module, as a part of the largest value; fp32 on both sides.
TOLERANCE = 1e-3
#: Constants of fewer values stay fp32.
NARROWED_FROM = 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("--weights", type=Path, required=True, help="folder of autoencoder-* and transformer-*")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    parser.add_argument("--precision", choices=("fp32", "fp16"), default="fp16", help="of stored weights (fp16)")
    parser.add_argument("--steps", type=int, default=NOISE.steps, help=f"of a dream ({NOISE.steps})")
    parser.add_argument("--name", default="small-rotation")
    parser.add_argument("--task", default="rotation")
    parser.add_argument(
        "--prompt", default="Rotate the object on the black table counter clockwise with two hands"
    )
    parser.add_argument("--licence", default="Apache-2.0 OR MIT", help="of the weights")
    parser.add_argument(
        "--origin", default="Trained from nothing on clips that the project's own renderer drew."
    )


def run(args: argparse.Namespace) -> None:
    """Writes the folder and prints each graph's size and its distance from the module.

    Raises ValueError or OSError if weights are missing or a graph does not agree with its module.
    """
    if args.steps < 2:
        raise ValueError(f"--steps {args.steps}; at least 2 are needed")
    shape = read_shape(args.weights, "transformer")
    autoencoder, transformer = Autoencoder(shape).eval(), Transformer(shape).eval()
    load_weights(args.weights, "autoencoder", autoencoder)
    load_weights(args.weights, "transformer", transformer)
    contract.clear(args.out)
    narrow = args.precision == "fp16"
    for file, module, names, inputs in examples(shape, autoencoder, transformer):
        path = args.out / file
        export_graph(module, names, inputs, path, narrow)
        error = difference(module, names, inputs, path)
        print(f"{file}: {path.stat().st_size / 1e6:.2f} MB, differs from torch by {error:.1e} of the largest value")
        if not error <= TOLERANCE:
            raise ValueError(f"{path} differs from torch by {error:.1e}, more than {TOLERANCE:.0e}")
    manifest = contract.Manifest(
        name=args.name,
        task=args.task,
        prompt=args.prompt,
        licence=args.licence,
        origin=args.origin,
        width=shape.width,
        height=shape.height,
        latent_channels=shape.channels,
        latent_scale=LATENT_SCALE,
        views=shape.views,
        noise=dataclasses.replace(NOISE, steps=args.steps),
        cond_aug=0.0,
        precision="fp32",
    )
    contract.write_manifest(args.out, manifest)


def examples(
    shape: Shape, autoencoder: Autoencoder, transformer: Transformer
) -> list[tuple[str, nn.Module, tuple[list[str], str], tuple[torch.Tensor, ...]]]:
    """Returns each graph's file, module, names of inputs and output, and inputs to try it with."""
    generator = torch.Generator().manual_seed(7)

    def random(*size: int) -> torch.Tensor:
        return torch.randn(size, generator=generator)

    frames = sum(shape.views)
    latents = (shape.channels, *shape.latent_size)
    image = random(2, 3, shape.height, shape.width).clamp(-1, 1)
    levels = torch.tensor([3.0]), torch.tensor([1.5])
    step = 3 * random(1, frames, *latents), random(1, frames, *latents), *levels
    return [
        (contract.ENCODER, autoencoder.encoder, (["image"], "image_latents"), (image,)),
        (
            contract.STEP,
            Step(shape, transformer),
            (["latents", "image_latents", "sigma", "sigma_next"], "latents_next"),
            step,
        ),
        (contract.DECODER, autoencoder.decoder, (["latents"], "frames"), (random(2, *latents),)),
    ]


def export_graph(
    module: nn.Module,
    names: tuple[list[str], str],
    inputs: tuple[torch.Tensor, ...],
    path: Path,
    narrow: bool,
) -> None:
    """Writes the module's graph with any batch; with `narrow`, large constants are stored as fp16."""
    module.eval()
    batch = torch.export.Dim("batch")
    # A batch of 1 would be taken for a constant.
    several = tuple(value.repeat(3, *[1] * (value.ndim - 1)) if value.ndim > 1 else value for value in inputs)
    dynamic = tuple({0: batch} if value.ndim > 1 else None for value in inputs)
    program = torch.onnx.export(
        module.eval(),
        several,
        dynamo=True,
        opset_version=OPSET,
        input_names=names[0],
        output_names=[names[1]],
        dynamic_shapes=dynamic,
        verbose=False,
    )
    model = program.model_proto
    if narrow:
        narrow_constants(model)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def narrow_constants(model: onnx.ModelProto) -> None:
    """Stores large fp32 constants as fp16, each with a cast back, which the runtime does once when it loads.

    Arithmetic stays fp32: processors have no fast fp16.
    """
    casts = []
    for constant in model.graph.initializer:
        if constant.data_type != TensorProto.FLOAT or numpy.prod(constant.dims) < NARROWED_FROM:
            continue
        values = numpy_helper.to_array(constant).astype(numpy.float16)
        name = constant.name
        constant.CopyFrom(numpy_helper.from_array(values, f"{name}.fp16"))
        casts.append(helper.make_node("Cast", [constant.name], [name], f"{name}.cast", to=TensorProto.FLOAT))
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(casts + nodes)


@torch.no_grad()
def difference(
    module: nn.Module, names: tuple[list[str], str], inputs: tuple[torch.Tensor, ...], path: Path
) -> float:
    """Returns the largest difference of the graph from the module over the module's largest value."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    wanted = module(*inputs)
    feeds = {name: value.numpy() for name, value in zip(names[0], inputs, strict=True)}
    (got,) = session.run([names[1]], feeds)
    return ((torch.from_numpy(got) - wanted).abs().max() / wanted.abs().max()).item()

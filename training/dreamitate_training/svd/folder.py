"""Writes the graphs of a dreamer from its modules, and compares each with torch."""

import dataclasses
import warnings
from pathlib import Path

import numpy
import onnxruntime
import torch
from diffusers import AutoencoderKLTemporalDecoder, UNetSpatioTemporalConditionModel
from torch import Tensor, nn
from torch.export import Dim

from dreamitate_training import contract
from dreamitate_training.svd import graphs, hollow
from dreamitate_training.svd.lowering import lower, set_attention
from dreamitate_training.svd.onnx_folder import WeightsFile

#: Opsets with attention as an operator of their own, and without.
OPSETS = (20, 23)
#: Largest difference between a graph and its module, as a part of the largest value.
LIMITS = {"fp32": 1e-4, "fp16": 3e-2}
#: Videos, and frames that are encoded or decoded, at once.
MOST = 64
#: The UNet alone, for tests of parity.
NETWORK = "unet.onnx"


@dataclasses.dataclass(frozen=True)
class Writing:
    """How graphs are written."""

    precision: str = "fp32"
    opset: int = 20
    attention: str = "unfused"
    guided: bool = True
    parity: bool = False
    #: Leaves the weights out, see `hollow`; such graphs cannot be compared.
    graphs_only: bool = False

    def __post_init__(self) -> None:
        if self.opset not in OPSETS:
            raise ValueError(f"opset {self.opset}; {OPSETS} are possible")
        if self.attention == "onnx" and self.opset < 23:
            raise ValueError(f"ONNX's attention needs opset 23, not {self.opset}")

    @property
    def dtype(self) -> torch.dtype:
        """Of the arithmetic inside the graphs."""
        return {"fp32": torch.float32, "fp16": torch.float16}[self.precision]


def write_graphs(
    folder: Path,
    unet: UNetSpatioTemporalConditionModel,
    vae: AutoencoderKLTemporalDecoder,
    size: tuple[int, int],
    writing: Writing,
) -> dict[str, float]:
    """Writes the graphs for frames of `size` (width, height) and returns how far each is from torch.

    The modules are rewritten for the export and moved to its precision. The error is a part of the largest value; it
    is not measured for `graphs_only`.

    Raises ValueError if a graph differs from its module by more than the limit of its precision.
    """
    scale = 2 ** (len(vae.config.block_out_channels) - 1)
    width, height = size
    cell = scale * 2 ** (len(unet.config.block_out_channels) - 1)
    if width % cell or height % cell:
        raise ValueError(f"{width}x{height} px; the network halves them down to cells of {cell} px, of which whole ones are needed")
    channels, count = vae.config.latent_channels, unet.config.num_frames
    lower(unet)
    lower(vae)
    if writing.graphs_only:
        unet, vae = (hollow.fill(network, writing.dtype) for network in (unet, vae))
    else:
        unet, vae = unet.to(writing.dtype), vae.to(writing.dtype)
    rows, columns = height // scale, width // scale
    random = torch.Generator().manual_seed(0)

    def values(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random)

    batch, frames = Dim("batch", min=1, max=MOST), Dim("frames", min=1, max=MOST)
    # Two videos: with one the exporter would take the batch for fixed.
    video = (2, count, channels, rows, columns)
    text, ids = values(1, 1, unet.config.cross_attention_dim), torch.tensor([[6.0, 200.0, 0.02]])
    step = (values(*video), values(*video), text, ids, torch.tensor([3.0]), torch.tensor([2.0]))
    free = ({0: batch}, {0: batch}, None, None, None, None)
    jobs = [("unet.weights", contract.STEP, graphs.Step(unet), step, free)]
    if writing.guided:
        guided = (*step, torch.full((count,), 2.0))
        jobs.append(("unet.weights", contract.GUIDED_STEP, graphs.GuidedStep(unet), guided, (*free, None)))
    if writing.parity:
        sample = (values(2, count, 2 * channels, rows, columns), torch.tensor([0.3]), text, ids)
        jobs.append(("unet.weights", NETWORK, graphs.Network(unet), sample, ({0: batch}, None, None, None)))
    pictures, latents = values(2, 3, height, width), values(3, channels, rows, columns)
    jobs.append(("vae_encoder.weights", contract.ENCODER, graphs.Encoder(vae), (pictures,), ({0: frames},)))
    jobs.append(("vae_decoder.weights", contract.DECODER, graphs.Decoder(vae), (latents,), ({0: frames},)))

    contract.clear(folder)
    unfilled = hollow.addresses(unet) | hollow.addresses(vae) if writing.graphs_only else frozenset()
    weights: dict[str, WeightsFile] = {}
    errors = {}
    for file, name, module, inputs, dynamic in jobs:
        if file not in weights:
            weights[file] = WeightsFile(folder, file, unfilled)
        set_attention(module, writing.attention)
        weights[file].write_graph(_traced(module, inputs, dynamic, writing.opset), name)
        set_attention(module, "unfused")
        if not writing.graphs_only:
            errors[name] = difference(folder / name, module, inputs)
            if not errors[name] <= LIMITS[writing.precision]:
                raise ValueError(
                    f"{name} differs from torch by {errors[name]:.1e} of the largest value, more than "
                    f"{LIMITS[writing.precision]:.0e}"
                )
    return errors


def _traced(module: nn.Module, inputs: tuple[Tensor, ...], dynamic: tuple, opset: int):
    with warnings.catch_warnings(), torch.no_grad():
        # Of the exporter's own making.
        warnings.simplefilter("ignore")
        program = torch.export.export(module, inputs, dynamic_shapes=dynamic, strict=False)
        written = torch.onnx.export(
            program,
            dynamo=True,
            opset_version=opset,
            input_names=list(module.inputs),
            output_names=[module.output],
            verbose=False,
        )
    return written.model


def difference(path: Path, module: nn.Module, inputs: tuple[Tensor, ...]) -> float:
    """Returns how far the graph is from its module on these inputs, as a part of the largest value."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    feeds = {name: value.numpy() for name, value in zip(module.inputs, inputs, strict=True)}
    wanted = {entry.name for entry in session.get_inputs()}
    (found,) = session.run(None, {name: value for name, value in feeds.items() if name in wanted})
    with torch.no_grad():
        expected = module(*inputs).numpy()
    return float(numpy.abs(found - expected).max() / numpy.abs(expected).max())

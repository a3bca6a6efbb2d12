"""`export`: from fine-tuned weights to the model folder that the dreamer runs."""

import argparse
import json
from pathlib import Path

import numpy
import torch
from diffusers import AutoencoderKLTemporalDecoder, UNetSpatioTemporalConditionModel

from dreamitate_training import contract
from dreamitate_training.svd import architecture, checkpoint, prompt
from dreamitate_training.svd.attention import LOWERINGS
from dreamitate_training.svd.folder import OPSETS, Writing, write_graphs

HELP = "Exports Stable Video Diffusion, fine-tuned for a task, to the graphs that the dreamer runs."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--checkpoint", type=Path, help="the authors' .ckpt or .safetensors")
    source.add_argument("--diffusers", type=Path, help="folder with unet/ and vae/, as `finetune` writes it")
    source.add_argument("--random", choices=("full", "tiny"), help="random weights, for timing and tests")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    parser.add_argument("--open-clip", type=Path, help="OpenCLIP ViT-H-14's weights, which embed the prompt")
    parser.add_argument("--text-embeds", type=Path, help=".npy of the embedded prompt, instead of --open-clip")
    parser.add_argument("--prompt", help="the sentence that the model was fine-tuned with; needed but for --random")
    parser.add_argument("--task", help="the task that it was fine-tuned for; needed but for --random")
    parser.add_argument("--name", help="of the model (the task's)")
    parser.add_argument("--licence", help="of the weights; needed but for --random")
    parser.add_argument("--fps", type=int, default=6, help="that it was fine-tuned with (6)")
    parser.add_argument("--motion-bucket", type=int, default=200, help="that it was fine-tuned with (200)")
    parser.add_argument("--cond-aug", type=float, default=0.02, help="that it was fine-tuned with (0.02)")
    parser.add_argument("--guidance", type=float, default=1.0, help="used unless the dreamer is told another (1)")
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--height", type=int, default=448)
    parser.add_argument("--precision", choices=("fp32", "fp16"), default="fp16", help="inside the graphs (fp16)")
    parser.add_argument("--opset", type=int, choices=OPSETS, default=20)
    parser.add_argument(
        "--attention",
        choices=LOWERINGS,
        default="unfused",
        help="ort for CUDA (fused kernels of ONNX Runtime), onnx for opset 23, unfused for any runtime",
    )
    parser.add_argument("--unguided", action="store_true", help="without the graph of two passes")
    parser.add_argument("--parity", action="store_true", help="also the UNet alone")
    parser.add_argument(
        "--graphs-only", action="store_true", help="with --random full: without the weights, see random_weights"
    )


def run(args: argparse.Namespace) -> None:
    """Writes the folder, and prints each graph's distance from torch.

    Raises ValueError or OSError if weights are missing or do not fit, or a graph differs from its module.
    """
    writing = Writing(args.precision, args.opset, args.attention, not args.unguided, args.parity, args.graphs_only)
    if args.graphs_only and args.random != "full":
        raise ValueError("--graphs-only goes with --random full: other graphs are nothing without their weights")
    if args.guidance < 1 or (args.guidance != 1 and args.unguided):
        raise ValueError(f"--guidance {args.guidance:g}; it is at least 1, and 1 with --unguided")
    if not args.random and not (args.task and args.prompt and args.licence):
        raise ValueError("--task, --prompt or --licence is missing: only random weights go without")
    unet, vae, origin = _modules(args)
    text = _text(args, unet.config.cross_attention_dim)
    for name, error in write_graphs(args.out, unet, vae, (args.width, args.height), writing).items():
        print(f"{name}: differs from torch by {error:.1e} of the largest value", flush=True)
    numpy.save(args.out / contract.TEXT, text)
    manifest = contract.Manifest(
        name=args.name or f"svd-{args.task or args.random}",
        task=args.task or "rotation",
        prompt=args.prompt or "",
        licence=args.licence or "none: random numbers",
        origin=origin,
        width=args.width,
        height=args.height,
        latent_channels=vae.config.latent_channels,
        fps=args.fps,
        motion_bucket=args.motion_bucket,
        cond_aug=args.cond_aug,
        guidance=args.guidance,
        precision=args.precision,
    )
    contract.write_manifest(args.out, manifest)


def _modules(args) -> tuple[UNetSpatioTemporalConditionModel, AutoencoderKLTemporalDecoder, str]:
    if args.random:
        torch.manual_seed(0)
        with torch.device("meta" if args.graphs_only else "cpu"):
            return architecture.unet(args.random), architecture.vae(args.random), "random numbers"
    if args.checkpoint:
        unet, vae = architecture.unet("full"), architecture.vae("full")
        checkpoint.load(args.checkpoint, unet, vae)
        return unet, vae, f"exported from {args.checkpoint.name}"
    modules = []
    for name, build, loaded in (
        ("unet", architecture.unet, UNetSpatioTemporalConditionModel),
        ("vae", architecture.vae, AutoencoderKLTemporalDecoder),
    ):
        config = json.loads((args.diffusers / name / "config.json").read_text(encoding="utf-8"))
        # Ours has the norms that the network was trained with.
        module = build(config)
        module.load_state_dict(loaded.from_pretrained(args.diffusers / name, local_files_only=True).state_dict())
        modules.append(module)
    return *modules, f"exported from the folder {args.diffusers.name}"


def _text(args, width: int) -> numpy.ndarray:
    if args.text_embeds:
        text = prompt.read_embedding(args.text_embeds)
    elif args.open_clip:
        if not args.prompt:
            raise ValueError("--open-clip embeds a --prompt, and there is none")
        text = prompt.embed(args.open_clip, args.prompt)
    elif args.random:
        text = numpy.random.default_rng(0).standard_normal((1, 1, width)).astype(numpy.float32)
    else:
        raise ValueError("neither --open-clip nor --text-embeds: the model needs its embedded prompt")
    if text.shape != (1, 1, width):
        raise ValueError(f"the embedded prompt has the shape {list(text.shape)}; the model reads [1, 1, {width}]")
    return text

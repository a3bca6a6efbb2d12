"""`small`: trains the small model, first its autoencoder and then its transformer.

With `--steps`, a folder that does not grow, and the same machine, a run is repeatable but for the order in which some
GPU kernels add; with `--seconds` it also depends on the machine's speed.
"""

import argparse
import time
from pathlib import Path

import torch

from dreamitate_training.small import train_autoencoder, train_transformer
from dreamitate_training.small.autoencoder import Autoencoder
from dreamitate_training.small.data import ClipStore, held_out
from dreamitate_training.small.evaluate import evaluate
from dreamitate_training.small.sample import NOISE
from dreamitate_training.small.shape import Shape
from dreamitate_training.small.stage import Stage, read_checkpoint
from dreamitate_training.small.weights import load_weights, read_shape, save_weights

HELP = "Trains the small model on rendered clips."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("--data", type=Path, required=True, help="folder of clips, {seed:06}.npy; may grow")
    parser.add_argument("--out", type=Path, required=True, help="folder for weights, checkpoints and sheets")
    parser.add_argument(
        "--seconds", type=float, default=420.0, help="for all stages, from now on, without evaluation (420)"
    )
    parser.add_argument("--steps", type=int, help="steps of each stage in all, instead of seconds")
    parser.add_argument("--stage", choices=("autoencoder", "transformer", "both"), default="both")
    parser.add_argument("--autoencoder-share", type=float, default=0.27, help="of the seconds (0.27)")
    parser.add_argument("--resume", type=Path, help="go on from autoencoder.pt or transformer.pt")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", choices=("cuda", "cpu"), default=device)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch", type=int, default=16, help="clips a step of the transformer (16)")
    parser.add_argument("--crops", type=int, default=64, help="crops a step of the autoencoder (64)")
    parser.add_argument("--capacity", type=int, default=3000, help="clips kept at most; 7 MB each (3000)")
    parser.add_argument("--wait-for", type=int, default=64, help="clips to begin with (64)")
    parser.add_argument("--shape", type=Path, help="JSON file with sizes that differ from the usual")
    parser.add_argument("--optimiser", choices=("muon", "adamw"), default="muon")
    parser.add_argument("--compile", action="store_true", help="compile the transformer's blocks")
    parser.add_argument("--held-out", type=int, default=8, help="clips to evaluate with (8)")


def run(args: argparse.Namespace) -> None:
    """Trains, writes `autoencoder-*.safetensors` and `transformer-*.safetensors`, and evaluates.

    Raises ValueError or OSError if an option, a clip or a checkpoint is refused.
    """
    begun = time.monotonic()
    if not 0 < args.autoencoder_share < 1:
        raise ValueError(f"--autoencoder-share {args.autoencoder_share}; it lies between 0 and 1")
    if min(args.batch, args.crops, args.capacity, args.wait_for) < 1:
        raise ValueError("--batch, --crops, --capacity and --wait-for are at least 1")
    device = torch.device(args.device)
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.benchmark = True
    args.out.mkdir(parents=True, exist_ok=True)
    state = read_checkpoint(args.resume) if args.resume else None
    first = _first_stage(args, state)
    shape = _shape(args, first, state)
    clips = ClipStore(args.data, shape, device, args.capacity)
    clips.wait_for(args.wait_for, seconds=max(args.seconds, 60))
    print(f"{clips.count} clips after {time.monotonic() - begun:.0f} s", flush=True)

    if first == "autoencoder":
        seconds = args.seconds * (args.autoencoder_share if args.stage == "both" else 1)
        trained = train_autoencoder.new_stage(shape, device, args.steps, seconds, args.seed, state)
        train_autoencoder.train(trained, clips, args.out, args.crops)
        save_weights(args.out, "autoencoder", trained.mean, shape)
        state = None
    autoencoder = Autoencoder(shape)
    load_weights(args.out, "autoencoder", autoencoder)
    autoencoder = autoencoder.to(device, memory_format=torch.channels_last).requires_grad_(False).eval()
    transformer = None
    if args.stage != "autoencoder":
        left = args.seconds - (time.monotonic() - begun)
        if args.steps is None and left <= 0:
            raise ValueError(f"--seconds {args.seconds:g} are over before the transformer; more are needed")
        transformer = _train_transformer(args, shape, clips, autoencoder, left, state).mean
        save_weights(args.out, "transformer", transformer, shape)
    print(f"trained after {time.monotonic() - begun:.0f} s", flush=True)
    unseen = held_out(args.data, shape, args.held_out)
    if unseen is not None:
        evaluate(autoencoder, transformer, unseen.to(device), args.out, NOISE)
    print(f"done after {time.monotonic() - begun:.0f} s", flush=True)


def _first_stage(args: argparse.Namespace, state: dict | None) -> str:
    wanted = "autoencoder" if args.stage == "both" else args.stage
    if state is None or (args.stage == "both" or state["stage"] == wanted):
        return state["stage"] if state else wanted
    raise ValueError(f"{args.resume} is of the {state['stage']}, not of the {wanted}")


def _shape(args: argparse.Namespace, first: str, state: dict | None) -> Shape:
    if state:
        return Shape.from_json(state["shape"])
    if first == "transformer":
        return read_shape(args.out, "autoencoder")
    return Shape.from_json(args.shape.read_text(encoding="utf-8")) if args.shape else Shape()


def _train_transformer(
    args: argparse.Namespace,
    shape: Shape,
    clips: ClipStore,
    autoencoder: Autoencoder,
    seconds: float,
    state: dict | None,
) -> Stage:
    muon = args.optimiser == "muon"
    trained = train_transformer.new_stage(shape, clips.frames.device, args.steps, seconds, args.seed, muon, state)
    if args.compile:
        train_transformer.compile_blocks(trained)
    latents = train_transformer.LatentStore(autoencoder.encoder, clips)
    train_transformer.train(trained, latents, args.out, args.batch)
    return trained

"""`dreamitate-training finetune`: teaches Stable Video Diffusion a task (arXiv 2406.16862)."""

import argparse
import contextlib
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from diffusers import AutoencoderKLTemporalDecoder, UNetSpatioTemporalConditionModel

from dreamitate_training.clips import find_clips
from dreamitate_training.svd import architecture, checkpoint, latents, prompt, state
from dreamitate_training.svd.graphs import Encoder
from dreamitate_training.svd.recipe import Recipe, check_same, read_recipe, write_recipe
from dreamitate_training.svd.seeds import generator
from dreamitate_training.svd.trainer import Trainer

HELP = "Fine-tunes Stable Video Diffusion on stereo clips of a task."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--clips", type=Path, required=True, help="folder of clips, as the command dataset makes it"
    )
    parser.add_argument(
        "--recipe", type=Path, required=True, help="YAML file, such as config/rotation.yaml"
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the result, the log and the state"
    )
    parser.add_argument(
        "--initial",
        type=Path,
        help="weights to begin with: a folder with unet/ and vae/ (diffusers), or a file of sgm",
    )
    text = parser.add_mutually_exclusive_group()
    text.add_argument(
        "--text", type=Path, help="embedding of the recipe's prompt, .npy [1, 1, 1024]"
    )
    text.add_argument(
        "--open-clip",
        type=Path,
        help="OpenCLIP ViT-H-14's weights, which embed the recipe's prompt, instead of --text",
    )
    parser.add_argument(
        "--architecture",
        choices=architecture.UNETS,
        help="begin with random weights of this size instead (for tests)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="changes the recipe, such as steps=200",
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on from the last saved state in the folder"
    )


def run(args: argparse.Namespace) -> None:
    """Encodes the clips, trains, and writes `model/` with `unet/`, `vae/` and the text embedding
    into the folder.
    """
    recipe = read_recipe(args.recipe, args.set)
    saved = state.latest(args.out / "state")
    if args.resume:
        if saved is None:
            raise ValueError(f"{args.out} holds no saved state to resume from")
        check_same(read_recipe(args.out / "recipe.yaml"), recipe)
    elif saved is not None:
        raise ValueError(
            f"{args.out} holds the state {saved.name}: give --resume, or another --out"
        )
    accelerator = start(recipe)
    torch.manual_seed(recipe.seed)
    unet, vae = initial_weights(args.initial, args.architecture)
    text = text_embedding(
        args.text, args.open_clip, unet, recipe, given_up=args.architecture is not None
    )
    store = latents.Store(args.out / "latents", find_clips(args.clips))
    # Which waits for all processes: none reads the old recipe any more.
    encode_clips(store, recipe, vae, accelerator)
    if accelerator.is_main_process:
        write_recipe(args.out / "recipe.yaml", recipe)
    trainer = Trainer(recipe, accelerator, unet, vae, text, store, args.out)
    accelerator.print(trainer.describe())
    if args.resume:
        trainer.resume(saved)
        accelerator.print(f"going on from step {trainer.step}")
    trainer.run()
    if accelerator.is_main_process:
        write_model(args.out / "model", trainer, vae, text)
        print(f"the fine-tuned model is in {args.out / 'model'}")
    accelerator.end_training()


def start(recipe: Recipe) -> Accelerator:
    """Returns the accelerator; ValueError if the batch cannot be divided among the GPUs."""
    # Without a GPU accelerate forms a group of processes only if it is told that they use the CPU.
    accelerator = Accelerator(
        mixed_precision="bf16" if recipe.precision == "bf16" else "no",
        cpu=not torch.cuda.is_available(),
    )
    processes = accelerator.num_processes
    share = recipe.micro_batch * processes
    if recipe.batch % share:
        raise ValueError(
            f"the batch of {recipe.batch} clips cannot be divided "
            f"into parts of {recipe.micro_batch} on {processes} processes"
        )
    accelerator.gradient_accumulation_steps = recipe.batch // share
    return accelerator


def initial_weights(
    initial: Path | None, size: str | None
) -> tuple[UNetSpatioTemporalConditionModel, AutoencoderKLTemporalDecoder]:
    """Returns the UNet and the VAE, fp32: from a diffusers folder, a checkpoint of sgm, or with
    random weights.
    """
    if (initial is None) == (size is None):
        raise ValueError("give either --initial (weights) or --architecture (random weights)")
    if initial is None:
        unet, vae = architecture.unet(size), architecture.vae(size)
    elif initial.is_file():
        unet, vae = architecture.unet("full"), architecture.vae("full")
        checkpoint.load(initial, unet, vae)
    else:
        for part in ("unet", "vae"):
            if not (initial / part / "config.json").is_file():
                raise OSError(f"{initial} is no diffusers folder: it has no {part}/config.json")
        options = {"local_files_only": True, "torch_dtype": torch.float32}
        unet = UNetSpatioTemporalConditionModel.from_pretrained(initial / "unet", **options)
        architecture.correct_norms(unet)
        vae = AutoencoderKLTemporalDecoder.from_pretrained(initial / "vae", **options)
    vae.requires_grad_(False)
    return unet, vae.eval()


def text_embedding(
    path: Path | None, open_clip: Path | None, unet, recipe: Recipe, *, given_up: bool
) -> torch.Tensor:
    """Returns the embedding of the prompt, float32 `[1, 1, D]`: read, or made with OpenCLIP's
    weights; a random one if neither is given and that will do.
    """
    width = unet.config.cross_attention_dim
    if path is not None:
        text = torch.from_numpy(prompt.read_embedding(path))
    elif open_clip is not None:
        text = torch.from_numpy(prompt.embed(open_clip, recipe.prompt))
    elif given_up:
        return torch.randn(1, 1, width, generator=generator(recipe.seed, "text"))
    else:
        raise ValueError("give --text, the embedding of the recipe's prompt, or --open-clip")
    if text.shape != (1, 1, width):
        raise ValueError(f"{path or open_clip} gives {list(text.shape)}, expected [1, 1, {width}]")
    return text


def encode_clips(store: latents.Store, recipe: Recipe, vae, accelerator: Accelerator) -> None:
    """Encodes the clips that are not yet, shared among the GPUs, in fp32 as the authors do."""
    encoder = Encoder(vae).to(accelerator.device)
    share = slice(accelerator.process_index, None, accelerator.num_processes)
    with torch.no_grad():
        made = store.fill(
            recipe,
            lambda images: encoder(images.to(accelerator.device)),
            latents.digest(encoder),
            vae.config.scaling_factor,
            share,
        )
    accelerator.wait_for_everyone()
    vae.to("cpu")
    accelerator.print(f"{len(store)} clips, {made} of them encoded now by this process")


def write_model(folder: Path, trainer: Trainer, vae, text: torch.Tensor) -> None:
    """Writes a diffusers folder: `unet/` with the recipe's final weights, `vae/` as it was,
    `text_embeds.npy`.
    """
    average = trainer.recipe.final == "ema"
    with trainer.average.in_place(trainer.trained) if average else contextlib.nullcontext():
        trainer.network.save_pretrained(folder / "unet")
    vae.save_pretrained(folder / "vae")
    np.save(folder / "text_embeds.npy", text.numpy())

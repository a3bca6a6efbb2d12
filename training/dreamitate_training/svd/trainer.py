"""The loop of a fine-tuning."""

import time
from pathlib import Path

import torch
from accelerate import Accelerator
from diffusers import AutoencoderKLTemporalDecoder, UNetSpatioTemporalConditionModel
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from dreamitate_training import clips
from dreamitate_training.svd import loss, preview, state
from dreamitate_training.svd.ema import Average
from dreamitate_training.svd.latents import Store
from dreamitate_training.svd.recipe import Recipe
from dreamitate_training.svd.seeds import clip_at, generator
from dreamitate_training.svd.trainable import choose_trainable, count

#: Edges of the σ ranges whose losses are shown apart: 2.7 is the median.
SIGMA_EDGES = (0.0, 0.5, 1.0, 2.0, 4.0, 10.0, float("inf"))
#: Noise levels of the measurement that is repeated with the same noise.
FIXED_LEVELS = 8


class Trainer:
    """Holds the network and its optimizer, and trains it on the clips of a store."""

    def __init__(
        self,
        recipe: Recipe,
        accelerator: Accelerator,
        unet: UNetSpatioTemporalConditionModel,
        vae: AutoencoderKLTemporalDecoder,
        text: Tensor,
        store: Store,
        out: Path,
    ) -> None:
        self.recipe, self.accelerator, self.out = recipe, accelerator, out
        self.vae, self.text, self.store = vae, text, store
        self.training = len(store) - recipe.held_out
        if self.training < 1:
            raise ValueError(
                f"held_out is {recipe.held_out}, and there are {len(store)} clips; "
                f"none would be left"
            )
        if recipe.gradient_checkpointing:
            unet.enable_gradient_checkpointing()
        self.trained = choose_trainable(unet)
        self.ids = torch.tensor(
            [[recipe.fps, recipe.motion_bucket, recipe.cond_aug]], device=accelerator.device
        )
        optimizer = torch.optim.Adam(self.trained.values(), lr=recipe.learning_rate)
        self.network = unet
        self.unet, self.optimizer = accelerator.prepare(unet, optimizer)
        self.average = Average(self.trained, recipe.ema_decay) if recipe.ema_decay else None
        self.step = 0

    def describe(self) -> str:
        """Returns how much is trained, in a sentence."""
        whole = count(self.network.parameters())
        trained = count(self.trained.values())
        return (
            f"{trained:,} of the UNet's {whole:,} parameters are trained, "
            f"in {len(self.trained)} tensors"
        )

    def resume(self, path: Path) -> None:
        """Goes on from a saved state."""
        self.step = state.load(path, self.trained, self.optimizer, self.average)

    def run(self) -> None:
        """Trains up to the recipe's number of steps; shows, measures and saves on the way.

        Raises ValueError when the loss is not finite.
        """
        main = self.accelerator.is_main_process
        log = SummaryWriter(self.out / "log", purge_step=self.step) if main else None
        if main and self.step == 0:
            self.report(log)
        seconds, recent = 0.0, []
        while self.step < self.recipe.steps:
            begun = time.monotonic()
            recent.append(self.one_step())
            seconds += time.monotonic() - begun
            self.step += 1
            last = self.step == self.recipe.steps
            if self.step % self.recipe.log_every == 0 or last:
                if main:
                    self.write_log(log, torch.cat(recent), seconds / len(recent))
                seconds, recent = 0.0, []
            if main and (self.step % self.recipe.measure_every == 0 or last):
                self.report(log)
            if main and (self.step % self.recipe.preview_every == 0 or last):
                self.write_preview(self.out / "samples" / f"step_{self.step:08}.mp4")
            if main and (self.step % self.recipe.save_every == 0 or last):
                state.save(
                    self.out / "state", self.step, self.trained, self.optimizer, self.average
                )
            self.accelerator.wait_for_everyone()
        if log is not None:
            log.close()

    def one_step(self) -> Tensor:
        """Makes one step of the optimizer; returns σ and loss of each clip of the whole batch,
        `[batch, 2]`.
        """
        recipe, here = self.recipe, self.accelerator.process_index
        share = recipe.batch // self.accelerator.num_processes
        self.unet.train()
        seen = []
        for first in range(0, share, recipe.micro_batch):
            # The clip's place in the whole training says which it is and what is random about it.
            begin = self.step * recipe.batch + here * share + first
            example = loss.together(
                [self.draw(place) for place in range(begin, begin + recipe.micro_batch)]
            )
            example = example.to(self.accelerator.device)
            with self.accelerator.accumulate(self.unet):
                each = loss.losses(self.unet, example, self.ids)
                if not each.isfinite().all():
                    raise ValueError(
                        f"the loss is {each.tolist()} at step {self.step} "
                        f"for σ {example.sigma.tolist()}"
                    )
                self.accelerator.backward(each.mean())
                self.optimizer.step()
                self.optimizer.zero_grad()
            seen.append(torch.stack([example.sigma, each.detach()], dim=1))
        if self.average is not None:
            self.average.update(self.trained)
        return self.accelerator.gather(torch.cat(seen)).cpu()

    def draw(self, place: int) -> loss.Example:
        clip = self.store[clip_at(self.recipe.seed, place, self.training)]
        return loss.draw(
            clip, self.text, self.recipe, generator(self.recipe.seed, "example", place)
        )

    @torch.no_grad()
    def fixed_loss(self, first: int, clips_of_it: int) -> float:
        """Returns the mean loss at always the same noise levels and noise, over at most 8 clips
        from `first` on.
        """
        self.network.eval()
        values = []
        for number, sigma in enumerate(loss.fixed_levels(self.recipe, FIXED_LEVELS)):
            random = generator(self.recipe.seed, "fixed", number)
            clip = self.store[first + number % clips_of_it]
            example = loss.draw(clip, self.text, self.recipe, random, sigma).to(
                self.accelerator.device
            )
            with self.accelerator.autocast():
                values.append(loss.losses(self.network, example, self.ids).item())
        return sum(values) / len(values)

    def report(self, log: SummaryWriter) -> None:
        """Measures the loss at fixed noise, on clips that are trained on and on those that are held
        out.
        """
        parts = {"training": (0, self.training)}
        if self.recipe.held_out:
            parts["held_out"] = (self.training, self.recipe.held_out)
        for name, (first, number) in parts.items():
            value = self.fixed_loss(first, number)
            log.add_scalar(f"fixed_loss/{name}", value, self.step)
            print(f"step {self.step}: loss at fixed noise, {name} clips: {value:.5f}", flush=True)

    def write_log(self, log: SummaryWriter, seen: Tensor, seconds: float) -> None:
        """Writes the mean loss of the last steps, as a whole and by σ; `seen` is σ and loss, `[N,
        2]`.
        """
        sigma, values = seen.unbind(1)
        log.add_scalar("loss/all", values.mean(), self.step)
        for low, high in zip(SIGMA_EDGES, SIGMA_EDGES[1:], strict=False):
            inside = values[(sigma >= low) & (sigma < high)]
            if len(inside):
                log.add_scalar(f"loss/sigma_{low:g}_to_{high:g}", inside.mean(), self.step)
        log.add_scalar("seconds_a_step", seconds, self.step)
        print(
            f"step {self.step} of {self.recipe.steps}: loss {values.mean():.5f}, "
            f"{seconds:.2f} s a step",
            flush=True,
        )

    def write_preview(self, path: Path) -> None:
        """Dreams the first held-out clip, or the first clip if none is held out."""
        index = self.training if self.recipe.held_out else 0
        random = generator(self.recipe.seed, "preview")
        device = self.accelerator.device
        photos = self.store[index].image_latents(random)[None].to(device)
        self.network.eval()
        with self.accelerator.autocast():
            latents = preview.sample(
                self.network, photos, self.text.to(device), self.ids, self.recipe, random
            )
        frames = preview.decode(self.vae.to(device), latents, self.recipe.decode_chunk)
        size = (self.recipe.width, self.recipe.height)
        preview.write_preview(
            path, frames, clips.read_clip(self.store.sources[index], size), self.recipe.fps
        )

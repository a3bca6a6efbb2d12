"""Stable Video Diffusion's modules of diffusers on a GPU, fp16 with PyTorch's fused attention, random weights of the true
size: the peer of `dreamitate model bench --provider cuda`. Run in training/; prints one line of JSON."""

import json
import statistics

import torch

from dreamitate_training import schedule
from dreamitate_training.svd import architecture

STEPS = 30
FRAMES, CHANNELS, ROWS, COLUMNS = 25, 4, 56, 96


def random_module(build) -> torch.nn.Module:
    """The module in fp16 on the GPU, its values scaled to keep the size of what passes through it."""
    with torch.device("meta"):
        module = build("full")
    module = module.to(torch.float16).to_empty(device="cuda").requires_grad_(False).eval()
    for name, weight in module.named_parameters():
        if weight.ndim >= 2:
            weight.normal_(0, weight[0].numel() ** -0.5)
        else:
            weight.fill_(0.5 if name.endswith("mix_factor") else float(name.endswith("weight")))
    return module


@torch.no_grad()
def dream(unet, vae, steps: int) -> tuple[list[float], float]:
    """Seconds of each step and of decoding, by events on the GPU."""
    shape = (1, FRAMES, CHANNELS, ROWS, COLUMNS)
    condition, text = torch.randn(shape, device="cuda"), torch.randn(1, 1, 1024, device="cuda").half()
    ids = torch.tensor([[6, 200, 0.02]], device="cuda")
    levels = schedule.sigmas(STEPS).cuda()
    latents = torch.randn(shape, device="cuda") * (1 + levels[0] ** 2).sqrt()
    marks = [torch.cuda.Event(enable_timing=True) for _ in range(steps + 2)]
    marks[0].record()
    for k in range(steps):

        def velocity(scaled, time):
            sample = torch.cat([scaled, condition], 2).half()
            return unet(sample, time.half(), text, ids, return_dict=False)[0].float()

        estimate = schedule.denoised(velocity, latents, levels[k])
        latents = schedule.euler_step(latents, estimate, levels[k], levels[k + 1])
        marks[k + 1].record()
    vae.decode(torch.randn_like(latents)[0].half(), num_frames=FRAMES, return_dict=False)
    marks[steps + 1].record()
    torch.cuda.synchronize()
    seconds = [before.elapsed_time(after) / 1e3 for before, after in zip(marks, marks[1:])]
    return seconds[:-1], seconds[-1]


def main() -> None:
    unet, vae = random_module(architecture.unet), random_module(architecture.vae)
    dream(unet, vae, 2)
    torch.cuda.reset_peak_memory_stats()
    steps_s, decode_s = dream(unet, vae, STEPS)
    peak_gib = torch.cuda.max_memory_allocated() / 2**30
    timing = {"sample_s": sum(steps_s), "step_s": statistics.median(steps_s), "decode_s": decode_s}
    print(json.dumps(timing | {"peak_GiB": peak_gib, "torch": torch.__version__}))


if __name__ == "__main__":
    main()

"""The dreamer's loop in Python with onnxruntime, on the same graphs, photos' size and number of steps: the peer that the
Rust loop is measured beside. Prints one line of JSON like `dreamitate model bench --json`."""

import argparse
import json
import resource
import time
from pathlib import Path

import numpy
import onnxruntime


def sigmas(steps: int, sigma_max: float, sigma_min: float, rho: float) -> numpy.ndarray:
    """The noise levels of EDM's equation 5, then 0."""
    ramp = numpy.linspace(0, 1, steps)
    high, low = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    return numpy.append((high + ramp * (low - high)) ** rho, 0).astype(numpy.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--provider", choices=["cpu", "cuda"], default="cpu")
    args = parser.parse_args()
    manifest = json.loads((args.folder / "manifest.json").read_text())
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    providers = {"cpu": ["CPUExecutionProvider"], "cuda": ["CUDAExecutionProvider", "CPUExecutionProvider"]}
    begun = time.perf_counter()
    encoder, step, decoder = (
        onnxruntime.InferenceSession(str(args.folder / f"{name}.onnx"), options, providers[args.provider])
        for name in ["vae_encoder", "unet_step", "vae_decoder"]
    )
    load_s = time.perf_counter() - begun

    frames = sum(manifest["views"])
    height, width, scale = manifest["height"], manifest["width"], manifest["latent_scale"]
    shape = [1, frames, manifest["latent_channels"], height // scale, width // scale]
    random = numpy.random.default_rng(0)
    levels = sigmas(**manifest["noise"])
    photos = random.uniform(-1, 1, (frames, 3, height, width)).astype(numpy.float32)
    noise = random.standard_normal(shape, dtype=numpy.float32) * numpy.sqrt(1 + levels[0] ** 2)

    begun = time.perf_counter()
    chunks = [encoder.run(None, {"image": photos[k : k + 5]})[0] for k in range(0, frames, 5)]
    encode_s = time.perf_counter() - begun

    begun = time.perf_counter()
    ids = [manifest["fps"], manifest["motion_bucket"], manifest["cond_aug"]]
    feeds = {"latents": noise, "image_latents": numpy.concatenate(chunks)[None]}
    feeds["added_time_ids"] = numpy.array([ids], numpy.float32)
    if (args.folder / "text_embeds.npy").exists():
        feeds["text_embeds"] = numpy.load(args.folder / "text_embeds.npy")
    wanted = {entry.name for entry in step.get_inputs()}
    device = args.provider
    binding = step.io_binding()
    for name, value in feeds.items():
        if name in wanted:
            binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(value, device, 0))
    now, after = (onnxruntime.OrtValue.ortvalue_from_shape_and_type(shape, numpy.float32, device, 0) for _ in range(2))
    steps_s = []
    for k, (sigma, sigma_next) in enumerate(zip(levels, levels[1:])):
        tick = time.perf_counter()
        binding.bind_cpu_input("sigma", numpy.array([sigma]))
        binding.bind_cpu_input("sigma_next", numpy.array([sigma_next]))
        if k > 0:
            binding.bind_ortvalue_input("latents", now)
        binding.bind_ortvalue_output("latents_next", after)
        step.run_with_iobinding(binding)
        now, after = after, now
        steps_s.append(time.perf_counter() - tick)
    latents = now.numpy()
    sample_s = time.perf_counter() - begun

    begun = time.perf_counter()
    decoded = decoder.run(None, {"latents": latents[0]})[0]
    pictures = (numpy.clip((decoded + 1) / 2, 0, 1) * 255).astype(numpy.uint8).transpose(0, 2, 3, 1)
    decode_s = time.perf_counter() - begun
    assert pictures.shape == (frames, height, width, 3)
    peak_memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1.024e-3
    timing = {"provider": args.provider, "videos": 1, "load_s": load_s, "encode_s": encode_s, "steps_s": steps_s}
    timing |= {"sample_s": sample_s, "decode_s": decode_s, "peak_memory_mb": peak_memory_mb}
    print(json.dumps(timing))


if __name__ == "__main__":
    main()

"""The small model: shapes, training, resumption, sampling and export, with tiny sizes."""

import dataclasses
import json

import numpy
import onnxruntime
import pytest
import torch

from dreamitate_training import cli, schedule
from dreamitate_training.contract import Noise
from dreamitate_training.small import evaluate, export, optimiser, train_autoencoder, train_transformer
from dreamitate_training.small.autoencoder import Autoencoder
from dreamitate_training.small.budget import Budget
from dreamitate_training.small.data import HELD_OUT_FROM, ClipStore, held_out
from dreamitate_training.small.graphs import Step
from dreamitate_training.small.sample import decoded, dream, encoded, photo_latents
from dreamitate_training.small.shape import Shape
from dreamitate_training.small.stage import read_checkpoint
from dreamitate_training.small.transformer import Transformer
from dreamitate_training.small.weights import load_weights, read_shape, save_weights

torch.set_num_threads(1)
CPU = torch.device("cpu")
TINY = Shape(
    width=64,
    height=32,
    times=3,
    channels=4,
    encoder_widths=(16, 16),
    decoder_widths=(16, 16),
    encoder_depths=(1, 1),
    decoder_depths=(1, 1),
    token_width=32,
    depth=2,
    heads=2,
    registers=2,
)


def synthetic_clip(seed: int) -> numpy.ndarray:
    """A dark table, and from frame 1 on a bright square that moves the same way in every clip."""
    random = numpy.random.default_rng(seed)
    clip = random.integers(18, 23, TINY.clip_shape, dtype=numpy.uint8)
    row = int(random.integers(4, 12))
    for view in range(2):
        for time in range(1, TINY.times + 1):
            frame = clip[view * (TINY.times + 1) + time]
            frame[row : row + 14, 8 * time : 8 * time + 24] = (220, 60 + 80 * view, 40)
    return clip


def write_clips(folder):
    folder.mkdir()
    for seed in [*range(8), HELD_OUT_FROM]:
        numpy.save(folder / f"{seed:06}.npy", synthetic_clip(seed))
    return folder


@pytest.fixture
def folder(tmp_path):
    return write_clips(tmp_path / "clips")


def store(folder, capacity=8):
    return ClipStore(folder, TINY, CPU, capacity)


def awake(module):
    """Fills what begins as zero, so that every part has a say."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    return module.eval()


def test_the_usual_sizes_fit_the_repository():
    with torch.device("meta"):
        autoencoder, transformer = Autoencoder(Shape()), Transformer(Shape())
        latents = torch.empty(1, 25, 12, 28, 48)
        count = sum(p.numel() for m in (autoencoder, transformer) for p in m.parameters())
        step = Step(Shape(), transformer)(latents, latents, torch.empty(1), torch.empty(1))
        image = torch.empty(2, 3, 224, 384)
        assert autoencoder.encoder(image).shape == (2, 12, 28, 48)
        assert autoencoder.decoder(latents[0]).shape == (25, 3, 224, 384)
    assert step.shape == latents.shape
    assert 10e6 < count < 18e6


def test_sizes_survive_json_and_bad_ones_are_refused():
    assert Shape.from_json(TINY.to_json()) == TINY
    with pytest.raises(ValueError, match="100x32"):
        dataclasses.replace(TINY, width=100)
    with pytest.raises(ValueError, match="none of the small model"):
        Shape.from_json('{"breadth": 3}')


def test_clips_that_come_later_are_read_and_held_out_ones_are_not(folder):
    clips = store(folder, capacity=10)
    assert clips.count == 8
    assert numpy.array_equal(clips.frames[3].numpy(), synthetic_clip(3))
    numpy.save(folder / ".000009.npy", synthetic_clip(9))
    (folder / ".000009.npy").rename(folder / "000009.npy")
    clips.wait_for(9, seconds=10)
    assert numpy.array_equal(clips.frames[8].numpy(), synthetic_clip(9))
    assert len(held_out(folder, TINY, 5)) == 1
    with pytest.raises(ValueError, match="9 clips"):
        clips.wait_for(10, seconds=0.1)


def test_a_file_of_another_size_is_refused(folder):
    numpy.save(folder / "000003.npy", numpy.zeros((8, 16, 16, 3), numpy.uint8))
    with pytest.raises(ValueError, match="000003"):
        store(folder)


def test_crops_look_at_what_moves(folder):
    crops = store(folder).crops(256, 16, torch.Generator().manual_seed(0))
    assert crops.shape == (256, 16, 16, 3)
    # The square covers a sixth of three in four frames.
    assert (crops[..., 0] > 128).float().mean() > 0.3


def test_the_rate_rises_and_falls_to_nothing():
    budget = Budget(100, 0.0)
    rates = []
    while not budget.done:
        rates.append(budget.rate())
        budget.step += 1
    assert rates[0] < 0.1 and max(rates) == 1.0 and rates[-1] < 0.02 and len(rates) == 100


def test_time_ends_a_stage(folder, tmp_path):
    stage = train_autoencoder.new_stage(TINY, CPU, None, 0.5, seed=0)
    train_autoencoder.train(stage, store(folder), tmp_path, batch=2)
    assert stage.budget.step > 0 and stage.budget.spent < 5


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """An autoencoder that has learned the synthetic clips, their store, and how far its loss fell."""
    place = tmp_path_factory.mktemp("trained")
    clips = store(write_clips(place / "clips"))
    stage = train_autoencoder.new_stage(TINY, CPU, 600, 0, seed=0)
    before = train_autoencoder.step(stage, clips, 8)
    train_autoencoder.train(stage, clips, place, 8)
    after = train_autoencoder.step(stage, clips, 8)
    return stage.mean, clips, (after / before).item()


def test_the_autoencoder_learns(trained):
    autoencoder, clips, fall = trained
    assert fall < 0.3
    clip = held_out(clips.folder, TINY, 1)[0]
    restored = decoded(autoencoder, encoded(autoencoder, clip))
    assert evaluate.psnr(restored, clip, evaluate.moved(clip)) > 16


@pytest.mark.parametrize("muon", [True, False])
def test_the_transformer_learns_and_its_dream_shows_the_square(trained, tmp_path, muon):
    autoencoder, clips, _ = trained
    latents = train_transformer.LatentStore(autoencoder.encoder, clips)
    assert latents.count == 8
    stage = train_transformer.new_stage(TINY, CPU, 200 if muon else 40, 0, seed=0, muon=muon)
    before = train_transformer.step(stage, latents, 4)[0].mean()
    train_transformer.train(stage, latents, tmp_path, 4)
    after = train_transformer.step(stage, latents, 4)[0].mean()
    assert after < (0.5 if muon else 0.9) * before
    if not muon:
        return
    clip = held_out(clips.folder, TINY, 1)[0]
    image = photo_latents(autoencoder, clip)[None]
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(1))
    frames = decoded(autoencoder, dream(stage.mean, image, noise, Noise(6, 50.0, 0.03))[0])
    assert frames.shape == (7, 32, 64, 3)
    # Red where the square is sure to be, in the last frames of both views; not in the photo.
    red = frames[:, 11:17, 26:46, 0].float().mean((1, 2))
    assert red[3] > 120 and red[6] > 120 and red[0] < 60


@pytest.mark.parametrize("name", ["autoencoder", "transformer"])
def test_a_resumed_stage_goes_on_as_if_it_had_not_stopped(folder, tmp_path, name):
    clips = store(folder)
    if name == "autoencoder":
        module, source = train_autoencoder, clips
    else:
        encoder = Autoencoder(TINY).eval().encoder
        module, source = train_transformer, train_transformer.LatentStore(encoder, clips)
    whole = module.new_stage(TINY, CPU, 6, 0, seed=5)
    for _ in range(3):
        module.step(whole, source, 2)
    whole.save(tmp_path)
    for _ in range(3):
        module.step(whole, source, 2)
    state = read_checkpoint(tmp_path / f"{name}.pt")
    resumed = module.new_stage(TINY, CPU, 6, 0, seed=9, state=state)
    assert resumed.budget.step == 3
    module.train(resumed, source, tmp_path, 2)
    for kept, again in ((whole.network, resumed.network), (whole.mean, resumed.mean)):
        for a, b in zip(kept.state_dict().values(), again.state_dict().values(), strict=True):
            assert torch.equal(a, b)


def test_a_checkpoint_that_is_none_is_refused(tmp_path):
    torch.save({"stage": "dinner"}, tmp_path / "x.pt")
    with pytest.raises(ValueError, match="no checkpoint"):
        read_checkpoint(tmp_path / "x.pt")


def test_the_first_top_frame_becomes_its_photo_and_views_inform_each_other():
    step = Step(TINY, awake(Transformer(TINY)))
    generator = torch.Generator().manual_seed(0)
    latents, image = (torch.randn(1, 7, 4, 4, 8, generator=generator) for _ in range(2))
    sigma, end = torch.tensor([2.0]), torch.tensor([0.0])
    with torch.no_grad():
        first = step(latents, image, sigma, end)
        assert torch.allclose(first[:, 0], image[:, 0], atol=1e-5)
        changed = latents.clone()
        changed[:, 6] += 1  # The side view's last frame.
        second = step(changed, image, sigma, end)
    moved = (second - first).abs().amax((0, 2, 3, 4))
    assert moved[0] == 0 and (moved[1:] > 1e-6).all()


def test_the_network_sees_a_change_and_not_where_the_origin_is():
    """With nothing learned the denoised change is `c_skip` times the noisy one."""
    step = Step(TINY, Transformer(TINY))
    generator = torch.Generator().manual_seed(0)
    latents, image = (torch.randn(2, 7, 4, 4, 8, generator=generator) for _ in range(2))
    sigma = torch.tensor([0.5])
    with torch.no_grad():
        estimate = step(latents, image, sigma, torch.tensor([0.0]))
    skip = schedule.scalings(sigma)[1]
    assert torch.allclose(estimate[:, 1:], (image + skip * (latents - image))[:, 1:], atol=1e-5)


def test_moving_latents_weigh_more():
    change = torch.zeros(1, 2, 3, 4, 4, 8)
    change[0, 1, 2, :, 1, 1] = 2
    weight = train_transformer.moving_weight(change)
    assert weight.shape == (1, 2, 3, 1, 4, 8)
    assert weight.mean().item() == pytest.approx(1)
    assert weight[0, 1, 2, 0, 1, 1] / weight[0, 0, 0, 0, 0, 0] == pytest.approx(1 + train_transformer.MOVING)


def test_only_matrices_inside_blocks_are_stepped_by_muon():
    made = optimiser.Optimiser(Transformer(TINY), 1e-3, 1e-3)
    inner = [p for group in made.parts[1].param_groups for p in group["params"]]
    assert len(inner) == 6 * TINY.depth
    every = sum(len(group["params"]) for part in made.parts for group in part.param_groups)
    assert every == len(made.parameters)


def test_weights_come_back_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr("dreamitate_training.small.weights.PART_LIMIT", 30_000)
    network = awake(Transformer(TINY))
    paths = save_weights(tmp_path, "transformer", network, TINY)
    assert len(paths) > 1 and read_shape(tmp_path, "transformer") == TINY
    again = Transformer(TINY)
    load_weights(tmp_path, "transformer", again)
    for a, b in zip(network.parameters(), again.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-3)
    with pytest.raises(ValueError, match="transformer"):
        load_weights(tmp_path, "transformer", Transformer(dataclasses.replace(TINY, depth=3)))
    with pytest.raises(FileNotFoundError, match="autoencoder"):
        load_weights(tmp_path, "autoencoder", again)


def test_psnr_of_a_known_error():
    a = torch.zeros(2, 4, 4, 3, dtype=torch.uint8)
    assert evaluate.psnr(a, a + 10) == pytest.approx(20 * numpy.log10(25.5), abs=1e-3)


def test_the_commands_train_and_export_a_folder_that_dreams(folder, tmp_path, capsys):
    shape = tmp_path / "shape.json"
    shape.write_text(TINY.to_json())
    out, model = tmp_path / "out", tmp_path / "model"
    options = ["--data", str(folder), "--out", str(out), "--device", "cpu", "--steps", "3", "--batch", "2"]
    options += ["--crops", "2", "--capacity", "8", "--wait-for", "8"]
    assert cli.main(["small", *options, "--shape", str(shape)]) == 0
    assert (out / "dreams.png").exists() and (out / "restored.png").exists()
    assert cli.main(["small", *options, "--stage", "autoencoder", "--resume", str(out / "transformer.pt")]) == 1
    assert "is of the transformer" in capsys.readouterr().err
    assert cli.main(["small-export", "--weights", str(out), "--out", str(model), "--steps", "4"]) == 0
    manifest = json.loads((model / "manifest.json").read_text())
    assert manifest["views"] == [4, 3] and manifest["latent_channels"] == 4 and manifest["cond_aug"] == 0
    assert set(manifest["files"]) == {"vae_encoder.onnx", "unet_step.onnx", "vae_decoder.onnx"}

    def graph(name):
        return onnxruntime.InferenceSession(model / f"{name}.onnx", providers=["CPUExecutionProvider"])

    noise = manifest["noise"]
    sigmas = schedule.sigmas(noise["steps"], noise["sigma_max"], noise["sigma_min"], noise["rho"]).numpy()
    photos = numpy.zeros((2, 3, 32, 64), numpy.float32)
    top, side = graph("vae_encoder").run(None, {"image": photos})[0]
    image_latents = numpy.stack([top] * 4 + [side] * 3)[None]
    latents = numpy.random.default_rng(0).standard_normal(image_latents.shape, numpy.float32) * sigmas[0]
    step = graph("unet_step")
    for sigma, following in zip(sigmas[:-1], sigmas[1:], strict=True):
        feeds = {"latents": latents, "image_latents": image_latents}
        feeds |= {"sigma": sigma[None], "sigma_next": following[None]}
        (latents,) = step.run(["latents_next"], feeds)
    frames = graph("vae_decoder").run(["frames"], {"latents": latents[0]})[0]
    assert frames.shape == (7, 3, 32, 64) and numpy.isfinite(frames).all()
    numpy.testing.assert_allclose(latents[0, 0], top, atol=1e-3)


@pytest.mark.parametrize("narrow", [False, True])
def test_graphs_agree_with_modules_at_any_batch(tmp_path, narrow):
    autoencoder, transformer = awake(Autoencoder(TINY)), awake(Transformer(TINY))
    with torch.no_grad():
        for parameter in [*autoencoder.parameters(), *transformer.parameters()]:
            parameter.copy_(parameter.half())
    for file, module, names, inputs in export.examples(TINY, autoencoder, transformer):
        path = tmp_path / file
        export.export_graph(module, names, inputs, path, narrow)
        assert export.difference(module, names, inputs, path) < (2e-3 if narrow else 1e-4)
        twice = tuple(torch.cat([v, -v]) if v.ndim > 1 else v for v in inputs)
        assert export.difference(module, names, twice, path) < (2e-3 if narrow else 1e-4)

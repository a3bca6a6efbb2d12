"""Fine-tuning: the loss, what is random about it, and whole runs of the tiny network on a clip of
moving squares.
"""

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from dreamitate_training import cli, clips, schedule
from dreamitate_training.svd import (
    architecture,
    finetune,
    latents,
    loss,
    recipe,
    seeds,
    state,
    trainable,
)
from dreamitate_training.svd.ema import Average

torch.set_num_threads(1)
CONFIG = Path(__file__).parents[1] / "config"
SIDE = 32
BASE = {
    "task": "squares",
    "prompt": "Move the square",
    "fps": 6,
    "width": SIDE,
    "height": SIDE,
    "precision": "fp32",
}


def squares(seed: int) -> clips.Clip:
    """A square that moves to the right over an even table; frame 0 shows the table alone."""
    random = np.random.default_rng(seed)
    views = []
    for _ in clips.VIEWS:
        frames = np.empty((clips.FRAMES, SIDE, SIDE, 3), np.uint8)
        frames[:] = random.integers(0, 120, 3)
        colour, (x, y) = random.integers(150, 256, 3), random.integers(2, 12, 2)
        for k in range(1, clips.FRAMES):
            frames[k, y : y + 8, x + k : x + k + 8] = colour
        views.append(frames)
    return clips.Clip(*views)


def a_recipe(**changes) -> recipe.Recipe:
    return recipe.parse(BASE | changes, "the test")


@pytest.fixture(scope="module")
def begin(tmp_path_factory) -> Path:
    """What a fine-tuning begins with: a clip, and initial weights that know other clips, as Stable
    Video Diffusion does.

    Random convolutions would leave the attention nothing to work with.
    """
    folder = tmp_path_factory.mktemp("begin")
    torch.manual_seed(0)
    unet, vae = architecture.unet("tiny"), architecture.vae("tiny").eval().requires_grad_(False)

    def encode(images):
        return vae.quant_conv(vae.encoder(images))[:, :4]

    # Latents of unit size after scaling, as a trained encoder's are.
    known = encode(clips.generated(squares(1)))
    mean, gain = known.mean((0, 2, 3)), 1 / (0.18215 * known.std((0, 2, 3)))
    vae.quant_conv.weight[:4] *= gain[:, None, None, None]
    vae.quant_conv.bias[:4] = (vae.quant_conv.bias[:4] - mean) * gain
    for seed in (1, 2):
        clips.write_clip(folder / "others" / str(seed), squares(seed))
    clips.write_clip(folder / "clips" / "a", squares(0))
    others = latents.Store(folder / "latents", clips.find_clips(folder / "others"))
    settings = a_recipe(drop_text=0, drop_photos=0)
    others.fill(settings, encode, "", 0.18215)
    text, ids = torch.randn(1, 1, 32), torch.tensor([[6, 200, 0.02]])
    optimizer = torch.optim.Adam(unet.parameters(), lr=3e-3)
    for step in range(150):
        example = loss.draw(others[step % 2], text, settings, seeds.generator(0, "begin", step))
        loss.losses(unet, example, ids).mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    unet.save_pretrained(folder / "initial" / "unet")
    vae.save_pretrained(folder / "initial" / "vae")
    np.save(folder / "text.npy", text.numpy())
    (folder / "recipe.yaml").write_text("\n".join(f"{key}: {value}" for key, value in BASE.items()))
    return folder


def fine_tune(begin: Path, out: Path, *arguments: str, **changes) -> int:
    """Runs the command with small values; returns its exit code."""
    # One program runs one fine-tuning; here many follow each other.
    AcceleratorState._reset_state(reset_partial_state=True)
    quick = {
        "batch": 1,
        "learning_rate": 0.005,
        "preview_steps": 2,
        "gradient_checkpointing": False,
    }
    sets = [f"--set={key}={str(value).lower()}" for key, value in (quick | changes).items()]
    files = [f"--clips={begin / 'clips'}", f"--recipe={begin / 'recipe.yaml'}", f"--out={out}"]
    weights = [f"--initial={begin / 'initial'}", f"--text={begin / 'text.npy'}"]
    return cli.main(["finetune", *files, *weights, *sets, *arguments])


@pytest.fixture(scope="module")
def done(begin, tmp_path_factory) -> Path:
    """A finished fine-tuning."""
    out = tmp_path_factory.mktemp("done")
    every = {"measure_every": 40, "preview_every": 40, "save_every": 40, "log_every": 20}
    assert fine_tune(begin, out, steps=80, drop_text=0, drop_photos=0, **every) == 0
    return out


def logged(out: Path, tag: str) -> list[float]:
    events = EventAccumulator(str(out / "log"))
    events.Reload()
    return [event.value for event in events.Scalars(tag)]


def test_the_loss_falls_at_fixed_noise(begin, done):
    before, half, after = logged(done, "fixed_loss/training")
    assert after < half < before
    # Little noise is told apart by the frozen convolutions; where noise hides the clip, it must
    # have been learnt.
    clip = latents.Store(done / "latents", [begin / "clips" / "a"])[0]
    text, ids = torch.from_numpy(np.load(begin / "text.npy")), torch.tensor([[6, 200, 0.02]])
    means = []
    for weights in (begin / "initial", done / "model"):
        unet, _ = finetune.initial_weights(weights, None)
        examples = [
            loss.draw(clip, text, a_recipe(), seeds.generator(1, "test", number), sigma)
            for number, sigma in enumerate((4.0, 8.0, 16.0, 32.0))
        ]
        with torch.no_grad():
            means.append(float(loss.losses(unet, loss.together(examples), ids).mean()))
    assert means[1] < 0.7 * means[0], f"{means[0]:.3f} → {means[1]:.3f}"


def test_only_attention_changes(begin, done):
    before, _ = finetune.initial_weights(begin / "initial", None)
    after, vae = finetune.initial_weights(done / "model", None)
    after = dict(after.named_parameters())
    changed = {
        name for name, value in before.named_parameters() if not torch.equal(value, after[name])
    }
    assert changed == set(trainable.choose_trainable(before))
    assert all(".attn1." in name or ".attn2." in name for name in changed)
    assert any(".temporal_transformer_blocks." in name for name in changed)
    assert any(".transformer_blocks." in name for name in changed)
    assert latents.digest(vae) == latents.digest(
        finetune.initial_weights(begin / "initial", None)[1]
    )


def test_queries_and_keys_of_the_one_token_have_no_gradient():
    torch.manual_seed(0)
    unet = architecture.unet("tiny")
    example = loss.Example(
        *(torch.randn(1, 25, 4, 4, 4) for _ in range(3)), torch.ones(1), torch.randn(1, 1, 32)
    )
    loss.losses(unet, example, torch.tensor([[6, 200, 0.02]])).mean().backward()
    attention = {
        n: float(p.grad.abs().max())
        for n, p in unet.named_parameters()
        if trainable.ATTENTION.search(n)
    }
    idle = {n for n, size in attention.items() if size < 1e-7}
    assert idle == {n for n, _ in unet.named_parameters() if trainable.IDLE.search(n)}


def test_logs_and_sample_videos_are_written(begin, done):
    assert len(logged(done, "loss/all")) == 4
    assert logged(done, "loss/sigma_2_to_4")
    assert sorted(p.name for p in (done / "samples").iterdir()) == [
        "step_00000040.mp4",
        "step_00000080.mp4",
    ]
    with clips.imageio.get_reader(done / "samples" / "step_00000080.mp4") as reader:
        frames = np.stack([np.asarray(frame) for frame in reader])
    assert frames.shape == (13, 2 * SIDE, 2 * SIDE, 3)
    recorded = squares(0)
    # The lower row is the recording, and the upper right corner begins with the side photo.
    assert np.abs(frames[:, SIDE:, :SIDE].astype(int) - recorded.top).mean() < 6
    assert np.abs(frames[0, :SIDE, SIDE:].astype(int) - recorded.side[0]).mean() < 6
    text = np.load(done / "model" / "text_embeds.npy")
    assert (text == np.load(begin / "text.npy")).all()


def test_a_resumed_fine_tuning_ends_as_one_without_interruption(begin, tmp_path):
    assert fine_tune(begin, tmp_path / "whole", steps=5, batch=2) == 0
    assert fine_tune(begin, tmp_path / "parts", steps=2, batch=2) == 0
    assert fine_tune(begin, tmp_path / "parts", "--resume", steps=5, batch=2) == 0
    states = [
        torch.load(state.latest(tmp_path / part / "state"), weights_only=True)
        for part in ("whole", "parts")
    ]
    assert states[0]["step"] == states[1]["step"] == 5
    assert states[0]["average_updates"] == 5
    for key in ("weights", "average"):
        assert all(
            torch.equal(value, states[1][key][name]) for name, value in states[0][key].items()
        )
    for name, moments in states[0]["optimizer"]["state"].items():
        assert torch.equal(
            moments["exp_avg_sq"], states[1]["optimizer"]["state"][name]["exp_avg_sq"]
        )
    # What is written in the end can still be chosen: the average.
    assert fine_tune(begin, tmp_path / "parts", "--resume", steps=5, batch=2, final="ema") == 0
    unet, _ = finetune.initial_weights(tmp_path / "parts" / "model", None)
    values = trainable.choose_trainable(unet)
    assert all(torch.equal(value, states[1]["average"][name]) for name, value in values.items())
    assert not all(torch.equal(value, states[1]["weights"][name]) for name, value in values.items())


def test_the_batchs_parts_and_checkpointing_change_nothing(begin, tmp_path):
    ways = {"a": {}, "b": {"micro_batch": 2}, "c": {"gradient_checkpointing": True}}
    for name, way in ways.items():
        assert fine_tune(begin, tmp_path / name, steps=2, batch=2, **way) == 0
    weights = [
        torch.load(state.latest(tmp_path / name / "state"), weights_only=True)["weights"]
        for name in ways
    ]
    for other in weights[1:]:
        assert all(
            torch.allclose(value, other[name], atol=2e-4) for name, value in weights[0].items()
        )


def test_two_processes_do_what_one_does(begin, tmp_path):
    sets = [
        f"--set={change}"
        for change in ("steps=2", "batch=2", "preview_steps=2", "learning_rate=0.005")
    ]
    files = [
        f"--clips={begin / 'clips'}",
        f"--recipe={begin / 'recipe.yaml'}",
        f"--out={tmp_path / 'two'}",
    ]
    weights = [f"--initial={begin / 'initial'}", f"--text={begin / 'text.npy'}"]
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    command = [*launch, "-m", "dreamitate_training", "finetune", *files, *weights, *sets]
    there = {**os.environ, "PYTHONPATH": str(CONFIG.parent), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, env=there, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("step 2 of 2") == 1, (
        "two processes that know nothing of each other would both tell"
    )
    assert fine_tune(begin, tmp_path / "one", steps=2, batch=2) == 0
    one, two = (
        torch.load(state.latest(tmp_path / n / "state"), weights_only=True)["weights"]
        for n in ("one", "two")
    )
    assert all(torch.allclose(value, two[name], atol=2e-4) for name, value in one.items())


def test_random_weights_and_bf16_will_do_for_a_trial(begin, tmp_path):
    AcceleratorState._reset_state(reset_partial_state=True)
    files = [f"--clips={begin / 'clips'}", f"--recipe={begin / 'recipe.yaml'}", f"--out={tmp_path}"]
    sets = ["--set=steps=1", "--set=batch=1", "--set=precision=bf16", "--set=preview_steps=2"]
    assert cli.main(["finetune", *files, *sets, "--architecture=tiny"]) == 0
    AcceleratorState._reset_state(reset_partial_state=True)
    assert math.isfinite(logged(tmp_path, "loss/all")[0])


@pytest.mark.parametrize(
    ("arguments", "changes", "message"),
    [
        (["--resume"], {}, "holds no saved state"),
        (
            [],
            {"batch": 3, "micro_batch": 2},
            "batch of 3 clips cannot be divided into parts of 2 on 1 processes",
        ),
        ([], {"held_out": 1}, "held_out is 1, and there are 1 clips"),
        ([], {"widht": 32}, "unknown key widht"),
        (["--architecture=tiny"], {}, "either --initial .* or --architecture"),
        (["--text=recipe.yaml"], {}, "recipe.yaml"),
        (["--clips=nowhere"], {}, "nowhere is no folder"),
        (["--initial=nowhere"], {}, "nowhere is no diffusers folder"),
    ],
)
def test_what_cannot_be_done_is_refused(begin, tmp_path, capsys, arguments, changes, message):
    assert fine_tune(begin, tmp_path, *arguments, **changes) == 1
    assert re.search(message, capsys.readouterr().err)


def test_a_state_is_neither_overwritten_nor_continued_otherwise(begin, done, capsys):
    assert fine_tune(begin, done, steps=80, drop_text=0, drop_photos=0) == 1
    assert "holds the state step_00000080.pt" in capsys.readouterr().err
    assert (
        fine_tune(begin, done, "--resume", steps=81, learning_rate=0.02, drop_text=0, drop_photos=0)
        == 1
    )
    assert "began with learning_rate 0.005, and cannot go on with 0.02" in capsys.readouterr().err


# The loss.


def test_the_weighted_loss_is_that_of_the_velocity():
    random = torch.Generator().manual_seed(3)
    target, noise = (torch.randn(2, 25, 4, 2, 3, generator=random) for _ in range(2))
    sigma = torch.tensor([0.3, 20.0])
    example = loss.Example(target, noise, torch.zeros_like(target), sigma, torch.zeros(2, 1, 8))
    guess = torch.randn(target.shape, generator=random)
    seen = {}

    def unet(sample, time, text, ids, return_dict):
        seen.update(sample=sample, time=time, ids=ids)
        return (guess,)

    wide = sigma.reshape(-1, 1, 1, 1, 1)
    velocity = (noise - wide * target) / (1 + wide**2).sqrt()
    expected = ((guess - velocity) ** 2).mean((1, 2, 3, 4))
    found = loss.losses(unet, example, torch.tensor([[6.0, 200.0, 0.02]]))
    assert torch.allclose(found, expected, rtol=1e-3)
    c_in, _, _, time = schedule.scalings(sigma)
    assert torch.equal(seen["time"], time)
    assert seen["ids"].shape == (2, 3)
    assert seen["sample"].shape == (2, 25, 8, 2, 3)
    assert torch.allclose(seen["sample"][1, :, :4], (target[1] + 20 * noise[1]) * c_in[1])


def constant_clip() -> latents.ClipLatents:
    """Copies of photos that tell their view and number."""
    numbers = torch.arange(32.0)[:, None, None, None].expand(-1, 4, 2, 2)
    return latents.ClipLatents(torch.zeros(25, 4, 2, 2), 1000 + numbers, 2000 + numbers)


def test_each_frame_sees_its_own_views_photo_with_noise_of_its_own():
    photos = constant_clip().image_latents(torch.Generator().manual_seed(0))[:, 0, 0, 0]
    assert ((photos[:13] >= 1000) & (photos[:13] < 2000)).all()
    assert (photos[13:] >= 2000).all()
    assert len(photos.unique()) == 25


def test_levels_and_dropping_are_as_the_recipe_says():
    settings, text = a_recipe(drop_text=0.3, drop_photos=0.2), torch.ones(1, 1, 8)
    examples = [
        loss.draw(constant_clip(), text, settings, seeds.generator(0, "example", place))
        for place in range(2000)
    ]
    logs = torch.cat([e.sigma for e in examples]).log()
    assert logs.mean() == pytest.approx(1.0, abs=0.1)
    assert logs.std() == pytest.approx(1.6, abs=0.1)
    no_text = torch.tensor([float(e.text.abs().max() == 0) for e in examples])
    no_photos = torch.tensor([float(e.image_latents.abs().max() == 0) for e in examples])
    assert no_text.mean() == pytest.approx(0.3, abs=0.04)
    assert no_photos.mean() == pytest.approx(0.2, abs=0.03)
    assert (no_text * no_photos).mean() == pytest.approx(0.06, abs=0.02), "each by itself"
    levels = loss.fixed_levels(settings, 4)
    assert [round(x, 2) for x in levels] == [0.43, 1.63, 4.53, 17.13]


# Latents, random numbers, the average, the recipe.


def test_latents_are_kept_until_something_changes(tmp_path):
    clips.write_clip(tmp_path / "clips" / "a", squares(0))
    store = latents.Store(tmp_path / "latents", clips.find_clips(tmp_path / "clips"))
    calls = []

    def encode(images):
        calls.append(images)
        return images[:, :, ::8, ::8]

    settings = a_recipe()
    assert store.fill(settings, encode, "x", 0.5) == 1
    assert len(calls) == 25 + 2 * 32
    clip = store[0]
    expected = clips.generated(squares(0))[:, :, ::8, ::8] * 0.5
    assert torch.allclose(clip.target, expected)
    noise = clip.side_photos - clips.to_model(squares(0).side[0])[:, ::8, ::8]
    assert noise.std() == pytest.approx(0.02, rel=0.1)
    assert abs(noise.mean()) < 0.002
    assert not torch.equal(clip.side_photos[0], clip.side_photos[1])
    assert store.fill(settings, encode, "x", 0.5) == 0
    assert store.fill(settings, encode, "other weights", 0.5) == 1
    assert store.fill(a_recipe(cond_aug=0.0), encode, "x", 0.5) == 1
    assert torch.equal(store[0].top_photos[0], store[0].top_photos[31])
    store.path(0).write_bytes(store.path(0).read_bytes()[:1000])
    assert store.fill(settings, encode, "x", 0.5) == 1
    clips.write_clip(tmp_path / "clips" / "a", squares(5))
    assert store.fill(settings, encode, "x", 0.5) == 1


def test_every_clip_is_seen_once_in_each_round():
    rounds = [[seeds.clip_at(0, 7 * r + i, 7) for i in range(7)] for r in range(3)]
    assert all(sorted(order) == list(range(7)) for order in rounds)
    assert rounds[0] != rounds[1]
    keys = ((0, "a", 0), (0, "a", 1), (0, "b", 0), (1, "a", 0))
    draws = {float(torch.randn(1, generator=seeds.generator(*key))) for key in keys}
    assert len(draws) == 4


def test_the_average_follows_and_stands_in():
    parameters = {"w": torch.nn.Parameter(torch.zeros(2))}
    average = Average(parameters, decay=0.5)
    expected = 0.0
    for step in range(1, 21):
        with torch.no_grad():
            parameters["w"] += 1
        average.update(parameters)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    assert average.weights["w"].tolist() == pytest.approx([expected] * 2)
    with average.in_place(parameters):
        assert torch.equal(parameters["w"], average.weights["w"])
    assert parameters["w"].tolist() == [20, 20]


@pytest.mark.parametrize("task", ["rotation", "scooping", "sweeping", "push_shape"])
def test_the_recipes_are_the_papers(task):
    found = recipe.read_recipe(CONFIG / f"{task}.yaml")
    assert found.task == task
    assert found.prompt
    papers = (
        found.steps,
        found.batch,
        found.learning_rate,
        found.width,
        found.height,
        found.motion_bucket,
    )
    assert papers == (16384, 4, 1e-5, 768, 448, 200)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fps": 0}, "fps is 0.0, and should be above 0"),
        ({"fps": "six"}, "fps is 'six', and should be float"),
        ({"batch": 1.5}, "batch is 1.5, and should be int"),
        ({"cond_draws": 12}, "cond_draws is 12, and should be at least 13"),
        ({"drop_text": 1.0}, "drop_text is 1.0"),
        ({"precision": "fp8"}, "one of fp32, bf16"),
        ({"final": "ema", "ema_decay": 0}, "keeps no average"),
    ],
)
def test_wrong_recipes_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        a_recipe(**changes)


def test_yaml_1e_5_is_a_number(tmp_path):
    (tmp_path / "r.yaml").write_text("task: a\nprompt: b\nfps: 6\nlearning_rate: 1e-5\n")
    assert recipe.read_recipe(tmp_path / "r.yaml").learning_rate == 1e-5
    with pytest.raises(ValueError, match="lacks fps"):
        recipe.parse({"task": "a", "prompt": "b"}, "r")

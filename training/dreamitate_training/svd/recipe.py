"""The recipe of a fine-tuning: every number that decides what comes out, read from a YAML file."""

import contextlib
import dataclasses
from collections.abc import Mapping
from pathlib import Path

import yaml

PRECISIONS = ("fp32", "bf16")
FINALS = ("trained", "ema")
POSITIVE = (
    "fps",
    "width",
    "height",
    "batch",
    "micro_batch",
    "learning_rate",
    "p_std",
    "log_every",
    "measure_every",
    "preview_every",
    "save_every",
    "decode_chunk",
)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What a fine-tuning does. The values here are the paper's where it gives one; the YAML files
    tell the sources.
    """

    #: The task's name and the sentence that its text embedding was made of.
    task: str
    prompt: str
    #: Frames a second of the clips, told to the network.
    fps: float
    motion_bucket: float = 200.0
    #: Standard deviation of the noise on the photos, in ±1.
    cond_aug: float = 0.02
    #: Noisy copies of each view's photo that are encoded and kept; a clip draws its own from them
    #: each time.
    cond_draws: int = 32
    width: int = 768
    height: int = 448
    steps: int = 16384
    #: Clips of a step, over all GPUs.
    batch: int = 4
    #: Clips that a GPU works on at once; the rest of the batch follows by accumulation.
    micro_batch: int = 1
    learning_rate: float = 1e-5
    #: ln σ is drawn from a normal distribution.
    p_mean: float = 1.0
    p_std: float = 1.6
    #: Probability of leaving out the text, and independently the photos: what guidance above 1
    #: needs.
    drop_text: float = 0.1
    drop_photos: float = 0.1
    precision: str = "bf16"
    gradient_checkpointing: bool = True
    #: 0 keeps no average.
    ema_decay: float = 0.9999
    #: Which weights are written in the end.
    final: str = "trained"
    seed: int = 0
    #: The last clips by name are never trained on.
    held_out: int = 0
    #: Steps between lines of the log, measurements at fixed noise, sample videos, and saved states.
    log_every: int = 20
    measure_every: int = 500
    preview_every: int = 1000
    save_every: int = 500
    #: The sample videos' sampler.
    preview_steps: int = 30
    preview_guidance: float = 1.0
    #: Frames that are decoded at once for a sample video.
    decode_chunk: int = 5

    def __post_init__(self) -> None:
        for key in POSITIVE:
            if getattr(self, key) <= 0:
                raise ValueError(f"{key} is {getattr(self, key)}, and should be above 0")
        for key in ("drop_text", "drop_photos", "ema_decay"):
            if not 0 <= getattr(self, key) < 1:
                raise ValueError(
                    f"{key} is {getattr(self, key)}, and should be at least 0 and below 1"
                )
        for key, least in (
            ("steps", 0),
            ("held_out", 0),
            ("cond_aug", 0),
            ("cond_draws", 13),
            ("preview_steps", 2),
        ):
            if getattr(self, key) < least:
                raise ValueError(f"{key} is {getattr(self, key)}, and should be at least {least}")
        for key, known in (("precision", PRECISIONS), ("final", FINALS)):
            if getattr(self, key) not in known:
                raise ValueError(
                    f"{key} is {getattr(self, key)}, and should be one of {', '.join(known)}"
                )
        if self.final == "ema" and self.ema_decay == 0:
            raise ValueError("final is ema, and ema_decay 0 keeps no average")


FIELDS = {field.name: field for field in dataclasses.fields(Recipe)}
#: May differ when a fine-tuning is resumed: they change what is shown, kept or written, or when it
#: ends.
FREE = {
    "steps",
    "final",
    "micro_batch",
    "log_every",
    "measure_every",
    "preview_every",
    "save_every",
    "preview_steps",
    "preview_guidance",
    "decode_chunk",
}


def read_recipe(path: Path, changes: list[str] = ()) -> Recipe:
    """Returns the recipe in a YAML file with `changes` such as `steps=200` made to it.

    Raises ValueError for an unknown key, a missing one, or a value of another type or out of range.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is no YAML: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path} holds no names with values")
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals:
            raise ValueError(f"{change!r} is not KEY=VALUE")
        values[key] = yaml.safe_load(text)
    return parse(values, str(path))


def parse(values: Mapping, where: str) -> Recipe:
    """Returns the recipe of names with values."""
    typed = {}
    for key, value in values.items():
        if key not in FIELDS:
            raise ValueError(f"{where} has the unknown key {key}; known are {', '.join(FIELDS)}")
        kind = FIELDS[key].type
        if kind is float and isinstance(value, str):
            # YAML 1.1 takes 1e-5 without a point for text.
            with contextlib.suppress(ValueError):
                value = float(value)
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise ValueError(f"{where}: {key} is {value!r}, and should be {kind.__name__}")
        typed[key] = value
    missing = [
        key
        for key, field in FIELDS.items()
        if field.default is dataclasses.MISSING and key not in typed
    ]
    if missing:
        raise ValueError(f"{where} lacks {', '.join(missing)}")
    return Recipe(**typed)


def write_recipe(path: Path, recipe: Recipe) -> None:
    """Writes all values, so that the file alone repeats the fine-tuning."""
    path.write_text(
        yaml.safe_dump(dataclasses.asdict(recipe), sort_keys=False, allow_unicode=True),
        encoding="utf-8",
    )


def check_same(before: Recipe, now: Recipe) -> None:
    """Raises ValueError if a fine-tuning that began with one recipe cannot go on with the other."""
    for key in FIELDS:
        old, new = getattr(before, key), getattr(now, key)
        if key not in FREE and old != new:
            raise ValueError(f"the fine-tuning began with {key} {old}, and cannot go on with {new}")

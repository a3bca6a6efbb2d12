"""Sizes of the small model."""

import dataclasses
import json

#: Pixels of an image for one of its latent, along each axis.
LATENT_SCALE = 8
#: Latents of a token, along each axis.
PATCH = 2


@dataclasses.dataclass(frozen=True)
class Shape:
    """Sizes of the clips and of both networks; what a weights file says about itself."""

    width: int = 384
    height: int = 224
    #: Frames of each view that are dreamed; frame 0 is the photo.
    times: int = 12
    channels: int = 12
    #: Features of the autoencoder at a quarter and at an eighth of the image's size.
    encoder_widths: tuple[int, int] = (64, 128)
    decoder_widths: tuple[int, int] = (96, 192)
    #: Residual pairs of convolutions at each of these sizes.
    encoder_depths: tuple[int, int] = (1, 2)
    decoder_depths: tuple[int, int] = (2, 3)
    #: Features of a token, blocks, and heads of an attention.
    token_width: int = 384
    depth: int = 7
    heads: int = 6
    #: Features inside a block's feed-forward part, in token widths.
    widening: int = 2
    #: Tokens that stand for no place, see `transformer`.
    registers: int = 8

    def __post_init__(self) -> None:
        cell = LATENT_SCALE * PATCH
        if self.width % cell or self.height % cell or min(self.width, self.height) < cell:
            raise ValueError(f"{self.width}x{self.height} px; both must be multiples of {cell}")
        if self.token_width % self.heads or self.token_width // self.heads % 4:
            raise ValueError(
                f"{self.token_width} features and {self.heads} heads; a head's features must be a multiple of 4"
            )
        if min(self.times, self.channels, self.depth) < 1:
            raise ValueError(f"{self.times} times, {self.channels} channels, {self.depth} blocks; at least 1 each")

    @property
    def latent_size(self) -> tuple[int, int]:
        """Rows and columns of a frame's latents."""
        return self.height // LATENT_SCALE, self.width // LATENT_SCALE

    @property
    def token_size(self) -> tuple[int, int]:
        """Rows and columns of a frame's tokens."""
        rows, columns = self.latent_size
        return rows // PATCH, columns // PATCH

    @property
    def views(self) -> tuple[int, int]:
        """Frames of the top and of the side view in a dream; the top view's first is its photo."""
        return self.times + 1, self.times

    @property
    def clip_shape(self) -> tuple[int, int, int, int]:
        """Of a training clip: frames of the top view, then of the side view, each with its photo."""
        return 2 * (self.times + 1), self.height, self.width, 3

    def to_json(self) -> str:
        """Returns the sizes as JSON."""
        return json.dumps(dataclasses.asdict(self))

    @staticmethod
    def from_json(text: str) -> "Shape":
        """Reads what `to_json` wrote.

        Raises ValueError if a size is unknown or refused.
        """
        try:
            fields = {k: tuple(v) if isinstance(v, list) else v for k, v in json.loads(text).items()}
            return Shape(**fields)
        except (TypeError, AttributeError) as error:
            raise ValueError(f"the sizes {text!r} are none of the small model: {error}") from error

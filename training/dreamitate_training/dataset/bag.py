"""A recording as a ROS 2 bag, read without ROS by the package `rosbags`."""

import contextlib
import io
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from dreamitate_training.clips import VIEWS

RAW, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
#: Channels of an encoding, and where red, green and blue are among them.
ENCODINGS = {
    "rgb8": (3, [0, 1, 2]),
    "bgr8": (3, [2, 1, 0]),
    "rgba8": (4, [0, 1, 2]),
    "bgra8": (4, [2, 1, 0]),
    "mono8": (1, [0, 0, 0]),
}


class Bag:
    """The topics `camera/{top,side}/image_raw`, raw or with `/compressed` behind, under any
    namespace.
    """

    def __init__(self, path: Path) -> None:
        """Reads the times in the messages' headers; the pictures stay in the bag."""
        self.path = path
        self.stamps: dict[str, np.ndarray] = {}
        #: The number in the bag of each frame; headers may be out of order.
        self.order: dict[str, np.ndarray] = {}
        with open_bag(path) as reader:
            for view in VIEWS:
                connection = topic_of(reader, view, path)
                stamps = [
                    message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
                    for message in messages(reader, connection)
                ]
                if not stamps:
                    raise OSError(f"the bag {path} has no message on {connection.topic}")
                self.order[view] = np.argsort(stamps, kind="stable")
                self.stamps[view] = np.array(stamps, dtype=np.int64)[self.order[view]]
        begin = min(stamps[0] for stamps in self.stamps.values())
        self.times = {view: (stamps - begin) / 1e9 for view, stamps in self.stamps.items()}

    def times_s(self, view: str) -> np.ndarray:
        return self.times[view]

    def frames(self, view: str, indices: list[int]) -> list[np.ndarray]:
        numbers = [int(self.order[view][index]) for index in indices]
        wanted, found = set(numbers), {}
        with open_bag(self.path) as reader:
            connection = topic_of(reader, view, self.path)
            for number, message in enumerate(messages(reader, connection)):
                if number in wanted:
                    found[number] = picture(
                        message, f"message {number} of {connection.topic} in {self.path}"
                    )
                if len(found) == len(wanted):
                    break
        return [found[number] for number in numbers]


@contextlib.contextmanager
def open_bag(path: Path):
    """Opens a bag and gives its reader; OSError if it is none or is damaged."""
    try:
        from rosbags.highlevel import AnyReader, AnyReaderError
        from rosbags.rosbag2 import ReaderError
        from rosbags.typesys import Stores, get_typestore
    except ImportError as error:
        raise OSError(
            f"reading the bag {path} needs the package rosbags: install dreamitate-training[bags]"
        ) from error
    try:
        # Bags of ROS 2 before Iron hold no definitions; images have not changed since.
        with AnyReader([path], default_typestore=get_typestore(Stores.ROS2_JAZZY)) as reader:
            yield reader
    except (AnyReaderError, ReaderError) as error:
        raise OSError(f"cannot read the bag {path}: {error}") from error


def topic_of(reader, view: str, path: Path):
    """Returns the connection of a view's pictures."""
    ends = (f"camera/{view}/image_raw", f"camera/{view}/image_raw/compressed")
    for kind, end in zip((RAW, COMPRESSED), ends, strict=True):
        found = [
            c for c in reader.connections if c.msgtype == kind and f"/{c.topic}".endswith(f"/{end}")
        ]
        if len({c.topic for c in found}) > 1:
            raise ValueError(
                f"the bag {path} has several topics …/{end}: {', '.join(c.topic for c in found)}"
            )
        if found:
            return found[0]
    raise ValueError(
        f"the bag {path} has no topic {ends[0]} of {RAW} and no {ends[1]} of {COMPRESSED}"
    )


def messages(reader, connection):
    """Yields the decoded messages of a connection in the order of their arrival."""
    for found, _, data in reader.messages(connections=[connection]):
        yield reader.deserialize(data, found.msgtype)


def picture(message, where: str) -> np.ndarray:
    """Returns the message's picture, uint8 `[H, W, 3]`, RGB."""
    if not hasattr(message, "encoding"):
        try:
            with Image.open(io.BytesIO(bytes(message.data))) as image:
                return np.asarray(image.convert("RGB"))
        except (UnidentifiedImageError, OSError) as error:
            raise OSError(f"{where} cannot be decoded ({message.format}): {error}") from error
    if message.encoding not in ENCODINGS:
        raise ValueError(
            f"{where} has the encoding {message.encoding}; known are {', '.join(ENCODINGS)}"
        )
    channels, colours = ENCODINGS[message.encoding]
    data = np.asarray(message.data, dtype=np.uint8)
    if message.step < message.width * channels or len(data) < message.step * message.height:
        raise ValueError(
            f"{where} holds {len(data)} bytes in rows of {message.step}, "
            f"too few for {message.width}×{message.height} px {message.encoding}"
        )
    rows = data[: message.step * message.height].reshape(message.height, message.step)
    pixels = rows[:, : message.width * channels].reshape(message.height, message.width, channels)
    return np.ascontiguousarray(pixels[:, :, colours])

#!/usr/bin/env python3
"""Reads a bag with two readers that share no code with this crate, and prints what they find.

    pip install rosbags==0.11.9 mcap-ros2-support
    cargo run --release -p dreamitate_bag --example write_sample DIR
    python crates/bag/test/read_back.py DIR

Exits with 1 if the readers disagree on topics, counts, stamps or the first messages' fields, or if a type hash in the
bag is not that of its definition. For closed bags: neither reader takes one that was cut short.
"""

import dataclasses
import sys
from collections import Counter
from pathlib import Path

from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore


def plain(value, limit=8):
    """A decoded message as comparable Python values; long sequences as their length and first items."""
    if isinstance(value, float) and value != value:
        return "nan"  # which equals itself
    if isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        value = list(value)
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return {"length": len(value), "first": [plain(item) for item in value[:limit]]}
    if dataclasses.is_dataclass(value):
        # rosbags lists the type's name and constants among the fields; fields of ROS are lower case.
        names = [f.name for f in dataclasses.fields(value) if not f.name.startswith("__") and not f.name.isupper()]
        return {name: plain(getattr(value, name)) for name in names}
    if hasattr(value, "__slots__"):
        return {name: plain(getattr(value, name)) for name in value.__slots__}
    raise TypeError(f"unexpected {type(value)}")


def with_rosbags(folder):
    counts, stamps, first, types, wrong = Counter(), {}, {}, {}, []
    # The bag's own definitions decode it: no type is known beforehand but the standard ones.
    with AnyReader([folder], default_typestore=get_typestore(Stores.ROS2_JAZZY)) as reader:
        for connection in reader.connections:
            types[connection.topic] = connection.msgtype
            if connection.digest != reader.typestore.hash_rihs01(connection.msgtype):
                wrong.append(f"{connection.msgtype}: {connection.digest}")
            print(f"  {connection.topic}: QoS {connection.ext.offered_qos_profiles[0]}")
        for connection, stamp, data in reader.messages():
            topic = connection.topic
            counts[topic] += 1
            stamps.setdefault(topic, []).append(stamp)
            if topic not in first:
                first[topic] = plain(reader.deserialize(data, connection.msgtype))
    return counts, stamps, first, types, wrong


def with_mcap(path):
    counts, stamps, first, types = Counter(), {}, {}, {}
    with path.open("rb") as file:
        reader = make_reader(file, validate_crcs=True, decoder_factories=[DecoderFactory()])
        for schema, channel, message, decoded in reader.iter_decoded_messages():
            counts[channel.topic] += 1
            types[channel.topic] = schema.name
            stamps.setdefault(channel.topic, []).append(message.log_time)
            first.setdefault(channel.topic, plain(decoded))
    return counts, stamps, first, types


def main():
    folder = Path(sys.argv[1])
    path = next(folder.glob("*.mcap"))
    print(f"mcap-ros2-support, {path.name}:")
    counts, stamps, first, types = with_mcap(path)
    for topic, count in sorted(counts.items()):
        print(f"  {topic}: {count} x {types[topic]}, from {stamps[topic][0]} to {stamps[topic][-1]}")
        print(f"    {str(first[topic])[:300]}")
    print("rosbags:")
    theirs = with_rosbags(folder)
    failures = [f"wrong hash in the bag: {text}" for text in theirs[4]]
    for what, a, b in zip(("counts", "stamps", "first messages", "types"), (counts, stamps, first, types), theirs):
        for topic in sorted(set(a) | set(b)):
            if a.get(topic) != b.get(topic):
                failures.append(f"the readers disagree on {what} of {topic}:\n{a.get(topic)}\n{b.get(topic)}")
    print("\n".join(failures) or f"the readers agree on {sum(counts.values())} messages of {len(counts)} topics")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

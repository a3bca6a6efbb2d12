#!/usr/bin/env python3
"""Looks at a ROS graph from outside, as ROS 2 under rmw_zenoh would: a peer made of none of our code.

    pip install eclipse-zenoh rosbags
    python see_from_outside.py --domain N COMMAND…

Runs the command, subscribes to all topics of the domain with Zenoh's own Python package, and watches the graph's liveliness
tokens. For each topic: its key must have the form of rmw_zenoh, its type hash must be the one that rosbags computes from
the .msg files, a publisher's token must say the same, and rosbags must decode its bytes and encode them the same again.
Exits with 1 if anything differs, if a topic of ARCHITECTURE.md is not there, or with what the command exits with.
"""

import argparse
import re
import subprocess
import sys
import threading
from pathlib import Path

import zenoh
import zenoh.ext
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

ROOT = Path(__file__).resolve().parents[3]
# Topics of a run with a rendered dream and simulated arms. Those of cameras and loops need other sources.
EXPECTED = {
    "dream/clip", "dream/truth/left", "track/top/left", "track/side/right", "track/prior/left", "trajectory/left",
    "trajectory/right/detail", "trajectory/left/path", "plan/left", "display_planned_path", "execution/summary",
    "left/joint_states", "visualization_marker_array", "diagnostics", "tf", "tf_static",
}
LOOK_EVERY_S = 0.3


def typestore():
    """Jazzy's types as rosbags ships them, ours, and those of other packages that it does not ship."""
    types = get_typestore(Stores.ROS2_JAZZY)
    standard = [(file.parents[1].name, file) for file in sorted(ROOT.glob("msg/standard/*/msg/*.msg"))]
    ours = [("dreamitate_msgs", file) for file in sorted(ROOT.glob("msg/msg/*.msg"))]
    for package, file in standard + ours:
        name = f"{package}/msg/{file.stem}"
        if name not in types.types:
            types.register(get_types_from_msg(file.read_text(), name))
    return types


class Outside:
    def __init__(self, domain):
        self.domain, self.lock = domain, threading.Lock()
        self.samples, self.counts, self.tokens = {}, {}, set()
        config = zenoh.Config()
        config.insert_json5("mode", '"peer"')
        self.session = zenoh.open(config)
        # With the history of latched topics, should a node be found later than it publishes.
        history = zenoh.ext.HistoryConfig(detect_late_publishers=True)
        self.subscriber = zenoh.ext.declare_advanced_subscriber(
            self.session, f"{domain}/**", self.listen, history=history)

    def listen(self, sample):
        key = str(sample.key_expr)
        with self.lock:
            self.counts[key] = self.counts.get(key, 0) + 1
            self.samples.setdefault(key, (sample.payload.to_bytes(), sample.attachment is not None))

    def look(self):
        tokens = self.session.liveliness().get(f"@ros2_lv/{self.domain}/**")
        self.tokens |= {str(reply.ok.key_expr) for reply in tokens if reply.ok}


def published(tokens):
    """The (topic, type, hash) of every publisher; a token's parts end with name, type, hash and QoS."""
    parts = [token.split("/") for token in tokens]
    return {(p[-4].removeprefix("%").replace("%", "/"), p[-3], p[-2]) for p in parts if "MP" in p}


def complaints(outside, types):
    announced = published(outside.tokens)
    topics = set()
    for key, (payload, has_attachment) in sorted(outside.samples.items()):
        match = re.fullmatch(rf"{outside.domain}/(.+)/(\w+)::msg::dds_::(\w+)_/(RIHS01_[0-9a-f]{{64}})", key)
        if match is None:
            # The inner topics of actions have types that rosbags has no parser for.
            if "/_action/" not in key:
                yield f"{key} has not the form of rmw_zenoh's keys"
            continue
        topic, package, name, digest = match.groups()
        kind = f"{package}/msg/{name}"
        if "/_action/" in topic:
            continue
        topics.add(topic)
        if types.hash_rihs01(kind) != digest:
            yield f"{topic}: the hash of {kind} is {types.hash_rihs01(kind)}, not {digest}"
        if (topic, f"{package}::msg::dds_::{name}_", digest) not in announced:
            yield f"{topic}: no publisher's token says {kind} {digest}"
        if not has_attachment:
            yield f"{topic}: no attachment"
        if bytes(types.serialize_cdr(types.deserialize_cdr(payload, kind), kind)) != payload:
            yield f"{topic}: rosbags encodes its {kind} to other bytes"
        print(f"{outside.counts[key]:6} {topic} {kind}")
    for topic in sorted(EXPECTED - topics):
        yield f"{topic} was not seen"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--domain", type=int, required=True)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    outside = Outside(args.domain)
    process = subprocess.Popen(args.command)
    while process.poll() is None:
        outside.look()
        try:
            process.wait(LOOK_EVERY_S)
        except subprocess.TimeoutExpired:
            pass
    outside.subscriber.undeclare()
    found = list(complaints(outside, typestore()))
    print("\n".join(found))
    outside.session.close()
    return process.returncode or (1 if found else 0)


if __name__ == "__main__":
    sys.exit(main())

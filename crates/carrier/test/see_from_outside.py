#!/usr/bin/env python3
"""Looks at a ROS graph from outside, as ROS 2 under rmw_zenoh would: a peer made of none of our code.

    pip install eclipse-zenoh pillow pyyaml rosbags
    python see_from_outside.py --domain N --cameras STEREO_CAMERA COMMAND…

Runs the command, and beside it the program stereo_camera with a pair of pictures; subscribes to all topics of the domain
with Zenoh's own Python package, and watches the graph's liveliness tokens. For each topic: its key must have the form of
rmw_zenoh, its type must be that of ARCHITECTURE.md, its type hash must be the one that rosbags computes from the .msg
files, a publisher's token must say the same, and rosbags must decode its bytes and encode them the same again. What the
cameras publish must be the pictures, with the rig's calibration, and with one stamp for a pair.
Exits with 1 if anything differs, if a topic of ARCHITECTURE.md is not there, or with what a program exits with.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import threading
from collections import defaultdict, deque
from pathlib import Path

import numpy as np
import yaml
import zenoh
import zenoh.ext
from PIL import Image
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

ROOT = Path(__file__).resolve().parents[3]
RIG = yaml.safe_load((ROOT / "config/rigs/paper.yaml").read_text())
# The topics of ARCHITECTURE.md in a run of the rotation task that is shown live; a tool and its arm have one name there.
# trajectory_execution_event is not among them: nodes only listen to it.
TOPICS = {
    "camera/{view}/image_raw": "sensor_msgs/msg/Image",
    "camera/{view}/camera_info": "sensor_msgs/msg/CameraInfo",
    "dream/clip": "dreamitate_msgs/msg/StereoClip",
    "dream/truth/{tool}": "dreamitate_msgs/msg/ToolTrajectory",
    "dream/{view}/image": "sensor_msgs/msg/Image",
    "dream/{view}/overlay": "sensor_msgs/msg/Image",
    "track/{view}/{tool}": "dreamitate_msgs/msg/ToolTrack",
    "track/prior/{tool}": "dreamitate_msgs/msg/ToolTrajectory",
    "trajectory/{tool}": "geometry_msgs/msg/PoseArray",
    "trajectory/{tool}/detail": "dreamitate_msgs/msg/ToolTrajectory",
    "trajectory/{tool}/path": "nav_msgs/msg/Path",
    "plan/{tool}": "moveit_msgs/msg/DisplayTrajectory",
    "display_planned_path": "moveit_msgs/msg/DisplayTrajectory",
    "execution/summary": "std_msgs/msg/String",
    "visualization_marker_array": "visualization_msgs/msg/MarkerArray",
    "diagnostics": "diagnostic_msgs/msg/DiagnosticArray",
    "{tool}/joint_states": "sensor_msgs/msg/JointState",
    "tf": "tf2_msgs/msg/TFMessage",
    "tf_static": "tf2_msgs/msg/TFMessage",
}
EXPECTED = {name.format(view=view, tool=tool): kind
            for name, kind in TOPICS.items() for view in RIG["cameras"] for tool in RIG["arms"]}
# Samples of a topic that are kept, the last ones, and how many pairs must be whole among them: the camera's topics are best
# effort, and it is asked to end at any moment.
KEPT, WHOLE = 8, 3
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
        self.samples, self.counts, self.tokens = defaultdict(lambda: deque(maxlen=KEPT)), {}, set()
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
            self.samples[key].append((sample.payload.to_bytes(), sample.attachment is not None))

    def look(self):
        tokens = self.session.liveliness().get(f"@ros2_lv/{self.domain}/**")
        self.tokens |= {str(reply.ok.key_expr) for reply in tokens if reply.ok}


def published(tokens):
    """The (topic, type, hash) of every publisher; a token's parts end with name, type, hash and QoS."""
    parts = [token.split("/") for token in tokens]
    return {(p[-4].removeprefix("%").replace("%", "/"), p[-3], p[-2]) for p in parts if "MP" in p}


def photograph(folder):
    """Writes a picture for each of the rig's cameras, and returns their pixels."""
    pictures = {}
    for number, (view, camera) in enumerate(RIG["cameras"].items()):
        # No two pixels are alike, not of two views either: whatever is mixed up shows.
        rows, columns = np.mgrid[:camera["height"], :camera["width"]]
        blue = rows // 256 + 8 * (columns // 256) + 128 * number
        pictures[view] = np.stack([rows, columns, blue], axis=-1).astype(np.uint8)
        Image.fromarray(pictures[view]).save(folder / f"{view}.png")
    return pictures


def camera_complaints(messages, pictures):
    """What is wrong with the cameras' decoded messages, given by topic."""
    stamps = []
    for view, camera in RIG["cameras"].items():
        images, infos = messages[f"camera/{view}/image_raw"], messages[f"camera/{view}/camera_info"]
        stamps += [{(m.header.stamp.sec, m.header.stamp.nanosec) for m in topic} for topic in (images, infos)]
        picture, frame = pictures[view], f"camera_{view}_optical_frame"
        height, width, _ = picture.shape
        k = [camera["fx_px"], 0, camera["cx_px"], 0, camera["fy_px"], camera["cy_px"], 0, 0, 1]
        for image in images:
            if (image.height, image.width, image.step, image.encoding) != (height, width, 3 * width, "rgb8"):
                yield f"the {view} image has {image.width}×{image.height} px in {image.encoding}, {image.step} bytes a row"
            elif not np.array_equal(image.data.reshape(picture.shape), picture):
                yield f"the {view} image is not the picture"
        for info in infos:
            if (info.height, info.width, info.k.tolist()) != (height, width, k):
                yield f"the {view} camera_info has {info.width}×{info.height} px and K {info.k}, the rig has {k}"
        yield from (f"{view}: a message is in the frame {m.header.frame_id}"
                    for m in (*images, *infos) if m.header.frame_id != frame)
    if len(set.intersection(*stamps)) < WHOLE:
        yield f"fewer than {WHOLE} pairs whose images and camera_infos have one stamp: {[sorted(s) for s in stamps]}"


def complaints(outside, types, pictures):
    announced = published(outside.tokens)
    messages = defaultdict(list)
    for key, samples in sorted(outside.samples.items()):
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
        if kind != EXPECTED.get(topic, kind):
            yield f"{topic} is a {kind}, not a {EXPECTED[topic]}"
        if types.hash_rihs01(kind) != digest:
            yield f"{topic}: the hash of {kind} is {types.hash_rihs01(kind)}, not {digest}"
        if (topic, f"{package}::msg::dds_::{name}_", digest) not in announced:
            yield f"{topic}: no publisher's token says {kind} {digest}"
        for payload, has_attachment in samples:
            if not has_attachment:
                yield f"{topic}: no attachment"
            messages[topic].append(types.deserialize_cdr(payload, kind))
            if bytes(types.serialize_cdr(messages[topic][-1], kind)) != payload:
                yield f"{topic}: rosbags encodes its {kind} to other bytes"
        print(f"{outside.counts[key]:6} {topic} {kind}")
    for topic in sorted(EXPECTED.keys() - messages.keys()):
        yield f"{topic} was not seen"
    yield from camera_complaints(messages, pictures)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--domain", type=int, required=True)
    parser.add_argument("--cameras", required=True, help="the program stereo_camera")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    outside = Outside(args.domain)
    with tempfile.TemporaryDirectory() as folder:
        pictures = photograph(Path(folder))
        cameras = subprocess.Popen([args.cameras, "--ros-args", "-p", f"folder:='{folder}'", "-p", "rate_hz:=1.0"])
        try:
            process = subprocess.Popen(args.command)
            while process.poll() is None:
                outside.look()
                try:
                    process.wait(LOOK_EVERY_S)
                except subprocess.TimeoutExpired:
                    pass
        finally:
            cameras.terminate()
            cameras.wait()
    outside.subscriber.undeclare()
    found = list(complaints(outside, typestore(), pictures))
    print("\n".join(found))
    outside.session.close()
    return process.returncode or cameras.returncode or (1 if found else 0)


if __name__ == "__main__":
    sys.exit(main())

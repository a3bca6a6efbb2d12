#!/usr/bin/env python3
"""Looks at a running node from outside: a peer made of none of our code.

Subscribes to a trajectory with Zenoh's own Python package, decodes it with rosbags, and lists the ROS graph's
liveliness tokens. Prints one JSON object; exits with 1 if no trajectory came.

    pip install eclipse-zenoh rosbags
    python see_from_outside.py [--topic trajectory/left] [--domain N] [--seconds 5]
"""

import argparse
import json
import os
import sys
import threading

import zenoh
from rosbags.typesys import Stores, get_typestore

POSE_ARRAY = "geometry_msgs/msg/PoseArray"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--topic", default="trajectory/left")
    parser.add_argument("--domain", type=int, default=int(os.environ.get("ROS_DOMAIN_ID") or 0))
    parser.add_argument("--seconds", type=float, default=5.0)
    args = parser.parse_args()

    types = get_typestore(Stores.ROS2_JAZZY)
    expected_hash = types.hash_rihs01(POSE_ARRAY)
    config = zenoh.Config()
    config.insert_json5("mode", '"peer"')
    came = threading.Event()
    samples = []

    def listen(sample: zenoh.Sample) -> None:
        samples.append((str(sample.key_expr), sample.payload.to_bytes(), sample.attachment))
        came.set()

    with zenoh.open(config) as session:
        subscriber = session.declare_subscriber(f"{args.domain}/{args.topic}/**", listen)
        came.wait(args.seconds)
        tokens = sorted(
            str(reply.ok.key_expr) for reply in session.liveliness().get(f"@ros2_lv/{args.domain}/**") if reply.ok
        )
        subscriber.undeclare()

    found = {"tokens": tokens, "messages": len(samples)}
    if samples:
        key, payload, attachment = samples[0]
        message = types.deserialize_cdr(payload, POSE_ARRAY)
        found |= {
            "key": key,
            "key_is_rmw_zenoh": key
            == f"{args.domain}/{args.topic}/geometry_msgs::msg::dds_::PoseArray_/{expected_hash}",
            "bytes": len(payload),
            "same_bytes_again": bytes(types.serialize_cdr(message, POSE_ARRAY)) == payload,
            "attachment_bytes": len(attachment.to_bytes()) if attachment else 0,
            "frame_id": message.header.frame_id,
            "poses": len(message.poses),
            "last_x_m": message.poses[-1].position.x if message.poses else None,
        }
    json.dump(found, sys.stdout, indent=2)
    print()
    return 0 if samples else 1


if __name__ == "__main__":
    sys.exit(main())

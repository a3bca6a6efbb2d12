"""Dreams held-out scenes with a model, and tells how many of them are tracked and executed, and how well.

Each scene of a seed is photographed, dreamt, tracked and executed by `dreamitate run`, and once more rendered with the
motion that the renderer chose for it. A dream need not choose the same motion; how far it is from it says how widely
dreams vary, not how wrong they are. What is wrong in a dream shows in how much its two views disagree."""

import argparse
import hashlib
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy
from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore

ROOT = Path(__file__).parents[2]
#: The hands come in before; even the rendered dream's tools are lost there now and then.
FROM_FRAME = 4


def run(out: Path, seed: int, *options: str) -> dict | None:
    """Runs a scene unless it was run before; its summary, or None if there is none."""
    if not (out / "summary.json").exists():
        program = ROOT / "target/release/dreamitate"
        command = [program, "run", "rotation", "--fast", "--seed", str(seed), "--out", out, *options]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode == 1:
            print(f"seed {seed}: {done.stderr.strip()}", file=sys.stderr)
            return None
    return json.loads((out / "summary.json").read_text())


def poses(out: Path) -> dict:
    """The accepted poses `camera_from_tool` by tool and frame."""
    tracks = json.loads((out / "tracks.json").read_text())
    entries = [(tool, entry) for tool, entries in tracks.items() for entry in entries if entry["accepted"]]
    return {(tool, entry["frame"]): numpy.array(entry["topcam_from_tool"]) for tool, entry in entries}


def gaps(out: Path) -> list[tuple[float, float]]:
    """Ray gap in mm and rotation between the views in degrees of each accepted pose."""
    found = []
    with AnyReader([out / "bag"], default_typestore=get_typestore(Stores.ROS2_JAZZY)) as reader:
        wanted = [c for c in reader.connections if c.topic.startswith("/trajectory/") and c.topic.endswith("/detail")]
        for connection, _, data in reader.messages(wanted):
            for pose in reader.deserialize(data, connection.msgtype).poses:
                if pose.accepted and pose.frame >= FROM_FRAME:
                    found.append((pose.ray_gap_m * 1e3, numpy.degrees(pose.rotation_gap_rad)))
    return found


def angle_deg(a: numpy.ndarray, b: numpy.ndarray) -> float:
    """Between the rotations of two poses."""
    cosine = (numpy.trace(a[:3, :3].T @ b[:3, :3]) - 1) / 2
    return float(numpy.degrees(numpy.arccos(numpy.clip(cosine, -1, 1))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=ROOT / "models/rotation")
    parser.add_argument("--first-seed", type=int, default=900_000)
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--out", type=Path, default=ROOT / "target/dreams")
    args = parser.parse_args()
    # Another model's dreams are not taken for this one's.
    model = hashlib.sha256((args.model / "manifest.json").read_bytes()).hexdigest()[:12]
    outcomes, tools, reasons = Counter(), Counter(), Counter()
    accepted, possible, disagreement, apart = 0, 0, [], []
    for seed in range(args.first_seed, args.first_seed + args.count):
        dreamt, rendered = args.out / model / str(seed), args.out / "rendered" / str(seed)
        summary = run(dreamt, seed, "--model", str(args.model))
        if summary is None:
            outcomes["error"] += 1
            continue
        outcomes[summary["outcome"]] += 1
        for tool in summary["tools"].values():
            tools[tool["outcome"]] += 1
            accepted += sum(frame >= FROM_FRAME for frame in tool["accepted_frames"])
            possible += 13 - FROM_FRAME
            for frame, reason in tool["rejected_frames"].items():
                if int(frame) >= FROM_FRAME:
                    reasons.update(" ".join(part.split()[:2]) for part in reason.split("; "))
        disagreement += gaps(dreamt)
        if run(rendered, seed) is not None:
            truth, dream = poses(rendered), poses(dreamt)
            for key in truth.keys() & dream.keys():
                if key[1] >= FROM_FRAME:
                    way = numpy.linalg.norm(truth[key][:3, 3] - dream[key][:3, 3]) * 1e3
                    apart.append((way, angle_deg(truth[key], dream[key])))
    print(f"scenes: {dict(outcomes)}")
    print(f"tools: {dict(tools)}")
    print(f"tool-frames accepted from frame {FROM_FRAME} on: {accepted} of {possible}; rejected for {dict(reasons)}")
    if not disagreement or not apart:
        sys.exit("no tool was tracked in any dream")
    for what, values in [("between the views of a dream", disagreement), ("from the scene's rendered motion", apart)]:
        (way, turn), (way90, turn90) = numpy.median(values, axis=0), numpy.percentile(values, 90, axis=0)
        print(f"{what}: median {way:.1f} mm, {turn:.1f}°; p90 {way90:.1f} mm, {turn90:.1f}°")


if __name__ == "__main__":
    main()

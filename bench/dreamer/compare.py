"""Runs the Rust loop and its peer in Python by turns on one model, and prints both and their ratio."""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "target/release/dreamitate"


def measure(command: list) -> dict:
    """One run: seconds of a dream, of a step, and the peak memory in MB."""
    timing = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    dream_s = timing["encode_s"] + timing["sample_s"] + timing["decode_s"]
    step_s = statistics.median(timing["steps_s"])
    return {"dream_s": dream_s, "step_s": step_s, "peak_mb": timing["peak_memory_mb"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--provider", choices=["cpu", "cuda"], default="cpu")
    args = parser.parse_args()
    options = ["--threads", str(args.threads), "--provider", args.provider]
    ours = [PROGRAM, "model", "bench", args.folder, "--json", "--guidance", "1", *options]
    peers = [sys.executable, Path(__file__).with_name("peer.py"), args.folder, *options]
    rounds = [(measure(ours), measure(peers)) for _ in range(args.rounds)]
    print(f"{'':<10} {'Rust':>10} {'Python':>10} {'ratio':>7}   median of {args.rounds}, by turns")
    for key, unit in [("dream_s", "s"), ("step_s", "s"), ("peak_mb", "MB")]:
        rust, python = (statistics.median(r[side][key] for r in rounds) for side in (0, 1))
        print(f"{key:<10} {rust:>8.3f} {unit:<2}{python:>8.3f} {unit:<2}{rust / python:>6.3f}")


if __name__ == "__main__":
    main()

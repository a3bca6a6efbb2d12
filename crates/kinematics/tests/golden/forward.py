#!/usr/bin/env python3
"""Writes forward.json: tip poses of known postures from DH parameters, without any URDF.

UR: classic DH (a row is Rz(q) Tz(d) Tx(a) Rx(alpha)), preceded by base_link's half turn about z.
xArm 7: modified DH (a row is Rx(alpha) Tx(a) Rz(q) Tz(d)), as UFACTORY publishes it.
Run with numpy: python forward.py
"""

import json
import pathlib

import numpy as np

PI = np.pi
CLASSIC = {
    "ur5": [(0.089159, 0, PI / 2), (0, -0.425, 0), (0, -0.39225, 0), (0.10915, 0, PI / 2), (0.09465, 0, -PI / 2), (0.0823, 0, 0)],
    "ur5e": [(0.1625, 0, PI / 2), (0, -0.425, 0), (0, -0.3922, 0), (0.1333, 0, PI / 2), (0.0997, 0, -PI / 2), (0.0996, 0, 0)],
}
MODIFIED = {
    "xarm7": [(0.267, 0, 0), (0, 0, -PI / 2), (0.293, 0, PI / 2), (0, 0.0525, PI / 2), (0.3425, 0.0775, PI / 2), (0, 0, PI / 2), (0.097, 0.076, -PI / 2)],
}
LIMITS = {
    "xarm7": [(-2 * PI, 2 * PI), (-2.059, 2.0944), (-2 * PI, 2 * PI), (-0.19198, 3.927), (-2 * PI, 2 * PI), (-1.69297, PI), (-2 * PI, 2 * PI)],
    "ur5": [(-PI, PI)] * 6,
    "ur5e": [(-PI, PI)] * 6,
}


def turn(axis, angle):
    c, s = np.cos(angle), np.sin(angle)
    m = np.eye(4)
    i, j = {"x": (1, 2), "z": (0, 1)}[axis]
    m[i, i], m[i, j], m[j, i], m[j, j] = c, -s, s, c
    return m


def move(axis, length):
    m = np.eye(4)
    m["xyz".index(axis), 3] = length
    return m


def tip(robot, q):
    if robot in CLASSIC:
        m = turn("z", PI)
        for qi, (d, a, alpha) in zip(q, CLASSIC[robot]):
            m = m @ turn("z", qi) @ move("z", d) @ move("x", a) @ turn("x", alpha)
    else:
        m = np.eye(4)
        for qi, (d, a, alpha) in zip(q, MODIFIED[robot]):
            m = m @ turn("x", alpha) @ move("x", a) @ turn("z", qi) @ move("z", d)
    return m


rng = np.random.default_rng(2406)
out = {}
for robot, limits in LIMITS.items():
    postures = [[0.0] * len(limits)] + [[rng.uniform(lo, hi) for lo, hi in limits] for _ in range(7)]
    out[robot] = [{"joints": list(np.round(q, 6)), "base_from_tip": tip(robot, np.round(q, 6))[:3].round(10).tolist()} for q in postures]
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(out, indent=1) + "\n")

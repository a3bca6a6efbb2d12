"""Solves the poses of question.json with optik-py and writes postures and times: optik_py.py QUESTION ANSWER."""

import json
import sys
import time

import optik

with open(sys.argv[1]) as file:
    question = json.load(file)
robot = optik.Robot.from_urdf_file(question["urdf"], question["base"], question["tip"])
robot.set_parallelism(1)
# It stops when the weighted squared error is below tol_f: 1e-5 m then weighs as much as 1e-4 rad.
position_m, rotation_rad = question["position_m"], question["rotation_rad"]
config = optik.SolverConfig(
    solution_mode="speed",
    max_time=1.0,
    max_restarts=question["restarts"],
    tol_f=position_m**2,
    angular_weight=[position_m / rotation_rad] * 3,
)
answers = []
for pose in question["base_from_tip"]:
    begun = time.perf_counter()
    found = robot.ik(config, pose, question["start"])
    taken_s = time.perf_counter() - begun
    answers.append({"joints": found and list(found[0]), "time_s": taken_s})
at_start = [list(row) for row in robot.fk(question["start"])]
with open(sys.argv[2], "w") as file:
    json.dump({"base_from_tip_at_start": at_start, "answers": answers}, file)

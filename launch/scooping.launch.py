"""A hand with a scoop takes particles from one bowl into another; an xArm 7 repeats it."""

from pathlib import Path
from runpy import run_path

launch_description = run_path(str(Path(__file__).with_name('task_description.py')))['launch_description']


def generate_launch_description():
    return launch_description('scooping')

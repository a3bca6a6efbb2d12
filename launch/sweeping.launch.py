"""A hand with a sweeper brings particles to a target; a UR5 repeats it."""

from pathlib import Path
from runpy import run_path

launch_description = run_path(str(Path(__file__).with_name('task_description.py')))['launch_description']


def generate_launch_description():
    return launch_description('sweeping')

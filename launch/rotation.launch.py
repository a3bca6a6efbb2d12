"""Two hands, each with a tracking box, turn an object; two xArm 7 repeat it."""

from pathlib import Path
from runpy import run_path

launch_description = run_path(str(Path(__file__).with_name('task_description.py')))['launch_description']


def generate_launch_description():
    return launch_description('rotation')

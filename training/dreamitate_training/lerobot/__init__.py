"""Makes a LeRobot dataset of demonstrations, for robot learning with other models than ours."""

from dreamitate_training.lerobot.command import HELP, add_arguments, run

__all__ = ["HELP", "add_arguments", "run"]

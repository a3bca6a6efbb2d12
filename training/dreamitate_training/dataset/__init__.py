"""Cuts recordings of people into the stereo clips that a video model is trained on."""

from dreamitate_training.dataset.command import HELP, add_arguments, run

__all__ = ["HELP", "add_arguments", "run"]

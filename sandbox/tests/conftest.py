"""What holds for every test."""

from process_environment import environment_stays

__all__ = ["environment_stays"]

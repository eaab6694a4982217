"""What a pull request would do to a stack, for those who review it."""

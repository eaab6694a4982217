"""The stack files of the working folder, read without the engine."""

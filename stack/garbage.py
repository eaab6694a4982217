"""Python's garbage collector, in a program that keeps what it makes until it ends."""

import gc


def collect_rarely() -> None:
    """Half of a large program's time would be collecting what lives to its end."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)

"""How fast AWS's time passes here."""

import os
import time

DEFAULT_SPEED = 10.0
"""AWS seconds that pass in one real second, unless ``SANDBOX_SPEED`` says otherwise."""


class Clock:
    """Waits that AWS takes in seconds, shortened by a constant factor; an app's own time is not.

    Attributes:
        speed: AWS seconds that pass in one real second.
        patience: by how much the time is shortened that an app is watched until it counts as healthy. 1 unless
            ``SANDBOX_PATIENCE`` says otherwise: above it, an app that crashes late is taken for a healthy one.
    """

    def __init__(self, speed: float | None = None, patience: float | None = None) -> None:
        self.speed = speed if speed is not None else float(os.environ.get("SANDBOX_SPEED", DEFAULT_SPEED))
        self.patience = patience if patience is not None else float(os.environ.get("SANDBOX_PATIENCE", 1))

    def scale(self, seconds: float) -> float:
        """Real seconds to wait for ``seconds`` of AWS time."""
        return seconds / self.speed

    def life(self, seconds: float, least: float = 0.0) -> float:
        """Real seconds that an app is given for ``seconds`` of its own time: as many, unless patience is shortened.

        ``least`` is what it is given however little patience there is, as processes start no faster for it.
        """
        return max(seconds / self.patience, min(seconds, least))

    def sleep(self, seconds: float) -> None:
        """Wait ``seconds`` of AWS time."""
        time.sleep(self.scale(seconds))

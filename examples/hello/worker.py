"""The worker: the same image with another command. SIGTERM finishes the job in hand and exits."""

import itertools
import os
import signal
import threading
from pathlib import Path
from types import FrameType

VERSION = (Path(__file__).parent / "VERSION").read_text().strip()


def main() -> None:
    """Does a job every $WORKER_INTERVAL seconds until SIGTERM or Ctrl-C."""
    interval = float(os.environ.get("WORKER_INTERVAL", "5"))
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    for job in itertools.count(1):
        print(f"worker of hello {VERSION}: job {job} done", flush=True)
        if stopping.wait(interval):
            break
    print("stopped", flush=True)


if __name__ == "__main__":
    main()

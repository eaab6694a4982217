"""The worker: the same image with another command. SIGTERM finishes the job in hand and exits."""

import itertools
import os
import signal
from pathlib import Path

STOP = {signal.SIGTERM, signal.SIGINT}
VERSION = (Path(__file__).parent / "VERSION").read_text().strip()


def main() -> None:
    """Does a job every $WORKER_INTERVAL seconds until SIGTERM or Ctrl-C."""
    interval = float(os.environ.get("WORKER_INTERVAL", "5"))
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP)  # they wait until the job in hand is done
    for job in itertools.count(1):
        print(f"worker of hello {VERSION}: job {job} done", flush=True)
        if signal.sigtimedwait(STOP, interval):
            break
    print("stopped", flush=True)


if __name__ == "__main__":
    main()

"""The daemon: ``python -m sandbox.server --stack S --folder DIR --account A --region R``.

Serves the AWS API and both Pulumi providers until SIGTERM. ``server.json`` in the folder says that it is ready
and where; the log goes to stderr.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger("sandbox.server")


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.server")
    parser.add_argument("--stack", required=True)
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--account", required=True)
    parser.add_argument("--region", required=True)
    arguments = parser.parse_args()
    run(
        arguments.folder,
        arguments.account,
        arguments.region,
        ready=lambda: log.info("stack %s is ready", arguments.stack),
    )


def run(
    folder: Path,
    account: str,
    region: str,
    ready: Callable[[], object],
    ended: Callable[[], object] = lambda: None,
) -> None:
    """Serve an account in this process until SIGTERM or SIGINT, then end the process.

    Args:
        folder: where ``server.json`` and what the server keeps are written.
        account: the account's number.
        region: the region that it is served in.
        ready: called once, when clients can connect.
        ended: called last, when nothing that the server started runs any more.
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    _prepare_environment(account)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    description = folder / "server.json"
    status = 1
    try:
        _serve(folder.resolve(), account, region, description)
        _collect_less_garbage()
        ready()
        stopped.wait()
        status = 0
    except Exception:
        log.exception("the server could not start")
    _end(description, status, ended)


def _prepare_environment(account: str) -> None:
    """moto reads its account on import; the caller's AWS settings must not reach the sandbox's clients."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ |= {
        "MOTO_ACCOUNT_ID": account,
        "MOTO_ACM_VALIDATION_WAIT": "0",
        "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",  # 1,300 images with their snapshots, for instances that nobody starts
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _serve(folder: Path, account: str, region: str, description: Path) -> None:
    from sandbox import providers
    from sandbox.server.listener import Listener
    from sandbox.server.processes import adopt_orphans

    adopt_orphans()
    listener = Listener(folder, account, region)
    ports = providers.serve(listener.account.client, listener.account.client, listener.account.sign_in, account, region)
    draft = description.with_suffix(".draft")
    draft.write_text(
        json.dumps(
            {
                "pid": os.getpid(),
                "port": listener.port,
                "aws_port": ports.aws,
                "awsx_port": ports.awsx,
                "account": account,
                "region": region,
            }
        ),
        encoding="utf-8",
    )
    draft.replace(description)


def _collect_less_garbage() -> None:
    """Loaded modules stay, and most objects of a call end with it: collecting the rest takes a tenth of all time."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _end(description: Path, status: int, ended: Callable[[], object]) -> None:
    """End at once, with every process that the server started: its threads may be in the middle of work."""
    from sandbox.server.processes import end_descendants

    description.unlink(missing_ok=True)
    end_descendants()
    ended()
    log.info("ended")
    logging.shutdown()
    os._exit(status)


if __name__ == "__main__":
    main()

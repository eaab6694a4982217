"""The web server: a page, its assets and a health check on $PORT. SIGTERM lets open requests finish."""

import json
import mimetypes
import os
import signal
import socket
import sys
import threading
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType

HERE = Path(__file__).parent
PUBLIC = HERE / "public"
VERSION = (HERE / "VERSION").read_text().strip()
MANIFEST = "manifest.json"
ASSETS: dict[str, str] = json.loads((PUBLIC / MANIFEST).read_text())
SERVED = {path.name for path in PUBLIC.iterdir()} - {MANIFEST}
"""More than this version's own where a release adds those of the releases before."""


def page() -> str:
    """The page: what runs here, in which environment."""
    greeting = escape(os.environ.get("GREETING", "Hello"))
    facts = {
        "version": VERSION,
        "environment": os.environ.get("APP_ENV", "dev"),
        "host": socket.gethostname(),
    }
    rows = "\n".join(f"      <dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    return f"""<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>{greeting}</title>
    <link rel="stylesheet" href="/assets/{ASSETS["app.css"]}">
    <link rel="icon" href="/assets/{ASSETS["logo.svg"]}">
  </head>
  <body>
    <h1><img src="/assets/{ASSETS["logo.svg"]}" alt=""> {greeting}</h1>
    <dl>
{rows}
    </dl>
  </body>
</html>
"""


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD."""

    timeout = 10  # seconds that a silent client may hold a thread, and so the exit

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        folder, _, name = path.rpartition("/")
        if path == "/":
            self.answer("text/html; charset=utf-8", page().encode())
        elif path == "/healthz":
            self.answer("text/plain; charset=utf-8", b"ok\n")
        elif folder == "/assets" and name in SERVED:
            kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
            self.answer(kind, (PUBLIC / name).read_bytes(), cache="public, max-age=31536000, immutable")
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    do_HEAD = do_GET

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Logs all requests but health checks, which would drown the others."""
        if self.path != "/healthz":
            super().log_request(code, size)

    def answer(self, kind: str, body: bytes, cache: str = "no-store") -> None:
        """Sends 200 with the body."""
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", cache)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """Closing it waits for the requests that are being answered."""

    daemon_threads = False


def main() -> None:
    """Serves until SIGTERM or Ctrl-C."""
    with Server(("0.0.0.0", int(os.environ.get("PORT", "4000"))), Handler) as server:

        def stop(number: int, frame: FrameType | None) -> None:
            threading.Thread(target=server.shutdown).start()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        print(f"hello {VERSION} listens on port {server.server_port}", file=sys.stderr, flush=True)
        server.serve_forever(poll_interval=0.1)
    print("stopped", file=sys.stderr)


if __name__ == "__main__":
    main()

"""Opens a page in a real browser that is installed: Debian's chromium, or Google's Chrome."""

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = "no browser is on PATH, so the page is NOT opened in one: install it (`apt-get install chromium`) and run this again"
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-logging=stderr"),
)
SECONDS = 90
SAID = re.compile(r":CONSOLE[:(]\d+\)?\] (.*)")
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
MEASURE = (
    "<script>onload = () => parent.postMessage([document.documentElement.scrollWidth, "
    "Math.ceil(document.body.getBoundingClientRect().height)].join(' '), '*')</script>"
)
"""What a copy of a page has in the place of its policy, which forbids scripts."""
FRAME = """<!DOCTYPE html><title>frame</title><iframe src="measured.html" style="border:0;width:{width}px;height:800px">
</iframe><script>onmessage = (event) => {{ document.title = "measured " + event.data }}</script>"""
"""A window of a browser is not as narrow as a telephone."""


@dataclass(frozen=True)
class Seen:
    """What a browser made of a page.

    Attributes:
        document: its elements, as the browser has them.
        said: the lines of its console.
    """

    document: str
    said: list[str]


def browser() -> str | None:
    """The browser; None when there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def opened(page: Path) -> Seen:
    """Open a page."""
    done = _run(page, "--dump-dom")
    return Seen(done.stdout, SAID.findall(done.stderr))


def size(page: Path, width: int) -> tuple[int, int]:
    """How many pixels wide and high a page is in a window of a width; wider than the window is too wide."""
    with tempfile.TemporaryDirectory() as folder:
        frame = Path(folder, "frame.html")
        frame.write_text(FRAME.format(width=width), encoding="utf-8")
        text, count = POLICY.subn(MEASURE, page.read_text(encoding="utf-8"))
        assert count == 1, "the page has no policy"
        Path(folder, "measured.html").write_text(text, encoding="utf-8")
        document = _run(frame, "--dump-dom", f"--window-size={width},800").stdout
    match = re.search(r"<title>measured (\d+) (\d+)</title>", document)
    assert match is not None, document[:500]
    return int(match[1]), int(match[2])


def picture(page: Path, file: Path, width: int, height: int | None = None, *, dark: bool = False) -> None:
    """Take a picture of a page's top.

    Args:
        page: it.
        file: the PNG.
        width: of the window, in pixels.
        height: of the window; without it, all of the page.
        dark: whether the reader prefers dark colors.
    """
    colors = ["--blink-settings=preferredColorScheme=0"] if dark else []
    whole = height or size(page, width)[1]
    _run(page, f"--screenshot={file.resolve()}", f"--window-size={width},{whole}", *colors)


def alone(page: Path, section: str, copy: Path) -> None:
    """Write a copy of a page that shows one of its sections only.

    Args:
        page: it.
        section: the id of the section's heading.
        copy: the file.
    """
    style = (
        "<style>header, footer, section { display: none } "
        f"section:has(#{section}) {{ display: block; margin: 0; border: 0 }}</style></head>"
    )
    copy.write_text(page.read_text(encoding="utf-8").replace("</head>", style), encoding="utf-8")


def printed(page: Path, file: Path) -> None:
    """Print a page into a PDF."""
    _run(page, f"--print-to-pdf={file.resolve()}")


def _run(page: Path, *options: str) -> subprocess.CompletedProcess[str]:
    found = browser()
    assert found is not None, MISSING
    with tempfile.TemporaryDirectory() as profile:
        command = [found, *FLAGS, f"--user-data-dir={profile}", *options, page.resolve().as_uri()]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=SECONDS)

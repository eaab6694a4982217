"""The code of the deploy pipeline's own steps, as an object in the delivery store that is named by its content."""

import hashlib
import io
import zipfile
from functools import cache
from modulefinder import ModuleFinder
from pathlib import Path

ROOT = Path(__file__).parents[2]
STEPS = "pipeline_steps"
FOUND_BY_THEMSELVES = "releases/controllers"
"""Modules that nothing imports by their names."""
FOLDER = "steps"
"""Where the object is."""
OLDEST = (1980, 1, 1, 0, 0, 0)
"""The first moment that a zip knows."""


def _modules() -> list[Path]:
    """The steps, and this repository's modules that they import: no other change makes the functions anew."""
    finder = ModuleFinder(path=[str(ROOT)])
    for path in [*(ROOT / STEPS).rglob("*.py"), *(ROOT / FOUND_BY_THEMSELVES).glob("*.py")]:
        finder.import_hook(".".join(path.relative_to(ROOT).with_suffix("").parts), None, ["*"])
    files = (getattr(module, "__file__", None) for module in finder.modules.values())
    return sorted({Path(file) for file in files if file})


@cache
def archive() -> bytes:
    """The zip. It depends on the files' content alone: not on when they were written, nor on zlib's version."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as files:
        for path in _modules():
            entry = zipfile.ZipInfo(path.relative_to(ROOT).as_posix(), OLDEST)
            entry.external_attr = 0o644 << 16
            files.writestr(entry, path.read_bytes())
    return content.getvalue()


@cache
def key() -> str:
    """The object's key."""
    return f"{FOLDER}/{hashlib.sha256(archive()).hexdigest()[:32]}.zip"

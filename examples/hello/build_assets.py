"""Copies static files under names that carry their content's hash, so that browsers may keep them for ever.

python build_assets.py SOURCE TARGET writes TARGET/app-1a2b3c4d.css, … and TARGET/manifest.json.
"""

import hashlib
import json
import sys
from pathlib import Path, PurePath


def hashed_name(name: str, content: bytes) -> str:
    """`app.css` → `app-1a2b3c4d.css`: the first 8 hex digits of the content's SHA-256."""
    path = PurePath(name)
    return f"{path.stem}-{hashlib.sha256(content).hexdigest()[:8]}{path.suffix}"


def build(source: Path, target: Path) -> dict[str, str]:
    """Writes the files of `source` and their manifest into `target`; returns it: name → hashed name."""
    target.mkdir(parents=True, exist_ok=True)
    manifest = {}
    for path in sorted(source.iterdir()):
        content = path.read_bytes()
        manifest[path.name] = hashed_name(path.name, content)
        (target / manifest[path.name]).write_bytes(content)
    (target / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    return manifest


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    for name, hashed in build(source, target).items():
        print(f"{name} → {hashed}")

"""A program run in this process."""

import sys
from pathlib import Path

import settings
from sandbox import program


def test_a_program_has_its_own_modules(tmp_path: Path) -> None:
    for version in ("one", "two"):
        root = tmp_path / version
        (root / "delivery").mkdir(parents=True)
        (root / "delivery/__init__.py").touch()
        (root / "delivery/record.py").write_text(f"VERSION = {version!r}\n")
        (root / "settings.py").write_text("from delivery.record import VERSION\n")
        (root / "__main__.py").write_text("import settings\nopen('version', 'w').write(settings.VERSION)\n")
        with program.as_if_started(root, {}):
            program.run(root)
        assert (root / "version").read_text() == version
        assert sys.modules["settings"] is settings
        assert not hasattr(sys.modules.get("delivery.record"), "VERSION")

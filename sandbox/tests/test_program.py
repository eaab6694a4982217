"""A program run in this process."""

import asyncio
import contextlib
import os
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest

from sandbox import program


def test_a_program_has_its_own_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imported_before = ModuleType("settings")
    monkeypatch.setitem(sys.modules, "settings", imported_before)
    for version in ("one", "two"):
        root = tmp_path / version
        (root / "releases").mkdir(parents=True)
        (root / "releases/__init__.py").touch()
        (root / "releases/record.py").write_text(f"VERSION = {version!r}\n")
        (root / "settings.py").write_text("from releases.record import VERSION\n")
        (root / "__main__.py").write_text("import settings\nopen('version', 'w').write(settings.VERSION)\n")
        with program.as_if_started(root, {}):
            program.run(root)
        assert (root / "version").read_text() == version
        assert sys.modules["settings"] is imported_before
        assert not hasattr(sys.modules.get("releases.record"), "VERSION")


@pytest.mark.parametrize("engine", ["ends", "fails"])
def test_what_a_program_was_given_stays_until_it_is_over(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its engine may have ended before: it is still in a call, which is to go nowhere else than the calls before."""
    os.mkfifo(tmp_path / "call")
    (tmp_path / "__main__.py").write_text(
        "import os, pathlib\n"
        "pathlib.Path('call').read_text()\n"
        "pathlib.Path('endpoint').write_text(os.environ.get('AWS_ENDPOINT_URL', 'a real account'))\n"
    )

    async def main() -> None:
        program.run(tmp_path)

    host = threading.Thread(target=lambda: asyncio.new_event_loop().run_until_complete(main()))
    wait = program._wait_until_over
    with (
        contextlib.suppress(ZeroDivisionError),
        program.as_if_started(tmp_path, {"AWS_ENDPOINT_URL": "http://sandbox"}),
    ):
        host.start()
        call = (tmp_path / "call").open("w")  # opens when the program opens it

        def wait_after_the_call() -> None:
            call.close()
            wait()

        monkeypatch.setattr(program, "_wait_until_over", wait_after_the_call)
        if engine == "fails":
            raise ZeroDivisionError
    assert "AWS_ENDPOINT_URL" not in os.environ
    call.close()
    host.join()
    assert (tmp_path / "endpoint").read_text() == "http://sandbox"

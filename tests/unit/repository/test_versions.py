"""The versions of this repository: the newest is the package's, and a state of each one before is kept for `test_upgrade`."""

import re
import tomllib

from mocked import ROOT

STATES = ROOT / "tests/scenarios/upgrade"
VERSIONS = re.findall(r"^## ([\d.]+),", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)


def test_the_package_has_the_version_of_the_changelogs_first_heading() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"] == VERSIONS[0]


def test_the_program_of_each_earlier_version_is_kept_and_upgraded() -> None:
    assert sorted(state.name for state in STATES.iterdir()) == sorted(f"{each}.tar.xz" for each in VERSIONS[1:])
    test = (ROOT / "tests/scenarios/test_upgrade.py").read_text("utf-8")
    assert [each for each in VERSIONS[1:] if f"upgrade/{each}.tar.xz" not in test] == []

"""The targets of the Makefile that need nothing installed."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from mocked import ROOT

from tests.support.example import is_own

IDENTITY = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@b.c",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@b.c",
}
ALONE = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}


def run(folder: Path, *command: str, code: int = 0) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")} | IDENTITY | ALONE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


def commit(folder: Path, **files: str) -> None:
    """Files by their names, in which `__` is a slash, and their contents."""
    for name, content in files.items():
        file = folder / name.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    run(folder, "git", "add", "--all")
    run(folder, "git", "commit", "--quiet", "--message", "x")


@pytest.fixture
def upstream(tmp_path: Path) -> Path:
    """A version of the program, as far as an upgrade is concerned."""
    folder = tmp_path / "upstream"
    folder.mkdir()
    run(folder, "git", "init", "--quiet", "--initial-branch=main")
    (folder / ".ci").mkdir()
    for name in ("Makefile", ".ci/upgrade"):
        shutil.copy(ROOT / name, folder / name)
    commit(
        folder,
        program="one\n",
        **{"Pulumi.yaml": "of one\n", "Pulumi.dev.yaml": "an example\n", "task_templates__web.json": "{}\n"},
        **{"Pulumi.prd.yaml": "as it was\n", "bootstrap__Pulumi.dev.yaml": "as it was\n", "gone": "one\n"},
        **{"deployments__Pulumi.settings.yaml": "as it was\n"},
    )
    return folder


@pytest.mark.parametrize("version", ["main", "v2"])
def test_an_upgrade_merges_the_program_and_keeps_what_is_yours(upstream: Path, tmp_path: Path, version: str) -> None:
    run(tmp_path, "git", "clone", "--quiet", "--origin", "upstream", str(upstream), "yours")
    yours = tmp_path / "yours"
    commit(yours, **{"Pulumi.dev.yaml": "ours\n", "Pulumi.yaml": "ours\n", "task_templates__web.json": '{"ours": 1}\n'})
    commit(
        upstream,
        program="two\n",
        **{"Pulumi.dev.yaml": "another\n", "Pulumi.yaml": "of two\n", "task_templates__web.json": '{"theirs": 1}\n'},
    )
    (upstream / "Pulumi.prd.yaml").unlink()
    (upstream / "gone").unlink()
    commit(upstream, **{"bootstrap__Pulumi.dev.yaml": "another\n", "task_templates__new.json": "{}\n"})
    commit(upstream, **{"deployments__Pulumi.settings.yaml": "another\n"})
    run(upstream, "git", "tag", "v2")
    assert "CHANGELOG.md" in run(yours, "make", "upgrade", f"VERSION={version}")
    kept = ("Pulumi.dev.yaml", "Pulumi.yaml", "task_templates/web.json")
    assert [(yours / name).read_text() for name in kept] == ["ours\n", "ours\n", '{"ours": 1}\n']
    unedited = ("Pulumi.prd.yaml", "bootstrap/Pulumi.dev.yaml", "deployments/Pulumi.settings.yaml")
    assert [(yours / name).read_text() for name in unedited] == ["as it was\n"] * 3
    assert [(yours / name).exists() for name in ("gone", "task_templates/new.json")] == [False, True]
    assert (yours / "program").read_text() == "two\n"
    assert run(yours, "git", "rev-list", "--count", "--merges", "HEAD") == "1\n"
    assert "Already up to date" in run(yours, "make", "upgrade", f"VERSION={version}")
    assert run(yours, "git", "status", "--porcelain") == ""


def test_what_it_keeps_is_what_no_test_reads() -> None:
    (listed,) = re.findall(r"git ls-files (.*)\)$", (ROOT / ".ci/upgrade").read_text(), re.MULTILINE)
    stacks = [f"{folder}Pulumi.*.yaml" for folder in ("", "bootstrap/", "deployments/")]
    assert shlex.split(listed) == ["Pulumi.yaml", *stacks, "task_templates"]
    assert all(is_own(ROOT / each.replace("*", "x")) for each in ("Pulumi.yaml", *stacks, "task_templates/x.json"))


def test_an_upgrade_with_a_conflict_in_the_program_is_yours_to_end(upstream: Path, tmp_path: Path) -> None:
    run(tmp_path, "git", "clone", "--quiet", "--origin", "upstream", str(upstream), "yours")
    yours = tmp_path / "yours"
    commit(yours, program="mine\n", **{"Pulumi.dev.yaml": "ours\n"})
    commit(upstream, program="two\n", **{"Pulumi.dev.yaml": "another\n"})
    assert "git commit" in run(yours, "make", "upgrade", "VERSION=main", code=2)
    assert run(yours, "git", "diff", "--name-only", "--diff-filter=U") == "program\n"
    assert (yours / "Pulumi.dev.yaml").read_text() == "ours\n"


def test_an_upgrade_touches_no_edit_that_is_not_committed(upstream: Path, tmp_path: Path) -> None:
    run(tmp_path, "git", "clone", "--quiet", "--origin", "upstream", str(upstream), "yours")
    yours = tmp_path / "yours"
    commit(upstream, program="two\n")
    (yours / "Pulumi.dev.yaml").write_text("an edit\n")
    assert "commit" in run(yours, "make", "upgrade", "VERSION=main", code=2)
    assert (yours / "Pulumi.dev.yaml").read_text() == "an edit\n"


def test_an_upgrade_needs_a_version(upstream: Path) -> None:
    assert "make upgrade VERSION=main" in run(upstream, "make", "upgrade", code=2)


def test_an_upgrade_needs_to_know_from_where(upstream: Path) -> None:
    assert "git remote add upstream URL" in run(upstream, "make", "upgrade", "VERSION=main", code=2)


def test_stop_installs_nothing(upstream: Path) -> None:
    assert run(upstream, "make", "stop") == "Nothing was running: nothing is installed here\n"
    assert not (upstream / ".venv").exists()

"""Every command line of Pulumi's that is written somewhere, against the real CLI: it exists, with these options."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CLI = ROOT / ".tools/bin/pulumi"
READ = (
    "*.md",
    "*.py",
    "tests/stacks/example/*.yaml",
    ".ci/*",
    ".github/workflows/*.yml",
    ".gitlab-ci.yml",
    "Makefile",
    "bootstrap/*.py",
    "bootstrap/Pulumi.yaml",
    "components/**/*.py",
    "config/*.py",
    "releases/*.py",
    "stack/*.py",
    "delivery/**/*.py",
    "deployments/*.py",
    "docs/**/*.md",
    "examples/**/*.md",
    "policy/*.*",
    "tools/*.py",
)
IN_WORDS = re.compile(r"`(?:[^`\n]*(?:&&|;) )?(pulumi [a-z][^`\n]*)`")
ON_A_LINE = re.compile(r"^[ #]*((?:[A-Z_]+=\S+ )*pulumi [a-z].*)$", re.MULTILINE)


def written() -> list[str]:
    """The commands in the product's messages, the jobs and the documents."""
    found: set[str] = set()
    for file in (file for pattern in READ for file in ROOT.glob(pattern) if file.is_file()):
        text = file.read_text(encoding="utf-8").replace("\\\n", " ")
        for expression in (IN_WORDS, ON_A_LINE):
            found.update(match[1] for match in expression.finditer(text))
    return sorted(found)


def test_the_commands_are_found() -> None:
    """One of each kind of place: a job's script, a page's block, a page's sentence, a message of the program."""
    beginnings = (
        "pulumi up --stack",
        "pulumi preview --stack",
        "pulumi stack init",
        "pulumi stack change",
        "pulumi config",
    )
    for beginning in beginnings:
        assert any(command.startswith(beginning) for command in written()), beginning


@pytest.mark.parametrize("command", written())
def test_a_command_that_is_written_somewhere_exists(command: str, tmp_path: Path) -> None:
    """Nothing is run: with `--help` the CLI reads all its arguments first."""
    words = shlex.split(re.split(r" [|&>]| \d>|…", command)[0])
    at = words.index("pulumi")
    given, arguments = dict(word.split("=", 1) for word in words[:at]), words[at + 1 :]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")}
    done = subprocess.run(
        [str(CLI), *arguments, "--help"],
        env={**kept, **given, "PULUMI_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(rf"^  pulumi {arguments[0]}\b", done.stdout, re.MULTILINE), done.stdout

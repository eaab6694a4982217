"""The documents: every link leads somewhere, every page is listed, and none is longer than five minutes' reading."""

import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from mocked import ROOT

from tests.support.example import is_own

INDEX = ROOT / "docs/README.md"
FOLDERS = (".", "docs", "docs/how-to", "docs/reference", "docs/explanation", "docs/decisions", "sandbox", "tests", "examples/ci", "examples/hello", "examples/own-program")  # fmt: skip
PAGES = sorted(page for folder in FOLDERS for page in (ROOT / folder).glob("*.md"))
LOOKED_UP = ("docs/aws-assumptions.md", "docs/open.md", "docs/decisions/0001-two-writers.md", "docs/reference/")
"""Lists in which one looks for a line, generated pages, and the model of every order of events."""
WORDS = 5 * 238
"""Five minutes of an adult who reads English prose (Brysbaert 2019, "How many words do we read per minute?")."""
BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
NAMED = re.compile(r"\bdocs/[\w/-]+\.md\b")
"""A page's path as code, jobs and settings name it."""


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@functools.cache
def anchors(page: Path) -> frozenset[str]:
    """As GitHub derives them from headings: lower case, without punctuation, hyphens for blanks."""
    headings = re.findall(r"^#+ (.+)$", BLOCK.sub("", page.read_text("utf-8")), re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings)


def broken(page: Path, text: str) -> Iterator[str]:
    for link in LINK.findall(BLOCK.sub("", text)):
        path, _, anchor = link.partition("#")
        if ":" in path:
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists():
            yield f"{link}: there is no such file"
        elif is_own(target):
            yield f"{link}: a team has its own files, of other names"
        elif anchor and anchor not in anchors(target):
            yield f"{link}: there is no such heading"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_of_a_page_leads_to_a_file_and_a_heading(page: Path) -> None:
    assert list(broken(page, page.read_text("utf-8"))) == []


def test_a_link_that_leads_nowhere_is_found() -> None:
    text = "[a](how-to/no.md) [b](how-to/jobs.md#no) [c](how-to/jobs.md#what-runs) [d](https://no.example/#no) [f](../Pulumi.yaml)\n```\n[e](no)\n```"
    assert list(broken(INDEX, text)) == [
        "how-to/no.md: there is no such file",
        "how-to/jobs.md#no: there is no such heading",
        "../Pulumi.yaml: a team has its own files, of other names",
    ]


def test_every_page_of_docs_is_listed_once() -> None:
    listed = [link for link in LINK.findall(INDEX.read_text("utf-8")) if ":" not in link and not link.startswith("#")]
    pages = {name(page).removeprefix("docs/") for page in PAGES if name(page).startswith("docs/")} - {"README.md"}
    assert {page: listed.count(page) for page in pages if listed.count(page) != 1} == {}


@pytest.mark.parametrize("page", [page for page in PAGES if not name(page).startswith(LOOKED_UP)], ids=name)
def test_a_page_is_read_in_five_minutes(page: Path) -> None:
    """Tables and blocks of code are looked up, and do not count."""
    lines = BLOCK.sub("", page.read_text("utf-8")).splitlines()
    assert len(" ".join(line for line in lines if not line.startswith("|")).split()) <= WORDS


def test_a_page_that_code_names_is_there() -> None:
    files = [
        file
        for pattern in (
            "tests/stacks/example/*.yaml", "*.py", "Makefile", ".ci/*", ".github/workflows/*.yml", ".gitlab-ci.yml", "*/**/*.py",
        )
        for file in ROOT.glob(pattern)
        if file.is_file() and not any(part.endswith("venv") or part == ".tools" for part in file.parts)
    ]  # fmt: skip
    named = {(name(file), page) for file in files for page in NAMED.findall(file.read_text("utf-8"))}
    assert len(named) > 20
    assert {(file, page) for file, page in named if not (ROOT / page).is_file()} == set()

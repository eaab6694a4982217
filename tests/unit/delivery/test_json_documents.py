"""docs/reference/json.md, which is written from the dataclasses that the commands print."""

from dataclasses import dataclass

import pytest

from delivery.commands import status
from delivery.services.overview import Overview
from docs import json_documents


def test_the_page_is_that_of_the_code() -> None:
    assert json_documents.PAGE.read_text(encoding="utf-8") == json_documents.page()


def test_each_command_with_json_says_what_it_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    assert json_documents.documents()["status"] == status.Status | list[Overview]
    monkeypatch.delattr(status, "DOCUMENT")
    with pytest.raises(LookupError, match=r"delivery\.commands.status has --json and no DOCUMENT"):
        json_documents.documents()


@dataclass(frozen=True)
class Part:
    """A part.

    Attributes:
        name: its name; None when it
            has none.
    """

    name: str | None
    more: dict[str, list[int]]


def test_a_field_without_a_meaning_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert json_documents.fields_in(Part.__doc__ or "") == {"name": "its name; null when it has none."}
    monkeypatch.setattr(json_documents, "documents", lambda: {"look": list[Part]})
    with pytest.raises(LookupError, match="the docstring of Part does not say what more is"):
        json_documents.page()

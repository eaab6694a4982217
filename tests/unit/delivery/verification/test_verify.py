"""What is told of the checks: findings, what may not be looked at, exit codes."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from botocore.exceptions import NoRegionError
from click.testing import CliRunner, Result
from delivery_aws import RefusedError
from verified import Answers, released

from delivery.__main__ import main
from delivery.command_line import Connection
from delivery.verification import verify as module
from delivery.verification.subject import Note, Problem, Subject, Unsure


def quiet(subject: Subject) -> Iterator[Problem]:
    yield from ()


def wrong(subject: Subject) -> Iterator[Problem]:
    yield Problem(f"{subject.service} is wrong", "mend it")


def half(subjects: Sequence[Subject]) -> Iterator[Problem]:
    yield Problem(f"all {len(subjects)} are wrong", "mend them")
    subjects[0].session.client("ssm").get_parameter(Name="x")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Answers:
    monkeypatch.setattr(module, "OF_A_SERVICE", {"quiet": quiet, "wrong": wrong})
    monkeypatch.setattr(module, "OF_THE_STACK", {"half": half})
    aws = released()
    denied = "User: me is not authorized to perform: ssm:GetParameter on resource: x"
    aws.answers["GetParameter"] = RefusedError("AccessDeniedException", denied)
    return aws


def run(aws: Answers, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    session = aws.session()
    monkeypatch.setattr(Connection, "session", property(lambda self: session))
    return CliRunner().invoke(main, ["verify", "--stack", "dev", *arguments])


COULD_NOT = "could not look: these credentials may not ssm:GetParameter"


def test_what_may_not_be_looked_at_is_told_after_what_was_found(aws: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(aws, monkeypatch)
    assert done.exit_code == 2
    assert done.output == (
        "web, wrong: web is wrong\n"
        "  mend it: mend it\n"
        "all services, half: all 1 are wrong\n"
        "  mend it: mend them\n"
        f"all services, half: {COULD_NOT}\n"
        "  mend it: use other credentials, or have it allowed\n"
        "3 checks of web: 3 findings\n"
    )


def noted(subject: Subject) -> Iterator[Problem]:
    yield Note("nobody knows", "")


def test_a_note_is_no_finding(aws: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OF_A_SERVICE", {"noted": noted})
    monkeypatch.setattr(module, "OF_THE_STACK", {})
    done = run(aws, monkeypatch)
    assert (done.exit_code, done.output) == (0, "note: web, noted: nobody knows\n1 checks of web: nothing is wrong\n")
    document: dict[str, Any] = json.loads(run(aws, monkeypatch, "--json").output)
    assert (document["findings"], document["notes"]) == ([], ["web, noted: nobody knows"])


def test_the_document(aws: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    document: dict[str, Any] = json.loads(run(aws, monkeypatch, "web", "--json").output)
    assert (document["services"], document["checks"]) == (["web"], 3)
    assert document["findings"][0] == {
        "service": "web", "check": "wrong", "looked": True, "problem": "web is wrong", "mend": "mend it"
    }  # fmt: skip
    assert document["findings"][2]["looked"] is False


def test_all_is_well(aws: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OF_A_SERVICE", {"quiet": quiet})
    monkeypatch.setattr(module, "OF_THE_STACK", {})
    done = run(aws, monkeypatch)
    assert (done.exit_code, done.output) == (0, "1 checks of web: nothing is wrong\n")


def unsure(subject: Subject) -> Iterator[Problem]:
    yield Unsure("it may be wrong", "look yourself")


def test_what_a_check_is_not_sure_of_was_not_looked_at(aws: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OF_A_SERVICE", {"unsure": unsure})
    monkeypatch.setattr(module, "OF_THE_STACK", {})
    (found,) = module.verify(aws.session(), "dev").findings
    assert (found.looked, found.problem, found.mend) == (False, "it may be wrong", "look yourself")


def broken(subject: Subject) -> Iterator[Problem]:
    yield from ()
    raise NoRegionError


def test_one_check_that_aws_does_not_answer_does_not_end_the_others(
    aws: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OF_A_SERVICE", {"broken": broken, "wrong": wrong})
    aws.answers["GetParameter"] = RefusedError("ValidationException", "no")
    found = module.verify(aws.session(), "dev").findings
    again = "`delivery verify` again; all other checks have run"
    assert [(each.check, each.looked, each.problem, each.mend) for each in found] == [
        (
            "broken",
            False,
            "could not look: no AWS region is set; set AWS_REGION, or name one with --region",
            again,
        ),
        ("wrong", True, "web is wrong", "mend it"),
        ("half", True, "all 1 are wrong", "mend them"),
        ("half", False, "could not look: AWS refuses GetParameter: no (ValidationException)", again),
    ]
    aws.services.clear()
    done = run(aws, monkeypatch)
    assert (done.exit_code, done.output) == (
        1, "error: stack dev has no services; check the stack, the account and the region\n"
    )  # fmt: skip

"""What is needed, row by row, and what is removed."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from delivery_aws import LONG_AGO, NOW, STACK, FakeAws, Parameter, digest

from delivery.commands.prune import leftovers, remove
from releases.errors import DeliveryError

A, B = digest("a"), digest("b")
SSM = "arn:aws:ssm:eu-west-1:111111111111:parameter"


def value(aws: FakeAws, suffix: str, service: str = "web", age: timedelta = NOW - LONG_AGO) -> str:
    """A runtime value; its ARN."""
    name = f"/fargate-delivery/dev/{service}/runtime/KEY-{suffix}"
    aws.parameters[name] = Parameter(["v"], NOW - age)
    return f"{SSM}{name}"


def account() -> FakeAws:
    """Two releases, each with a value of its own; the second runs."""
    aws = FakeAws()
    aws.record("none")
    for number in (1, 2):
        arn = aws.revision(number, f"@{A}", secrets={"KEY": value(aws, f"released{number}")})
        aws.release(number, A, arn)
    aws.service(arn, A)
    return aws


def unnamed(aws: FakeAws) -> None:
    value(aws, "x")


def unnamed_and_young(aws: FakeAws) -> None:
    value(aws, "x", age=timedelta(minutes=59))


def unnamed_for_an_hour(aws: FakeAws) -> None:
    value(aws, "x", age=timedelta(hours=1))


def of_a_revision_that_failed(aws: FakeAws) -> None:
    aws.revision(3, f"@{B}", secrets={"KEY": value(aws, "x")})
    aws.release(4, A, aws.revision(4, f"@{A}"))


def of_an_edit_not_deployed(aws: FakeAws) -> None:
    aws.revision(3, ":live", secrets={"KEY": value(aws, "x")})


def of_an_edit_that_failed_before_the_last_release(aws: FakeAws) -> None:
    aws.revision(3, ":live", secrets={"KEY": value(aws, "x")})
    aws.release(4, A, aws.revision(4, f"@{A}"))


def of_an_edit_before_the_last_one(aws: FakeAws) -> None:
    aws.revision(3, ":live", secrets={"KEY": value(aws, "x")})
    aws.revision(4, ":live")
    aws.release(5, A, aws.revision(5, f"@{A}"))


def of_a_deployment(aws: FakeAws) -> None:
    of_a_revision_that_failed(aws)
    aws.services["dev-web"]["deployments"].append({"taskDefinition": list(aws.definitions)[2]})


def of_a_deregistered_release(aws: FakeAws) -> None:
    arn = aws.revision(3, f"@{A}", secrets={"KEY": value(aws, "x")}, status="INACTIVE")
    aws.release(3, A, arn)
    aws.release(4, A, aws.revision(4, f"@{A}"))


def of_a_service_that_is_gone(aws: FakeAws) -> None:
    value(aws, "x", service="gone")


def of_a_service_not_deployed_yet(aws: FakeAws) -> None:
    aws.record("none", service="fresh")
    aws.revision(1, ":live", family="dev-fresh", secrets={"KEY": value(aws, "x", service="fresh")})


def of_the_build(aws: FakeAws) -> None:
    aws.parameters["/fargate-delivery/dev/web/build/KEY-x"] = Parameter(["v"])


def of_somebody_else(aws: FakeAws) -> None:
    aws.parameters["/shared/KEY-x"] = Parameter(["v"])


def of_somebody_else_in_our_folder(aws: FakeAws) -> None:
    aws.parameters["/fargate-delivery/dev/web/runtime/more/KEY-x"] = Parameter(["v"])


def of_another_stack(aws: FakeAws) -> None:
    aws.parameters["/fargate-delivery/dev2/web/runtime/KEY-x"] = Parameter(["v"])


ROWS: list[tuple[Callable[[FakeAws], None], str | None]] = [
    (unnamed, "KEY of web, of 2030-01-01"),
    (unnamed_for_an_hour, "KEY of web, of 2030-01-09"),
    (of_a_revision_that_failed, "KEY of web, of 2030-01-01"),
    (of_an_edit_before_the_last_one, "KEY of web, of 2030-01-01"),
    (of_a_deregistered_release, "KEY of web, of 2030-01-01"),
    (of_a_service_that_is_gone, "KEY of gone, a service that is gone, of 2030-01-01"),
    (unnamed_and_young, None),
    (of_an_edit_not_deployed, None),
    (of_an_edit_that_failed_before_the_last_release, None),
    (of_a_deployment, None),
    (of_a_service_not_deployed_yet, None),
    (of_the_build, None),
    (of_somebody_else, None),
    (of_somebody_else_in_our_folder, None),
    (of_another_stack, None),
]


@pytest.mark.parametrize(("made", "words"), ROWS)
def test_what_goes(made: Callable[[FakeAws], None], words: str | None) -> None:
    aws = account()
    before = set(aws.parameters)
    made(aws)
    found = leftovers(aws.session(), STACK, NOW)
    assert [line.partition("  ")[2] for line in found.lines()] == ([] if words is None else [words])
    added = {name for name in aws.parameters if name.endswith("-x")}
    remove(aws.session(), found)
    assert before <= set(aws.parameters)
    assert added & set(aws.parameters) == (added if words is None else set())
    assert leftovers(aws.session(), STACK, NOW).lines() == []


def test_more_than_one_call_takes() -> None:
    aws = account()
    for number in range(25):
        value(aws, f"{number:07}")
    remove(aws.session(), leftovers(aws.session(), STACK, NOW))
    assert sum("runtime" in name for name in aws.parameters) == 2


def migrations(aws: FakeAws, *numbers: int, family: str = "dev-web-migrate") -> list[str]:
    return [aws.revision(number, f"@{A}", family=family) for number in numbers]


def test_old_migrations_go_but_the_newest_and_what_runs() -> None:
    aws = account()
    arns = migrations(aws, 8, 9, 10, 11)
    aws.tasks.append(aws.task(arns[1], A))
    found = leftovers(aws.session(), STACK, NOW)
    assert found.revisions == [arns[0], arns[2]]
    assert found.lines()[0] == "dev-web-migrate:8  an old migration"
    remove(aws.session(), found)
    assert [aws.definitions[arn]["status"] for arn in arns] == ["INACTIVE", "ACTIVE", "INACTIVE", "ACTIVE"]
    assert aws.definitions[next(iter(aws.definitions))]["status"] == "ACTIVE"


def test_a_service_whose_name_ends_in_migrate_keeps_its_revisions() -> None:
    aws = account()
    migrations(aws, 1, 2, 3)
    aws.services["dev-web-migrate"] = {**aws.services["dev-web"], "serviceName": "dev-web-migrate"}
    assert leftovers(aws.session(), STACK, NOW).revisions == []


def test_a_record_of_another_program_is_no_guess() -> None:
    aws = account()
    aws.record('{"schema":2}')
    with pytest.raises(DeliveryError, match="nothing was removed"):
        leftovers(aws.session(), STACK, NOW)

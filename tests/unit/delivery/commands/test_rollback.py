"""What a rollback goes to, what it says before, and how it is started."""

import re
from typing import Any

import pytest
from click.testing import CliRunner
from delivery_aws import STACK, FakeAws, RefusedError, action, digest

from delivery.__main__ import main
from delivery.command_line import Connection
from delivery.commands.rollback import plan
from delivery.executions.start import deploy
from delivery.services.differences import differences
from releases.errors import DeliveryError

A, B, C = digest("a"), digest("b"), digest("c")


def account(*released: str, sources: str = "") -> FakeAws:
    """Releases of these images, each under a revision of its own; the last one runs and is live.

    Each has the source of the digit in its place; without them an image that comes again is of a rollback.
    """
    aws = FakeAws()
    aws.record("none")
    for number, image in enumerate(released, 1):
        source = f"source-{sources[number - 1] if sources else released.index(image) + 1}"
        aws.release(number, image, aws.revision(number, f"@{image}"), source_version=source)
        aws.image(image, f"release-{number}", *(["live"] if number == len(released) else []))
    aws.service(list(aws.definitions)[-1], released[-1])
    return aws


@pytest.mark.parametrize(
    ("released", "number", "expected"),
    [
        ((A, B), None, 1),
        ((A, B, C), None, 2),
        ((A, B, C, B), None, 1),
        ((A, B, C, A, B), None, 4),
        ((A, B, B), None, 1),
        ((A, B, C), 1, 1),
        ((A, B, A, C), 1, 1),
    ],
)
def test_the_target(released: tuple[str, ...], number: int | None, expected: int) -> None:
    chosen = plan(account(*released).session(), STACK, "web", number)
    assert chosen.target.release == expected
    assert f"image now   {released[-1]}" in "\n".join(chosen.lines())
    assert f"image then  {released[expected - 1]}" in "\n".join(chosen.lines())


@pytest.mark.parametrize(("released", "expected"), [((A, B, C, B), 3), ((A, B, A), 2), ((A, B, C, C), 2)])
def test_an_upload_that_builds_an_image_again_is_no_rollback(released: tuple[str, ...], expected: int) -> None:
    assert plan(account(*released, sources="1234").session(), STACK, "web", None).target.release == expected


def test_a_rollback_to_an_image_that_was_uploaded_twice_leaves_what_came_before_it() -> None:
    assert plan(account(A, B, A, C, A, sources="12343").session(), STACK, "web", None).target.release == 2


def test_rollbacks_go_further_back_past_an_image_that_was_uploaded_twice() -> None:
    """Package gives what a rollback brings back the source of the newest release of its image."""
    assert plan(account(C, A, B, A, B, A, sources="123434").session(), STACK, "web", None).target.release == 1


def unreleased() -> FakeAws:
    aws = FakeAws()
    aws.record("none")
    aws.service(aws.revision(1, ":live"), None, desired=0)
    return aws


def without_image() -> FakeAws:
    aws = account(A, B)
    del aws.images[A]
    return aws


def deploying(*released: str) -> FakeAws:
    aws = account(*released)
    run = aws.executing("InProgress", action("Deploy", "Deploy", "Deploy", "InProgress"))
    latest = {"pipelineExecutionId": run, "status": "InProgress"}
    aws.pipeline["stages"] = [{"stageName": "Deploy", "latestExecution": latest}]
    return aws


@pytest.mark.parametrize(
    ("aws", "number", "words"),
    [
        (account(A, B), 7, "there is no release 7 of web; there are: 2, 1"),
        (account(A, B), 2, "web runs the image of release-2 already"),
        (
            account(A, A),
            None,
            "no release of web older than the live image is known that nobody has rolled back from",
        ),
        (account(A, B, A), None, "name one of another image with --to; there are: 2"),
        (unreleased(), None, "web has no releases yet"),
        (without_image(), None, f"the image {A} of release-1 is no longer in the repository dev-web"),
        (
            deploying(A, B),
            None,
            "pipeline execution run-1 is in flight, so it is not certain which release to roll back",
        ),
        (
            deploying(A, B),
            None,
            "name the release with --to: the pipeline deploys it after what is in flight; 2 is the last",
        ),
    ],
)
def test_what_is_refused(aws: FakeAws, number: int | None, words: str) -> None:
    with pytest.raises(DeliveryError, match=re.escape(words)):
        plan(aws.session(), STACK, "web", number)
    assert aws.writes == []


def test_an_index_that_runs_is_not_gone_back_to() -> None:
    aws = account(A, B)
    aws.index(B, C)
    aws.tasks[0]["containers"][0]["imageDigest"] = C
    with pytest.raises(DeliveryError, match="web runs the image of release-2 already"):
        plan(aws.session(), STACK, "web", 2)
    assert f"image now   {B}" in "\n".join(plan(aws.session(), STACK, "web", 1).lines())


def test_a_named_release_waits_for_what_is_in_flight() -> None:
    aws = deploying(A, B)
    chosen = plan(aws.session(), STACK, "web", 2)
    assert (chosen.target.release, chosen.course.waiting) == (2, ("run-1",))
    assert "Execution run-1 of the pipeline ends first." in chosen.lines()


def test_a_release_that_is_live_but_does_not_run_can_be_gone_back_to() -> None:
    aws = account(A, B)
    aws.service(aws.revision(3, f"@{C}"), C)
    assert plan(aws.session(), STACK, "web", 2).target.release == 2


def test_more_than_one_page_of_history() -> None:
    aws = account(*[digest("0123456789abcdef"[n % 16]) for n in range(120)])
    found = plan(aws.session(), STACK, "web", 30)
    assert found.target.release == 30
    with pytest.raises(DeliveryError, match="there is no release 20 of web"):
        plan(aws.session(), STACK, "web", 20)


SSM = "arn:aws:ssm:eu-west-1:111111111111:parameter"
DIFFERENT: list[tuple[dict[str, Any], str, str]] = [
    ({"memory": "1024"}, "memory: then 1024, now 512", "services.web.task.memory in Pulumi.dev.yaml"),
    ({"cpu": "512"}, "cpu: then 512, now 256", "services.web.task.cpu in Pulumi.dev.yaml"),
    (
        {"runtimePlatform": {"cpuArchitecture": "ARM64"}},
        "runtimePlatform.cpuArchitecture: then ARM64, now -",
        "services.web.task.architecture in Pulumi.dev.yaml",
    ),
    (
        {"ephemeralStorage": {"sizeInGiB": 50}},
        "ephemeralStorage.sizeInGiB: then 50, now -",
        "services.web.task.ephemeral_storage in Pulumi.dev.yaml",
    ),
    (
        {"secrets": {"KEY": f"{SSM}/fargate-delivery/dev/web/runtime/KEY-1234567"}},
        "web.secrets.KEY: then /fargate-delivery/dev/web/runtime/KEY-1234567, now -",
        "services.web.parameters.KEY in Pulumi.dev.yaml, or if that is a secret `pulumi config set --secret",
    ),
    (
        {"environment": {"LEVEL": "debug"}},
        "web.environment.LEVEL: then debug, now -",
        "the template in task_templates/",
    ),
    ({"environment": {"PORT": "80"}}, "web.environment.PORT: then 80, now -", "services.web.task.port"),
    ({"container": {"command": ["a", "b"]}}, 'web.command: then ["a", "b"], now -', "the template in task_templates/"),
    (
        {"container": {"portMappings": [{"containerPort": 80}]}},
        'web.portMappings: then [{"containerPort": 80}], now -',
        "services.web.task.port",
    ),
    ({"executionRoleArn": "role"}, "executionRoleArn: then role, now -", "components/service/ecs_service.py makes it"),
    (
        {"container": {"logConfiguration": {"options": {"awslogs-group": "g"}}}},
        "web.logConfiguration.options.awslogs-group: then g, now -",
        "components/service/ecs_service.py makes it",
    ),
]


@pytest.mark.parametrize(("fields", "shown", "where"), DIFFERENT)
def test_what_else_differs_and_where_it_is_written(fields: dict[str, Any], shown: str, where: str) -> None:
    aws = account(A, B)
    aws.revision(1, f"@{A}", fingerprint="f0", **fields)
    lines = plan(aws.session(), STACK, "web", None).lines()
    at = lines.index(f"  {shown}")
    assert where in lines[at + 1]
    assert "Only the image goes back. dev-web:2 stays, and differs from dev-web:1 also in:" in lines
    assert any("git log -p --since=2030-01-01T00:00:00Z -- Pulumi.dev.yaml task_templates/" in line for line in lines)
    assert sum(": then " in line for line in lines) == 1


def test_image_fingerprint_and_what_ecs_adds_are_no_difference() -> None:
    aws = account(A, B)
    aws.revision(1, f"@{A}", fingerprint="f0", registeredAt=1, requiresAttributes=[{"name": "x"}], volumes=[])
    assert plan(aws.session(), STACK, "web", None).differences == []


def test_another_container_s_image_is_a_difference() -> None:
    sidecar = {"name": "proxy", "image": "nginx:1"}
    then = {"containerDefinitions": [{"name": "web", "image": "r/dev-web@sha256:1"}, sidecar]}
    now = {"containerDefinitions": [{"name": "web", "image": "r/dev-web:live"}, {**sidecar, "image": "nginx:2"}]}
    (found,) = differences(then, now, "dev-web")
    assert (found.field, found.then, found.now) == ("proxy.image", "nginx:1", "nginx:2")


def test_a_revision_that_was_deleted_cannot_be_compared() -> None:
    aws = account(A, B)
    del aws.definitions[next(iter(aws.definitions))]
    assert any("is no longer there" in line for line in plan(aws.session(), STACK, "web", None).lines())


def test_it_starts_the_pipeline_with_the_image() -> None:
    aws, logged = account(A, B), list[str]()
    chosen = plan(aws.session(), STACK, "web", None)
    deploy(aws.session(), STACK, "web", chosen.target.image_digest, logged.append, wait=False)
    (given,) = [given for _, operation, given in aws.calls if operation == "StartPipelineExecution"]
    assert (given["name"], given["variables"]) == ("dev-web", [{"name": "image", "value": A}])
    assert logged[0] == "Started execution run-1 of dev-web."
    assert logged[1].startswith("Execution run-1 goes on. Watch it: ")


@pytest.mark.parametrize(
    ("status", "result", "words"),
    [
        ("Succeeded", {}, None),
        ("Failed", {"errorDetails": {"message": "no health"}}, "ended as Failed: Deploy / Deploy: no health"),
        ("Stopped", {}, "ended as Stopped"),
    ],
)
def test_it_follows_to_the_end(
    monkeypatch: pytest.MonkeyPatch, status: str, result: dict[str, object], words: str | None
) -> None:
    aws, logged = account(A, B), list[str]()
    chosen = plan(aws.session(), STACK, "web", None)

    def later(_: float) -> None:
        aws.pipeline["executions"][0]["status"] = status
        ended = "Failed" if status == "Failed" else "Succeeded"
        aws.pipeline["actions"]["run-1"] = [action("Deploy", "Deploy", "Deploy", ended, result=result)]

    monkeypatch.setattr("releases.pipeline.time.sleep", later)
    if words is None:
        deploy(aws.session(), STACK, "web", chosen.target.image_digest, logged.append, wait=True)
    else:
        with pytest.raises(DeliveryError, match=words):
            deploy(aws.session(), STACK, "web", chosen.target.image_digest, logged.append, wait=True)
    assert logged[-1] == f"Execution run-1: {status}"
    assert any(line.startswith("Deploy / Deploy: ") for line in logged)


def test_a_pipeline_that_cannot_be_started_started_nothing() -> None:
    aws = account(A, B)
    aws.refuse["StartPipelineExecution"] = RefusedError("ConcurrentPipelineExecutionsLimitExceededException", "51")
    chosen = plan(aws.session(), STACK, "web", None)
    with pytest.raises(Exception, match="51"):
        deploy(aws.session(), STACK, "web", chosen.target.image_digest, print, wait=False)


OF_MIGRATION = {
    False: (
        "The migration of release-1's image runs first, and does not undo what later ones have done; "
        "--without-migration leaves it out."
    ),
    True: "The migration of release-1's image is left out.",
}


@pytest.mark.parametrize("without", [True, False])
@pytest.mark.parametrize("migrates", [True, False])
def test_a_plan_says_what_becomes_of_the_migration_of_the_image(migrates: bool, without: bool) -> None:
    aws = account(A, B)
    aws.migrates = migrates
    lines = plan(aws.session(), STACK, "web", None, without_migration=without).lines()
    assert [line for line in lines if "migration" in line] == ([OF_MIGRATION[without]] if migrates else [])


@pytest.mark.parametrize("without", [True, False])
@pytest.mark.parametrize("migrates", [True, False])
def test_the_execution_is_told_to_leave_the_migration_out(migrates: bool, without: bool) -> None:
    """Where there is none the pipeline has no such variable, and CodePipeline would refuse the start."""
    aws = account(A, B)
    aws.migrates = migrates
    chosen = plan(aws.session(), STACK, "web", None, without_migration=without)
    deploy(aws.session(), STACK, "web", A, print, wait=False, without_migration=chosen.course.skips)
    (given,) = [given for _, operation, given in aws.calls if operation == "StartPipelineExecution"]
    left_out = [{"name": "migration", "value": "skip"}] if migrates and without else []
    assert given["variables"] == [{"name": "image", "value": A}, *left_out]


@pytest.mark.parametrize("verb", [("rollback", "web"), ("deploy", "web", "--image", A)])
def test_a_pipeline_of_an_earlier_program_leaves_no_migration_out(
    monkeypatch: pytest.MonkeyPatch, verb: tuple[str, ...]
) -> None:
    """It is said before anybody is asked."""
    aws = account(A, B)
    aws.migrates, aws.variables = True, ["image"]
    monkeypatch.setattr(Connection, "session", property(lambda _: aws.session()))
    done = CliRunner().invoke(main, [*verb, "--stack", STACK, "--without-migration"])
    assert (done.exit_code, done.stdout, aws.writes) == (1, "", [])
    assert done.stderr == (
        "error: the pipeline dev-web was created by a program that could not skip a migration; `up` adds the variable "
        "for it\n"
    )

"""Releases without the pipeline: what is looked at before, what the steps are given, and what stops it."""

from typing import Any

import pytest
from answered import somebody
from botocore.exceptions import EndpointConnectionError
from click.testing import CliRunner, Result
from delivery_aws import RefusedError, digest
from verified import A, Answers, released

from delivery.__main__ import main
from delivery.command_line import Connection
from delivery.executions import break_glass
from pipeline_steps.job import Done, Job, StepError, Waiting
from pipeline_steps.package.images import Images

Json = dict[str, Any]
B = digest("b")
ME = "arn:aws:sts::111111111111:assumed-role/oncall/eve"
SETTINGS = """{"pipeline": "dev-web", "cluster": "dev", "service": "dev-web", "controller": "ECS", "containers": ["web"],
"sidecars": [], "minimum_tasks": 1, "deploy_minutes": 15, "repository": "dev-web", "record": "r", "repository_uri": "u",
"platform": "linux/amd64", "migration": {"command": ["bin/migrate", "up"], "minutes": 5, "family": "dev-web-migrate"}}"""


@pytest.fixture
def aws() -> Answers:
    aws = released()
    aws.image(B)
    function = {"Configuration": {"Environment": {"Variables": {"SERVICE": SETTINGS}}}}
    aws.answers |= {
        "GetFunction": lambda given: function if given == {"FunctionName": "dev-web-steps"} else {},
        "GetCallerIdentity": {"Arn": ME},
    }
    return aws


class Steps:
    """The pipeline's steps, which wait once each; which were called with what, and which fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[tuple[str, Job]] = []
        self.fails = ""
        for name in ("migrate", "wake", "deploy", "release"):
            monkeypatch.setattr(getattr(break_glass, name), "run", self._step(name))
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        monkeypatch.setattr(
            Images, "misfit", lambda self, digest, platform: "" if digest != A else "is for linux/arm64"
        )

    def _step(self, name: str) -> Any:
        def run(session: Any, settings: Any, job: Job) -> Any:
            assert settings.migration.family == "dev-web-migrate"
            self.calls.append((name, job))
            if name == self.fails:
                raise StepError("it went back")
            if name == "wake":
                return Done("one is started", {"WOKEN": "yes"})
            return Done(f"{name} is done") if job.state else Waiting("It waits", {"since": 1})

        return run

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.calls]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    return Steps(monkeypatch)


@pytest.fixture
def run(aws: Answers, steps: Steps, monkeypatch: pytest.MonkeyPatch) -> Any:
    session = aws.session()
    monkeypatch.setattr(Connection, "session", property(lambda self: session))
    return lambda *arguments: CliRunner().invoke(main, ["deploy", "web", "--stack", "dev", *arguments])


GLASS = ("--image", B, "--without-pipeline", "--yes")


def test_the_steps_run_here_and_are_given_what_the_pipeline_gives_them(run: Any, steps: Steps) -> None:
    done: Result = run(*GLASS)
    assert (done.exit_code, done.output) == (0, (
        f"web: deploys {B} without its pipeline\n"
        "  runs the migration first: bin/migrate up\n"
        "  clones dev-web:1, which dev-web runs, waits until ECS has deployed it, and releases it\n"
        "  asks for nobody's approval, also where its pipeline does\n"
        f"  its release says that {ME} has done it\n"
        "Migrate: It waits\nMigrate: migrate is done\n"
        "Deploy: It waits\nDeploy: deploy is done\n"
        "Release: It waits\nRelease: release is done\n"
    ))  # fmt: skip
    assert steps.names == ["migrate", "migrate", "deploy", "deploy", "release", "release"]
    jobs = [job for _, job in steps.calls]
    (parameters,) = {tuple(sorted(job.parameters.items())) for job in jobs}
    given = dict(parameters)
    assert len(given.pop("execution")) == 36
    assert given == {
        "digest": B, "source": "unknown", "commit": "unknown", "repository": "unknown", "uploaded": "0", "by": ME
    }  # fmt: skip
    assert [job.state for job in jobs] == [{}, {"since": 1}] * 3
    assert len({job.id for job in jobs}) == 3, "each action is one job"


def test_where_the_image_came_from_is_what_its_release_said(aws: Answers, run: Any, steps: Steps) -> None:
    aws.release(2, B, next(iter(aws.definitions)), commit="c0ffee", repository="team/web")
    run(*GLASS)
    given = steps.calls[0][1].parameters
    assert (given["source"], given["commit"], given["repository"]) == ("source-2", "c0ffee", "team/web")


def test_the_migration_may_be_left_out(run: Any, steps: Steps) -> None:
    assert "  leaves its migration out\n" in run(*GLASS, "--without-migration").output
    assert steps.names == ["deploy", "deploy", "release", "release"]
    assert {job.parameters["migration"] for _, job in steps.calls} == {"skip"}


def test_a_service_that_sleeps_proves_it_with_one_task(aws: Answers, run: Any, steps: Steps) -> None:
    aws.services["dev-web"]["desiredCount"] = 0
    done = run(*GLASS)
    assert "  starts one task for it, as the service wants none; Release stops that\n" in done.output
    assert "Wake: one is started\nDeploy: " in done.output
    assert steps.names == ["migrate", "migrate", "wake", "deploy", "deploy", "release", "release"]
    assert steps.calls[-1][1].parameters["woken"] == "yes"


def test_the_first_release_wakes_nothing(aws: Answers, run: Any, steps: Steps) -> None:
    aws.services["dev-web"]["desiredCount"] = 0
    aws.record("none")
    assert run(*GLASS).exit_code == 0
    assert "wake" not in steps.names


def test_a_step_that_fails_ends_it(run: Any, steps: Steps) -> None:
    steps.fails = "deploy"
    done = run(*GLASS)
    assert done.exit_code == 1
    assert done.stderr.splitlines()[:2] == ["error: Deploy has failed: it went back", "release-1 still serves."]
    assert "release" not in steps.names


def test_interrupted_it_says_how_to_watch_what_ecs_deploys_and_how_to_end_the_release(
    run: Any, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupt)
    done = run(*GLASS)
    assert (done.exit_code, done.stdout.splitlines()[-3:]) == (
        130,
        [
            "What ECS deploys goes on. Watch it: `delivery status web --stack dev --watch`",
            "To return to release-1 after it: `delivery rollback web --stack dev --to 1`",
            "`delivery repair web --stack dev` ends the release then.",
        ],
    )
    assert done.stderr == "interrupted; what was started at AWS goes on\n"


@pytest.mark.parametrize("changed", [False, True])
def test_it_looks_again_when_it_was_asked(
    aws: Answers, run: Any, steps: Steps, monkeypatch: pytest.MonkeyPatch, changed: bool
) -> None:
    def confirm(question: str, **_: bool) -> bool:
        if changed:
            aws.services["dev-web"]["deployments"][0]["taskDefinition"] = aws.revision(2, f"@{A}")
        return True

    somebody(monkeypatch, confirm)
    done = run(*GLASS[:-1])
    assert (done.exit_code, steps.calls == []) == (changed, changed), done.output
    said = f"error: nothing was changed, because this would happen now instead; run it again:\nweb: deploys {B} without its pipeline\n"
    assert (said in done.output) == changed
    assert ("clones dev-web:2," in done.output) == changed


def test_what_is_in_flight_after_the_question_stops_it(
    aws: Answers, run: Any, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    def confirm(*_: str, **__: bool) -> bool:
        in_flight(aws)
        return True

    somebody(monkeypatch, confirm)
    assert run(*GLASS[:-1]).output.endswith("then run this again\n")
    assert steps.calls == []


def down(given: Json) -> Json:
    raise EndpointConnectionError(endpoint_url="https://codepipeline.eu-west-1.amazonaws.com/")


def test_codepipeline_that_does_not_answer_is_no_obstacle(aws: Answers, run: Any, steps: Steps) -> None:
    aws.answers["GetPipelineState"] = down
    done = run(*GLASS)
    assert done.exit_code == 0, done.output
    assert done.output.startswith("CodePipeline does not say what it is at, so nothing is known of its Deploy stage: ")
    assert steps.names[-1] == "release"


def test_a_step_that_fails_while_codepipeline_does_not_answer_ends_as_any_other(
    aws: Answers, run: Any, steps: Steps
) -> None:
    aws.answers["GetPipelineState"] = down
    steps.fails = "deploy"
    assert run(*GLASS).stderr.splitlines()[:2] == ["error: Deploy has failed: it went back", "release-1 still serves."]


def ecs_down(given: Json) -> Json:
    raise EndpointConnectionError(endpoint_url="https://ecs.eu-west-1.amazonaws.com/")


def in_flight(aws: Answers) -> None:
    aws.services["dev-web"]["deployments"][0]["rolloutState"] = "IN_PROGRESS"


def by_codedeploy(aws: Answers) -> None:
    (revision,) = aws.definitions
    aws.services.clear()
    aws.blue_green(revision, running=A)


def frozen(aws: Answers) -> None:
    closed = {"enabled": False, "disabledReason": "a sale", "lastChangedBy": "arn:aws:sts::1:assumed-role/oncall/bob"}
    aws.pipeline["stages"] = [{"stageName": "Source"}, {"stageName": "Deploy", "inboundTransitionState": closed}]


FROZEN = "releases of web wait (bob: a sale); `delivery unfreeze web --stack dev` lets them go on"


def test_a_frozen_one_is_released_when_that_is_said(aws: Answers, run: Any, steps: Steps) -> None:
    frozen(aws)
    done = run(*GLASS, "--although-frozen")
    assert done.exit_code == 0, done.output
    assert f"  does so although {FROZEN}\n" in done.output
    assert steps.names[-1] == "release"
    assert run("--image", B, "--although-frozen").exit_code == 2


def test_executions_that_deploy_after_it_are_told(aws: Answers, run: Any, steps: Steps) -> None:
    approval = {"actionName": "Approve", "latestExecution": {"status": "InProgress", "token": "t"}}
    aws.pipeline["stages"] = [
        {"stageName": "Source"},
        {
            "stageName": "Approve",
            "latestExecution": {"pipelineExecutionId": "run-9", "status": "InProgress"},
            "actionStates": [approval],
        },
        {"stageName": "Deploy", "inboundExecutions": [{"pipelineExecutionId": "run-8", "status": "InProgress"}]},
    ]
    lines = run(*GLASS).output.splitlines()
    assert [line for line in lines if "run-" in line] == [
        "  execution run-9 is in Approve / Approve, and deploys its own image when it comes to that",
        "  execution run-8 waits in front of Deploy, and deploys its own image when it comes to that",
    ]


REFUSED: dict[str, tuple[Any, tuple[str, ...], str]] = {
    "something is in flight": (in_flight, GLASS, "deployment ecs-svc/1 of dev-web:1 is in flight"),
    "it is frozen": (frozen, GLASS, f"error: {FROZEN}; with --although-frozen it is released anyway\n"),
    "CodeDeploy deploys it": (
        by_codedeploy,
        GLASS,
        "CodeDeploy deploys web, and only the pipeline's steps can assemble",
    ),
    "the image is for another platform": (
        lambda aws: None,
        ("--image", A, "--without-pipeline", "--yes"),
        f"the image {A} is for linux/arm64",
    ),
    "there is no function": (
        lambda aws: aws.answers.update(GetFunction=RefusedError("ResourceNotFoundException")),
        GLASS,
        "there is no function dev-web-steps; `up` makes it",
    ),
    "ECS is down": (lambda aws: aws.answers.update(DescribeServices=ecs_down), GLASS, "AWS does not answer"),
    "may not look": (
        lambda aws: aws.answers.update(GetPipelineState=RefusedError("AccessDeniedException")),
        GLASS,
        "these credentials may not GetPipelineState",
    ),
    "nobody is there to ask": (
        lambda aws: None,
        GLASS[:-1],
        "there is no terminal on which to ask, so run it again with --yes",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_stops_it(aws: Answers, run: Any, steps: Steps, case: str) -> None:
    change, arguments, words = REFUSED[case]
    change(aws)
    done = run(*arguments)
    assert (done.exit_code, words in done.output) == (1, True), done.output
    assert steps.calls == []


def test_with_the_pipeline_it_is_started(aws: Answers, run: Any, steps: Steps) -> None:
    started = run("--image", B, "--yes", "--no-wait").output
    assert started.startswith(f"web: releases the image {B}\nStarted execution run-1 of dev-web.\n")
    started = run("--image", "release-1", "--yes", "--no-wait").output
    assert started.startswith(
        f"web: releases the image release-1, {A}\nExecution run-1 of the pipeline ends first.\nStarted execution run-2"
    )
    assert aws.pipeline["executions"][0]["variables"] == [{"name": "image", "resolvedValue": A}]
    assert steps.calls == []
    assert run("--image", "release-9").output == "error: the image release-9 is not in the repository dev-web\n"
    done = run("--image", digest("c"))
    assert done.output == f"error: the image {digest('c')} is not in the repository dev-web\n"
    for wrong in (("--image", "live"), ("--image", B, "--without-pipeline", "--no-wait"), ()):
        assert run(*wrong).exit_code == 2, wrong

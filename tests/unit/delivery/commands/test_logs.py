"""What `logs` asks of CloudWatch Logs and shows."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from click.testing import CliRunner, Result
from delivery_aws import RefusedError, action
from verified import Answers, released

from delivery.__main__ import main
from delivery.command_line import Connection
from delivery.tasks import logs

Json = dict[str, Any]
LOG = {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/dev-web", "awslogs-stream-prefix": "p"}}
BEGAN = datetime(2030, 1, 10, 12, 0, tzinfo=UTC)


def event(number: int, message: str, container: str = "web", task: str = "0" * 31) -> Json:
    when = int((BEGAN + timedelta(seconds=number)).timestamp() * 1000)
    stream = f"p/{container}/{task}{number % 10}"
    return {"eventId": str(number), "timestamp": when, "message": message, "logStreamName": stream}


@pytest.fixture
def aws() -> Answers:
    """Two containers that have written."""
    aws = released({"logConfiguration": LOG})
    aws.answers["FilterLogEvents"] = {"events": [event(2, "later\n", "proxy"), event(1, "first")]}
    return aws


@pytest.fixture
def run(aws: Answers, monkeypatch: pytest.MonkeyPatch) -> Any:
    session = aws.session()
    monkeypatch.setattr(Connection, "session", property(lambda self: session))

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["logs", "web", "--stack", "dev", *arguments])

    return call


def asked(aws: Answers) -> Json:
    (given,) = [given for _, operation, given in aws.calls if operation == "FilterLogEvents"]
    return given


def test_the_lines(run: Any, aws: Answers) -> None:
    before = datetime.now(UTC)
    assert run().output == "12:00:01 00000000 web | first\n12:00:02 00000000 proxy | later\n"
    given = asked(aws)
    start = datetime.fromtimestamp(given.pop("startTime") / 1000, UTC)
    assert given == {"logGroupName": "/ecs/dev-web"}
    assert before - timedelta(minutes=10, seconds=1) < start <= datetime.now(UTC) - timedelta(minutes=10)


def test_the_document_and_one_container(run: Any) -> None:
    assert json.loads(run("--json", "--container", "proxy").output) == [
        {"time": "2030-01-10T12:00:02.000+00:00", "task": "0" * 31 + "2", "container": "proxy", "message": "later"}
    ]


PROXY_LOG = {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/proxy", "awslogs-stream-prefix": "p"}}


def with_tasks(aws: Answers, streams: dict[str, list[str]]) -> dict[str, list[str]]:
    """The service's tasks by what they are to do, which can be changed; log group → the streams that there are."""
    arn = "arn:aws:ecs:eu-west-1:111111111111:task-definition/dev-web:1"
    tasks = {"RUNNING": ["task/dev/one"], "STOPPED": ["task/dev/two", "task/dev/other"]}
    aws.definitions[arn]["containerDefinitions"].append({"name": "proxy", "logConfiguration": PROXY_LOG})

    def described(given: Json) -> Json:
        if given["logGroupName"] not in streams:
            raise RefusedError("ResourceNotFoundException")
        names = [each for each in streams[given["logGroupName"]] if each.startswith(given["logStreamNamePrefix"])]
        return {"logStreams": [{"logStreamName": each} for each in names]}

    aws.answers |= {
        "ListTasks": lambda given: {"taskArns": tasks[given["desiredStatus"]]},
        "DescribeTasks": lambda given: {
            "tasks": [
                {"taskArn": each, "taskDefinitionArn": "another" if "other" in each else arn} for each in given["tasks"]
            ]
        },
        "DescribeLogStreams": described,
    }
    return tasks


def searched(aws: Answers) -> dict[str, list[str]]:
    calls = [given for _, operation, given in aws.calls if operation == "FilterLogEvents"]
    return {given["logGroupName"]: given["logStreamNames"] for given in calls}


def test_the_tasks_of_a_release_that_have_stopped_too(run: Any, aws: Answers) -> None:
    tasks = with_tasks(aws, {"/ecs/dev-web": ["p/web/one", "p/web/two"], "/ecs/proxy": ["p/proxy/two"]})
    assert run("--release", "release-1").exit_code == 0
    assert searched(aws) == {"/ecs/dev-web": ["p/web/one", "p/web/two"], "/ecs/proxy": ["p/proxy/two"]}
    tasks["RUNNING"], tasks["STOPPED"] = [], []
    done = run("--release", "1")
    assert (done.exit_code, "ECS no longer knows a task of release 1," in done.output) == (1, True)
    done = run("--release", "9")
    assert (done.exit_code, done.output) == (
        1, "error: there is no release 9 of web; `delivery history web --stack dev` lists them\n"
    )  # fmt: skip


def test_a_task_that_has_written_nothing_does_not_hide_the_others(run: Any, aws: Answers) -> None:
    with_tasks(aws, {"/ecs/dev-web": ["p/web/one", "p/web/twofold"]})
    assert run("--release", "1").output == "12:00:01 00000000 web | first\n12:00:02 00000000 proxy | later\n"
    assert searched(aws) == {"/ecs/dev-web": ["p/web/one"]}


def test_a_task_by_the_beginning_of_its_id(run: Any, aws: Answers) -> None:
    """Also of one that ECS has forgotten; all of it, without --since."""
    with_tasks(aws, {"/ecs/dev-web": ["p/web/one", "p/web/twofold"], "/ecs/proxy": ["p/proxy/twofold"]})
    assert run("--task", "two").exit_code == 0
    assert searched(aws) == {"/ecs/dev-web": ["p/web/twofold"], "/ecs/proxy": ["p/proxy/twofold"]}
    started = datetime.fromtimestamp(asked_last(aws)["startTime"] / 1000, UTC)
    assert started < datetime.now(UTC) - timedelta(days=3000)
    done = run("--task", "three")
    assert done.output == "error: task three has written nothing to CloudWatch Logs yet\n"


def test_no_more_streams_are_searched_than_one_call_takes(run: Any, aws: Answers) -> None:
    """One list of streams has up to 50."""
    with_tasks(aws, {"/ecs/dev-web": [f"p/web/a{number}" for number in range(logs.MOST_STREAMS + 1)]})
    assert run("--task", "a").exit_code == 0
    assert len(searched(aws)["/ecs/dev-web"]) == logs.MOST_STREAMS


def asked_last(aws: Answers) -> Json:
    return [given for _, operation, given in aws.calls if operation == "FilterLogEvents"][-1]


def test_the_last_task_that_has_failed(run: Any, aws: Answers) -> None:
    tasks = with_tasks(aws, {"/ecs/dev-web": ["p/web/two", "p/web/other"]})
    stopped = {"stoppedAt": BEGAN, "stoppedReason": "Essential container in task exited"}
    listed = aws.answers["DescribeTasks"]
    assert callable(listed)

    def with_reason(given: Json) -> Json:
        found = [{**each, **stopped, "containers": [{"name": "web", "exitCode": 3}]} for each in listed(given)["tasks"]]
        ended = BEGAN.astimezone(timezone(timedelta(hours=9)))  # boto3 tells times in this machine's zone
        return {"tasks": [{**each, "stoppedAt": ended + timedelta(seconds="two" in each["taskArn"])} for each in found]}

    aws.answers["DescribeTasks"] = with_reason
    done = run("--failed")
    assert done.stderr == "Task two has stopped at 12:00:01: Essential container in task exited (web exit code 3)\n"
    assert done.stdout == "12:00:01 00000000 web | first\n12:00:02 00000000 proxy | later\n"
    assert searched(aws) == {"/ecs/dev-web": ["p/web/two"]}
    tasks["STOPPED"] = []
    assert run("--failed").stderr == (
        "error: ECS knows no task of web that has failed within the last hour; `delivery history web --stack dev --all` "
        "has the causes of deliveries that failed, and `delivery logs web --stack dev --delivery` the log of the last "
        "build\n"
    )


def test_tasks_that_start_later_are_followed_too(run: Any, aws: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    streams = {"/ecs/dev-web": ["p/web/one"]}
    with_tasks(aws, streams)

    def rest(_: float) -> None:
        streams["/ecs/dev-web"] = ["p/web/one", "p/web/two"]
        if len([1 for _, operation, _ in aws.calls if operation == "FilterLogEvents"]) == logs.LOOKS + 1:
            raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", rest)
    assert run("--release", "1", "--follow").exit_code == 130
    asked = [given["logStreamNames"] for _, operation, given in aws.calls if operation == "FilterLogEvents"]
    assert asked[:-2] == [["p/web/one"]] * (logs.LOOKS - 1)
    assert asked[-2:] == [["p/web/one", "p/web/two"]] * 2


@pytest.mark.parametrize(
    ("streams", "words"),
    [
        (
            {"/ecs/dev-web": [], "/ecs/proxy": []},
            "the tasks of release 1 have written nothing to CloudWatch Logs yet",
        ),
        ({"/ecs/proxy": []}, "there is no log /ecs/dev-web; check --stack and the service's name"),
    ],
    ids=["no stream", "no group"],
)
def test_no_stream_is_told_from_no_log(run: Any, aws: Answers, streams: dict[str, list[str]], words: str) -> None:
    with_tasks(aws, streams)
    done = run("--release", "1")
    assert (done.exit_code, done.output) == (1, f"error: {words}\n")
    assert searched(aws) == {}


def test_what_is_asked_wrongly(run: Any, aws: Answers) -> None:
    for arguments in (
        ("--since", "10"),
        ("--since", "m"),
        ("--follow", "--json"),
        ("--release", "x"),
        ("--task", "a", "--failed"),
    ):
        assert run(*arguments).exit_code == 2, arguments
    aws.answers["FilterLogEvents"] = RefusedError("ResourceNotFoundException")
    assert run().output == "error: there is no log /ecs/dev-web; check --stack and the service's name\n"


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("10m", 600), ("2h", 7200), ("1d", 86400)])
def test_durations(text: str, seconds: int) -> None:
    assert logs.duration(text).total_seconds() == seconds


def test_what_is_followed_is_shown_once(aws: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [[event(1, "a")], [event(1, "a"), event(2, "b")], [event(2, "b"), event(99, "c")], [event(99, "c")]]
    starts: list[datetime] = []

    def answer(given: Json) -> Json:
        starts.append(datetime.fromtimestamp(given["startTime"] / 1000, UTC))
        return {"events": looks.pop(0)}

    def rest(seconds: float) -> None:
        if not looks:
            raise KeyboardInterrupt

    aws.answers["FilterLogEvents"] = answer
    monkeypatch.setattr("time.sleep", rest)
    shown: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        logs.search(aws.session(), "dev", "web").follow(BEGAN, lambda line: shown.append(line.message))
    assert shown == ["a", "b", "c"]
    assert starts == [BEGAN, BEGAN, BEGAN, BEGAN + timedelta(seconds=69)], "what comes 30 s late is found"


def test_the_window_of_what_is_followed_moves_on_by_what_other_containers_write(
    aws: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = [[event(1, "a", "proxy"), event(50, "b", "proxy")], [event(50, "b", "proxy"), event(51, "c")]]
    starts: list[datetime] = []

    def answer(given: Json) -> Json:
        starts.append(datetime.fromtimestamp(given["startTime"] / 1000, UTC))
        return {"events": looks.pop(0)}

    def rest(seconds: float) -> None:
        if not looks:
            raise KeyboardInterrupt

    aws.answers["FilterLogEvents"] = answer
    monkeypatch.setattr("time.sleep", rest)
    shown: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        logs.search(aws.session(), "dev", "web", "web").follow(BEGAN, lambda line: shown.append(line.message))
    assert shown == ["c"]
    assert starts == [BEGAN, BEGAN + timedelta(seconds=20)]


def test_a_page_is_shown_before_the_next_one_is_read(run: Any, aws: Answers) -> None:
    pages = [
        {"events": [event(2, "b"), event(1, "a")], "nextToken": "x"},
        {"events": [event(3, "c")], "nextToken": "y"},
    ]

    def answer(given: Json) -> Json:
        if not pages:
            raise RefusedError("ThrottlingException", "Rate exceeded")
        return pages.pop(0)

    aws.answers["FilterLogEvents"] = answer
    done = run()
    assert done.output.startswith(
        "12:00:01 00000000 web | a\n12:00:02 00000000 web | b\n12:00:03 00000000 web | c\nerror: AWS takes no more calls"
    )
    assert done.exit_code == 1


def test_what_several_groups_have_is_shown_in_its_order(run: Any, aws: Answers) -> None:
    with_tasks(aws, {"/ecs/dev-web": ["p/web/one"], "/ecs/proxy": ["p/proxy/one"]})
    written = {"/ecs/dev-web": [event(1, "a"), event(3, "c")], "/ecs/proxy": [event(2, "b", "proxy")]}
    aws.answers["FilterLogEvents"] = lambda given: {"events": written[given["logGroupName"]]}
    assert [line[-1] for line in run("--release", "1").output.splitlines()] == ["a", "b", "c"]


def test_the_last_delivery_with_the_log_of_its_build(run: Any, aws: Answers) -> None:
    assert run("--delivery").stderr == "error: dev-web never ran, so there is no delivery to show\n"
    build = {"actionTypeId": {"category": "Build", "provider": "CodeBuild"}}
    result = {"externalExecutionId": "p:1", "errorDetails": {"message": "no\nroom"}}
    aws.executing("Succeeded")
    aws.executing(
        "Failed",
        action("Source", "Source", "Source"),
        action("Build", "Build", "Build", "Failed", input=build, result=result),
    )
    aws.answers["BatchGetBuilds"] = {"builds": [{"logs": {"groupName": "g", "streamName": "s"}}]}
    aws.answers["GetLogEvents"] = lambda given: {
        "events": [] if "nextToken" in given else [{"message": "one\n"}],
        "nextForwardToken": "end",
    }
    assert run("--delivery").output.splitlines() == [
        "Execution run-2 of dev-web: Failed",
        "Source / Source: Succeeded",
        "Build / Build: Failed, no room",
        "  | one",
    ]


@pytest.mark.parametrize(
    "other", [("--follow",), ("--json",), ("--release", "1"), ("--container", "web"), ("--since", "1h")]
)
def test_the_last_delivery_goes_with_nothing_else(run: Any, other: tuple[str, ...]) -> None:
    done = run("--delivery", *other)
    assert (done.exit_code, "--delivery is printed as it is, without any other option" in done.stderr) == (2, True)

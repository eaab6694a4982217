"""Jobs: by schedule and by hand, always with the released image, and how they fail, are stopped and are left out."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.conftest import Apps, Stack
from tests.scenarios.test_slack import told
from tests.soak.beside import Running

pytestmark = pytest.mark.nightly
SERVICES = ("hello",)
FILE = "Pulumi.local.yaml"
BEFORE = "      migrate: {command: [bin/migrate]}\n"
JOBS = """\
      jobs:
        tell: {command: [sh, bin/job, tell], schedule: "cron(0 3 * * ? *)", timezone: Asia/Tokyo}
        fail: {command: [sh, bin/job, fail], schedule: "cron(0 3 1 * ? *)", retries: 1}
        hang: {command: [sh, bin/job, hang], schedule: "cron(0 3 2 * ? *)", timeout: 5}
        once: {command: [sh, bin/job, tell]}
"""
JOB = """\
case "$1" in
  tell) echo "VERSION, $GREETING" ;;
  fail) echo "the table is locked" >&2; exit 7 ;;
  hang) echo waiting; sleep 900 ;;
esac
"""


def app(apps: Apps, version: str, **faults: Any) -> Path:
    """An app with the jobs' script."""
    source = apps.make(version, **faults)
    (source / "bin/job").write_text(JOB.replace("VERSION", version))
    return source


def fire(stack: Stack, schedule: str) -> None:
    """A schedule of hello's is due now; once in a second, as the same moment is the same run."""
    time.sleep(1.1)
    assert stack.control("fire", {"group": "local-hello", "name": schedule}) == {"failed": None}


def runs(stack: Stack, job: str) -> list[dict[str, Any]]:
    """The tasks of a job, oldest first."""
    ecs = stack.client("ecs")
    arns: set[str] = set()  # one that stops between both calls is in both answers
    for status in ("RUNNING", "STOPPED"):
        arns |= set(ecs.list_tasks(cluster="local", family=f"local-hello_{job}", desiredStatus=status)["taskArns"])
    found = ecs.describe_tasks(cluster="local", tasks=sorted(arns), include=["TAGS"])["tasks"] if arns else []
    return sorted(found, key=lambda task: task["createdAt"])


def soon(condition: Callable[[], Any], what: str) -> Any:
    """What there is to see, as soon as there is something."""
    for _ in range(300):
        if found := condition():
            return found
        time.sleep(0.2)
    raise AssertionError(f"nothing came: {what}")


def ended(stack: Stack, job: str, count: int) -> list[dict[str, Any]]:
    """The runs of a job, once there are this many and all have ended."""

    def over() -> list[dict[str, Any]]:
        found = runs(stack, job)
        return found if len(found) >= count and all(task["lastStatus"] == "STOPPED" for task in found) else []

    found: list[dict[str, Any]] = soon(over, f"{count} runs of {job}")
    assert len(found) == count, [(task["startedBy"], task["stoppedReason"]) for task in found]
    return found


def log_of(stack: Stack, task: dict[str, Any]) -> str:
    (container,) = task["containers"]
    stream = f"hello/{container['name']}/{task['taskArn'].rpartition('/')[2]}"
    logs = stack.client("logs")
    prefixes = [s["logStreamName"] for s in logs.describe_log_streams(logGroupName="/ecs/local-hello")["logStreams"]]
    stream = next(name for name in prefixes if name.endswith(stream.partition("/")[2]))
    events = logs.get_log_events(logGroupName="/ecs/local-hello", logStreamName=stream, startFromHead=True)["events"]
    return "\n".join(event["message"] for event in events)


def tell(stack: Stack) -> tuple[str, str]:
    """What job `tell` says when its schedule is due, and the image that it ran."""
    before = len(runs(stack, "tell"))
    fire(stack, "tell")
    task = ended(stack, "tell", before + 1)[-1]
    (container,) = task["containers"]
    assert container["exitCode"] == 0
    return log_of(stack, task), container["imageDigest"]


def function_log(stack: Stack) -> str:
    events = stack.client("logs").filter_log_events(logGroupName="/aws/lambda/local-hello-jobs")["events"]
    return "\n".join(event["message"] for event in events)


def test_nothing_runs_before_something_was_released(local: Stack) -> None:
    local.edit(FILE, BEFORE, BEFORE + JOBS)
    local.ok("up")
    fire(local, "tell")
    soon(lambda: "Nothing was released yet" in function_log(local), "the function's word")
    assert runs(local, "tell") == []
    done = local.run("run", "hello", "once", "--yes")
    assert (done.code, done.err) == (
        1,
        "hello: runs its job once now, before a release\nerror: once was not started: Nothing was released yet\n",
    )


def test_a_schedule_runs_the_released_image_with_the_services_settings(local: Stack, apps: Apps) -> None:
    assert local.ship("hello", app(apps, "one")).code == 0
    status = local.status("hello")
    assert tell(local) == ("one, Hello from the sandbox", status["image_digest"])
    (task,) = runs(local, "tell")
    ecs = local.client("ecs")
    definition = ecs.describe_task_definition(taskDefinition=task["taskDefinitionArn"])["taskDefinition"]
    own = ecs.describe_task_definition(taskDefinition=status["task_definition"])["taskDefinition"]
    same = ("taskRoleArn", "executionRoleArn", "cpu", "memory", "networkMode", "runtimePlatform")
    assert {key: definition.get(key) for key in same} == {key: own.get(key) for key in same}
    assert {"key": "stack", "value": "local"} in task["tags"], "its costs are in reports by tag"
    assert tell(local)[0] == "one, Hello from the sandbox"
    first, second = runs(local, "tell")
    assert first["taskDefinitionArn"] == second["taskDefinitionArn"], "nothing is registered where nothing has changed"


def test_by_hand_the_log_and_the_exit_code_are_the_commands(local: Stack) -> None:
    released = local.status("hello")["image_digest"]
    done = local.run("run", "hello", "once", "--yes")
    assert (done.code, done.out) == (0, "one, Hello from the sandbox\n"), done.err
    done = local.run("run", "hello", "fail", "--yes")
    assert (done.code, done.out) == (7, "the table is locked\n"), done.err
    assert "fail ended with exit code 7" in done.err
    done = local.run("run", "hello", "other", "--yes")
    assert (done.code, done.err) == (
        1,
        f"hello: runs its job other now, with the image of release-1, {released}\n"
        "error: other was not started: There is no job other; there is fail, hang, once, tell\n",
    )
    assert len(runs(local, "fail")) == 1, "what is run by hand is not tried again"


def test_any_command_runs_with_the_released_image_and_ends_with_its_exit_code(local: Stack) -> None:
    done = local.run("run", "hello", "--yes", "--", "sh", "-c", 'echo "$GREETING"; exit 3')
    assert (done.code, done.out) == (3, "Hello from the sandbox\n"), done.err
    assert "error: sh ended with exit code 3" in done.err
    (task,) = runs(local, "_command")
    assert task["containers"][0]["imageDigest"] == local.status("hello")["image_digest"]
    definition = local.client("ecs").describe_task_definition(taskDefinition=task["taskDefinitionArn"])[
        "taskDefinition"
    ]
    assert definition["status"] == "INACTIVE", "nothing of it is left"


def test_a_run_that_fails_is_tried_again_and_told(local: Stack) -> None:
    before = len(told(local))
    fire(local, "fail")
    *_, first, second = ended(local, "fail", 3)
    assert [first["startedBy"][:11], second["startedBy"][:11]] == ["schedule/1/", "schedule/2/"]
    (message,) = soon(lambda: told(local)[before:], "the message")
    assert message[0] == "[local] Job fail of local-hello has failed"
    assert message[1].startswith("It ended with exit code 7: the table is locked. Its log: /ecs/local-hello, stream ")
    assert message[2] == f"Task {second['taskArn']}"
    counted = local.client("cloudwatch").list_metrics(Namespace="fargate-delivery", MetricName="FailedJobs")["Metrics"]
    assert [each["Dimensions"] for each in counted] == [[{"Name": "PipelineName", "Value": "local-hello"}]]


def test_an_image_that_is_not_released_runs_in_no_job(local: Stack, apps: Apps) -> None:
    released = local.status("hello")["image_digest"]
    shipped = Running(lambda: local.ship("hello", app(apps, "bad", status=500)))

    def deploying() -> bool:
        services = local.client("ecs").describe_services(cluster="local", services=["local-hello"])["services"]
        return len(services[0]["deployments"]) > 1

    soon(deploying, "a deployment")
    assert tell(local) == ("one, Hello from the sandbox", released)
    assert shipped.result().code == 1
    assert tell(local) == ("one, Hello from the sandbox", released)


def test_an_edit_counts_for_the_next_run_and_keeps_the_image(local: Stack) -> None:
    released = local.settled("hello")["image_digest"]
    local.edit(FILE, "GREETING: {value: Hello from the sandbox", "GREETING: {value: Good day")
    local.ok("up")
    assert tell(local) == ("one, Good day", released)
    assert local.changes() == {}


def test_a_release_and_a_rollback_count_for_the_next_run(local: Stack, apps: Apps) -> None:
    one = local.status("hello")["image_digest"]
    assert local.ship("hello", app(apps, "two")).code == 0
    two = local.status("hello")["image_digest"]
    assert tell(local) == ("two, Good day", two)
    local.ok("rollback", "hello", "--yes")
    assert tell(local) == ("one, Good day", one)
    assert local.changes() == {}


def test_a_run_that_takes_too_long_is_stopped_and_what_is_due_meanwhile_is_left_out(local: Stack) -> None:
    before = len(told(local))
    fire(local, "hang")
    (task,) = soon(lambda: [t for t in runs(local, "hang") if t["lastStatus"] == "RUNNING"], "the run")
    fire(local, "hang")
    (message,) = soon(lambda: told(local)[before:], "the message")
    assert message[:2] == [
        "[local] Job hang of local-hello was left out",
        f"The previous run goes on in {task['taskArn']}",
    ]
    scheduler, name = local.client("scheduler"), f"stop-{task['taskArn'].rpartition('/')[2]}"
    assert scheduler.get_schedule(GroupName="local-hello", Name=name)["ActionAfterCompletion"] == "DELETE"
    fire(local, name)
    (stopped,) = ended(local, "hang", 1)
    assert stopped["stoppedReason"] == "The job did not end in 5 min"
    _, message = soon(lambda: told(local)[before:] if len(told(local)) > before + 1 else [], "the second message")
    assert message[0] == "[local] Job hang of local-hello has failed"
    assert "The job did not end in 5 min; last line: waiting" in message[1]
    assert local.control("undelivered") == []


def test_without_jobs_nothing_of_them_is_left(local: Stack) -> None:
    local.edit(FILE, JOBS, "")
    local.ok("up")
    groups = local.client("scheduler").list_schedule_groups()["ScheduleGroups"]
    assert [group["Name"] for group in groups] == ["default"]
    done = local.run("run", "hello", "once", "--yes")
    assert (done.code, "hello of stack local has no jobs" in done.err) == (1, True)

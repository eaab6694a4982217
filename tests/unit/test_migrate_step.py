"""The task definition of a migration, and what ends one: buildspecs/migrate.yaml, with an `aws` that answers from a table."""

import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import jmespath  # type: ignore[import-untyped]
import pytest
import yaml
from aws_command_fake import AWS, SLEEP, FakeAws
from mocked import ROOT
from task_definitions import EFS, PROXY_AT, ROUTER, WEB_AT, changed, mounted

from components.task_template import STAND_INS, TaskTemplate

COMMANDS = yaml.safe_load((ROOT / "buildspecs/migrate.yaml").read_text())["phases"]["build"]["commands"]
REVISION, SCRIPT = (text.split("\n", 1)[1].rsplit("SCRIPT", 1)[0] for text in COMMANDS[:2])
LABEL = "fargate-delivery.essential"
GIVEN = {
    "IMAGE_DIGEST": "sha256:new",
    "EXECUTION": "exec-1",
    "CLUSTER": "dev",
    "SERVICE": "dev-web",
    "CONTAINERS": "web worker",
    "REPOSITORY_URI": "registry/web",
    "FAMILY": "dev-web-migrate",
    "COMMAND": '["bin/migrate"]',
    "TIMEOUT": "1",
    "ESSENTIAL": LABEL,
    "CODEBUILD_BUILD_ID": "p:1",
}
INPUTS = dict.fromkeys((*STAND_INS, *changed({}), "volumes", "ephemeralStorage", "pidMode", "enableFaultInjection"), "")


def revision(changes: dict[str, Any], containers: str = "web") -> dict[str, Any]:
    """The migration's task definition, made of a service's."""
    service = {**TaskTemplate("t", changed(changes)).rendered(STAND_INS), "revision": 7, "status": "ACTIVE"}
    done = subprocess.run(
        [sys.executable, "-c", REVISION, json.dumps(INPUTS)],
        input=json.dumps(service),
        env={**GIVEN, "CONTAINERS": containers},
        capture_output=True,
        text=True,
        check=True,
    )
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def test_a_migration_keeps_all_but_what_makes_it_a_service() -> None:
    changes = {
        **ROUTER,
        **mounted({"efsVolumeConfiguration": EFS}),
        WEB_AT + "readonlyRootFilesystem": True,
        WEB_AT + "linuxParameters.tmpfs": [{"containerPath": "/scratch", "size": 64}],
        WEB_AT + "healthCheck": {"command": ["CMD", "true"]},
        WEB_AT + "dependsOn": [{"containerName": "proxy", "condition": "HEALTHY"}],
        PROXY_AT + "healthCheck": {"command": ["CMD", "true"]},
        "ephemeralStorage": {"sizeInGiB": 30},
    }
    service = TaskTemplate("t", changed(changes)).rendered(STAND_INS)
    web, proxy = service["containerDefinitions"]
    made = revision(changes)
    del web["healthCheck"]
    assert made == {
        **service,
        "family": "dev-web-migrate",
        "containerDefinitions": [
            {**web, "image": "registry/web@sha256:new", "command": ["bin/migrate"], "essential": True},
            {**proxy, "essential": False, "dockerLabels": {**proxy["dockerLabels"], LABEL: "true"}},
        ],
    }
    assert made["containerDefinitions"][1]["firelensConfiguration"] == ROUTER[PROXY_AT + "firelensConfiguration"]


def test_a_sidecar_that_is_not_essential_is_left_as_it_is() -> None:
    service = TaskTemplate("t", changed({})).rendered(STAND_INS)
    assert revision({})["containerDefinitions"][1] == service["containerDefinitions"][1]


def test_what_another_container_of_the_service_needed_goes_with_it() -> None:
    worker = {
        "name": "worker",
        "image": "${image}",
        "logConfiguration": {"logDriver": "awsfirelens"},
    }
    document = changed({PROXY_AT + "firelensConfiguration": {"type": "fluentbit"}})["containerDefinitions"]
    proxy = {
        **document[1],
        "volumesFrom": [{"sourceContainer": "worker"}],
        "dependsOn": [{"containerName": "worker", "condition": "START"}],
    }
    made = revision({"containerDefinitions": [document[0], proxy, worker]}, "web worker")
    assert [container["name"] for container in made["containerDefinitions"]] == ["web", "proxy"]
    assert "firelensConfiguration" not in made["containerDefinitions"][1], "ECS takes no log router that nobody uses"
    assert made["containerDefinitions"][1]["volumesFrom"] == []
    assert made["containerDefinitions"][1]["dependsOn"] == []


class Ecs(FakeAws):
    """A migration's task at its first looks; once it is told to stop, or after them, it is STOPPED."""

    def __init__(self, looks: list[dict[str, Any]], end: dict[str, Any], log: str) -> None:
        super().__init__({"refused": {}})
        self.states, self.end, self.log, self.stops = looks, end, log, list[str]()
        self.now = looks[0]

    def call(self, given: list[str]) -> str:
        verb, options = given[1], dict(zip(given[2::2], given[3::2], strict=False))
        told = self._tell(verb, options)
        answer = jmespath.search(options["--query"], told) if "--query" in options else {}
        if isinstance(answer, list):
            return "\t".join(map(str, answer))
        return f"{answer}\n"

    def _tell(self, verb: str, options: dict[str, str]) -> Any:
        if verb == "stop-task":
            self.stops.append(options["--reason"])
            self.states = []
            self.end = {**self.end, "stopCode": "UserInitiated", "stoppedReason": options["--reason"]}
        if verb == "list-tasks":
            return {"taskArns": ["task/1"]}
        if verb == "get-log-events":
            return {"events": [{"message": "said"}]}
        if verb == "describe-task-definition":
            log = {"options": {"awslogs-group": "/g", "awslogs-stream-prefix": "w"}} if self.log == "awslogs" else {}
            labels = {"dockerLabels": {LABEL: "true"}}
            containers = [{"name": "web", "logConfiguration": log}, {"name": "otel", **labels}, {"name": "init"}]
            return {"taskDefinition": {"containerDefinitions": containers}}
        task = self.states[0] if self.states else self.end
        if options.get("--query", "").endswith("lastStatus") and self.states:
            task = self.states.pop(0)
            self.now = task
        elif verb == "describe-tasks" and "desiredStatus=='RUNNING'" in options["--query"]:
            task = self.now
        return {"tasks": [{"startedBy": "exec-1", "taskDefinitionArn": "d", **task}]}


def task(status: str, desired: str = "RUNNING", **containers: tuple[str, int | None]) -> dict[str, Any]:
    return {
        "lastStatus": status,
        "desiredStatus": desired,
        "containers": [{"name": n, "lastStatus": s, "exitCode": code} for n, (s, code) in containers.items()],
    }


def migrate(folder: Path, looks: list[dict[str, Any]], end: dict[str, Any], log: str = "awslogs") -> tuple[Any, Ecs]:
    aws = Ecs(
        looks,
        {"stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited", **end},
        log,
    )
    threading.Thread(target=aws.serve_forever, daemon=True).start()
    for name, text in (("aws", AWS.replace("PORT", str(aws.server_address[1]))), ("sleep", SLEEP)):
        (folder / name).write_text(text)
        (folder / name).chmod(stat.S_IRWXU)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", SCRIPT],
        env={**os.environ, **GIVEN, "PATH": f"{folder}:{os.environ['PATH']}", "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    aws.shutdown()
    return done, aws


RUNS = task("RUNNING", web=("RUNNING", None), otel=("RUNNING", None), init=("STOPPED", 1))


def test_only_the_migration_s_own_exit_code_counts(tmp_path: Path) -> None:
    """The sidecar, started by a shell, is killed after it."""
    end = task("STOPPED", "STOPPED", web=("STOPPED", 0), otel=("STOPPED", 137), init=("STOPPED", 1))
    stopping = task("DEACTIVATING", "STOPPED", web=("STOPPED", 0), otel=("STOPPED", 137))
    done, aws = migrate(tmp_path, [RUNS, RUNS, stopping], end)
    assert (done.returncode, aws.stops) == (0, []), done.stderr
    assert done.stdout.endswith("Migrated with sha256:new\n")


@pytest.mark.parametrize(
    ("web", "code", "said"),
    [
        ("RUNNING", 0, "The migration ended with exit code 0"),
        ("RUNNING", 143, "The migration ended with exit code 143"),
        ("PENDING", None, "The migration did not run"),
    ],
)
def test_a_sidecar_that_ends_first_is_named(tmp_path: Path, web: str, code: int | None, said: str) -> None:
    first = task(web, web=(web, None), otel=("STOPPED", 1))
    end = task("STOPPED", "STOPPED", web=("STOPPED", code), otel=("STOPPED", 1))
    done, aws = migrate(tmp_path, [first, first], end)
    assert aws.stops == ["The sidecar otel ended before the migration did"]
    assert done.stderr == f"{said}: The sidecar otel ended before the migration did\n"
    assert done.returncode == (code or 1)


def test_a_migration_whose_log_is_not_cloudwatch_s_says_where_it_is(tmp_path: Path) -> None:
    end = task("STOPPED", "STOPPED", web=("STOPPED", 7), otel=("STOPPED", 0))
    done, _ = migrate(tmp_path, [RUNS], end, log="awsfirelens")
    assert done.returncode == 7
    assert "The migration's log is where the logConfiguration of web sends it.\n" in done.stdout


def test_each_state_of_the_task_is_a_line(tmp_path: Path) -> None:
    pending = task("PENDING", web=("PENDING", None), otel=("PENDING", None))
    end = task("STOPPED", "STOPPED", web=("STOPPED", 0), otel=("STOPPED", 0))
    done, _ = migrate(tmp_path, [pending, pending, RUNS, RUNS], end)
    first, *lines = done.stdout.splitlines()
    assert first.startswith("Migrating in ")
    arn = first.removeprefix("Migrating in ")
    assert lines[:2] == [f"The task {arn.rpartition('/')[2]} is {state}." for state in ("PENDING", "RUNNING")]
    assert done.stdout.count("The task ") == 2

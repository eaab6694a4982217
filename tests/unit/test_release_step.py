"""What the Release step waits for, refuses and writes: buildspecs/release.yaml under bash, with an `aws` that answers from a table."""

import json
import os
import socketserver
import stat
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jmespath  # type: ignore[import-untyped]
import pytest
import yaml
from mocked import ROOT

DIGEST, EARLIER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
REVISION, OLD = "arn:aws:ecs:eu-west-1:111111111111:task-definition/dev-web:8", "…:task-definition/dev-web:7"
RECORD = json.dumps({"schema": 1, "release": 1, "image_digest": EARLIER, "execution": "exec-0"})
AWS = """\
#!/bin/bash
exec 3<> /dev/tcp/127.0.0.1/PORT
printf '%s\\0' "$@" "" >&3
read -r code <&3
if ((code)); then cat <&3 >&2; else cat <&3; fi
exit "$code"
"""
SLEEP = "#!/bin/sh\n"


class FakeAws(socketserver.ThreadingTCPServer):
    """What `aws` answers, from a table; each look at a service's deployments is the table's next, and the last stays."""

    daemon_threads = True

    def __init__(self, table: dict[str, Any]) -> None:
        super().__init__(("127.0.0.1", 0), _Call)
        self.table, self.calls, self.looks = table, list[tuple[str, dict[str, list[str]]]](), 0

    def call(self, given: list[str]) -> str:
        """What a command prints, by its query."""
        options: dict[str, list[str]] = {}
        for word in given[2:]:
            if word.startswith("--"):
                values = options[word[2:]] = list[str]()
            else:
                values.append(word)
        self.calls.append((given[1], options))
        if given[1] in self.table["refused"]:
            raise LookupError(self.table["refused"][given[1]])
        answer = self.answer(given[1], {name: " ".join(words) for name, words in options.items()})
        found = jmespath.search(options["query"][0], answer) if "query" in options else answer
        if not isinstance(found, list):
            return f"{found}\n"
        lines = found if found and isinstance(found[0], list) else [found] if found else []
        return "".join("\t".join(map(str, line)) + "\n" for line in lines)

    def answer(self, verb: str, given: dict[str, str]) -> dict[str, Any]:
        """The whole answer to a command."""
        table = self.table
        if verb == "describe-services":
            answer = table["looks"][min(self.looks, len(table["looks"]) - 1)]
            self.looks += any(word in given["query"] for word in ("deployments", "taskSets"))
            return {"services": [answer]}
        if verb == "describe-images":
            found = [each for each, tags in table["images"].items() if given["image-ids"].partition("=")[2] in tags]
            if not found:
                raise LookupError("An error occurred (ImageNotFoundException)")
            return {"imageDetails": [{"imageDigest": found[0]}]}
        answers: dict[str, dict[str, Any]] = {
            "update-service": {"service": table["updated"]},
            "describe-task-definition": {"taskDefinition": table["definitions"].get(given.get("task-definition"))},
            "list-tasks": {
                "taskArns": [t["taskArn"] for t in table["stopped" if "desired-status" in given else "running"]]
            },
            "describe-tasks": {
                "tasks": [
                    t for t in table["stopped"] + table["running"] if t["taskArn"] in given.get("tasks", "").split()
                ]
            },
            "get-parameter": {"Parameter": {"Value": table["record"], "Version": 2}},
            "batch-get-image": {"images": [{"imageManifest": table["manifest"], "imageManifestMediaType": "media"}]},
        }
        return answers.get(verb, {})


class _Call(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server, said = self.server, b""
        assert isinstance(server, FakeAws)
        while not said.endswith(b"\0\0"):
            said += self.connection.recv(65536)
        try:
            self.wfile.write(b"0\n" + server.call(said.decode().split("\0")[:-2]).encode())
        except LookupError as error:
            self.wfile.write(f"254\n{error}\n".encode())


def look(
    state: str | None = "COMPLETED", reason: str = "r", deployment: str = "ecs-svc/8", **fields: Any
) -> dict[str, Any]:
    """What DescribeServices says at one moment."""
    primary = {
        "id": deployment, "status": "PRIMARY", "taskDefinition": fields.pop("revision", REVISION),
        "rolloutStateReason": reason, "runningCount": 1, "desiredCount": 1, "createdAt": 1.0,
        **({} if state is None else {"rolloutState": state}),
    }  # fmt: skip
    return {
        "desiredCount": 1, "taskDefinition": primary["taskDefinition"], "deployments": [primary],
        "events": [{"message": "(service dev-web) says so."}], **fields,
    }  # fmt: skip


@dataclass
class Step:
    """A run of the step, in a folder."""

    folder: Path
    looks: list[dict[str, Any]]
    record: str = RECORD
    given: dict[str, str] = field(default_factory=dict)
    table: dict[str, Any] = field(default_factory=dict)
    code: int = 0
    out: str = ""
    err: str = ""
    aws: FakeAws = field(init=False)

    def run(self) -> "Step":
        definitions = {
            revision: {"containerDefinitions": [{"name": "web", "image": f"registry/web@{digest}", "dockerLabels": {"f": "f1"}}]}
            for revision, digest in ((REVISION, DIGEST), (OLD, EARLIER))
        }  # fmt: skip
        self.aws = FakeAws({
            "looks": self.looks, "record": self.record, "definitions": definitions, "stopped": [], "running": [], "refused": {},
            "images": {DIGEST: ["content-1"], EARLIER: ["release-1", "live"]}, "manifest": "{}",
            "updated": look("IN_PROGRESS"), **self.table,
        })  # fmt: skip
        bin = self.folder / "bin"
        bin.mkdir()
        for name, script in (("aws", AWS.replace("PORT", str(self.aws.server_address[1]))), ("sleep", SLEEP)):
            (bin / name).write_text(script)
            (bin / name).chmod(stat.S_IRWXU)
        environment = {
            "IMAGE_DIGEST": DIGEST, "SOURCE_VERSION": "v1", "COMMIT": "c", "COMMIT_REPOSITORY": "team/web",
            "UPLOADED": "0", "EXECUTION": "exec-1", "CLUSTER": "dev", "SERVICE": "dev-web", "CONTROLLER": "ECS",
            "CONTAINERS": "web", "SIDECARS": "", "MINIMUM_TASKS": "1", "TIMEOUT": "15", "REPOSITORY": "dev-web",
            "RELEASE_RECORD": "/record", "FINGERPRINT_LABEL": "f", "CODEBUILD_INITIATOR": "codepipeline/dev-web",
            "HOME": str(self.folder), "PATH": f"{bin}{os.pathsep}{os.environ['PATH']}", **self.given,
        }  # fmt: skip
        commands = yaml.safe_load((ROOT / "buildspecs/release.yaml").read_text())["phases"]["build"]["commands"]
        threading.Thread(target=self.aws.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            done = subprocess.run(
                ["bash", "-e", "-c", "\n".join(commands)],
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
        finally:
            self.aws.shutdown()
            self.aws.server_close()
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr
        return self

    def calls(self, verb: str) -> list[dict[str, list[str]]]:
        """The options of each call."""
        return [options for called, options in self.aws.calls if called == verb]

    @property
    def wrote(self) -> list[str]:
        """The writes that make a release, in their order."""
        names = {"put-image": "image-tag", "put-parameter": "name", "register-scalable-target": "resource-id"}
        return [options[names[verb]][0] for verb, options in self.aws.calls if verb in names]


RELEASED = ["release-2", "live", "/record"]
ROLLED_BACK = look("IN_PROGRESS", "ECS deployment circuit breaker: rolling back.", "ecs-svc/9", revision=OLD)
FIRST = {**look("IN_PROGRESS"), "desiredCount": 0}


def test_a_deployment_that_has_completed_is_the_release(tmp_path: Path) -> None:
    step = Step(tmp_path, [look()]).run()
    assert (step.code, step.wrote) == (0, RELEASED), step.err
    (put,) = step.calls("put-parameter")
    assert json.loads(put["value"][0]) | {"time": ""} == {
        "schema": 1, "release": 2, "image_digest": DIGEST, "task_definition": REVISION, "template_fingerprint": "f1",
        "source_version": "v1", "execution": "exec-1", "time": "", "commit": "c", "repository": "team/web",
        "sidecars": "",
    }  # fmt: skip
    assert step.calls("list-tasks") == []


def test_an_index_of_platforms_is_tagged_as_what_it_is(tmp_path: Path) -> None:
    index = '{"schemaVersion":2,"manifests":[{"digest":"sha256:c"}]}'
    step = Step(tmp_path, [look()], table={"manifest": index}).run()
    assert (step.code, step.wrote) == (0, RELEASED), step.err
    for put in step.calls("put-image"):
        assert put["image-manifest"] == [index]
        assert (put["image-digest"], put["image-manifest-media-type"]) == ([DIGEST], ["media"])


def test_a_deployment_in_its_bake_time_is_waited_for(tmp_path: Path) -> None:
    baking = look("IN_PROGRESS", "ECS deployment ecs-svc/8 in progress.")
    step = Step(tmp_path, [baking] * 9 + [look()]).run()
    assert (step.code, step.wrote) == (0, RELEASED), step.err
    said = "Deployment ecs-svc/8 is IN_PROGRESS, 1 of 1 task(s) run: ECS deployment ecs-svc/8 in progress."
    assert step.out.splitlines().count(said) == 1, "a line for each change"


def test_where_ecs_says_no_state_it_has_completed(tmp_path: Path) -> None:
    assert Step(tmp_path, [look(None)]).run().wrote == RELEASED


FAILURES = {
    "it is failed": (
        [look("IN_PROGRESS"), look("IN_PROGRESS"), look("FAILED", "tasks failed to start.")],
        "The deployment of …:task-definition/dev-web:8 has failed: ECS has ended it as FAILED: tasks failed to start. "
        "(service dev-web) says so.",
    ),
    "it is rolled back meanwhile": (
        [*[look("IN_PROGRESS")] * 4, ROLLED_BACK],
        "The deployment of …:task-definition/dev-web:8 has failed: something else is deployed instead, ecs-svc/9: ECS "
        "deployment circuit breaker: rolling back. (service dev-web) says so.",
    ),
    "it was rolled back before": (
        [ROLLED_BACK],
        f"The service runs registry/web@{EARLIER} in web, not {DIGEST}: it was rolled back. (service dev-web) says so.",
    ),
    "it was rolled back, and that has completed": (
        [look("COMPLETED", "ECS deployment ecs-svc/9 completed.", "ecs-svc/9", revision=OLD)],
        f"The service runs registry/web@{EARLIER} in web, not {DIGEST}: it was rolled back. (service dev-web) says so.",
    ),
    "it was deployed again with an earlier image as it completed": (
        [*[look("IN_PROGRESS")] * 3, look("COMPLETED"), look("COMPLETED", deployment="ecs-svc/9", revision=OLD)],
        f"The service runs registry/web@{EARLIER} in web, not {DIGEST}: it was rolled back. (service dev-web) says so.",
    ),
}


@pytest.mark.parametrize("case", FAILURES)
def test_what_is_not_released(tmp_path: Path, case: str) -> None:
    looks, words = FAILURES[case]
    step = Step(tmp_path, looks).run()
    assert (step.code, step.wrote) == (1, [])
    assert step.err.strip() == words.replace("…:task-definition/dev-web:8", REVISION)
    assert step.calls("update-service") == []


def test_a_deployment_that_does_not_end_is_waited_for_so_long(tmp_path: Path) -> None:
    step = Step(tmp_path, [look("IN_PROGRESS", "in progress.")], given={"TIMEOUT": "0"}).run()
    assert (step.code, step.wrote) == (1, [])
    assert "it has not completed within 0 min and goes on: in progress." in step.err


def test_an_answer_of_before_the_change_is_not_taken_for_an_end(tmp_path: Path) -> None:
    """The first release has just updated the service."""
    before = look("COMPLETED", deployment="ecs-svc/7")
    step = Step(tmp_path, [{**before, "desiredCount": 0}, before, before, look("IN_PROGRESS"), look()], "none").run()
    assert step.code == 0, step.err
    assert step.wrote == ["service/dev/dev-web", *RELEASED]


def test_a_look_that_is_refused_is_no_state(tmp_path: Path) -> None:
    step = Step(tmp_path, [look()], table={"refused": {"describe-services": "An error occurred (Throttling)"}}).run()
    assert (step.code, step.wrote) == (254, [])
    assert step.err == "An error occurred (Throttling)\n"


# Sidecars


def running(number: int, revision: str = REVISION, **digests: str) -> dict[str, Any]:
    """A task that runs these."""
    containers = [{"name": "web", "imageDigest": DIGEST}, *({"name": n, "imageDigest": d} for n, d in digests.items())]
    return {"taskArn": f"t{number}", "taskDefinitionArn": revision, "containers": [*containers, {"name": "init"}]}


BESIDE = {"SIDECARS": "proxy otel init"}


@pytest.mark.parametrize(
    ("before", "tasks", "recorded", "changed"),
    [
        ("", [running(1, proxy="sha256:1")], "proxy=sha256:1", ""),
        ("proxy=sha256:1", [running(1, proxy="sha256:1", otel="sha256:2")], "otel=sha256:2 proxy=sha256:1", ""),
        (
            "otel=sha256:2 proxy=sha256:1",
            [running(1, OLD, proxy="sha256:1"), running(2, proxy="sha256:9", otel="sha256:2")],
            "otel=sha256:2 proxy=sha256:9",
            "Sidecar proxy changed from sha256:1 to sha256:9",
        ),
        (
            "otel=sha256:1 proxy=sha256:1",
            [running(1, proxy="sha256:2", otel="sha256:3")],
            "otel=sha256:3 proxy=sha256:2",
            "Sidecar otel changed from sha256:1 to sha256:3. Sidecar proxy changed from sha256:1 to sha256:2",
        ),
        (
            "proxy=sha256:1 proxy=sha256:2",
            [running(n, proxy=f"sha256:{n}") for n in (2, 3)],
            "proxy=sha256:2 proxy=sha256:3",
            "Sidecar proxy changed from sha256:1 and sha256:2 to sha256:3",
        ),
        ("proxy=sha256:1", [], "", ""),
    ],
    ids=["not recorded before", "a new one", "a tag that has moved", "two of them", "a tag for each task", "no task"],
)
def test_a_release_that_changes_a_sidecar_says_so(
    tmp_path: Path, before: str, tasks: list[dict[str, Any]], recorded: str, changed: str
) -> None:
    record = json.dumps({**json.loads(RECORD), **({"sidecars": before} if before else {})}, separators=(",", ":"))
    step = Step(tmp_path, [look()], record, given=BESIDE, table={"running": tasks}).run()
    assert (step.code, step.wrote) == (0, RELEASED), step.err
    (put,) = step.calls("put-parameter")
    assert json.loads(put["value"][0])["sidecars"] == recorded
    assert [line for line in step.out.splitlines() if "idecar" in line] == (
        [f"{changed}. A tag names what it named when the deployment began; a digest stays."] if changed else []
    )
    (put,) = step.calls("put-events")
    (entry,) = json.loads(put["entries"][0])
    detail = json.loads(entry["Detail"])
    assert (detail["changed"], detail["sidecars"]) == (f". {changed}" if changed else "", recorded)


def test_sidecars_that_may_not_be_looked_at_stop_no_release(tmp_path: Path) -> None:
    refused = {"describe-tasks": "An error occurred (AccessDeniedException)"}
    table = {"running": [running(1, proxy="sha256:1")], "refused": refused}
    step = Step(tmp_path, [look()], given=BESIDE, table=table).run()
    assert (step.code, step.wrote) == (0, RELEASED), step.err
    assert "What the sidecars run cannot be asked, as it says above." in step.out


# The first release


def test_the_first_release_starts_tasks_and_waits_for_them(tmp_path: Path) -> None:
    step = Step(tmp_path, [FIRST, FIRST, look("IN_PROGRESS"), look()], "none").run()
    assert (step.code, step.wrote) == (0, ["service/dev/dev-web", *RELEASED]), step.err
    (update,) = step.calls("update-service")
    assert (update["desired-count"], update["force-new-deployment"]) == (["1"], [])


NO_ROOM = "(service dev-web) was unable to place a task. Reason: You've reached the limit on the number of vCPUs."


@pytest.mark.parametrize(("state", "timeout"), [("FAILED", "15"), ("IN_PROGRESS", "0")], ids=["failed", "no capacity"])
def test_a_first_release_that_gets_no_tasks_leaves_nothing_half_done(tmp_path: Path, state: str, timeout: str) -> None:
    looks = [FIRST, FIRST, {**look(state, "tasks failed to start."), "events": [{"message": NO_ROOM}]}]
    step = Step(tmp_path, looks, "none", given={"TIMEOUT": timeout}).run()
    assert (step.code, step.wrote) == (1, [])
    assert [update["desired-count"] for update in step.calls("update-service")] == [["1"], ["0"]]
    assert step.err.startswith("The first release failed and the service is back at 0 tasks: ")
    assert "tasks failed to start." in step.err
    assert NO_ROOM in step.err


def test_a_first_release_of_another_image_resumes_no_scaling(tmp_path: Path) -> None:
    step = Step(tmp_path, [look(revision=OLD)], "none").run()
    assert (step.code, step.wrote) == (1, [])
    assert "it was rolled back" in step.err


# CodeDeploy

BLUE_GREEN = {"CONTROLLER": "CODE_DEPLOY", "SERVICE": "dev-web-codedeploy"}


def task_set(running: int, state: str, desired: int = 1) -> dict[str, Any]:
    primary = {"id": "ecs-svc/5", "status": "PRIMARY", "taskDefinition": REVISION, "createdAt": 1.0}
    return {**look(), "desiredCount": desired, "deployments": [],
            "taskSets": [{**primary, "runningCount": running, "stabilityStatus": state}]}  # fmt: skip


def test_the_first_tasks_of_code_deploy_are_waited_for(tmp_path: Path) -> None:
    looks = [task_set(0, "STEADY_STATE", 0), task_set(0, "STEADY_STATE", 0), task_set(0, "STABILIZING"),
             task_set(1, "STABILIZING"), task_set(1, "STEADY_STATE")]  # fmt: skip
    step = Step(tmp_path, looks, "none", given=BLUE_GREEN).run()
    assert (step.code, step.wrote) == (0, ["service/dev/dev-web-codedeploy", *RELEASED]), step.err
    (update,) = step.calls("update-service")
    assert "force-new-deployment" not in update, "that controller refuses it"
    assert [line for line in step.out.splitlines() if line.startswith("The task set")] == [
        "The task set is STABILIZING, 0 of 1 task(s) run.",
        "The task set is STABILIZING, 1 of 1 task(s) run.",
    ]


@pytest.mark.parametrize(("mine", "stopped", "calls"), [(3, 4, 1), (200, 250, 3)])
def test_tasks_of_code_deploy_that_stop_again_and_again_end_the_first_release(
    tmp_path: Path, mine: int, stopped: int, calls: int
) -> None:
    tasks = [{"taskArn": f"t{n}", "startedBy": "ecs-svc/5" if n < mine else "ecs-svc/4"} for n in range(stopped)]
    step = Step(tmp_path, [task_set(0, "STABILIZING")], "none", given=BLUE_GREEN, table={"stopped": tasks}).run()
    assert (step.code, step.wrote) == (1, [])
    assert f"back at 0 tasks: {mine} of its tasks have stopped." in step.err
    (listed,) = step.calls("list-tasks")
    assert listed.keys() & {"service-name", "desired-status", "started-by"} == {"service-name", "desired-status"}
    assert len(step.calls("describe-tasks")) == calls, "a hundred at once"


@pytest.mark.parametrize("stopped", [0, 2])
def test_tasks_of_code_deploy_that_do_not_become_steady_end_the_first_release(tmp_path: Path, stopped: int) -> None:
    tasks = [{"taskArn": f"t{n}", "startedBy": "ecs-svc/5"} for n in range(stopped)]
    given = {**BLUE_GREEN, "TIMEOUT": "0"}
    step = Step(tmp_path, [task_set(0, "STABILIZING")], "none", given=given, table={"stopped": tasks}).run()
    assert (step.code, step.wrote) == (1, [])
    assert "back at 0 tasks: it is not steady within 0 min." in step.err


def test_the_metrics_have_the_dimension_that_the_dashboard_draws(tmp_path: Path) -> None:
    step = Step(tmp_path, [look()], given={"UPLOADED": "1"}).run()
    (put,) = step.calls("put-metric-data")
    data = json.loads(put["metric-data"][0])
    assert [metric["MetricName"] for metric in data] == ["Releases", "DeploymentDuration", "LeadTime"]
    assert {json.dumps(metric["Dimensions"]) for metric in data} == {'[{"Name": "PipelineName", "Value": "dev-web"}]'}

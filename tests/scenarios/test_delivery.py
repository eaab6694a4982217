"""Deliveries through the declared pipeline, one after another on one stack."""

import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.conftest import DOCKERFILE, WORKER, Apps, Stack
from tests.support.deliveries import (
    KEPT,
    executions,
    scaling,
    ship_with_its_event_twice,
    tags,
    upload,
    wait_for_pipeline,
)

pytestmark = pytest.mark.nightly
SERVICES = ("hello", "chuoi", "mailer")

SOURCE = "sources/hello/source.zip"
OF_A_FOLDER = "      build: {context: apps/chuoi, target: app}\n"


def test_a_new_pipeline_starts_itself_once_and_fails_at_source(local: Stack) -> None:
    (execution,) = wait_for_pipeline(local, "hello", 1)
    assert execution["status"] == "Failed"


def test_the_first_release_starts_the_service(local: Stack, apps: Apps) -> None:
    before = local.status("hello")
    assert (before["desired"], before["release"], before["image_digest"]) == (0, None, None)
    assert scaling(local, "hello") == {True}
    done = local.ship("hello", apps.make("v1"))
    assert done.code == 0, done.out + done.err
    after = local.status("hello")
    assert (after["desired"], after["running"], after["release"]["release"]) == (1, 1, 1)
    assert after["image_digest"] == after["release"]["image_digest"]
    assert scaling(local, "hello") == {False}
    tagged = tags(local, "hello")
    assert tagged["live"] == tagged["release-1"] == after["image_digest"]


def test_nothing_would_change_after_a_release(local: Stack) -> None:
    assert local.changes() == {}


def test_the_next_release_changes_the_image_only(local: Stack, apps: Apps) -> None:
    before = local.status("hello")
    assert local.ship("hello", apps.make("v2")).code == 0
    after = local.status("hello")
    assert after["image_digest"] != before["image_digest"]
    assert after["revision"] == before["revision"] + 1
    assert {key: after[key] for key in KEPT} == {key: before[key] for key in KEPT}
    assert local.changes() == {}


def test_an_edit_ships_with_the_live_image_and_without_a_build(local: Stack) -> None:
    before, builds = local.status("hello"), local.builds()
    local.edit("Pulumi.local.yaml", "hello:\n      task: {template: web.json, cpu: 256, memory: 512",
               "hello:\n      task: {template: web.json, cpu: 256, memory: 1024")  # fmt: skip
    local.ok("up")
    after = local.status("hello")
    assert (after["memory"], after["image_digest"]) == (1024, before["image_digest"])
    assert after["revision"] > before["revision"]
    assert local.builds() == builds
    assert local.changes() == {}


def test_a_changed_runtime_value_is_a_new_parameter_and_ships(local: Stack) -> None:
    before = {secret["name"]: secret["arn"] for secret in local.status("hello")["secrets"]}
    local.edit("Pulumi.local.yaml", "Hello from the sandbox", "Another greeting")
    local.ok("up")
    after = {secret["name"]: secret["arn"] for secret in local.status("hello")["secrets"]}
    assert after["GREETING"] != before["GREETING"]
    assert after["SECRET_KEY_BASE"] == before["SECRET_KEY_BASE"]
    names = [arn.partition(":parameter")[2] for arn in (before["GREETING"], after["GREETING"])]
    kept = local.client("ssm").get_parameters(Names=names)
    assert [p["Value"] for n in names for p in kept["Parameters"] if p["Name"] == n] == [
        "Hello from the sandbox",
        "Another greeting",
    ]


def test_the_release_after_an_edit_keeps_the_edit(local: Stack, apps: Apps) -> None:
    before = local.status("hello")
    assert local.ship("hello", apps.make("v3")).code == 0
    after = local.status("hello")
    assert {key: after[key] for key in KEPT} == {key: before[key] for key in KEPT}
    assert after["image_digest"] != before["image_digest"]
    assert local.changes() == {}


UNHEALTHY = "Last stopped task: Task failed ELB health checks in (target-group"
ASKED = "The load balancer asked for /healthz at port 4000: Health checks failed"
BROKEN: dict[str, tuple[dict[str, Any], *tuple[str, ...]]] = {
    "a RUN that fails": ({"dockerfile": "FROM python:3.12-slim\nRUN echo broken here && exit 3\n"}, "exit code: 3"),
    "a COPY of nothing": (
        {"dockerfile": "FROM python:3.12-slim\nCOPY nothing.txt /app/\n"},
        '"/nothing.txt": not found',
    ),
    "a health check that fails": ({"status": 500}, UNHEALTHY, f"{ASKED} with these codes: [500]."),
    "another health path": ({"health": "/up"}, UNHEALTHY, f"{ASKED} with these codes: [404]."),
    "another port": ({"port": 9999}, UNHEALTHY, f"{ASKED}."),
    "a CMD that exits": ({"server": "raise SystemExit(7)"}, "exit code 7"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_app_fails_and_the_running_release_stays(local: Stack, apps: Apps, fault: str) -> None:
    changes, *words = BROKEN[fault]
    before = local.status("hello")
    done = local.ship("hello", apps.make(fault.replace(" ", "-"), **changes))
    assert done.code == 1
    assert [each for each in words if each not in done.out + done.err] == []
    after = local.settled("hello")
    assert (after["image_digest"], after["release"], after["running"]) == (
        before["image_digest"],
        before["release"],
        before["running"],
    )
    assert tags(local, "hello")["live"] == before["image_digest"]
    assert local.changes() == {}


def zipped(path: Path, entries: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in entries.items():
            archive.writestr(name, text)
    return path


@pytest.mark.parametrize(
    ("name", "entries", "words"),
    [
        ("not-a-zip", None, "zip"),
        ("empty", {}, "zip"),
        ("no-dockerfile", {"server.py": "pass"}, "no Dockerfile"),
        ("outside", {"../outside": "x", "Dockerfile": "FROM scratch"}, "outside"),
    ],
)
def test_a_source_that_is_none_fails_in_package(
    local: Stack, tmp_path: Path, name: str, entries: dict[str, str] | None, words: str
) -> None:
    before = local.status("hello")
    path = tmp_path / f"{name}.zip"
    if entries is None:
        path.write_text("this is no archive")
    else:
        zipped(path, entries)
    refused = local.ship("hello", path)
    assert (refused.code, words in refused.err.lower().replace("dockerfile", "Dockerfile")) == (1, True), refused.err
    assert upload(local, "hello", path.read_bytes())["status"] == "Failed"
    failure = local.failure("hello") or ""
    assert failure.startswith("ended as Failed: Build / Build: ")
    assert words in failure.lower().replace("dockerfile", "Dockerfile")
    assert local.status("hello") == before


def test_a_zip_of_windows_with_one_folder_around_all_is_released(local: Stack, apps: Apps, tmp_path: Path) -> None:
    """Its migration is a script without a mode, whose lines end as on Windows."""
    app = apps.make("windows", dockerfile=DOCKERFILE.replace("RUN chmod 755 bin/migrate\n", ""))
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as archive:
        archive.writestr("__MACOSX/._app", b"")
        for file in (path for path in app.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(f"app/{file.relative_to(app)}")
            entry.create_system, entry.external_attr = 0, 0x20
            archive.writestr(entry, file.read_bytes().replace(b"\n", b"\r\n"))
    before = local.status("hello")["release"]["release"]
    done = local.ship("hello", tmp_path / "app.zip")
    assert done.code == 0, done.out + done.err
    after = local.settled("hello")
    assert (after["release"]["release"], after["running"]) == (before + 1, after["desired"])


def test_a_duplicate_event_ends_in_package(local: Stack, apps: Apps) -> None:
    assert local.ship("hello", apps.make("v4")).code == 0
    before, count = local.status("hello"), len(executions(local, "hello"))
    uploads = [e for e in local.control("events") if e.get("detail", {}).get("object", {}).get("key") == SOURCE]
    local.control("replay-event", {"id": uploads[-1]["id"]})
    newest = wait_for_pipeline(local, "hello", count + 1)[0]
    assert newest["status"] == "Succeeded"
    assert local.status("hello") == before
    states = local.client("codepipeline").list_action_executions(
        pipelineName="local-hello", filter={"pipelineExecutionId": newest["pipelineExecutionId"]}
    )["actionExecutionDetails"]
    assert {action["stageName"] for action in states} == {"Source", "Build", "Package"}


def test_a_duplicate_event_while_the_first_is_deployed_ends_in_package(local: Stack, apps: Apps) -> None:
    before, count = local.status("hello"), len(executions(local, "hello"))
    assert ship_with_its_event_twice(local, "hello", apps.make("v4-twice")).code == 0
    newest, first = wait_for_pipeline(local, "hello", count + 2)[:2]
    assert (newest["status"], first["status"]) == ("Succeeded", "Succeeded")
    after = local.status("hello")
    assert after["revision"] == before["revision"] + 1, "it was deployed once"
    assert after["release"]["execution"] == first["pipelineExecutionId"]


def test_two_uploads_while_a_deployment_runs_are_released_in_order(local: Stack, apps: Apps) -> None:
    import shutil

    before, count = local.status("hello"), len(executions(local, "hello"))
    output = local.outputs()["hello"]["upload_to"]
    bucket, _, key = output.removeprefix("s3://").partition("/")
    for version in ("v5", "v6", "v7"):
        archive = shutil.make_archive(str(apps.folder / version), "zip", apps.make(version))
        done = local.aws("hello-uploader", "s3api", "put-object", "--bucket", bucket, "--key", key, "--body", archive)
        assert done.code == 0, done.err
    finished = wait_for_pipeline(local, "hello", count + 3)
    assert [execution["status"] for execution in finished[:3]] == ["Succeeded"] * 3
    after = local.status("hello")
    assert after["release"]["release"] == before["release"]["release"] + 3
    assert after["revision"] == before["revision"] + 3
    versions = local.client("s3").list_object_versions(Bucket=bucket, Prefix=key)["Versions"]
    assert after["release"]["source_version"] == next(v["VersionId"] for v in versions if v["IsLatest"])
    assert local.changes() == {}


def test_a_worker_is_released_without_any_way_in(local: Stack, apps: Apps) -> None:
    worker = apps.make("worker", server=WORKER)
    done = local.ship("mailer", worker)
    assert done.code == 0, done.out + done.err
    assert local.status("mailer")["running"] == 1


def test_a_first_release_that_fails_goes_back_to_no_tasks_and_the_next_one_starts_the_service(
    local: Stack, apps: Apps
) -> None:
    done = local.ship("chuoi", apps.make("never-healthy", status=500))
    assert done.code == 1
    assert "The first release failed and the service is back at 0 tasks" in done.out + done.err
    after = local.status("chuoi")
    assert (after["desired"], after["release"]) == (0, None)
    assert scaling(local, "chuoi") == {True}
    assert "live" not in tags(local, "chuoi")
    assert local.ship("chuoi", apps.make("healthy")).code == 0
    after = local.status("chuoi")
    assert (after["running"], after["release"]["release"]) == (1, 1)


def service(stack: Stack, name: str) -> dict[str, Any]:
    """What ECS says of it."""
    found: dict[str, Any] = stack.client("ecs").describe_services(cluster=stack.name, services=[f"{stack.name}-{name}"])
    described: dict[str, Any] = found["services"][0]
    return described


def task(stack: Stack, name: str) -> dict[str, Any]:
    """The one task of a service."""
    ecs = stack.client("ecs")
    (arn,) = ecs.list_tasks(cluster=stack.name, serviceName=f"{stack.name}-{name}")["taskArns"]
    found: dict[str, Any] = ecs.describe_tasks(cluster=stack.name, tasks=[arn])["tasks"][0]
    return found


def test_a_service_is_built_of_its_folder_of_a_repository(local: Stack, apps: Apps) -> None:
    """What changes outside of it builds nothing anew."""
    chuoi, released = "    chuoi:\n", local.status("chuoi")["release"]["release"]
    local.edit("Pulumi.local.yaml", chuoi, f"{chuoi}{OF_A_FOLDER}")
    local.ok("up")
    repository = apps.folder / "repository"
    app = apps.make("chuoi-1", dockerfile=f"{DOCKERFILE.replace('slim', 'slim AS app')}FROM nowhere\n")
    shutil.copytree(app, repository / "apps/chuoi")
    for readme in ("first", "second"):
        (repository / "README").write_text(readme)
        done = local.ship("chuoi", repository, "--verbose")
        assert done.code == 0, done.out + done.err
        assert ("An image of this content exists: no build." in done.out + done.err) is (readme == "second")
    assert local.settled("chuoi")["release"]["release"] == released + 2
    (repository / "apps/chuoi").rename(repository / "apps/other")
    done = local.ship("chuoi", repository)
    assert done.err == f"error: {repository} has no folder apps/chuoi; at its top it has: README apps\n"
    local.edit("Pulumi.local.yaml", OF_A_FOLDER, "")
    local.ok("up")


def test_spot_switched_on_moves_the_tasks_and_deploys_nothing_else(local: Stack) -> None:
    before, made = local.status("hello"), service(local, "hello")["createdAt"]
    assert task(local, "hello")["capacityProviderName"] == "FARGATE"
    local.edit("Pulumi.local.yaml", "cluster: {log_", "cluster: {spot: true, log_")
    steps = local.ok("preview", "--json").json["steps"]
    planned = {step["op"] for step in steps if "aws:ecs/service:Service" in step["urn"]}
    assert planned - {"same", "refresh"} == {"update"}
    local.ok("up")
    after = local.status("hello")
    assert task(local, "hello")["capacityProviderName"] == "FARGATE_SPOT"
    assert service(local, "hello")["createdAt"] == made
    assert after["image_digest"] == before["image_digest"]
    assert {key: after[key] for key in KEPT} == {key: before[key] for key in KEPT}
    assert local.changes() == {}


def test_what_needs_no_new_task_starts_none_after_it_either(local: Stack) -> None:
    deployment = service(local, "hello")["deployments"][0]["id"]
    local.edit("Pulumi.local.yaml", "{path: /healthz}", "{path: /healthz, grace: 30}")
    local.ok("up")
    assert service(local, "hello")["healthCheckGracePeriodSeconds"] == 30
    assert service(local, "hello")["deployments"][0]["id"] == deployment
    assert local.changes() == {}


def test_the_app_may_what_it_is_permitted_and_sessions_are_opened_where_it_is_said(local: Stack) -> None:
    bucket, _, key = local.outputs()["hello"]["upload_to"].removeprefix("s3://").partition("/")
    may = f'permissions: [{{actions: ["s3:GetObject"], resources: ["arn:aws:s3:::{bucket}/{key}"]}}]'
    local.edit("Pulumi.local.yaml", "    hello:\n", f"    hello:\n      exec: true\n      {may}\n")
    local.ok("up")
    running = task(local, "hello")
    agents = [agent for container in running["containers"] for agent in container["managedAgents"]]
    assert agents == [{"name": "ExecuteCommandAgent", "lastStatus": "RUNNING"}]
    read = ("s3api", "get-object", "--bucket", bucket, "--key")
    assert local.aws("local-hello-task", *read, key, "/dev/null").code == 0
    other = local.aws("local-hello-task", *read, key.replace("hello", "mailer"), "/dev/null")
    assert "is not authorized to perform: s3:GetObject" in other.err
    assert local.changes() == {}


RESTART = '''\
"""All tasks stop, and the new ones start."""

from typing import Any, Literal

import pulumi_aws as aws

from components.service.strategies.rolling import RollingStrategy


class AllAtOnceRestartStrategy(RollingStrategy):
    """ECS stops all tasks, and starts the new ones."""

    strategy: Literal["all_at_once_restart"]

    def service_arguments(self, alarms: Any, shift_role_arn: Any) -> dict[str, Any]:
        at_once = {"deployment_minimum_healthy_percent": 0, "deployment_maximum_percent": 100}
        return {**super().service_arguments(alarms, shift_role_arn), **at_once}
'''


def test_a_strategy_is_added_in_one_module(local: Stack, apps: Apps) -> None:
    (local.root / "components/service/strategies/all_at_once_restart.py").write_text(RESTART)
    local.edit("Pulumi.local.yaml", "    hello:\n", "    hello:\n      deploy: {strategy: all_at_once_restart}\n")
    local.ok("up")
    ecs = local.client("ecs")
    before = ecs.list_tasks(cluster="local", serviceName="local-hello")["taskArns"]
    done = local.ship("hello", apps.make("restarted"))
    assert done.code == 0, done.out + done.err
    (service,) = ecs.describe_services(cluster="local", services=["local-hello"])["services"]
    limits = service["deploymentConfiguration"]
    assert (limits["minimumHealthyPercent"], limits["maximumPercent"]) == (0, 100)
    after = ecs.list_tasks(cluster="local", serviceName="local-hello")["taskArns"]
    assert not set(before) & set(after)
    old, new = (ecs.describe_tasks(cluster="local", tasks=arns)["tasks"] for arns in (before, after))
    assert max(task["stoppedAt"] for task in old) <= min(task["startedAt"] for task in new)
    assert local.changes() == {}

"""The migration of a release: before the deployment, with the new image, what it may read, and how it fails.

Then templates that are delivered whole: sidecars, a log router, a file system, a read-only root, with a migration.
"""

import functools
import hashlib
import json
import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.scenarios import templates
from tests.scenarios.conftest import SERVER, Apps, Done, Stack
from tests.soak.beside import Running
from tests.support.deliveries import executions, tags, wait_for_pipeline

pytestmark = pytest.mark.nightly
SERVICES = ("hello", "chuoi", "shop")

TELLS = """\
#!/bin/sh
echo "VERSION, $GREETING, $(printf %s "$SECRET_KEY_BASE" | sha256sum)"
"""
FAILS = """\
#!/bin/sh
for line in $(seq 1 40); do echo "step $line"; done
echo "column users.email is missing" >&2
exit 7
"""


def migrations(stack: Stack, service: str) -> list[dict[str, Any]]:
    """The tasks that migrated, oldest first, each with the definition that it ran."""
    ecs, family = stack.client("ecs"), f"{stack.name}-{service}-migrate"
    arns = ecs.list_tasks(cluster=stack.name, family=family, desiredStatus="STOPPED")["taskArns"]
    described = ecs.describe_tasks(cluster=stack.name, tasks=arns, include=["TAGS"]) if arns else {"tasks": []}
    tasks: list[dict[str, Any]] = described["tasks"]
    for task in tasks:
        task["definition"] = ecs.describe_task_definition(taskDefinition=task["taskDefinitionArn"])["taskDefinition"]
    return sorted(tasks, key=lambda task: task["createdAt"])


def actions(stack: Stack, service: str) -> list[str]:
    """What the newest execution did, in its order."""
    found = stack.client("codepipeline").list_action_executions(
        pipelineName=f"{stack.name}-{service}",
        filter={"pipelineExecutionId": executions(stack, service)[0]["pipelineExecutionId"]},
    )["actionExecutionDetails"]
    return [action["actionName"] for action in reversed(found)]


def service_of(stack: Stack, service: str) -> dict[str, Any]:
    found: dict[str, Any] = stack.client("ecs").describe_services(
        cluster=stack.name, services=[f"{stack.name}-{service}"]
    )["services"][0]
    return found


def running_migrations(stack: Stack) -> list[str]:
    """The tasks of hello's migrations that run now."""
    found: list[str] = stack.client("ecs").list_tasks(cluster="local", family="local-hello-migrate")["taskArns"]
    return found


def step_log(stack: Stack, text: str) -> list[str]:
    """What hello's steps have logged with a text in it."""
    found = stack.client("logs").filter_log_events(logGroupName="/aws/lambda/local-hello-steps")["events"]
    return [event["message"] for event in found if text in event["message"]]


def log_of(stack: Stack, task: dict[str, Any]) -> str:
    """What a migration has logged."""
    (container,) = task["definition"]["containerDefinitions"]
    options = container["logConfiguration"]["options"]
    found = stack.client("logs").get_log_events(
        logGroupName=options["awslogs-group"], logStreamName=stream_of(task), startFromHead=True
    )
    return "\n".join(event["message"] for event in found["events"])


def stream_of(task: dict[str, Any]) -> str:
    (container,) = task["definition"]["containerDefinitions"]
    prefix = container["logConfiguration"]["options"]["awslogs-stream-prefix"]
    return f"{prefix}/{container['name']}/{task['taskArn'].rpartition('/')[2]}"


def failure(stack: Stack, service: str) -> str:
    """The error of the action at which the newest execution failed."""
    found = stack.client("codepipeline").list_action_executions(
        pipelineName=f"{stack.name}-{service}",
        filter={"pipelineExecutionId": executions(stack, service)[0]["pipelineExecutionId"]},
    )["actionExecutionDetails"]
    return str(found[0]["output"]["executionResult"]["errorDetails"]["message"])


def secret_value(stack: Stack, service: str, name: str) -> str:
    arn = next(s["arn"] for s in stack.status(service)["secrets"] if s["name"] == name)
    found = stack.client("ssm").get_parameter(Name=arn.partition(":parameter")[2], WithDecryption=True)
    return str(found["Parameter"]["Value"])


def eventually(look: Callable[[], list[str]]) -> list[str]:
    """What there is to see, as soon as there is something."""
    for _ in range(300):
        if found := look():
            return found
        time.sleep(0.5)
    raise AssertionError("nothing came")


def test_the_first_release_migrates_before_anything_runs(local: Stack, apps: Apps) -> None:
    done = local.ship("hello", apps.make("m1", migrate=TELLS))
    assert done.code == 0, done.out + done.err
    assert actions(local, "hello") == ["Source", "Build", "Package", "Migrate", "Deploy", "Release"]
    secret = hashlib.sha256(secret_value(local, "hello", "SECRET_KEY_BASE").encode()).hexdigest()
    (task,) = migrations(local, "hello")
    assert f"m1, Hello from the sandbox, {secret}" in log_of(local, task)
    assert f"Migrated with {local.status('hello')['image_digest']}. Its log: /ecs/local-hello, stream " in done.out
    (container,) = task["containers"]
    assert (container["exitCode"], container["imageDigest"]) == (0, local.status("hello")["image_digest"])


def test_the_migration_runs_as_the_service_does(local: Stack) -> None:
    service, (task,) = service_of(local, "hello"), migrations(local, "hello")
    ecs = local.client("ecs")
    running = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    (own,), (ran,) = running["containerDefinitions"], task["definition"]["containerDefinitions"]
    assert ran == {**own, "command": ["bin/migrate"]}
    same = ("taskRoleArn", "executionRoleArn", "cpu", "memory", "networkMode", "runtimePlatform")
    assert {key: task["definition"].get(key) for key in same} == {key: running.get(key) for key in same}
    assert task["definition"]["family"] == "local-hello-migrate"
    assert task["capacityProviderName"] == service["capacityProviderStrategy"][0]["capacityProvider"]
    assert task["startedBy"] == executions(local, "hello")[0]["pipelineExecutionId"]
    assert {"key": "stack", "value": "local"} in task["tags"], "its costs are in reports by tag"


def test_a_failing_migration_stops_the_release_and_leaves_everything(local: Stack, apps: Apps) -> None:
    before, tagged = local.status("hello"), tags(local, "hello")
    service = service_of(local, "hello")
    done = local.ship("hello", apps.make("m2", migrate=FAILS))
    assert done.code == 1
    said = done.out + done.err
    assert "column users.email is missing" in said
    assert "step 40" in said
    assert "step 20\n" not in said
    assert failure(local, "hello") == (
        "The migration ended with exit code 7: column users.email is missing. Its log: /ecs/local-hello, stream "
        f"{stream_of(migrations(local, 'hello')[-1])}"
    )
    assert f" ended as Failed: Deploy / Migrate: {failure(local, 'hello')}\n" in said
    assert local.failure("hello") == f"ended as Failed: Deploy / Migrate: {failure(local, 'hello')}"
    assert actions(local, "hello") == ["Source", "Build", "Package", "Migrate"]
    assert local.status("hello") == before
    after = tags(local, "hello")
    assert {tag: after[tag] for tag in tagged} == tagged
    assert service_of(local, "hello")["taskDefinition"] == service["taskDefinition"]
    assert local.changes() == {}


def test_an_image_without_the_command_stops_the_release(local: Stack, apps: Apps) -> None:
    before, source = local.status("hello"), apps.make("m3", dockerfile="FROM python:3.12-slim\nCOPY server.py /\n")
    done = local.ship("hello", source)
    assert done.code == 1
    assert "The migration did not run: CannotStartContainerError" in done.out + done.err
    assert local.status("hello") == before


def test_the_next_release_goes_on(local: Stack, apps: Apps) -> None:
    before = local.status("hello")
    done = local.ship("hello", apps.make("m4"))
    assert done.code == 0, done.out + done.err
    assert "migrating to m4" in log_of(local, migrations(local, "hello")[-1])
    assert local.status("hello")["release"]["release"] == before["release"]["release"] + 1


SLOW = """\
#!/bin/sh
echo "begun"; sleep 20; echo "done"
"""


def test_a_step_that_is_cut_off_leaves_its_migration_to_the_retry(local: Stack, apps: Apps) -> None:
    """The stage is retried while the task still runs: it is followed to its end, not started twice."""
    count = len(migrations(local, "hello"))
    source = apps.make("m6", migrate=SLOW)
    shipping = Running(lambda: local.ship("hello", source))
    task = eventually(lambda: running_migrations(local))[0]
    iam, role = local.client("iam"), "local-hello-steps"
    (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    blind = [each for each in document["Statement"] if each["Sid"] != "ReadTasks"]
    iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps({**document, "Statement": blind}))
    try:
        assert shipping.result().code == 1
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))
    (failed, *_) = executions(local, "hello")
    assert failed["status"] == "Failed"
    assert "is not authorized to perform: ecs:DescribeTasks" in failure(local, "hello")
    assert running_migrations(local) == [task]
    local.client("codepipeline").retry_stage_execution(
        pipelineName="local-hello",
        stageName="Deploy",
        pipelineExecutionId=failed["pipelineExecutionId"],
        retryMode="FAILED_ACTIONS",
    )
    assert wait_for_pipeline(local, "hello", 1)[0]["status"] == "Succeeded"
    assert [ran["taskArn"] for ran in migrations(local, "hello")[count:]] == [task]
    assert local.status("hello")["release"]["execution"] == failed["pipelineExecutionId"]


def test_a_migration_that_still_runs_has_to_end_first(local: Stack, apps: Apps) -> None:
    ecs, service = local.client("ecs"), service_of(local, "hello")
    (earlier,) = ecs.run_task(
        cluster="local",
        taskDefinition="local-hello-migrate",
        launchType="FARGATE",
        networkConfiguration=service["networkConfiguration"],
        overrides={"containerOverrides": [{"name": "web", "command": ["sleep", "600"]}]},
        startedBy="another",
    )["tasks"]
    count, source = len(migrations(local, "hello")), apps.make("m7")
    shipping = Running(lambda: local.ship("hello", source))
    eventually(lambda: step_log(local, f"An earlier migration is still running: {earlier['taskArn']}"))
    assert (len(migrations(local, "hello")), len(running_migrations(local))) == (count, 1), "none beside it"
    ecs.stop_task(cluster="local", task=earlier["taskArn"])
    done = shipping.result()
    assert done.code == 0, done.out + done.err
    ran = migrations(local, "hello")
    assert ran[-2]["taskArn"] == earlier["taskArn"]
    assert ran[-1]["createdAt"] > ran[-2]["stoppedAt"]


def at_once(services: Iterable[str], work: Callable[[str], Done]) -> None:
    """Do the same with several services at the same time; it must succeed."""
    running = {service: Running(functools.partial(work, service)) for service in services}
    for service, each in running.items():
        done = each.result()
        assert done.code == 0, f"{service}: {done.out}{done.err}"


def test_services_without_migrations_have_none(local: Stack, apps: Apps) -> None:
    source, services = apps.make("m5"), ("chuoi", "shop")
    at_once(services, lambda service: local.ship(service, source))
    assert actions(local, "chuoi") == ["Source", "Build", "Package", "Deploy", "Release"]
    assert actions(local, "shop") == ["Source", "Build", "Package", "Template", "Deploy", "Release"]
    assert [migrations(local, service) for service in services] == [[], []]


WHOLE = ("hello", "shop")
"""Services with the whole template: ECS deploys one, CodeDeploy the other."""
MIGRATION_S = {"log_router.essential": False, "proxy.essential": False, "web.command": ["bin/migrate"]}
"""What a migration has of its own."""


def differing(stack: Stack, declared: dict[str, dict[str, Any]], migrated: Iterable[str] = WHOLE) -> dict[str, Any]:
    """Service → where its task, and service-migrate → where its newest migration is not what its template says."""
    running = {each: templates.definition(stack, stack.status(each)["task_definition"]) for each in WHOLE}
    ran = {f"{each}-migrate": migrations(stack, each)[-1]["definition"] for each in migrated}
    return {
        name: templates.differing(declared[name.removesuffix("-migrate")], registered)
        for name, registered in (running | ran).items()
    }


@pytest.fixture(scope="module")
def declared(local: Stack) -> dict[str, dict[str, Any]]:
    """The templates that services take after a release with another one; chuoi's only has a read-only root."""
    repository = local.client("ecr").describe_repositories(repositoryNames=["local-chuoi"])["repositories"][0]
    image = f"{repository['repositoryUri']}@{local.status('chuoi')['image_digest']}"
    secret = templates.secret_and_file(local)
    made = {
        "hello": templates.whole(local, image, secret, tmpfs=False),
        "shop": templates.whole(local, image, secret, tmpfs=True),
        "chuoi": templates.read_only(local),
    }
    for service, document in made.items():
        templates.use(local, service, document)
    for line in ("    chuoi:\n", "    shop:\n"):
        local.edit("Pulumi.local.yaml", line, line + "      migrate: {command: [bin/migrate]}\n")
    ran = len(executions(local, "shop"))
    local.ok("up")
    assert wait_for_pipeline(local, "shop", ran + 1)[0]["status"] == "Succeeded"
    return made


def test_an_edit_delivers_a_template_whole(local: Stack, declared: dict[str, dict[str, Any]]) -> None:
    assert differing(local, declared, ["shop"]) == {"hello": {}, "shop": {}, "shop-migrate": MIGRATION_S}


WHOLE_AGAIN = {"hello": {}, "hello-migrate": MIGRATION_S, "shop": {}, "shop-migrate": MIGRATION_S}


def test_a_release_keeps_a_template_whole(local: Stack, apps: Apps, declared: dict[str, dict[str, Any]]) -> None:
    """App and migration wait until the proxy is healthy, and only the migration's own exit code counts."""
    sources = {name: apps.make(f"{name}-2", server=templates.APP, migrate=templates.MIGRATE) for name in WHOLE}
    at_once(WHOLE, lambda service: local.ship(service, sources[service]))
    assert differing(local, declared) == WHOLE_AGAIN
    noted = templates.noted(local)
    for service in WHOLE:
        codes = {each["name"]: each.get("exitCode") for each in migrations(local, service)[-1]["containers"]}
        assert (codes["web"], codes["proxy"]) == (0, 137)
        for who in (f"migrate-{service}-2", f"web-{service}-2"):
            assert noted[who] == f"{who} from a file open sesame"


def test_a_rollback_keeps_a_template_whole(local: Stack, declared: dict[str, dict[str, Any]]) -> None:
    before = {service: local.status(service) for service in WHOLE}
    at_once(WHOLE, lambda service: local.run("rollback", service, "--yes"))
    for service in WHOLE:
        assert local.status(service)["image_digest"] != before[service]["image_digest"]
    assert differing(local, declared) == WHOLE_AGAIN


def test_a_rollback_may_leave_the_migration_out(local: Stack, declared: dict[str, dict[str, Any]]) -> None:
    """Of a service that ECS deploys, and of CodeDeploy's; the execution after it migrates as ever."""
    ran = {service: len(migrations(local, service)) for service in WHOLE}
    back = {service: str(json.loads(local.ok("history", service, "--json").out)[1]["release"]) for service in WHOLE}
    plan = local.run("rollback", "hello", "--to", back["hello"], "--without-migration")
    assert f"The migration of release-{back['hello']}'s image is left out." in plan.out
    options = ("--without-migration", "--yes")
    at_once(WHOLE, lambda service: local.run("rollback", service, "--to", back[service], *options))
    for service in WHOLE:
        newest, before = json.loads(local.ok("history", service, "--json").out)[:2]
        assert (newest["without_migration"], before["without_migration"]) == (True, False)
        assert "without its migration  live" in local.ok("history", service).out.splitlines()[0]
        assert len(migrations(local, service)) == ran[service]
    codepipeline, image = local.client("codepipeline"), {"name": "image", "value": "live"}
    codepipeline.start_pipeline_execution(name="local-hello", variables=[image])
    assert wait_for_pipeline(local, "hello", 1)[0]["status"] == "Succeeded"
    assert len(migrations(local, "hello")) == ran["hello"] + 1


MIGRATION_NOTES = "#!/bin/sh\necho migrated > /tmp/note\n"
NOTES = """\
import sys
try:
    open("/tmp/note", "w").close()
except OSError as error:
    sys.exit(str(error))
"""


def test_what_a_template_lacks_for_its_image_is_named(
    local: Stack, apps: Apps, declared: dict[str, dict[str, Any]]
) -> None:
    """A sidecar that ends before the migration; a read-only root without a /tmp, in a migration and in an app."""
    before = {service: local.status(service) for service in ("hello", "chuoi")}
    alone = apps.make("alone", server=templates.APP, migrate=templates.ENDS_ITS_SIDECAR)
    sidecar = Running(lambda: local.ship("hello", alone))
    done = local.ship("chuoi", apps.make("migrates", migrate=MIGRATION_NOTES))
    assert (done.code, actions(local, "chuoi")[-1]) == (1, "Migrate")
    assert "note: Read-only file system" in done.out + done.err
    done = local.ship("chuoi", apps.make("serves", server=NOTES + SERVER))
    assert (done.code, "exit code 1" in done.out + done.err) == (1, True)
    assert "Read-only file system: '/tmp/note'" in done.out + done.err
    done = sidecar.result()
    assert done.code == 1
    assert "The sidecar proxy ended before the migration did" in done.out + done.err
    assert failure(local, "hello").endswith("Its log: where the logConfiguration of web sends it")
    assert local.status("hello") == before["hello"]
    assert local.settled("chuoi")["image_digest"] == before["chuoi"]["image_digest"]

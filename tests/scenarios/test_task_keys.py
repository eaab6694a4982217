"""What a stack file gives to a task: secrets of Secrets Manager and environment files."""

import json
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.scenarios.conftest import SERVER, Apps, Stack, new_stack

pytestmark = pytest.mark.nightly
FILE = "Pulumi.local.yaml"
FIRST = "        APP_ENV: "
READS = (
    ("DB_USER", "user", "runtime"),
    ("DB_LOGIN", "password", "runtime"),
    ("BUILD_LOGIN", "password", "build"),
)
SHOWS = SERVER.replace('b"VERSION"', "__import__('json').dumps(dict(os.environ)).encode()")
"""An app that tells its environment to whoever asks."""
BUILT = """\
FROM python:3.12-slim
WORKDIR /app
COPY . .
RUN --mount=type=secret,id=BUILD_LOGIN test "$(cat /run/secrets/BUILD_LOGIN)" = first
CMD ["python", "server.py"]
"""
"""Built only where the secret has its first value."""


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Stack `local` with the service hello alone, which migrates nothing."""
    with new_stack(tmp_path_factory.mktemp("repository"), "local") as stack:
        stack.keep_services(["hello"])
        stack.edit(FILE, "      migrate: {command: [bin/migrate]}\n", "")
        stack.up()
        yield stack


@pytest.fixture(scope="module")
def key(local: Stack) -> str:
    """A key of somebody's own."""
    return str(local.client("kms").create_key(Description="Databases")["KeyMetadata"]["Arn"])


@pytest.fixture(scope="module")
def database(local: Stack, key: str) -> str:
    """A secret that is encrypted with it, declared for task and build."""
    value = json.dumps({"user": "hello", "password": "first"})
    made = local.client("secretsmanager").create_secret(Name="database", SecretString=value, KmsKeyId=key)
    for name, field, reader in READS:
        reference = f"{{arn: {made['ARN']!r}, json_key: {field}, key: {key!r}}}"
        local.edit(FILE, FIRST, f"        {name}: {{secrets_manager: {reference}, for: [{reader}]}}\n{FIRST}")
    local.ok("up")
    return str(made["ARN"])


def environment(stack: Stack) -> dict[str, Any]:
    """What the app has been given, by a request through the load balancer."""
    (address,) = [each["address"] for each in stack.control("listeners") if int(each["port"]) == 443]
    request = urllib.request.Request(f"http://{address}/healthz", headers={"Host": "hello.local.example.com"})
    with urllib.request.urlopen(request, timeout=10) as page:  # noqa: S310
        found: dict[str, Any] = json.load(page)
        return found


def test_task_and_build_read_the_keys_of_a_secret(local: Stack, apps: Apps, database: str) -> None:
    done = local.ship("hello", apps.make("v1", server=SHOWS, dockerfile=BUILT))
    assert done.code == 0, done.out + done.err
    given = environment(local)
    assert (given["DB_USER"], given["DB_LOGIN"]) == ("hello", "first")
    assert "BUILD_LOGIN" not in given
    assert local.changes() == {}


def test_a_rotated_secret_is_another_value_for_the_tasks_that_start_from_then_on(local: Stack, database: str) -> None:
    rotated = json.dumps({"user": "hello", "password": "second"})
    local.client("secretsmanager").put_secret_value(SecretId=database, SecretString=rotated)
    assert local.changes() == {}, "rotation is no edit"
    assert environment(local)["DB_LOGIN"] == "first"
    local.ok("redeploy", "hello", "--wait")
    assert environment(local)["DB_LOGIN"] == "second"


def test_without_its_key_a_task_that_starts_cannot_read_it(local: Stack, database: str, key: str) -> None:
    for field in ("user", "password"):
        local.edit(FILE, f"json_key: {field}, key: {key!r}}}, for: [runtime]", f"json_key: {field}}}, for: [runtime]")
    local.ok("up")
    stopped = run_to_its_end(local)
    assert "unable to retrieve secret from asm" in stopped["stoppedReason"]
    assert "kms:Decrypt" in stopped["stoppedReason"]
    assert environment(local)["DB_LOGIN"] == "second", "what runs stays"
    for field in ("user", "password"):
        local.edit(FILE, f"json_key: {field}}}, for: [runtime]", f"json_key: {field}, key: {key!r}}}, for: [runtime]")


def write(stack: Stack, name: str, text: str) -> None:
    """Write an environment file beside the task templates."""
    (stack.root / "task_templates" / name).write_text(text)


def test_an_environment_file_is_an_edit_that_its_task_definition_pins(local: Stack) -> None:
    """The one of this repository before the other one, which somebody else keeps; the former one stays readable."""
    s3, place = local.client("s3"), {"LocationConstraint": local.account.server.region}
    s3.create_bucket(Bucket="team-settings", CreateBucketConfiguration=place)
    s3.put_object(Bucket="team-settings", Key="shared.env", Body=b"MOTTO=theirs\nTHEIRS=yes\n")
    write(local, "hello.env", "# of hello\nMOTTO=first = ours\n")
    files = "environment_files: [hello.env, 'arn:aws:s3:::team-settings/shared.env']"
    local.edit(FILE, "memory: 512, port: 4000}", f"memory: 512, port: 4000, {files}}}")
    local.ok("up")
    given = environment(local)
    assert (given["MOTTO"], given["THEIRS"]) == ("first = ours", "yes")
    assert local.changes() == {}
    before = local.status("hello")["task_definition"]
    write(local, "hello.env", "MOTTO=second\n")
    local.ok("up")
    assert environment(local)["MOTTO"] == "second"
    pinned = local.client("ecs").describe_task_definition(taskDefinition=before)["taskDefinition"]
    (file, _) = pinned["containerDefinitions"][0]["environmentFiles"]
    bucket, _, key = file["value"].partition(":::")[2].partition("/")
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"# of hello\nMOTTO=first = ours\n"


def test_a_secret_in_an_environment_file_is_refused_and_not_shown(local: Stack) -> None:
    write(local, "hello.env", "MOTTO=third\nDATABASE_URL=ecto://app:hunter2@db/shop\n")
    done = local.run("up")
    assert done.code != 0
    assert "environment_files[0]: hello.env, line 2: DATABASE_URL holds an address with a password" in done.err
    assert "hunter2" not in done.out + done.err
    write(local, "hello.env", "MOTTO=second\n")
    assert local.changes() == {}


def run_to_its_end(stack: Stack) -> dict[str, Any]:
    """A task of the service's own that does nothing, once it has stopped."""
    ecs = stack.client("ecs")
    (service,) = ecs.describe_services(cluster="local", services=["local-hello"])["services"]
    (task,) = ecs.run_task(
        cluster="local",
        taskDefinition=service["taskDefinition"],
        launchType="FARGATE",
        networkConfiguration=service["networkConfiguration"],
        overrides={"containerOverrides": [{"name": "web", "command": ["true"]}]},
    )["tasks"]
    for _ in range(300):
        (found,) = ecs.describe_tasks(cluster="local", tasks=[task["taskArn"]])["tasks"]
        if found["lastStatus"] == "STOPPED":
            return dict(found)
        time.sleep(0.1)
    raise AssertionError(f"still {found}")

"""What a stack file gives to a task: secrets, environment files, file systems, tags; and tasks that speak gRPC."""

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.scenarios.conftest import SERVER, Apps, Stack, new_stack

pytestmark = pytest.mark.nightly
FILE = "Pulumi.local.yaml"
FIRST = "        APP_ENV: "
HTTP = "      task: {template: web.json, cpu: 512, memory: 1024, port: 4000}\n      health_check: {path: /healthz}\n"
GRPC = """\
import os, socket, struct, threading

WELL = b"\\x88" + b"\\0\\x0ccontent-type\\x10application/grpc" + b"\\0\\x0bgrpc-status\\x010"

def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload

def serve(connection):
    with connection, connection.makefile("rb") as asked:
        if asked.read(24) != b"PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n":
            return
        connection.sendall(frame(4, 0, 0))
        while head := asked.read(9):
            length, kind, stream = int.from_bytes(head[:3], "big"), head[3], int.from_bytes(head[5:], "big")
            asked.read(length)
            if kind == 4 and not head[4]:
                connection.sendall(frame(4, 1, 0))
            elif kind == 0 and head[4] & 1:
                connection.sendall(frame(1, 5, stream, WELL))

server = socket.create_server(("0.0.0.0", PORT))
while True:
    threading.Thread(target=serve, args=server.accept()[:1], daemon=True).start()
"""
"""Says to each call of gRPC's that it went well, and to HTTP/1.1 nothing (RFC 9113: frames; RFC 7541: headers)."""
READS = (
    ("DB_USER", "user", "runtime"),
    ("DB_LOGIN", "password", "runtime"),
    ("BUILD_LOGIN", "password", "build"),
)
SHOWS = SERVER.replace('b"VERSION"', "__import__('json').dumps(dict(os.environ)).encode()")
"""An app that tells its environment to whoever asks."""
PICKY = SHOWS.replace("STATUS", '(500 if os.environ.get("MODE") == "broken" else 200)')
"""One that is not healthy under one value of a parameter."""
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
    """Stack `local` with the service hello, which migrates nothing, and chuoi, which speaks gRPC."""
    with new_stack(tmp_path_factory.mktemp("repository"), "local") as stack:
        stack.keep_services(["hello", "chuoi"])
        stack.edit(FILE, HTTP, HTTP.replace("/healthz", "/grpc.health.v1.Health/Check") + "      protocol: grpc\n")
        stack.edit(FILE, "      migrate: {command: [bin/migrate]}\n", "      tags: {team: web}\n      drain: 5\n")
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
    found: dict[str, Any] = json.loads(ask(stack, "hello.local.example.com", "/healthz"))
    return found


def ask(stack: Stack, host: str, path: str) -> str:
    """The answer to a request by HTTP/1.1 at the load balancer."""
    (address,) = [each["address"] for each in stack.control("listeners") if int(each["port"]) == 443]
    request = urllib.request.Request(f"http://{address}{path}", headers={"Host": host})
    with urllib.request.urlopen(request, timeout=10) as page:  # noqa: S310
        return str(page.read().decode())


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
    local.ok("redeploy", "hello", "--yes")
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


def test_a_task_that_speaks_grpc_is_asked_so_whether_it_is_healthy(local: Stack, apps: Apps) -> None:
    groups = local.client("elbv2").describe_target_groups()["TargetGroups"]
    of_grpc = [each for each in groups if each.get("ProtocolVersion") == "GRPC"]
    assert [(each["Matcher"], each["HealthCheckPath"]) for each in of_grpc] == [
        ({"GrpcCode": "0"}, "/grpc.health.v1.Health/Check")
    ] * 2
    done = local.ship("chuoi", apps.make("g1", server=GRPC))
    assert done.code == 0, done.out + done.err
    assert local.settled("chuoi")["running"] == 1
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(local, "chuoi.local.example.com", "/")
    assert refused.value.code == 464, "HTTP/1.1 is not what the target group takes"


def test_a_service_and_its_tasks_have_its_tags(local: Stack) -> None:
    ecs = local.client("ecs")
    (service,) = ecs.describe_services(cluster="local", services=["local-hello"], include=["TAGS"])["services"]
    arns = ecs.list_tasks(cluster="local", serviceName="local-hello")["taskArns"]
    tasks = ecs.describe_tasks(cluster="local", tasks=arns, include=["TAGS"])["tasks"]
    repository = local.client("ecr").describe_repositories(repositoryNames=["local-hello"])["repositories"][0]
    of_images = local.client("ecr").list_tags_for_resource(resourceArn=repository["repositoryArn"])["tags"]
    of_all = [service["tags"], *(each["tags"] for each in tasks)]
    given = [{tag["key"]: tag["value"] for tag in tags} for tags in of_all]
    given.append({tag["Key"]: tag["Value"] for tag in of_images})
    assert len(tasks) == 1
    assert [(tags["team"], tags["stack"]) for tags in given] == [("web", "local")] * 3


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


@pytest.fixture(scope="module")
def mounted(local: Stack) -> dict[str, str]:
    """A file system with a mount target in each of the tasks' subnets, which the service mounts at /data."""
    ecs, ec2, efs = (local.client(name) for name in ("ecs", "ec2", "efs"))
    (service,) = ecs.describe_services(cluster="local", services=["local-hello"])["services"]
    subnets = service["networkConfiguration"]["awsvpcConfiguration"]["subnets"]
    vpc = ec2.describe_subnets(SubnetIds=subnets)["Subnets"][0]["VpcId"]
    group = ec2.create_security_group(GroupName="files", Description="Files", VpcId=vpc)["GroupId"]
    files = efs.create_file_system(CreationToken="files", Encrypted=True)["FileSystemId"]
    for subnet in subnets:
        efs.create_mount_target(FileSystemId=files, SubnetId=subnet, SecurityGroups=[group])
    volume = f"{{file_system: {files}, path: /data, security_group: {group}}}"
    local.edit(FILE, "memory: 512, port: 4000", f"memory: 512, port: 4000, volumes: {{files: {volume}}}")
    local.ok("up")
    return {"files": files, "group": group}


def test_what_a_task_writes_into_a_file_system_outlives_it(local: Stack, mounted: dict[str, str]) -> None:
    written = run_to_its_end(local, "sh", "-c", "echo kept > /data/note")
    read = run_to_its_end(local, "sh", "-c", 'test "$(cat /data/note)" = kept')
    assert [each["containers"][0].get("exitCode") for each in (written, read)] == [0, 0], (written, read)
    assert local.changes() == {}


def test_a_file_system_lets_in_the_tasks_by_a_rule_of_its_security_group(local: Stack, mounted: dict[str, str]) -> None:
    ec2, of_group = local.client("ec2"), [{"Name": "group-id", "Values": [mounted["group"]]}]
    rules = ec2.describe_security_group_rules(Filters=of_group)["SecurityGroupRules"]
    (rule,) = [each for each in rules if not each["IsEgress"]]
    assert (rule["FromPort"], rule["ToPort"], rule["IpProtocol"]) == (2049, 2049, "tcp")
    ec2.revoke_security_group_ingress(GroupId=mounted["group"], SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])
    assert f"no ingress rule of {mounted['group']} lets port 2049 in" in run_to_its_end(local)["stoppedReason"]
    local.ok("up")
    assert run_to_its_end(local)["containers"][0]["exitCode"] == 0, "it is drift, which the next `up` mends"


def test_an_edit_takes_no_right_from_the_revision_that_runs(
    local: Stack, apps: Apps, database: str, key: str, mounted: dict[str, str]
) -> None:
    """Where ECS rolls it back, tasks of that revision start again; it is taken away by the `up` after the edit's."""
    done = local.ship("hello", apps.make("v2", server=PICKY, dockerfile=BUILT.replace("= first", "= second")))
    assert done.code == 0, done.out + done.err
    text, reads = (local.root / FILE).read_text(), "elasticfilesystem:ClientMount"
    lines = [line for line in text.splitlines(keepends=True) if not line.lstrip().startswith(("DB_USER:", "DB_LOGIN:"))]
    without = re.sub(r", (environment_files: \[.*?\]|volumes: \{.*?\}\})", "", "".join(lines))
    (local.root / FILE).write_text(without.replace(FIRST, f"        MODE: {{value: broken, for: [runtime]}}\n{FIRST}"))
    rolled_back = local.run("up")
    assert rolled_back.code != 0
    assert f"hello: its roles may go on reading arn:aws:s3:::team-settings/shared.env, {database}, " in rolled_back.err
    assert run_to_its_end(local)["containers"][0].get("exitCode") == 0, "a task of the revision before"
    (local.root / FILE).write_text(without)
    local.ok("up")
    assert reads in granted(local, "local-hello-task")
    assert key not in granted(local, "local-hello-execution"), "goes when the deployment has ended"
    local.ok("up")
    assert local.changes() == {}
    assert reads not in granted(local, "local-hello-task")
    assert "secretsmanager:GetSecretValue" not in granted(local, "local-hello-execution")
    assert run_to_its_end(local)["containers"][0].get("exitCode") == 0


def granted(stack: Stack, role: str) -> str:
    """A role's policies."""
    iam = stack.client("iam")
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    return json.dumps([iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names])


def run_to_its_end(stack: Stack, *command: str) -> dict[str, Any]:
    """A task of the service's own that runs a command, by itself one that does nothing, once it has stopped."""
    ecs = stack.client("ecs")
    (service,) = ecs.describe_services(cluster="local", services=["local-hello"])["services"]
    (task,) = ecs.run_task(
        cluster="local",
        taskDefinition=service["taskDefinition"],
        launchType="FARGATE",
        networkConfiguration=service["networkConfiguration"],
        overrides={"containerOverrides": [{"name": "web", "command": [*command] or ["true"]}]},
    )["tasks"]
    for _ in range(300):
        (found,) = ecs.describe_tasks(cluster="local", tasks=[task["taskArn"]])["tasks"]
        if found["lastStatus"] == "STOPPED":
            return dict(found)
        time.sleep(0.1)
    raise AssertionError(f"still {found}")

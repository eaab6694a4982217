"""Task templates that a test writes beside the committed ones, what runs in them, and what is left of them."""

import json
from typing import Any

from tests.scenarios.conftest import SERVER, Stack

FILE_SYSTEM, ACCESS_POINT = "fs-0123456789abcdef0", "fsap-0123456789abcdef0"
BUCKET, ENVIRONMENT_FILE = "local-settings", "web.env"
PROXY_PORT = 9000
OWN_LABELS = "fargate-delivery."

PROXY = f"""
import http.server, os, signal, time

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/end":
            os._exit(3)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ["API_KEY"].encode())

    def log_message(self, *args):
        pass

signal.signal(signal.SIGTERM, lambda *_: os._exit(137))
time.sleep(2)
server = http.server.HTTPServer(("127.0.0.1", {PROXY_PORT}), Handler)
open("/run/proxy/ready", "w").close()
server.serve_forever()
"""
"""Answers with its own secret, some time after its start; `/end` ends it. It leaves as a killed one does."""

ASKS = f"""\
import os, sys, urllib.request

def ask(path):
    return urllib.request.urlopen("http://127.0.0.1:{PROXY_PORT}/" + path).read().decode()

def note(who):
    for file in ("/tmp/note", "/data/" + who):
        with open(file, "w") as noted:
            noted.write(" ".join((who, os.environ["MOTTO"], ask(""))))
"""
APP = ASKS + 'note("web-VERSION")\n' + SERVER
"""An app that has to be able to ask the proxy when it starts, and to write to /tmp and to the file system."""
MIGRATE = f"#!/usr/local/bin/python\n{ASKS}note('migrate-VERSION')\n"
"""A migration that has to be able to do the same."""
ENDS_ITS_SIDECAR = f"""\
#!/usr/local/bin/python
{ASKS}
import time
try:
    ask("end")
except OSError:
    time.sleep(60)
"""


def committed(stack: Stack, name: str = "web.json") -> dict[str, Any]:
    """A template of the program."""
    document: dict[str, Any] = json.loads((stack.root / "task_templates" / name).read_text())
    return document


def use(stack: Stack, service: str, document: dict[str, Any]) -> None:
    """Let a service take a template of its own."""
    (stack.root / f"task_templates/{service}.json").write_text(json.dumps(document))
    line = f"    {service}:\n      task: {{template: "
    stack.edit(f"Pulumi.{stack.name}.yaml", f"{line}web.json", f"{line}{service}.json")


def read_only(stack: Stack) -> dict[str, Any]:
    """The program's template with a read-only root."""
    document = committed(stack)
    document["containerDefinitions"][0]["readonlyRootFilesystem"] = True
    return document


def secret_and_file(stack: Stack) -> str:
    """Put into the account what `whole` names; the secret's ARN."""
    region = stack.account.server.region
    s3, secrets = stack.client("s3"), stack.client("secretsmanager")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": region})
    s3.put_object(Bucket=BUCKET, Key=ENVIRONMENT_FILE, Body=b"MOTTO=from a file\n")
    value = {"key": "open sesame", "user": "ali baba"}
    return str(secrets.create_secret(Name="proxy", SecretString=json.dumps(value))["ARN"])


def whole(stack: Stack, image: str, secret: str, *, tmpfs: bool) -> dict[str, Any]:
    """A read-only app with an environment file, beside a proxy with a secret of its own and a log router.

    Args:
        stack: whose template it extends.
        image: what the sidecars run, any with Python.
        secret: the ARN that `secret_and_file` gave.
        tmpfs: whether the app's /tmp is memory; else it is a volume.
    """
    document = read_only(stack)
    (web,) = document["containerDefinitions"]
    logs = web["logConfiguration"]
    volumes: list[dict[str, Any]] = [
        {
            "name": "shared",
            "efsVolumeConfiguration": {
                "fileSystemId": FILE_SYSTEM,
                "rootDirectory": "/",
                "transitEncryption": "ENABLED",
                "authorizationConfig": {"accessPointId": ACCESS_POINT, "iam": "ENABLED"},
            },
        }
    ]
    web["mountPoints"] = [{"sourceVolume": "shared", "containerPath": "/data"}]
    if tmpfs:
        web["linuxParameters"]["tmpfs"] = [{"containerPath": "/tmp", "size": 64}]  # noqa: S108
    else:
        web["mountPoints"].append({"sourceVolume": "tmp", "containerPath": "/tmp"})  # noqa: S108
        volumes.append({"name": "tmp"})
    web["environmentFiles"] = [{"type": "s3", "value": f"arn:aws:s3:::{BUCKET}/{ENVIRONMENT_FILE}"}]
    web["ulimits"] = [{"name": "nofile", "softLimit": 65536, "hardLimit": 65536}]
    web["dependsOn"] = [
        {"containerName": "log_router", "condition": "START"},
        {"containerName": "proxy", "condition": "HEALTHY"},
    ]
    web["logConfiguration"] = {
        "logDriver": "awsfirelens",
        "options": {"Name": "http", "Match": "*", "Host": "logs.example.com", "Format": 'json "quoted" — ü'},
        "secretOptions": [
            {"name": "http_Passwd", "valueFrom": f"{secret}:key::"},
            {"name": "http_User", "valueFrom": f"{secret}:user:AWSCURRENT:"},
        ],
    }
    proxy = {
        "name": "proxy",
        "image": image,
        "essential": True,
        "command": ["python", "-c", PROXY],
        "readonlyRootFilesystem": True,
        "secrets": [{"name": "API_KEY", "valueFrom": f"{secret}:key::"}],
        "linuxParameters": {"tmpfs": [{"containerPath": "/run/proxy", "size": 16, "mountOptions": ["mode=0700"]}]},
        "healthCheck": {"command": ["CMD-SHELL", "test -f /run/proxy/ready"], "interval": 5, "retries": 10},
        "logConfiguration": logs,
    }
    router = {
        "name": "log_router",
        "image": image,
        "essential": True,
        "dockerLabels": {"com.example.team": "observability"},
        "user": "0",
        "command": ["python", "-c", "import time\nwhile True: time.sleep(1)"],
        "firelensConfiguration": {"type": "fluentbit", "options": {"enable-ecs-log-metadata": "true"}},
        "logConfiguration": logs,
    }
    return {**document, "containerDefinitions": [router, proxy, web], "volumes": volumes}


def noted(stack: Stack) -> dict[str, str]:
    """What app and migrations wrote into the file system, by the name of each."""
    folder = stack.root / ".sandbox" / stack.name / "efs" / FILE_SYSTEM / ACCESS_POINT
    return {file.name: file.read_text() for file in folder.iterdir()}


def definition(stack: Stack, task_definition: str) -> dict[str, Any]:
    """A task definition as ECS has it registered."""
    found: dict[str, Any] = stack.client("ecs").describe_task_definition(taskDefinition=task_definition)[
        "taskDefinition"
    ]
    return found


def differing(document: dict[str, Any], registered: dict[str, Any]) -> dict[str, Any]:
    """Where a registered task definition is not what its template says, but for what placeholders fill.

    The program's own labels count as nothing, and so do 0 and an empty list, as ECS answers for some fields that were not given.

    Gives:
        `FIELD` or `CONTAINER.FIELD` → what is registered.
    """
    said, found = _flat(document), _flat(registered)
    fields = said.keys() | {field for field in found if "." in field}
    return {
        field: found.get(field)
        for field in fields
        if "${" not in json.dumps(said.get(field)) and (said.get(field) or None) != (found.get(field) or None)
    }


def _flat(document: dict[str, Any]) -> dict[str, Any]:
    containers = document["containerDefinitions"]
    flat = {**document, "containerDefinitions": [each["name"] for each in containers]}
    for each in containers:
        labels = {key: text for key, text in each.get("dockerLabels", {}).items() if not key.startswith(OWN_LABELS)}
        flat |= {f"{each['name']}.{field}": value for field, value in {**each, "dockerLabels": labels}.items()}
    return flat

"""What `render` makes of a checkout, and how that differs from what runs."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from delivery_aws import REGISTRY, FakeAws, digest

from delivery.__main__ import main
from delivery.command_line import Connection
from delivery.services.rendered import as_written

A = digest("a")
PARAMETER = "arn:aws:ssm:eu-west-1:111111111111:parameter/fargate-delivery/dev/web/runtime"
ROLES = {name: f"arn:aws:iam::111111111111:role/{name}" for name in ("executionRoleArn", "taskRoleArn")}
WEB: dict[str, Any] = {
    "task": {"template": "web.json", "cpu": 256, "memory": 512, "port": 4000},
    "parameters": {
        "KEY": {"secret": True, "for": ["runtime"]},
        "TOKEN": {"secret": True, "for": ["build"]},
        "HOST": {"external": "/shared/host", "for": ["runtime"]},
    },
}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeAws:
    """The service `web`, whose revision 1 has an own value and another size than the checkout, which is the folder."""
    aws = FakeAws()
    aws.record("none")
    revision = aws.revision(1, f"@{A}", secrets={"KEY": f"{PARAMETER}/KEY-abc"}, **ROLES)
    aws.service(revision, A)
    aws.image(A, "live")
    monkeypatch.setattr(Connection, "session", property(lambda _: aws.session()))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Pulumi.yaml").write_text("name: fargate-delivery\nruntime: python\n")
    write(tmp_path, WEB)
    return aws


def write(folder: Path, web: dict[str, Any]) -> None:
    config = {
        "aws:region": "eu-west-1",
        "fargate-delivery:domain": {"zone": "example.com"},
        "fargate-delivery:services": {"web": web},
    }
    (folder / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": config}))


def render(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["render", "web", "--stack", "dev", *arguments])


@pytest.mark.usefixtures("aws")
def test_the_task_definition_of_this_checkout() -> None:
    made = json.loads(render().stdout)
    (container,) = made["containerDefinitions"]
    assert (made["family"], made["cpu"], made["memory"]) == ("dev-web", "256", "512")
    assert {name: made[name] for name in ROLES} == ROLES
    assert container["image"] == f"{REGISTRY}/dev-web@{A}"
    assert container["secrets"] == [
        {"name": "HOST", "valueFrom": "arn:aws:ssm:eu-west-1:111111111111:parameter/shared/host"},
        {"name": "KEY", "valueFrom": f"{PARAMETER}/KEY-abc"},
    ]
    assert len(container["dockerLabels"]["fargate-delivery.fingerprint"]) == 16


def test_a_value_that_nothing_reads_yet(aws: FakeAws, tmp_path: Path) -> None:
    write(tmp_path, {**WEB, "parameters": {"OTHER": {"value": "x", "for": ["runtime"]}}})
    (container,) = json.loads(render().stdout)["containerDefinitions"]
    assert container["secrets"] == [{"name": "OTHER", "valueFrom": f"{PARAMETER}/OTHER-NEW"}]


def test_before_the_first_release_the_image_is_a_tag(aws: FakeAws) -> None:
    aws.images.clear()
    (container,) = json.loads(render().stdout)["containerDefinitions"]
    assert container["image"] == f"{REGISTRY}/dev-web:live"


def test_what_differs_from_what_runs(aws: FakeAws) -> None:
    (definition,) = aws.definitions.values()
    definition.update(json.loads(render().stdout))
    definition["containerDefinitions"][0]["cpu"] = 0
    definition["containerDefinitions"][0]["portMappings"][0]["hostPort"] = 4000
    assert render("--diff").output == "web: from dev-web:1, which runs, to this checkout: nothing differs\n"
    definition["memory"] = "1024"
    assert render("--diff").output.splitlines()[1:] == ["memory: 1024 → 512"]


@pytest.mark.parametrize(
    ("services", "words"),
    [
        ({"other": WEB}, "Pulumi.dev.yaml has no service web; there are: other"),
        ({"web": {**WEB, "task": {**WEB["task"], "memory": 100}}}, "memory 100 does not go with cpu 256"),
    ],
)
@pytest.mark.usefixtures("aws")
def test_a_checkout_that_makes_none(tmp_path: Path, services: dict[str, Any], words: str) -> None:
    config = {
        "aws:region": "eu-west-1",
        "fargate-delivery:domain": {"zone": "example.com"},
        "fargate-delivery:services": services,
    }
    (tmp_path / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": config}))
    done = render()
    assert done.exit_code == 1
    assert words in done.stderr


def test_what_ecs_has_added_is_not_written() -> None:
    ports = [{"containerPort": 80, "hostPort": 80}, {"containerPort": 81, "hostPort": 8081}]
    definition = {
        "cpu": "0",
        "containerDefinitions": [{"name": "a", "cpu": 0, "portMappings": ports}, {"name": "b", "cpu": 128}],
    }
    assert as_written(definition) == {
        "cpu": "0",
        "containerDefinitions": [
            {"name": "a", "portMappings": [{"containerPort": 80}, {"containerPort": 81, "hostPort": 8081}]},
            {"name": "b", "cpu": 128},
        ],
    }

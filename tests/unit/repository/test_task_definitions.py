"""The sandbox's RegisterTaskDefinition: ECS's own refusals, and that nothing of what it takes is lost."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from aws_fakes import FakeAccount, misfits
from moto import mock_aws
from task_definitions import CASES, EFS, PROXY_AT, ROUTER, TAKEN, WEB_AT, changed, mounted

from components.service.task_template import STAND_INS, TaskTemplate
from sandbox.account.account import Principal
from sandbox.account.errors import AwsError
from sandbox.ecs.definitions import register_task_definition

Json = dict[str, Any]
ME = Principal("arn:aws:iam::111111111111:user/me", "user")
OF_THE_API = ("ecs", "RegisterTaskDefinition")


@cache
def ecs_client() -> Any:
    """One client for all tests, because making one takes long."""
    return boto3.client("ecs", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")  # noqa: S106


@pytest.fixture
def account(tmp_path: Path) -> Iterator[FakeAccount]:
    with mock_aws():
        account = FakeAccount(folder=tmp_path, id="123456789012")
        account.clients["ecs"] = ecs_client()
        yield account


def rendered(changes: Any, parameters: tuple[str, ...] = ()) -> Json:
    secrets = [{"name": name, "valueFrom": STAND_INS["secrets"][0]["valueFrom"]} for name in parameters]
    return TaskTemplate("web.json", changed(changes)).rendered({**STAND_INS, "secrets": secrets})


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.ecs])
def test_what_ecs_refuses(name: str, account: FakeAccount) -> None:
    with pytest.raises(AwsError) as refused:
        register_task_definition(account, ME, rendered(CASES[name].changes, CASES[name].parameters))  # type: ignore[arg-type]
    assert (refused.value.code, refused.value.message) == ("ClientException", CASES[name].ecs)


@pytest.mark.parametrize("name", TAKEN)
def test_what_ecs_takes_is_described_as_it_was_registered(name: str, account: FakeAccount) -> None:
    definition = rendered(TAKEN[name])
    answer = register_task_definition(account, ME, definition)  # type: ignore[arg-type]
    assert misfits(*OF_THE_API, answer) == []
    described = account.clients["ecs"].describe_task_definition(taskDefinition="family:1")["taskDefinition"]
    for field, value in definition.items():
        if field not in ("containerDefinitions", "volumes"):
            assert described[field] == value
    for before, after in zip(definition["containerDefinitions"], described["containerDefinitions"], strict=True):
        assert {field: after[field] for field in before} == before


def test_a_clone_has_what_its_original_has(account: FakeAccount) -> None:
    """Log router, options, secrets of options, volumes and storage, each time that a revision is made of another."""
    everything = {
        **ROUTER,
        **mounted({"efsVolumeConfiguration": {**EFS, "rootDirectory": "/"}}),
        PROXY_AT + "readonlyRootFilesystem": True,
        WEB_AT + "linuxParameters.tmpfs": [{"containerPath": "/scratch", "size": 64, "mountOptions": ["noexec"]}],
        "ephemeralStorage": {"sizeInGiB": 30},
        "pidMode": "task",
        "enableFaultInjection": True,
    }
    definition = rendered(everything)
    ecs = account.clients["ecs"]
    for revision in range(1, 4):
        register_task_definition(account, ME, definition)  # type: ignore[arg-type]
        described = ecs.describe_task_definition(taskDefinition=f"family:{revision}")["taskDefinition"]
        clone = {field: described[field] for field in definition}
        assert clone["volumes"] == definition["volumes"]
        containers = zip(clone["containerDefinitions"], definition["containerDefinitions"], strict=True)
        assert all(after[field] == before[field] for after, before in containers for field in before)
        assert {**clone, "containerDefinitions": 0} == {**definition, "containerDefinitions": 0}
        definition = clone

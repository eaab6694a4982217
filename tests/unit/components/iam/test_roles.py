"""Roles: each has the stack's boundary; and EventBridge's targets, whose role may be too new, are tried again."""

import runpy
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest
from mocked import ROOT, SECRET_KEYS, Deploy, Recorder, file_config, finish

from components.iam import roles

REFUSED = (
    "creating EventBridge Target (rule-target): operation error EventBridge: PutTargets, https response error StatusCode:"
    " 400, api error ValidationException: Provided role 'arn:aws:iam::123456789012:role/r' cannot be assumed by"
    " principal 'events.amazonaws.com'."
)
OTHER = "api error AccessDeniedException: User: u is not authorized to perform: events:PutTargets"
NOT_PASSED = (
    "creating ECS Task Definition (dev-web): operation error ECS: RegisterTaskDefinition, https response error StatusCode:"
    " 400, AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/dev-deploy/up is not authorized to perform:"
    " iam:PassRole on resource: arn:aws:iam::123456789012:role/dev-web-execution"
)
DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
TARGET = "aws:cloudwatch/eventTarget:EventTarget"


@pytest.mark.parametrize(
    ("errors", "again"),
    [
        ([REFUSED], True),
        ([REFUSED] * 24, True),
        ([REFUSED] * 25, False),
        ([OTHER], False),
        ([OTHER, REFUSED], False),
        ([REFUSED, OTHER], True),
        ([NOT_PASSED], True),
        ([NOT_PASSED] * 6, True),
        ([NOT_PASSED] * 7, False),
    ],
)
def test_what_is_tried_again_and_how_often(monkeypatch: pytest.MonkeyPatch, errors: list[str], again: bool) -> None:
    monkeypatch.setattr("pulumi.resource_hooks.register_error_hook", lambda _: None)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(roles, "asyncio", SimpleNamespace(sleep=sleep))
    (hook,) = roles.retry_until_role_is_known("targets").on_error or []
    answers: list[bool] = []

    async def ask() -> None:
        given: Any = hook(pulumi.ErrorHookArgs("urn", "", "target", TARGET, errors=errors))
        answers.append(await given)

    finish(ask())
    assert (answers, slept) == ([again], [5.0] if again else [])


def test_each_target_that_has_a_role_waits_for_it(deploy: Deploy) -> None:
    recorder = deploy(
        lambda: runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__"),
        config=file_config(ROOT / "tests/stacks/Pulumi.everything.yaml", {}),
        secret_keys=SECRET_KEYS,
    )
    targets = [
        each for each in recorder.requests() if each.type == TARGET and "roleArn" in recorder.inputs(TARGET, each.name)
    ]
    assert len(targets) > 10
    assert [request.name for request in targets if len(request.hooks.on_error) != 1] == []


def test_each_task_definition_waits_for_its_roles(committed: Mapping[str, Recorder]) -> None:
    """And it comes after their policies, which take IAM a moment: `mailer` reads secrets, and its app may do nothing."""
    definitions = committed["dev"].named(DEFINITION)
    assert set(definitions) == {"chuoi-task", "mailer-task"}
    assert [name for name, request in definitions.items() if len(request.hooks.on_error) != 1] == []
    after = {urn.rpartition("::")[2] for urn in definitions["mailer-task"].dependencies}
    assert {"mailer-execution-policy", "mailer-execution-key-own-policy"} <= after


ROLE = "aws:iam/role:Role"


def test_each_role_has_the_stack_s_boundary(deploy: Deploy, committed: Mapping[str, Recorder]) -> None:
    recorder = deploy(
        lambda: runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__"),
        config=file_config(ROOT / "tests/stacks/Pulumi.everything.yaml", {}),
        secret_keys=SECRET_KEYS,
    )
    bounds = {name: recorder.inputs(ROLE, name).get("permissionsBoundary") for name in recorder.named(ROLE)}
    assert len(bounds) > 30
    assert set(bounds.values()) == {"arn:aws:iam::123456789012:policy/boundary"}
    for name in committed["dev"].named(ROLE):
        assert "permissionsBoundary" not in committed["dev"].inputs(ROLE, name)

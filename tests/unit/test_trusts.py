"""Who may become a role, and where tasks may be listed: every role and policy that the programs declare."""

import json
import runpy
from collections.abc import Iterator
from typing import Any

import pytest
from mocked import ACCOUNT, REGION, ROOT, SECRET_KEYS, Deploy, Recorder, deploy, stack_config
from test_bootstrap import CLOUD, GITHUB, GITLAB, RUNNER
from test_bootstrap import run as run_bootstrap

from bootstrap.preview_policy import preview_statements
from components.naming import Scope

__all__ = ["deploy"]
ROLE = "aws:iam/role:Role"
FROM_GITHUB = {"github": {"repository": "team/app", "owner_id": 1, "repository_id": 2, "branch": "main"}}


def declared(deploy: Deploy, stack: str) -> Recorder:
    """A committed stack, whose first service is uploaded from GitHub."""
    config = stack_config(stack)
    services = json.loads(config["fargate-delivery:services"])
    services[next(iter(services))]["source"] = FROM_GITHUB
    config["fargate-delivery:services"] = json.dumps(services)
    program = lambda: runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")  # noqa: E731
    return deploy(program, stack=stack, config=config, secret_keys=SECRET_KEYS)


def trusts(recorder: Recorder) -> Iterator[tuple[str, dict[str, Any]]]:
    """Role and statement of every trust policy."""
    for name in recorder.named(ROLE):
        for statement in json.loads(recorder.inputs(ROLE, name)["assumeRolePolicy"])["Statement"]:
            yield name, statement


def federated(statement: dict[str, Any]) -> bool:
    return "Federated" in statement["Principal"]


@pytest.mark.parametrize("stack", ["dev", "prd", "local"])
def test_a_service_assumes_a_role_on_behalf_of_this_account_only(deploy: Deploy, stack: str) -> None:
    found = [(name, each) for name, each in trusts(declared(deploy, stack)) if not federated(each)]
    assert len(found) > 5
    for name, statement in found:
        assert statement["Principal"].keys() == {"Service"}, name
        assert statement["Action"] == "sts:AssumeRole", name
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}, name


def test_a_token_is_traded_by_the_action_for_it_and_says_who_it_is_for(deploy: Deploy) -> None:
    """STS, AssumeRoleWithWebIdentity: with another action in the trust policy a token opens nothing."""
    keys = {"backend": "pulumi", "github": GITHUB, "gitlab": GITLAB, "pulumi_cloud": CLOUD}
    stacks = {"dev": {"reviews": True, "deployments_preview": True}}
    roles = [*trusts(run_bootstrap(deploy, **keys, stacks=stacks)), *trusts(declared(deploy, "dev"))]
    found = [(name, each) for name, each in roles if federated(each)]
    assert {name for name, _ in found} == {
        "dev-deploy-role",
        "dev-preview-role",
        "dev-drift-role",
        "dev-review-role",
        "chuoi-upload-role",
    }
    for name, statement in found:
        assert statement["Action"] == "sts:AssumeRoleWithWebIdentity", name
        assert statement["Principal"].keys() == {"Federated"}, name
        asked = {key.rpartition(":")[2] for keys in statement["Condition"].values() for key in keys}
        assert asked >= {"aud", "sub"}, name


def test_a_runner_assumes_a_role_as_itself(deploy: Deploy) -> None:
    roles = [each for _, each in trusts(run_bootstrap(deploy, github=None, runners=[RUNNER])) if not federated(each)]
    assert len(roles) == 4
    for statement in roles:
        assert (statement["Principal"], statement["Action"]) == ({"AWS": [RUNNER]}, "sts:AssumeRole")


@pytest.mark.parametrize("stack", ["dev", "prd", "local"])
def test_tasks_are_listed_in_the_stack_s_cluster_only(deploy: Deploy, stack: str) -> None:
    """ListTasks takes no resource of Fargate's, so a condition must hold it."""
    recorder, kind = declared(deploy, stack), "aws:iam/rolePolicy:RolePolicy"
    granted = [
        statement
        for name in recorder.named(kind)
        for statement in json.loads(recorder.inputs(kind, name)["policy"])["Statement"]
    ]
    granted += preview_statements(Scope(stack, "aws", REGION, ACCOUNT))
    lists = [statement for statement in granted if "ecs:ListTasks" in statement["Action"]]
    assert len(lists) > 1
    cluster = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{stack}"
    for statement in lists:
        assert statement["Action"] == ["ecs:ListTasks"]
        assert statement["Condition"] == {"ArnEquals": {"ecs:cluster": cluster}}

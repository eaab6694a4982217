"""Who may become a role, and where tasks may be listed: every role and policy that the programs declare."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from mocked import ACCOUNT, REGION, Deploy, Recorder, of_stack, stack_config

from bootstrap.preview_policy import preview_statements
from components.scope import Scope
from tests.unit.bootstrap.test_bootstrap import CLOUD, GITHUB, GITLAB, RUNNER
from tests.unit.bootstrap.test_bootstrap import run as run_bootstrap

ROLE = "aws:iam/role:Role"
FROM_GITHUB = {"github": {"repository": "team/app", "owner_id": 1, "repository_id": 2, "branch": "main"}}


@pytest.fixture(scope="module")
def declared() -> Mapping[str, Recorder]:
    """The committed stacks, each with a first service that is uploaded from GitHub."""

    def services(stack: str) -> dict[str, Any]:
        known: dict[str, Any] = json.loads(stack_config(stack)["fargate-delivery:services"])
        known[next(iter(known))]["source"] = FROM_GITHUB
        return known

    return {stack: of_stack(stack, services=services(stack)) for stack in ("dev", "prd", "local")}


def trusts(recorder: Recorder) -> Iterator[tuple[str, dict[str, Any]]]:
    """Role and statement of every trust policy."""
    for name in recorder.named(ROLE):
        for statement in json.loads(recorder.inputs(ROLE, name)["assumeRolePolicy"])["Statement"]:
            yield name, statement


def federated(statement: dict[str, Any]) -> bool:
    return "Federated" in statement["Principal"]


@pytest.mark.parametrize("stack", ["dev", "prd", "local"])
def test_a_service_assumes_a_role_on_behalf_of_this_account_only(declared: Mapping[str, Recorder], stack: str) -> None:
    found = [(name, each) for name, each in trusts(declared[stack]) if not federated(each)]
    assert len(found) > 5
    for name, statement in found:
        assert statement["Principal"].keys() == {"Service"}, name
        assert statement["Action"] == "sts:AssumeRole", name
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}, name


def test_a_token_is_traded_by_the_action_for_it_and_says_who_it_is_for(
    deploy: Deploy, declared: Mapping[str, Recorder]
) -> None:
    """STS, AssumeRoleWithWebIdentity: with another action in the trust policy a token opens nothing."""
    keys = {"backend": "pulumi", "github": GITHUB, "gitlab": GITLAB, "pulumi_cloud": CLOUD}
    stacks = {"dev": {"reviews": True, "deployments_preview": True}}
    roles = [*trusts(run_bootstrap(deploy, **keys, stacks=stacks)), *trusts(declared["dev"])]
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
def test_tasks_are_listed_in_the_stack_s_cluster_only(declared: Mapping[str, Recorder], stack: str) -> None:
    """ListTasks takes no resource of Fargate's, so a condition must hold it."""
    recorder, kind = declared[stack], "aws:iam/rolePolicy:RolePolicy"
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

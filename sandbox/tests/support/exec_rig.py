"""A task in which ECS Exec is on, and what its role may do, for tests."""

from typing import Any

import pytest
from aws_fakes import eventually, misfits
from ecs_account import Aws, container

from sandbox.ecs import exec_agent
from sandbox.iam.calls import Need

Json = dict[str, Any]
ROLE = "arn:aws:iam::111111111111:role/app"


class Rights(set[str]):
    """The actions that the task's role has."""

    def may(self, account: object, role: object, need: Need) -> bool:
        assert need.resource == "*"
        return need.action in self


def agent_rights(monkeypatch: pytest.MonkeyPatch) -> Rights:
    """All that the agent needs, until a test takes some away."""
    held = Rights(exec_agent.CHANNELS)
    monkeypatch.setattr(exec_agent, "role_may", held.may)
    return held


def start(aws: Aws, *containers: Json, enabled: bool = True) -> Json:
    """A task that runs."""
    aws.register(*(containers or (container("app"),)), taskRoleArn=ROLE)
    started = aws.ecs.run_task(
        cluster="main", taskDefinition="web", networkConfiguration=aws.network, enableExecuteCommand=enabled
    )
    arn = started["tasks"][0]["taskArn"]
    eventually(lambda: described(aws, arn)["lastStatus"] == "RUNNING", 10)
    return described(aws, arn)


def described(aws: Aws, arn: str) -> Json:
    answer = aws.ecs.describe_tasks(cluster="main", tasks=[arn])
    assert misfits("ecs", "DescribeTasks", answer) == []
    return dict(answer["tasks"][0])

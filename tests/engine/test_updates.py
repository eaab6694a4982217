"""What an update keeps and what it takes away."""

import pytest

from sandbox.engine import EngineError
from tests.engine.conftest import Program, changed

pytestmark = pytest.mark.nightly


def test_an_update_leaves_what_depends_on_it_alone(program: Program) -> None:
    source = """
        group = aws.cloudwatch.LogGroup("updated", retention_in_days={days})
        aws.ssm.Parameter("dependent", type="String", value=group.arn)
        aws.ssm.Parameter("named", type="String", value=group.name)
    """
    program.write(source.format(days=7))
    program.run("up")
    program.write(source.format(days=14))
    assert changed(program.run("preview")) == {"updated": "update"}
    (step,) = [step for step in program.run("preview").steps if step["op"] == "update"]
    assert step["detailedDiff"] == {"retentionInDays": {"kind": "update", "inputDiff": True}}
    assert changed(program.run("up")) == {"updated": "update"}
    assert program.state()["updated"]["outputs"]["retentionInDays"] == 14
    program.run("destroy")


def test_an_input_that_is_taken_away_is_gone(program: Program) -> None:
    program.write(
        "aws.ssm.Parameter('described', type='String', value='x', description='d', tags={'a': '1', 'b': '2'})"
    )
    program.run("up")
    program.write("aws.ssm.Parameter('described', type='String', value='x', tags={'a': '1'})")
    (step,) = [step for step in program.run("preview").steps if step["op"] == "update"]
    assert {path: diff["kind"] for path, diff in step["detailedDiff"].items()} == {
        "description": "delete",
        "tags.b": "delete",
    }
    program.run("up")
    assert "description" not in program.state()["described"]["outputs"]
    assert changed(program.run("preview", refresh=True)) == {}
    program.run("destroy")


def test_a_retained_resource_stays(program: Program) -> None:
    program.write(
        "aws.ssm.Parameter('kept', name='/kept', type='String', value='x', opts=pulumi.ResourceOptions(retain_on_delete=True))"
    )
    program.run("up")
    program.run("destroy")
    assert program.client("ssm").get_parameter(Name="/kept")["Parameter"]["Value"] == "x"


def test_ignored_changes_are_no_difference(program: Program) -> None:
    source = (
        "aws.ssm.Parameter('ignored', type='String', value='{}', opts=pulumi.ResourceOptions(ignore_changes=['value']))"
    )
    program.write(source.format("first"))
    program.run("up")
    name = program.state()["ignored"]["outputs"]["name"]
    program.client("ssm").put_parameter(Name=name, Value="by another", Overwrite=True)
    program.write(source.format("second"))
    assert changed(program.run("up", refresh=True)) == {}
    assert program.client("ssm").get_parameter(Name=name)["Parameter"]["Value"] == "by another"
    program.run("destroy")


SERVICE = """
    vpc = aws.ec2.Vpc("moved", cidr_block="10.77.0.0/16")
    subnet = aws.ec2.Subnet("moved-subnet", vpc_id=vpc.id, cidr_block="10.77.0.0/24")
    cluster = aws.ecs.Cluster("moved-cluster", name="moved")
    providers = aws.ecs.ClusterCapacityProviders(
        "moved-providers", cluster_name=cluster.name, capacity_providers=["FARGATE", "FARGATE_SPOT"]
    )
    task = aws.ecs.TaskDefinition(
        "moved-task", family="moved", cpu="256", memory="512", network_mode="awsvpc",
        requires_compatibilities=["FARGATE"], container_definitions='[{{"name": "web", "image": "web"}}]',
    )
    aws.ecs.Service(
        "moved-service", name="moved", cluster=providers.cluster_name, task_definition=task.arn, desired_count=0,
        capacity_provider_strategies=[{{"capacity_provider": "{provider}", "weight": 1}}],
        force_new_deployment={forced}, network_configuration={{"subnets": [subnet.id]}},
        opts=pulumi.ResourceOptions(ignore_changes={ignored}),
    )
"""


def test_another_capacity_provider_is_an_update_in_place_when_it_is_forced(program: Program) -> None:
    program.write(SERVICE.format(provider="FARGATE", forced=None, ignored=[]))
    program.run("up")
    program.write(SERVICE.format(provider="FARGATE_SPOT", forced=None, ignored=[]))
    with pytest.raises(EngineError, match=r"moved-service.*force_new_deployment should be true when"):
        program.run("preview")
    program.write(SERVICE.format(provider="FARGATE_SPOT", forced=True, ignored=[]))
    assert changed(program.run("up")) == {"moved-service": "update"}
    program.write(SERVICE.format(provider="FARGATE_SPOT", forced=None, ignored=["force_new_deployment"]))
    assert changed(program.run("preview", refresh=True)) == {}
    program.run("destroy")

"""Tags of one service, under mocks: on all of its resources that take any, and on nothing else's."""

import json

import pulumi_aws as aws
import pytest
from mocked import Recorder, of_stack, stack_config

TAGS = {"team": "web", "cost-centre": "4711"}


@pytest.fixture(scope="module")
def dev() -> Recorder:
    services = json.loads(stack_config("dev")["fargate-delivery:services"])
    services["chuoi"]["tags"] = TAGS
    return of_stack("dev", services=services)


def test_all_of_a_service_that_takes_tags_has_its_own(dev: Recorder) -> None:
    tagged: set[str] = set()
    for request in dev.requests():
        own = request.parent.rpartition("::")[2] == "chuoi" and request.type.startswith("aws:")
        given = dict(request.object.items()).get("tags") if request.type.startswith("aws:") else None
        if given is not None:
            tagged.add(request.type)
            assert (own, dict(given.items())) == (True, TAGS), request.name
    wanted = {"ecs/service:Service", "ecs/taskDefinition:TaskDefinition", "ecr/repository:Repository", "kms/key:Key"}
    wanted |= {"cloudwatch/logGroup:LogGroup", "codebuild/project:Project", "lb/targetGroup:TargetGroup"}
    wanted |= {"codepipeline/pipeline:Pipeline", "iam/role:Role", "ssm/parameter:Parameter"}
    assert {f"aws:{kind}" for kind in wanted} <= tagged
    assert all(hasattr(resource, "tags") for resource in (aws.ecs.Service, aws.kms.Key))
    assert not hasattr(aws.iam.RolePolicy, "tags"), "what takes none is left alone"


def test_a_service_without_tags_says_nothing_of_them(dev: Recorder) -> None:
    assert "tags" not in dev.inputs("aws:ecs/service:Service", "mailer-service")

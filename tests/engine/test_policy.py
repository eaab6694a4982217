"""The policy pack on the real engine: a program with a fault for every rule."""

import re

import pytest

from sandbox.engine import EngineError
from tests.engine.conftest import REPOSITORY, Program

PACK = REPOSITORY / "policy"
RULES = set(re.findall(r"^\| `([a-z-]+)` \|", (REPOSITORY / "docs/reference/policy.md").read_text(), re.MULTILINE))

FAULTS = """
import json

group = aws.ec2.SecurityGroup('group')
aws.vpc.SecurityGroupIngressRule(
    'open', security_group_id=group.id, ip_protocol='tcp', from_port=22, to_port=22, cidr_ipv4='0.0.0.0/0'
)
aws.s3.Bucket('store')
aws.sqs.Queue('queue', sqs_managed_sse_enabled=False)
everybody = {'Statement': [{'Effect': 'Allow', 'Principal': '*', 'Action': 'sqs:SendMessage', 'Resource': 'arn'}]}
aws.sqs.QueuePolicy('everybody', queue_url='https://sqs/queue', policy=json.dumps(everybody))
aws.lb.Listener(
    'plain',
    load_balancer_arn='arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/one/1',
    port=80,
    protocol='HTTP',
    default_actions=[{'type': 'fixed-response', 'fixed_response': {'content_type': 'text/plain', 'status_code': '200'}}],
)
aws.cloudwatch.LogGroup('logs')
wide = {'Statement': [{'Effect': 'Allow', 'Action': 's3:*', 'Resource': '*'}]}
aws.iam.UserPolicy('wide', user='somebody', policy=json.dumps(wide))
aws.ecs.TaskDefinition(
    'task',
    family='task',
    container_definitions=json.dumps([{'name': 'web', 'image': 'nginx:latest', 'memory': 512}]),
    volumes=[{'name': 'media', 'efs_volume_configuration': {'file_system_id': 'fs-1'}}],
)
aws.ecs.Service(
    'service', network_configuration={'subnets': ['subnet-1'], 'assign_public_ip': True}, task_definition='task'
)
action = {'category': 'Deploy', 'owner': 'AWS', 'provider': 'ECS', 'version': '1', 'name': 'Deploy'}
source = {'category': 'Source', 'owner': 'AWS', 'provider': 'S3', 'version': '1', 'name': 'Source'}
aws.codepipeline.Pipeline(
    'pipeline',
    role_arn='arn:aws:iam::123456789012:role/pipeline',
    artifact_stores=[{'type': 'S3', 'location': 'store'}],
    stages=[{'name': 'Source', 'actions': [source]}, {'name': 'Deploy', 'actions': [action]}],
)
"""

REFUSED = {
    "only-the-load-balancer-is-open": ("open: 0.0.0.0/0 may reach port 22", "referenced_security_group_id"),
    "nothing-else-is-public": ("service: it gives its tasks public addresses", "`fargate-delivery:network.nat`"),
    "buckets-are-private": ("store: it may be made public", "aws.s3.BucketPublicAccessBlock"),
    "no-policy-for-everybody": ("everybody: its policy lets everybody in", "aws:SourceArn"),
    "listeners-use-tls": ("plain: HTTP is not encrypted", "redirect to HTTPS"),
    "buckets-are-encrypted": ("store: it takes requests without TLS", "policies.secure_transport_only"),
    "encrypted-at-rest": ("queue: its messages are not encrypted", "sqs_managed_sse_enabled=True"),
    "encrypted-in-transit": ("task: what a task reads and writes in volume media", "transitEncryption: ENABLED"),
    "log-retention": ("logs: its logs are kept for ever", "`fargate-delivery:cluster.log_retention_days`"),
    "no-wildcards-without-a-reason": ("wide: a statement allows s3:*", "components/iam/"),
    "tags": ("default_", "`aws:defaultTags` in Pulumi.prd.yaml"),
    "no-mutable-image-tags": ("task: container web runs nginx:latest", "task_templates/"),
    "protected-in-production": ("store: Pulumi may delete it", "`fargate-delivery:protect` in Pulumi.prd.yaml"),
    "approval-in-production": ("pipeline: it deploys what nobody has approved", ".approve` in Pulumi.prd.yaml"),
    "rollback-in-production": ("service: tasks that do not start", "deployment_circuit_breaker"),
}


def test_every_rule_is_refused_by_the_resource_s_name_with_the_mend(program: Program) -> None:
    program.stack = "prd"
    program.write(FAULTS)
    with pytest.raises(EngineError) as refused:
        program.run("preview", policy_packs=[PACK])
    violations = str(refused.value).splitlines()
    assert REFUSED.keys() == RULES
    for rule, words in REFUSED.items():
        said = [line for line in violations if line.endswith(f"(policy {rule})")]
        assert any(all(word in line for word in words) for line in said), f"{rule}: {said}"


def test_nothing_is_made_that_is_refused(program: Program) -> None:
    program.write("aws.sqs.Queue('refused', sqs_managed_sse_enabled=False)")
    program.config["aws:defaultTags"] = {"tags": {"project": "tiny", "stack": "test"}}
    with pytest.raises(EngineError, match=r"aws:sqs/queue:Queue refused: .*sqs_managed_sse_enabled=True"):
        program.run("up", policy_packs=[PACK])
    assert "refused" not in program.state()
    program.write("aws.sqs.Queue('refused', sqs_managed_sse_enabled=True)")
    assert program.run("up", policy_packs=[PACK]).summary["create"] == 1

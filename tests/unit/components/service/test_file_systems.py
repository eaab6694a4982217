"""File systems that the stack file names, under mocks: the volume, who may mount it, and who lets the tasks in."""

import json
from typing import Any

import pytest
from mocked import ACCOUNT, REGION, Recorder, of_stack, stack_config

from components.service.file_systems import FileSystem
from components.service.task_template import TaskTemplate, TemplateError
from tests.unit.program.test_program import statements

ROLE_POLICY, INGRESS = "aws:iam/rolePolicy:RolePolicy", "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
FS, OTHER, POINT = "fs-0123456789abcdef0", "fs-11111111", "fsap-0123456789abcdef0"
VOLUMES = {
    "uploads": {"file_system": FS, "access_point": POINT, "path": "/app/uploads", "security_group": "sg-1"},
    "fonts": {"file_system": OTHER, "path": "/usr/share/fonts", "read_only": True, "security_group": "sg-1"},
}


@pytest.fixture(scope="module")
def dev() -> Recorder:
    services = json.loads(stack_config("dev")["fargate-delivery:services"])
    services["chuoi"]["task"] = {**services["chuoi"].get("task", {}), "volumes": VOLUMES}
    return of_stack("dev", services=services)


def test_each_is_mounted_encrypted_and_as_the_task_s_role(dev: Recorder) -> None:
    definition = dev.inputs("aws:ecs/taskDefinition:TaskDefinition", "chuoi-task")
    assert definition["volumes"] == [
        {
            "name": "uploads",
            "efsVolumeConfiguration": {
                "fileSystemId": FS,
                "transitEncryption": "ENABLED",
                "authorizationConfig": {"accessPointId": POINT, "iam": "ENABLED"},
            },
        },
        {
            "name": "fonts",
            "efsVolumeConfiguration": {
                "fileSystemId": OTHER,
                "transitEncryption": "ENABLED",
                "authorizationConfig": {"iam": "ENABLED"},
            },
        },
    ]
    (web,) = json.loads(definition["containerDefinitions"])
    assert web["mountPoints"] == [
        {"sourceVolume": "uploads", "containerPath": "/app/uploads", "readOnly": False},
        {"sourceVolume": "fonts", "containerPath": "/usr/share/fonts", "readOnly": True},
    ]
    assert "volumes" not in dev.inputs("aws:ecs/taskDefinition:TaskDefinition", "mailer-task")


def test_the_task_s_role_may_mount_these_and_write_into_one(dev: Recorder) -> None:
    arn = f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}"
    found = statements(dev, ROLE_POLICY, "chuoi-task-policy")
    assert {sid: (each["Action"], each["Resource"], each.get("Condition")) for sid, each in found.items()} == {
        "Mount1": (
            ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"],
            [f"{arn}:file-system/{FS}"],
            {"StringEquals": {"elasticfilesystem:AccessPointArn": f"{arn}:access-point/{POINT}"}},
        ),
        "Mount2": (["elasticfilesystem:ClientMount"], [f"{arn}:file-system/{OTHER}"], None),
    }


def test_a_security_group_lets_in_the_tasks_once(dev: Recorder) -> None:
    (name,) = [name for name in dev.named(INGRESS) if "-efs-" in name]
    rule = dev.inputs(INGRESS, name)
    assert (name, rule["securityGroupId"]) == ("chuoi-efs-sg-1", "sg-1")
    assert (rule["fromPort"], rule["toPort"], rule["ipProtocol"]) == (2049, 2049, "tcp")
    assert rule["referencedSecurityGroupId"] == "chuoi-sg-id"


def template(**document: Any) -> TaskTemplate:
    web = {"name": "web", "image": "${image}", "mountPoints": [{"sourceVolume": "own", "containerPath": "/own"}]}
    proxy = {"name": "proxy", "image": "other"}
    return TaskTemplate("task_templates/web.json", {"containerDefinitions": [web, proxy], **document})


def volume(path: str) -> FileSystem:
    return FileSystem(file_system=FS, path=path)


def test_a_template_keeps_what_it_has_itself() -> None:
    given = template(volumes=[{"name": "own"}]).with_volumes({"files": volume("/files")})
    web, proxy = given.document["containerDefinitions"]
    assert [each["containerPath"] for each in web["mountPoints"]] == ["/own", "/files"]
    assert "mountPoints" not in proxy
    assert [each["name"] for each in given.document["volumes"]] == ["own", "files"]
    same = template()
    assert same.with_volumes({}) is same


@pytest.mark.parametrize(
    ("volumes", "words"),
    [
        ({"own": volume("/files")}, "has a volume own itself; give one of the two another name"),
        ({"files": volume("/own")}, "mounts something at /own itself; remove one of the two"),
    ],
)
def test_what_the_template_has_already_is_refused(volumes: dict[str, FileSystem], words: str) -> None:
    with pytest.raises(TemplateError, match=words):
        template(volumes=[{"name": "own"}]).with_volumes(volumes)

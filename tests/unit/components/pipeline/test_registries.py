"""Registries of base images: what a stack file may say, what the build is told, and exactly what it may do."""

import json
from collections.abc import Callable

from mocked import ACCOUNT, REGION, Recorder, stack_config

from tests.unit.program.test_program import run, statements

Deploy = Callable[..., Recorder]
PROJECT, ROLE_POLICY = "aws:codebuild/project:Project", "aws:iam/rolePolicy:RolePolicy"
SECRETS = [f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}" for name in ("hub-a1B2c3", "own-d4E5f6")]
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"
BASES = ["arn:aws:ecr:us-east-1:222222222222:repository/base/*", "arn:aws:ecr:us-east-1:222222222222:repository/one"]
REGISTRIES = {
    "logins": {"docker.io": {"secret": SECRETS[0]}, "registry.example.com:5000": {"secret": SECRETS[1], "key": KEY}},
    "repositories": BASES,
    "caches": ["docker-hub", "quay"],
}
OF_REGISTRIES = {"ReadRegistryLogins", "DecryptRegistryLogins1", "PullBaseImages", "PullThroughCaches"}


def declared(deploy: Deploy, **build: object) -> Recorder:
    services = json.loads(stack_config("dev")["fargate-delivery:services"])
    services["chuoi"]["build"] = build
    return run(deploy, "dev", services=services)


def told(recorder: Recorder, service: str) -> dict[str, str]:
    listed = recorder.inputs(PROJECT, f"{service}-package")["environment"]["environmentVariables"]
    return {each["name"]: each["value"] for each in listed if each["name"] in ("REGISTRY_LOGINS", "ECR_REGISTRIES")}


def test_the_build_reads_these_logins_and_pulls_from_these_repositories(deploy: Deploy) -> None:
    recorder = declared(deploy, registries=REGISTRIES)
    assert told(recorder, "chuoi") == {
        "REGISTRY_LOGINS": f"docker.io={SECRETS[0]} registry.example.com:5000={SECRETS[1]}",
        "ECR_REGISTRIES": "222222222222.dkr.ecr.us-east-1.amazonaws.com",
    }
    pull = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]
    fill = ["ecr:BatchImportUpstreamImage", "ecr:CreateRepository"]
    caches = [f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{prefix}/*" for prefix in ("docker-hub", "quay")]
    granted = statements(recorder, ROLE_POLICY, "chuoi-package-policy")
    found = {
        sid: (each["Action"], each["Resource"], each.get("Condition"))
        for sid, each in granted.items()
        if sid in OF_REGISTRIES
    }
    assert found == {
        "ReadRegistryLogins": (["secretsmanager:GetSecretValue"], SECRETS, None),
        "DecryptRegistryLogins1": (
            ["kms:Decrypt"],
            [KEY],
            {"StringEquals": {"kms:EncryptionContext:SecretARN": [SECRETS[1]]}},
        ),
        "PullBaseImages": (pull, BASES, None),
        "PullThroughCaches": ([*pull, *fill], caches, None),
    }


def test_nobody_else_may(deploy: Deploy) -> None:
    recorder = declared(deploy, registries=REGISTRIES)
    holders = {
        name for name in recorder.named(ROLE_POLICY) if OF_REGISTRIES & statements(recorder, ROLE_POLICY, name).keys()
    }
    assert holders == {"chuoi-package-policy"}
    assert told(recorder, "mailer") == {"REGISTRY_LOGINS": "", "ECR_REGISTRIES": ""}

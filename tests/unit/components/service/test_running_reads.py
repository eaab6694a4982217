"""What the revisions that run read stays readable: which of it is beside what is declared, and what the roles get."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from mocked import ACCOUNT, REGION, SECRET_KEYS, Recorder, deploy, program, stack_config

from components.scope import Scope
from components.service.running_reads import RunningReads
from components.service.task_reads import Mount, Reads
from tests.unit.components.service.test_update_hooks import QUIET
from tests.unit.program.test_program import statements

__all__ = ["deploy"]
Deploy = Callable[..., Recorder]
SCOPE = Scope(stack="dev", partition="aws", region=REGION, account=ACCOUNT)
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:db-AbCdEf"
PARAMETERS = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter"
OWN_VALUE = f"{PARAMETERS}/fargate-delivery/dev/chuoi/runtime/LEVEL-0a1b2c3"
OWN_FILE = "arn:aws:s3:::dev-delivery-0a1b2c3/environment/chuoi/0123/chuoi.env"
SHARED_FILE = "arn:aws:s3:::team-settings/shared.env"
PROXY = f"222222222222.dkr.ecr.{REGION}.amazonaws.com/proxy:1"


def revision(
    *, files: tuple[str, ...] = (), reads: tuple[str, ...] = (), images: tuple[str, ...] = ()
) -> dict[str, Any]:
    """A task definition as ECS describes it."""
    return {
        "containerDefinitions": [
            {
                "name": f"c{number}",
                "image": image,
                "secrets": [{"name": f"V{index}", "valueFrom": each} for index, each in enumerate(reads)],
                "environmentFiles": [{"type": "s3", "value": each} for each in files],
                "mountPoints": [{"sourceVolume": "media", "containerPath": "/media", "readOnly": True}],
            }
            for number, image in enumerate([f"{REGISTRY}/dev-chuoi@sha256:{'a' * 64}", *images])
        ],
        "volumes": [
            {
                "name": "media",
                "efsVolumeConfiguration": {
                    "fileSystemId": "fs-0123",
                    "authorizationConfig": {"accessPointId": "fsap-1", "iam": "ENABLED"},
                },
            }
        ],
    }


OLD = revision(
    files=(OWN_FILE, SHARED_FILE),
    reads=(OWN_VALUE, f"{PARAMETERS}/shared/key", f"{SECRET}:password::"),
    images=(PROXY, "redis:7"),
)
READ = Reads(
    secrets=[SECRET],
    parameters=[f"{PARAMETERS}/shared/key"],
    files=[SHARED_FILE],
    repositories=[("222222222222", REGION, "proxy")],
    mounts=[Mount("fs-0123", "fsap-1", writes=False)],
)


def test_what_is_the_service_s_own_needs_nothing_more() -> None:
    assert RunningReads.of([OLD], SCOPE, "chuoi", set()) == RunningReads(READ, own_files=True)
    none = RunningReads.of([], SCOPE, "chuoi", set())
    assert (none.elsewhere | Reads(), none.own_files) == (Reads([], [], [], [], []), False)


def test_what_the_declared_parameters_are_is_granted_by_them() -> None:
    found = RunningReads.of([OLD], SCOPE, "chuoi", {SECRET, f"{PARAMETERS}/shared/key"})
    assert (found.elsewhere.secrets, found.elsewhere.parameters) == ([], [])


def test_of_several_revisions_all_is_read() -> None:
    more = revision(reads=(f"{PARAMETERS}/another",))
    found = RunningReads.of([OLD, more], SCOPE, "chuoi", set()).elsewhere
    assert found.parameters == [f"{PARAMETERS}/another", f"{PARAMETERS}/shared/key"]
    assert found.mounts == READ.mounts, "once"


def up(deploy: Deploy, *revisions: dict[str, Any], services: dict[str, Any] | None = None) -> Recorder:
    config = stack_config("dev")
    if services is not None:
        config["fargate-delivery:services"] = json.dumps(services)
    states = {"chuoi": replace(QUIET, revisions=revisions)} if revisions else {}
    return deploy(program, config=config, secret_keys=SECRET_KEYS, states=states)


def granted(recorder: Recorder, role: str) -> dict[str, Any]:
    return {
        sid: (each["Action"], each["Resource"])
        for sid, each in statements(recorder, ROLE_POLICY, f"chuoi-{role}-policy").items()
    }


def test_an_edit_takes_no_right_from_what_runs(deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr("pulumi.log.info", said.append)
    declared = granted(up(deploy), "execution")
    before = {sid: value for sid, value in granted(up(deploy, OLD), "execution").items() if declared.get(sid) != value}
    assert {sid: resources for sid, (_, resources) in before.items() if "Own" not in sid} == {
        "PullSidecars": [f"arn:aws:ecr:{REGION}:222222222222:repository/proxy"],
        "ReadSecrets": [SECRET],
        "ReadNamedParameters": [f"{PARAMETERS}/shared/key"],
        "ReadEnvironmentFiles": [SHARED_FILE],
        "FindEnvironmentFiles": ["arn:aws:s3:::team-settings"],
    }
    assert before.keys() - declared.keys() >= {"ReadOwnEnvironmentFiles", "FindOwnEnvironmentFiles"}
    (told,) = [line for line in said if "go on reading" in line]
    assert told == (
        f"chuoi: its roles may go on reading {SHARED_FILE}, {SECRET}, {PARAMETERS}/shared/key, fs-0123, proxy, which a "
        "revision reads that runs; the next up after its last task takes that away"
    )


def test_a_file_system_stays_mounted(deploy: Deploy) -> None:
    mount = granted(up(deploy, OLD), "task")["Mount1"]
    assert mount == (
        ["elasticfilesystem:ClientMount"],
        [f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:file-system/fs-0123"],
    )


def test_what_is_declared_and_runs_is_granted_once(deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr("pulumi.log.info", said.append)
    services = json.loads(stack_config("dev")["fargate-delivery:services"])
    services["chuoi"]["parameters"] |= {
        "KEY": {"external": "/shared/key", "for": ["runtime"]},
        "DATABASE": {"secrets_manager": {"arn": SECRET, "json_key": "password"}, "for": ["runtime"]},
    }
    services["chuoi"]["task"]["environment_files"] = [SHARED_FILE]
    runs = revision(files=(SHARED_FILE,), reads=(f"{PARAMETERS}/shared/key", f"{SECRET}:password::", OWN_VALUE))
    del runs["volumes"]
    assert granted(up(deploy, runs, services=services), "execution") == granted(
        up(deploy, services=services), "execution"
    )
    assert not [line for line in said if "go on reading" in line]


KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k"
ANOTHER = f"{SECRET[:-6]}GhIjKl"


def test_what_runs_is_decrypted_with_the_keys_that_are_declared(deploy: Deploy) -> None:
    """Another secret with the same key takes the place of the one that runs."""
    services = json.loads(stack_config("dev")["fargate-delivery:services"])
    services["chuoi"]["parameters"] |= {
        "DATABASE": {"secrets_manager": {"arn": ANOTHER, "key": KEY}, "for": ["runtime"]},
    }
    runs = revision(reads=(f"{SECRET}:password::", f"{PARAMETERS}/shared/key"))
    recorder = up(deploy, runs, services=services)
    of_key = statements(recorder, ROLE_POLICY, f"chuoi-execution-key-{REGION}-{ACCOUNT}-key-k-policy")
    secret, parameter = "kms:EncryptionContext:SecretARN", "kms:EncryptionContext:PARAMETER_ARN"
    assert {sid: each["Condition"] for sid, each in of_key.items()} == {
        "DecryptManagedSecrets1": {"StringEquals": {secret: [ANOTHER]}},
        "DecryptRunningSecrets1": {"StringEquals": {secret: [SECRET]}},
        "DecryptRunning1Parameters": {"StringLike": {parameter: [f"{PARAMETERS}/shared/key"]}},
    }


def test_the_endpoint_stays_that_it_is_read_through(deploy: Deploy) -> None:
    config = stack_config("dev", network={"nat": "none", "endpoints": True})
    states = {"chuoi": replace(QUIET, revisions=(OLD,))}
    endpoint = "aws:ec2/vpcEndpoint:VpcEndpoint"
    now, before = (
        set(deploy(program, config=config, secret_keys=SECRET_KEYS, states=given).named(endpoint))
        for given in (states, {})
    )
    assert now - before == {"network-endpoints-secretsmanager"}

"""What the roles are granted for what a template names, under mocks, and what the AWS provider is given of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest
from mocked import ACCOUNT, REGION, Recorder
from task_definitions import EFS, PROXY_AT, ROUTER, TAKEN, WEB_AT, changed, mounted

from config import settings
from tests.unit.components.service.test_task_role import declared
from tests.unit.config.test_settings import changed as configured
from tests.unit.config.test_settings import refusal
from tests.unit.program.test_program import of_role, run

Deploy = Callable[..., Recorder]
TASK_DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
OBJECT = "aws:s3/bucketObjectv2:BucketObjectv2"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:db-AbCdEf"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0123"
NAMED = {
    PROXY_AT + "image": "222222222222.dkr.ecr.eu-west-1.amazonaws.com/tools/proxy:stable",
    PROXY_AT + "repositoryCredentials": {"credentialsParameter": f"{SECRET[:-6]}123456"},
    PROXY_AT + "secrets": [
        {"name": "A", "valueFrom": f"{SECRET}:password::"},
        {"name": "B", "valueFrom": f"{SECRET}::AWSPREVIOUS:"},
        {"name": "C", "valueFrom": f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/shared/key"},
    ],
    WEB_AT + "environmentFiles": [{"type": "s3", "value": "arn:aws:s3:::conf/web/app.env"}],
    WEB_AT + "secrets": ["${secrets}", {"name": "D", "valueFrom": SECRET}],
}


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], None]:
    """Writes web.json, which chuoi's task is made of; the other templates are the committed ones."""
    for path in settings.TEMPLATES.glob("*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(settings, "TEMPLATES", tmp_path)

    def write(changes: dict[str, Any]) -> None:
        (tmp_path / "web.json").write_text(json.dumps(changed(changes)))

    return write


def with_keys(*keys: str) -> dict[str, Any]:
    services = declared()
    services["chuoi"]["task"]["kms_keys"] = list(keys)
    return services


def granted(recorder: Recorder, role: str) -> dict[str, Any]:
    return of_role(recorder, f"chuoi-{role}")


def test_the_execution_role_reads_what_the_template_names_and_no_more(deploy: Deploy, template: Any) -> None:
    template({})
    plain = granted(run(deploy, "dev"), "execution")
    template(NAMED)
    more = granted(run(deploy, "dev", services=with_keys(KEY)), "execution")
    assert {sid: (s["Action"], s["Resource"], s.get("Condition")) for sid, s in more.items() if sid not in plain} == {
        "PullSidecars": (
            ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            ["arn:aws:ecr:eu-west-1:222222222222:repository/tools/proxy"],
            None,
        ),
        "ReadSecrets": (["secretsmanager:GetSecretValue"], [f"{SECRET[:-6]}123456", SECRET], None),
        "ReadNamedParameters": (["ssm:GetParameters"], [f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/shared/key"], None),
        "ReadEnvironmentFiles": (["s3:GetObject"], ["arn:aws:s3:::conf/web/app.env"], None),
        "FindEnvironmentFiles": (["s3:GetBucketLocation"], ["arn:aws:s3:::conf"], None),
        "DecryptWhatIsRead1": (
            ["kms:Decrypt"],
            [KEY],
            {
                "StringLike": {
                    "kms:ViaService": [f"{service}.*.amazonaws.com*" for service in ("secretsmanager", "ssm", "s3")]
                }
            },
        ),
    }
    assert {sid: s for sid, s in more.items() if sid in plain} == plain


def test_without_a_key_nothing_is_decrypted(deploy: Deploy, template: Any) -> None:
    template(NAMED)
    assert "DecryptWhatIsRead1" not in granted(run(deploy, "dev"), "execution")


def test_the_secret_of_a_log_option_is_read_too(deploy: Deploy, template: Any) -> None:
    template({**ROUTER, WEB_AT + "logConfiguration.secretOptions": [{"name": "apikey", "valueFrom": SECRET}]})
    assert granted(run(deploy, "dev"), "execution")["ReadSecrets"]["Resource"] == [SECRET]


@pytest.mark.parametrize(
    ("mount", "actions"),
    [
        ({}, ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]),
        ({"readOnly": True}, ["elasticfilesystem:ClientMount"]),
    ],
)
def test_the_task_role_mounts_a_file_system(
    deploy: Deploy, template: Any, mount: dict[str, Any], actions: list[str]
) -> None:
    template(mounted({"efsVolumeConfiguration": EFS}, **mount))
    recorder = run(deploy, "dev")
    prefix = f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}"
    assert [(s["Action"], s["Resource"], s["Condition"]) for s in granted(recorder, "task").values()] == [
        (
            actions,
            [f"{prefix}:file-system/fs-0123456789abcdef0"],
            {"StringEquals": {"elasticfilesystem:AccessPointArn": f"{prefix}:access-point/fsap-0123456789abcdef0"}},
        )
    ]
    assert recorder.inputs(TASK_DEFINITION, "chuoi-task")["volumes"] == [
        {"name": "data", "efsVolumeConfiguration": EFS}
    ]


def test_the_provider_has_other_words_for_two_fields(deploy: Deploy, template: Any) -> None:
    template({**mounted({"host": {}}), "ephemeralStorage": {"sizeInGiB": 21}})
    inputs = run(deploy, "dev").inputs(TASK_DEFINITION, "chuoi-task")
    assert inputs["ephemeralStorage"] == {"sizeInGib": 21}
    assert inputs["volumes"] == [{"name": "data"}]


def test_storage_of_the_stack_file_is_an_edit_of_the_task(deploy: Deploy) -> None:
    services = declared()
    plain = run(deploy, "dev", services=services).inputs(TASK_DEFINITION, "chuoi-task")
    services["chuoi"]["task"]["ephemeral_storage"] = 50
    sized = run(deploy, "dev", services=services).inputs(TASK_DEFINITION, "chuoi-task")
    assert sized.pop("ephemeralStorage") == {"sizeInGib": 50}
    differ = {key for key in sized if sized[key] != plain[key]}
    assert differ == {"containerDefinitions"}, "its fingerprint"


def test_storage_that_the_template_has_too_is_refused(deploy: Deploy, template: Any) -> None:
    template({"ephemeralStorage": {"sizeInGiB": 21}})
    services = declared()
    services["chuoi"]["task"]["ephemeral_storage"] = 50
    with pytest.raises(pulumi.RunError, match=r"task\.ephemeral_storage: \S+/web\.json has ephemeralStorage itself"):
        run(deploy, "dev", services=services)


def test_a_log_router_reaches_the_provider_as_it_is(deploy: Deploy, template: Any) -> None:
    template(ROUTER)
    web, proxy = json.loads(run(deploy, "dev").inputs(TASK_DEFINITION, "chuoi-task")["containerDefinitions"])
    assert web["logConfiguration"] == ROUTER[WEB_AT + "logConfiguration"]
    assert proxy["firelensConfiguration"] == ROUTER[PROXY_AT + "firelensConfiguration"]
    assert "logConfiguration" not in proxy


@pytest.mark.parametrize("case", ["splunk", "no log at all"])
def test_a_template_s_own_log_is_never_replaced(deploy: Deploy, template: Any, case: str) -> None:
    """Nor is one put where there is none (pulumi/pulumi-awsx#620)."""
    template(TAKEN[case])
    web, _ = json.loads(run(deploy, "dev").inputs(TASK_DEFINITION, "chuoi-task")["containerDefinitions"])
    given = changed(TAKEN[case])["containerDefinitions"][0]
    assert web.get("logConfiguration") == given.get("logConfiguration")


def test_what_codedeploy_deploys_has_all_that_a_template_says(deploy: Deploy, template: Any) -> None:
    """Log router, options and their secrets, volumes, storage: as where ECS deploys, but for the image."""
    everything = {
        **ROUTER,
        **mounted({"efsVolumeConfiguration": {**EFS, "rootDirectory": "/"}}),
        PROXY_AT + "readonlyRootFilesystem": True,
        WEB_AT + "linuxParameters.tmpfs": [{"containerPath": "/scratch", "size": 64}],
        "ephemeralStorage": {"sizeInGiB": 30},
    }
    template(everything)
    services = declared()
    services["chuoi"] |= {"deploy": {"strategy": "codedeploy"}, "routes": services["chuoi"]["routes"][:1]}
    written = json.loads(run(deploy, "dev", services=services).inputs(OBJECT, "chuoi-taskdef")["content"])
    document = changed(everything)
    for field in ("volumes", "ephemeralStorage"):
        assert written[field] == document[field]
    for before, after in zip(document["containerDefinitions"], written["containerDefinitions"], strict=True):
        for field in before.keys() - {"image", "portMappings", "environment", "secrets", "dockerLabels"}:
            assert after[field] == before[field]


def test_a_sidecar_of_the_service_s_own_repository_is_a_mistake(deploy: Deploy, template: Any) -> None:
    """The stack's name and the service's say which repository that is."""
    image = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/dev-chuoi:proxy"
    template({"containerDefinitions": [*changed({})["containerDefinitions"], {"name": "own", "image": image}]})
    at = f"containerDefinitions[{len(changed({})['containerDefinitions'])}]"
    config = configured("services.chuoi.exec", False)
    words = f"services.chuoi.task.template: {settings.TEMPLATES.name}/web.json: {at}.image: {image!r} is of the service's own"
    assert words in refusal(deploy, config)


def test_a_template_s_problems_are_the_stack_file_s(deploy: Deploy, template: Any) -> None:
    template({WEB_AT + "privileged": True, WEB_AT + "stopTimeout": 121, WEB_AT + "readonlyRootFilesystem": True})
    config = configured("services.chuoi.exec", True)
    config["fargate-delivery:services"]["chuoi"]["parameters"]["PORT"] = {"value": "1", "for": ["runtime"]}
    config["fargate-delivery:services"]["chuoi"]["task"]["kms_keys"] = [KEY]
    prefix = "fargate-delivery:services.chuoi.task."
    assert [line.partition(prefix)[2] for line in refusal(deploy, config).splitlines() if "chuoi" in line] == [
        f"template: {settings.TEMPLATES.name}/web.json: {problem}"
        for problem in (
            "containerDefinitions[0].privileged: true; Fargate takes false only",
            "containerDefinitions[0].stopTimeout: 121; must be 2 to 120",
            "containerDefinitions[0]: PORT is in environment and in parameters.PORT of the service; a name may be in one "
            "of them only",
            "containerDefinitions[0].readonlyRootFilesystem: true; the agent of ECS Exec (exec: true) writes into "
            "/var/lib/amazon and /var/log/amazon: mount a volume there, or leave one of the two out",
        )
    ] + [
        f"kms_keys: are for nothing, because {settings.TEMPLATES.name}/web.json names no secret, parameter or "
        "environment file"
    ]

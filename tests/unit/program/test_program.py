"""The whole program under mocks, with each committed stack file: exact inputs, absences, counts and parents."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pulumi
import pytest
from mocked import ACCOUNT, REGION, SECRET_KEYS, WEBHOOK, Recorder, program, stack_config
from pulumi.runtime import rpc

from components.service.update_hooks import UpdateHooks

STACKS = ["dev", "prd", "local"]
Deploy = Callable[..., Recorder]

SERVICE, TASK = "aws:ecs/service:Service", "aws:ecs/taskDefinition:TaskDefinition"
PARAMETER, PIPELINE = "aws:ssm/parameter:Parameter", "aws:codepipeline/pipeline:Pipeline"
PROJECT, ROLE_POLICY = "aws:codebuild/project:Project", "aws:iam/rolePolicy:RolePolicy"
FUNCTION = "aws:lambda/function:Function"
BUCKET = "arn:aws:s3:::delivery-store-bucket-0a1b2c3"
RUNTIME = "/fargate-delivery/dev/chuoi/runtime"


def run(deploy: Deploy, stack: str, **changes: object) -> Recorder:
    config = stack_config(stack, **changes)
    return deploy(program, stack=stack, config=config, secret_keys=SECRET_KEYS)


@pytest.mark.parametrize("stack", STACKS)
def test_every_stack_file_deploys(committed: Mapping[str, Recorder], stack: str) -> None:
    services = len(json.loads(stack_config(stack)["fargate-delivery:services"]))
    types = committed[stack].types()
    for typ in (SERVICE, PIPELINE, "aws:iam/user:User"):
        assert types[typ] == services
    told = types["fargate-delivery:index:CommitFeedback"]  # its function looks why an execution has ended
    assert types[FUNCTION] == services + told
    assert types[PROJECT] == services
    assert told == (1 if stack == "local" else 0)
    assert types["aws:lb/loadBalancer:LoadBalancer"] == 1
    assert types["aws:iam/accessKey:AccessKey"] == 0


def test_what_a_test_changes_in_an_answer_no_other_test_sees(dev: Recorder) -> None:
    dev.named(SERVICE)["chuoi-service"].name = "another"
    dev.requests()[0].name = "another"
    dev.inputs(SERVICE, "chuoi-service")["cluster"] = "another"
    dev.outputs.clear()
    assert "another" not in {request.name for request in dev.requests()}
    assert dev.named(SERVICE)["chuoi-service"].name == "chuoi-service"
    assert dev.inputs(SERVICE, "chuoi-service")["cluster"] != "another"
    assert dev.outputs


def test_every_resource_of_a_component_has_it_as_parent(dev: Recorder) -> None:
    orphans = [
        request.name for request in dev.requests() if not request.parent and not request.type.startswith("pulumi:")
    ]
    assert orphans == []
    by_component = {
        request.parent.split("::")[-2].split("$")[-1]
        for request in dev.requests()
        if request.custom and request.type.startswith("aws:")
    }
    assert by_component == {
        f"fargate-delivery:index:{name}"
        for name in ("Cluster", "LoadBalancer", "DeliveryStore", "ParameterStore", "ImageRepository", "EcsService")
    } | {f"fargate-delivery:index:{name}" for name in ("DeployPipeline", "Notifications", "Dashboard", "StartFailures")}


def test_components_nest_one_level(dev: Recorder) -> None:
    deep = [r.name for r in dev.requests() if r.parent.split("::")[-2].count("fargate-delivery:index:") > 1]
    assert deep == []


def test_an_uploader_goes_with_the_access_key_that_was_made_for_it_by_hand(dev: Recorder) -> None:
    for name in ("chuoi", "mailer"):
        assert dev.inputs("aws:iam/user:User", f"{name}-uploader")["forceDestroy"] is True


def test_a_new_service_has_no_tasks_and_suspended_scaling(dev: Recorder) -> None:
    service = dev.inputs(SERVICE, "chuoi-service")
    assert service["desiredCount"] == 0
    assert service["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert (service["deploymentMinimumHealthyPercent"], service["deploymentMaximumPercent"]) == (100, 200)
    assert dev.named(SERVICE)["chuoi-service"].ignoreChanges == ["desiredCount"]
    target = dev.inputs("aws:appautoscaling/target:Target", "chuoi-scaling")
    assert set(target["suspendedState"].values()) == {True}
    assert (target["minCapacity"], target["maxCapacity"]) == (1, 2)
    assert target["resourceId"] == "service/dev/dev-chuoi"
    assert dev.named("aws:appautoscaling/target:Target")["chuoi-scaling"].ignoreChanges == ["suspendedState"]


def test_the_record_is_pulumi_s_to_make_and_the_pipeline_s_to_write(dev: Recorder) -> None:
    record = dev.inputs(PARAMETER, "chuoi-release")
    assert (record["name"], record["insecureValue"]) == ("/fargate-delivery/dev/chuoi/release", "none")
    assert dev.named(PARAMETER)["chuoi-release"].ignoreChanges == ["insecureValue"]


def test_the_task_definition_names_the_live_image_and_the_parameters_arns(dev: Recorder) -> None:
    task = dev.inputs(TASK, "chuoi-task")
    assert (task["cpu"], task["memory"], task["skipDestroy"]) == ("512", "1024", True)
    assert task["runtimePlatform"] == {"operatingSystemFamily": "LINUX", "cpuArchitecture": "ARM64"}
    (container,) = json.loads(task["containerDefinitions"])
    assert container["image"] == f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/dev-chuoi:live"
    arn = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{RUNTIME}"
    assert container["secrets"] == [
        {"name": "PHX_HOST", "valueFrom": f"{arn}/PHX_HOST"},
        {"name": "SECRET_KEY_BASE", "valueFrom": f"{arn}/SECRET_KEY_BASE"},
    ]
    assert "value" not in json.dumps(container["secrets"]).replace("valueFrom", "")
    assert container["dockerLabels"].keys() == {"fargate-delivery.fingerprint"}


def test_an_unreleased_service_runs_pulumi_s_own_revision(dev: Recorder) -> None:
    own = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/dev-chuoi:1"
    assert dev.inputs(SERVICE, "chuoi-service")["taskDefinition"] == own


def test_each_route_has_a_target_group_and_a_rule(dev: Recorder) -> None:
    groups = [group["targetGroupArn"] for group in dev.inputs(SERVICE, "chuoi-service")["loadBalancers"]]
    assert [arn.rsplit("/", 1)[1] for arn in groups] == ["chuoi-rgstd", "chuoi-zvdyf"]
    rule = dev.inputs("aws:lb/listenerRule:ListenerRule", "chuoi-zvdyf-rule")
    assert rule["conditions"] == [
        {"hostHeader": {"values": ["api.dev.example.com"]}},
        {"pathPattern": {"values": ["/v1/*"]}},
    ]
    assert rule["actions"] == [
        {"type": "forward", "forward": {"targetGroups": [{"arn": groups[1], "weight": 1}]}},
    ]


def test_the_outputs_say_where_each_service_answers(deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    exported: dict[str, Any] = {}
    monkeypatch.setattr(pulumi, "export", exported.__setitem__)
    run(deploy, "dev")
    assert exported["chuoi"]["hosts"] == ["api.dev.example.com", "chuoi.dev.example.com"]
    assert exported["chuoi"]["addresses"] == ["https://chuoi.dev.example.com/", "https://api.dev.example.com/v1/"]
    assert (exported["mailer"]["hosts"], exported["mailer"]["addresses"]) == ([], [])


def test_a_worker_has_no_way_in(dev: Recorder) -> None:
    service = dev.inputs(SERVICE, "mailer-service")
    assert "healthCheckGracePeriodSeconds" not in service
    assert service.get("loadBalancers", []) == []
    ways_in = ("aws:lb/targetGroup:TargetGroup", "aws:lb/listenerRule:ListenerRule", "aws:route53/record:Record")
    for typ in (*ways_in, "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"):
        assert not [name for name in dev.named(typ) if name.startswith("mailer")]


def statements(recorder: Recorder, typ: str, name: str) -> dict[str, Any]:
    policy = json.loads(recorder.inputs(typ, name)["policy"])
    return {statement["Sid"]: statement for statement in policy["Statement"]}


def of_role(recorder: Recorder, role: str) -> dict[str, Any]:
    """What a role may do, by all of its policies."""
    typ = "aws:iam/rolePolicy:RolePolicy"
    named = [name for name in recorder.named(typ) if name == f"{role}-policy" or name.startswith(f"{role}-key-")]
    return {sid: each for name in named for sid, each in statements(recorder, typ, name).items()}


def test_the_uploader_may_put_its_own_source_and_nothing_else(dev: Recorder) -> None:
    granted = statements(dev, "aws:iam/userPolicy:UserPolicy", "chuoi-uploader-policy")
    assert granted == {
        "UploadSource": {
            "Sid": "UploadSource",
            "Effect": "Allow",
            "Action": ["s3:PutObject"],
            "Resource": [f"{BUCKET}/sources/chuoi/source.zip"],
        }
    }


def test_a_hosted_ci_uploads_by_a_role_that_may_no_more(deploy: Deploy) -> None:
    services = json.loads(stack_config("dev")["fargate-delivery:services"])
    services["chuoi"]["source"] = {
        "type": "s3",
        "github": {"repository": "team/chuoi", "owner_id": 12, "repository_id": 34},
        "gitlab": {"url": "https://gitlab.example.com", "project": "team/chuoi"},
    }
    dev = run(deploy, "dev", services=services)
    uploads = statements(dev, "aws:iam/userPolicy:UserPolicy", "chuoi-uploader-policy")
    assert statements(dev, ROLE_POLICY, "chuoi-upload-policy") == uploads
    assert "mailer-upload-role" not in dev.named("aws:iam/role:Role")
    role = dev.inputs("aws:iam/role:Role", "chuoi-upload-role")
    assert role["name"] == "dev-chuoi-upload"
    github, gitlab = json.loads(role["assumeRolePolicy"])["Statement"]
    provider = f"arn:aws:iam::{ACCOUNT}:oidc-provider"
    assert github["Principal"] == {"Federated": f"{provider}/token.actions.githubusercontent.com"}
    assert github["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": [
                "repo:team/chuoi:ref:refs/heads/main",
                "repo:team@12/chuoi@34:ref:refs/heads/main",
            ],
            "token.actions.githubusercontent.com:repository_id": "34",
        }
    }
    assert gitlab["Principal"] == {"Federated": f"{provider}/gitlab.example.com"}
    assert gitlab["Condition"] == {
        "StringEquals": {
            "gitlab.example.com:aud": "sts.amazonaws.com",
            "gitlab.example.com:sub": "project_path:team/chuoi:ref_type:branch:ref:main",
        }
    }


def test_prd_keeps_its_parameters_secrets_outside() -> None:
    """A pull request's preview decrypts what its stack file has."""
    services = json.loads(stack_config("prd")["fargate-delivery:services"])
    assert not [name for service in services.values() for name, p in service["parameters"].items() if "secret" in p]


def test_build_and_runtime_cannot_read_each_other(dev: Recorder) -> None:
    build = statements(dev, ROLE_POLICY, "chuoi-package-policy")
    runtime = of_role(dev, "chuoi-execution")
    prefix = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/fargate-delivery/dev/chuoi"
    assert build["ReadParameters"]["Resource"] == [f"{prefix}/build/MIX_ENV", f"{prefix}/build/HEX_API_KEY"]
    assert runtime["ReadParameters"]["Resource"] == [f"{prefix}/runtime/*"]
    for granted, arn in ((build, f"{prefix}/build/HEX_API_KEY"), (runtime, f"{prefix}/runtime/*")):
        assert granted["DecryptParameters"]["Condition"] == {
            "StringLike": {"kms:EncryptionContext:PARAMETER_ARN": [arn]}
        }


def test_wildcards_stand_only_where_an_action_takes_no_resource(dev: Recorder) -> None:
    wild = {
        (request.name, statement["Sid"])
        for typ in (ROLE_POLICY, "aws:iam/userPolicy:UserPolicy")
        for request in dev.named(typ).values()
        for statement in statements(dev, typ, request.name).values()
        if "*" in statement["Resource"] or any("*" in action for action in statement["Action"])
    }
    services = ("chuoi", "mailer")
    assert wild == {
        *((f"{service}-execution-policy", "LogInToRegistry") for service in services),
        *((f"{service}-package-policy", "LogInToRegistry") for service in services),
        *((f"{service}-pipeline-policy", sid) for service in services for sid in ("CloneRevision", "FindTasks")),
        *(
            (f"{service}-steps-policy", sid)
            for service in services
            for sid in ("AnswerJobs", "ReadRevision", "WatchScaling", "Measure")
        ),
        *(("chuoi-steps-policy", sid) for sid in ("RegisterMigration", "FindTasks")),
    }


def test_secret_values_reach_the_engine_as_secrets_only(dev: Recorder) -> None:
    for name in ("chuoi-build-HEX_API_KEY", f"{RUNTIME}/SECRET_KEY_BASE"):
        inputs = dev.raw_inputs(PARAMETER, name)
        assert rpc.is_rpc_secret(inputs["value"])
        assert inputs["type"] == "SecureString"
        assert "insecureValue" not in inputs
    secrets = [
        value
        for service in json.loads(stack_config("dev")["fargate-delivery:secrets"]).values()
        for value in service.values()
    ]
    assert len(secrets) == 3
    secrets.append(WEBHOOK)
    for request in dev.requests():
        plain = json.dumps(_without_secrets(dict(rpc.deserialize_properties(request.object))), default=str)
        assert not [secret for secret in secrets if secret in plain], request.name


def _without_secrets(value: Any) -> Any:
    if rpc.is_rpc_secret(value):
        return None
    if isinstance(value, dict):
        return {key: _without_secrets(item) for key, item in value.items()}
    return [_without_secrets(item) for item in value] if isinstance(value, list) else value


def test_a_changed_runtime_value_is_another_parameter(dev: Recorder) -> None:
    request = dev.named(PARAMETER)[f"{RUNTIME}/PHX_HOST"]
    assert request.replaceOnChanges == ["value", "insecureValue"]
    assert request.retainOnDelete
    assert "name" not in dev.inputs(PARAMETER, f"{RUNTIME}/PHX_HOST")


def stages(recorder: Recorder, service: str) -> dict[str, list[str]]:
    """Stage → its actions, both in their order."""
    pipeline = recorder.inputs(PIPELINE, f"{service}-pipeline")
    return {stage["name"]: [action["name"] for action in stage["actions"]] for stage in pipeline["stages"]}


def actions(recorder: Recorder, service: str) -> dict[str, dict[str, Any]]:
    pipeline = recorder.inputs(PIPELINE, f"{service}-pipeline")
    return {action["name"]: action for stage in pipeline["stages"] for action in stage["actions"]}


def handed(action: dict[str, Any]) -> dict[str, str]:
    """The variables that an action hands to its build; none of them is the name of a parameter or a secret."""
    assert {entry["type"] for entry in json.loads(action["configuration"]["EnvironmentVariables"])} == {"PLAINTEXT"}
    return {entry["name"]: entry["value"] for entry in json.loads(action["configuration"]["EnvironmentVariables"])}


def test_the_pipeline(dev: Recorder) -> None:
    pipeline = dev.inputs(PIPELINE, "chuoi-pipeline")
    assert (pipeline["pipelineType"], pipeline["executionMode"]) == ("V2", "QUEUED")
    assert {each["name"]: each["defaultValue"] for each in pipeline["variables"]} == {
        "image": "none",
        "migration": "run",
    }
    assert [each["name"] for each in dev.inputs(PIPELINE, "mailer-pipeline")["variables"]] == ["image"]
    assert stages(dev, "mailer") == {
        "Source": ["Source"], "Build": ["Build"], "Package": ["Package"], "Deploy": ["Deploy", "Release"],
    }  # fmt: skip
    assert stages(dev, "chuoi") == stages(dev, "mailer") | {"Deploy": ["Migrate", "Deploy", "Release"]}
    deploy = [(action["name"], action["runOrder"]) for action in pipeline["stages"][-1]["actions"]]
    assert deploy == [("Migrate", 1), ("Deploy", 2), ("Release", 3)]


@pytest.mark.parametrize(
    ("stack", "approve", "waits"),
    [
        ("dev", None, False),
        ("dev", True, True),
        ("prd", None, True),
        ("prd", False, False),
        ("local", None, False),
    ],
)
def test_who_waits_for_approval(deploy: Deploy, stack: str, approve: bool | None, waits: bool) -> None:
    services = json.loads(stack_config(stack)["fargate-delivery:services"])
    if approve is not None:
        services["mailer"]["approve"] = approve
    recorder = run(deploy, stack, services=services)
    named = ["Source", "Build", "Package", *(["Approve"] if waits else []), "Deploy"]
    assert list(stages(recorder, "mailer")) == named


def test_the_approval_shows_the_summary_and_both_stages_are_skipped_with_nothing_to_deploy(
    committed: Mapping[str, Recorder],
) -> None:
    pipeline = committed["prd"].inputs(PIPELINE, "chuoi-pipeline")
    source, _, package, approve, release = pipeline["stages"]
    (action,) = approve["actions"]
    assert {key: action[key] for key in ("category", "owner", "provider", "configuration")} == {
        "category": "Approval",
        "owner": "AWS",
        "provider": "Manual",
        "configuration": {"CustomData": "#{Package.SUMMARY}; migration: #{variables.migration}"},
    }
    assert {"inputArtifacts", "outputArtifacts", "namespace"}.isdisjoint(action)
    for stage in (approve, release):
        condition = stage["beforeEntry"]["condition"]
        (rule,) = condition["rules"]
        assert rule["ruleTypeId"]["provider"] == "VariableCheck"
        assert rule["configuration"] == {"Variable": "#{Package.DEPLOY}", "Value": "yes", "Operator": "EQ"}
        assert condition["result"] == "SKIP"
    assert "beforeEntry" not in source | package


MIGRATING: list[tuple[str, dict[str, Any]]] = [
    *(("chuoi", {"deploy": {"strategy": each}}) for each in ("rolling", "blue_green", "canary", "codedeploy")),
    ("mailer", {"source": {"type": "ecr"}, "migrate": {"command": ["bin/migrate"]}}),
    ("mailer", {"source": {"type": "promote", "promote_from": {"stack": "staging"}}, "migrate": {"command": ["m"]}}),
]


@pytest.mark.parametrize(("service", "changes"), MIGRATING)
def test_an_execution_may_leave_the_migration_out(deploy: Deploy, service: str, changes: dict[str, Any]) -> None:
    services = json.loads(stack_config("dev")["fargate-delivery:services"])
    services["chuoi"]["routes"] = services["chuoi"]["routes"][:1]
    recorder = run(deploy, "dev", services={**services, service: {**services[service], **changes}})
    variables = recorder.inputs(PIPELINE, f"{service}-pipeline")["variables"]
    assert [each["defaultValue"] for each in variables if each["name"] == "migration"] == ["run"]
    given = {
        name: json.loads(action["configuration"].get("UserParameters", "{}")).get("migration")
        for name, action in actions(recorder, service).items()
    }
    assert {name: value for name, value in given.items() if value} == dict.fromkeys(
        ("Migrate", "Release"), "#{variables.migration}"
    )


def test_an_execution_that_is_given_an_image_waits_for_no_build_machine(dev: Recorder) -> None:
    declared = {stage["name"]: stage for stage in dev.inputs(PIPELINE, "chuoi-pipeline")["stages"]}
    build = declared["Build"]
    (rule,) = build["beforeEntry"]["condition"]["rules"]
    assert build["beforeEntry"]["condition"]["result"] == "SKIP"
    assert rule["configuration"] == {
        "Variable": "#{variables.image}", "Value": "^(none|rebuild)$", "Operator": "MATCHES",
    }  # fmt: skip
    later = [each["configuration"] for name in ("Package", "Deploy") for each in declared[name]["actions"]]
    assert "#{Build." not in json.dumps(later), "a variable of a skipped stage has no value"


def test_what_the_actions_hand_on(dev: Recorder) -> None:
    found = actions(dev, "chuoi")
    execution = "#{codepipeline.PipelineExecutionId}"
    assert handed(found["Build"]) == {
        "IMAGE": "#{variables.image}",
        "SOURCE_VERSION": "#{Source.VersionId}",
        "EXECUTION": execution,
    }
    assert json.loads(found["Package"]["configuration"]["UserParameters"]) == {
        "step": "package",
        "image": "#{variables.image}",
        "source": "#{Source.VersionId}",
        "pushed": "none",
        "execution": execution,
    }
    assert json.loads(found["Migrate"]["configuration"]["UserParameters"]) == {
        "step": "migrate",
        "digest": "#{Package.IMAGE_DIGEST}",
        "execution": execution,
        "migration": "#{variables.migration}",
    }
    assert json.loads(found["Release"]["configuration"]["UserParameters"]) == {
        "step": "release",
        "digest": "#{Package.IMAGE_DIGEST}",
        "source": "#{Package.SOURCE}",
        "commit": "#{Package.COMMIT}",
        "repository": "#{Package.COMMIT_REPOSITORY}",
        "uploaded": "#{Package.UPLOADED}",
        "execution": execution,
        "migration": "#{variables.migration}",
    }
    of_mailer = actions(dev, "mailer")["Release"]["configuration"]["UserParameters"]
    assert "migration" not in json.loads(of_mailer), "it has none"
    assert {name: action.get("inputArtifacts") for name, action in found.items()} == {
        "Source": None,
        "Build": ["source"],
        "Package": None,
        "Migrate": None,
        "Deploy": ["package"],
        "Release": None,
    }


@pytest.mark.parametrize(("given", "minutes"), [({}, 15), ({"deploy": {"timeout": 40}}, 40)], ids=["unset", "given"])
def test_every_wait_for_a_deployment_has_the_service_s_timeout(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], minutes: int
) -> None:
    services = json.loads(stack_config("dev")["fargate-delivery:services"])
    services["chuoi"] |= given
    followed: list[tuple[int, int | None]] = []

    def hooks(*given: Any) -> UpdateHooks:
        followed.append(given[-2:])
        return UpdateHooks()

    monkeypatch.setattr("components.service.update_hooks.update_hooks", hooks)
    recorder = run(deploy, "dev", **{"services": services})
    assert followed == [(minutes, None), (15, None)]
    assert actions(recorder, "chuoi")["Deploy"]["configuration"]["DeploymentTimeout"] == str(minutes)
    variables = recorder.inputs(FUNCTION, "chuoi-steps")["environment"]["variables"]
    assert json.loads(variables["SERVICE"])["deploy_minutes"] == minutes


def test_the_pipeline_runs_its_own_build_only(dev: Recorder) -> None:
    for service in ("chuoi", "mailer"):
        (build,) = statements(dev, ROLE_POLICY, f"{service}-pipeline-policy")["RunBuilds"]["Resource"]
        assert build.rpartition("/")[2] == f"dev-{service}-package"


def test_the_pipeline_starts_with_the_version_that_was_uploaded(dev: Recorder) -> None:
    rule = json.loads(dev.inputs("aws:cloudwatch/eventRule:EventRule", "chuoi-upload")["eventPattern"])
    assert rule["detail"] == {
        "bucket": {"name": ["delivery-store-bucket-0a1b2c3"]},
        "object": {"key": ["sources/chuoi/source.zip"]},
    }
    transformer = dev.inputs("aws:cloudwatch/eventTarget:EventTarget", "chuoi-upload-target")["inputTransformer"]
    assert transformer["inputPaths"] == {"version": "$.detail.object.version-id"}
    assert json.loads(transformer["inputTemplate"]) == {
        "sourceRevisions": [
            {"actionName": "Source", "revisionType": "S3_OBJECT_VERSION_ID", "revisionValue": "<version>"}
        ]
    }


def test_every_build_of_a_service_has_the_task_s_architecture(committed: Mapping[str, Recorder]) -> None:
    """So a Region without ARM machines is enough for tasks of the other one."""
    for stack, kind in (("dev", "ARM_CONTAINER"), ("local", "LINUX_CONTAINER")):
        recorder = committed[stack]
        projects = [project for project in recorder.named(PROJECT) if project.startswith("chuoi-")]
        assert projects
        assert {recorder.inputs(PROJECT, name)["environment"]["type"] for name in projects} == {kind}


def test_build_values_are_read_by_the_build_and_not_written_into_it(dev: Recorder) -> None:
    environment = dev.inputs(PROJECT, "chuoi-package")["environment"]["environmentVariables"]
    stored = {v["name"]: v["value"] for v in environment if v.get("type") == "PARAMETER_STORE"}
    plain = {v["name"]: v["value"] for v in environment if v.get("type") != "PARAMETER_STORE"}
    assert stored == {
        f"PARAMETER_{name}": f"/fargate-delivery/dev/chuoi/build/{name}" for name in ("MIX_ENV", "HEX_API_KEY")
    }
    assert (plain["BUILD_ARGUMENTS"], plain["BUILD_SECRETS"]) == ("MIX_ENV", "HEX_API_KEY")
    assert (plain["CONTEXT"], plain["DOCKERFILE"], plain["TARGET"]) == (".", "Dockerfile", "")
    replaced = {
        request.name: request.deleteBeforeReplace
        for request in dev.named("aws:ssm/parameter:Parameter").values()
        if request.name.startswith("chuoi-build-")
    }
    assert replaced == {"chuoi-build-MIX_ENV": True, "chuoi-build-HEX_API_KEY": True}, "its name is not free before"


def test_what_the_store_keeps(dev: Recorder) -> None:
    rules = dev.inputs("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "delivery-store-lifecycle")
    kept = {
        rule["filter"]["prefix"]: (
            rule.get("expiration", {}).get("days"), rule["noncurrentVersionExpiration"]["noncurrentDays"]
        )
        for rule in rules["rules"]
    }  # fmt: skip
    assert {rule["status"] for rule in rules["rules"]} == {"Enabled"}
    assert kept == {
        "sources/": (None, 30), "templates/": (None, 30), "dev-chuoi/": (30, 1), "dev-mailer/": (30, 1),
    }  # fmt: skip


def test_prd_is_protected_and_dev_is_not(deploy: Deploy, committed: Mapping[str, Recorder]) -> None:
    def protected(recorder: Recorder) -> set[str]:
        return {request.name for request in recorder.requests() if request.protect}

    images = {"chuoi-images", "mailer-images"}
    assert protected(committed["dev"]) == set()
    in_prd = protected(committed["prd"])
    assert in_prd == {"delivery-store-bucket", "load-balancer-alb", "cluster-session-key", *images}
    assert protected(run(deploy, "dev", protect=True)) == in_prd | {"chuoi-key", "mailer-key"}


def test_what_exists_is_adopted_and_not_made(deploy: Deploy) -> None:
    recorder = run(
        deploy,
        "dev",
        network={"vpc_id": "vpc-0a", "public_subnet_ids": ["subnet-1", "subnet-2"], "private_subnet_ids": ["subnet-3"]},
        domain={"zone": "dev.example.com", "certificate_arn": f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/1", "records": False},
    )  # fmt: skip
    types = recorder.types()
    for typ in ("awsx:ec2:Vpc", "aws:acm/certificate:Certificate", "aws:route53/record:Record"):
        assert types[typ] == 0
    assert recorder.invoked("aws:route53/getZone:getZone") == 0
    network = recorder.inputs(SERVICE, "chuoi-service")["networkConfiguration"]
    assert network["subnets"] == ["subnet-3"]
    assert network["assignPublicIp"] is False


def test_a_load_balancer_that_exists_is_used_and_none_is_made(deploy: Deploy) -> None:
    listener = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:listener/app/shared/0123456789abcdef/0123456789abcdef"
    redirect = {"host": "dev.example.com", "to": "www.dev.example.com", "priority": 5}
    recorder = run(
        deploy,
        "dev",
        network={"vpc_id": "vpc-0123456789abcdef0", "private_subnet_ids": ["subnet-3"]},
        domain={"zone": "dev.example.com", "redirects": [redirect]},
        load_balancer={"listener_arn": listener},
    )
    types = recorder.types()
    for name in ("lb/loadBalancer:LoadBalancer", "lb/listener:Listener", "acm/certificate:Certificate"):
        assert types[f"aws:{name}"] == 0
    rule = "aws:lb/listenerRule:ListenerRule"
    assert {recorder.inputs(rule, name)["listenerArn"] for name in recorder.named(rule)} == {listener}
    assert "load-balancer-redirect-dev.example.com" in recorder.named(rule)
    ingress = recorder.inputs("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "chuoi-in")
    assert ingress["referencedSecurityGroupId"] == "sg-1"
    record = recorder.inputs("aws:route53/record:Record", "load-balancer-chuoi.dev.example.com")
    assert record["aliases"] == [{"name": "shared.example.net", "zoneId": "ZSHARED", "evaluateTargetHealth": True}]
    assert not [name for name in recorder.named("aws:ec2/securityGroup:SecurityGroup") if "load-balancer" in name]


def test_a_load_balancer_of_another_vpc_is_refused(deploy: Deploy) -> None:
    listener = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:listener/app/shared/0123456789abcdef/0123456789abcdef"
    with pytest.raises(Exception, match=r"shared is in vpc-0123456789abcdef0, and network.vpc_id is vpc-1"):
        run(
            deploy,
            "dev",
            network={"vpc_id": "vpc-1", "private_subnet_ids": ["subnet-3"]},
            load_balancer={"listener_arn": listener},
        )


def test_adding_a_service_changes_no_other_service_s_names(deploy: Deploy, dev: Recorder) -> None:
    services = json.loads(stack_config("dev")["fargate-delivery:services"])
    first = {"audit": services["mailer"]}
    secrets = {"chuoi": {"HEX_API_KEY": "a", "SECRET_KEY_BASE": "b"}} | {
        name: {"SMTP_PASSWORD": "c"} for name in ("mailer", "audit")
    }
    before = {request.name for request in dev.requests()}
    after = {request.name for request in run(deploy, "dev", services=first | services, secrets=secrets).requests()}
    assert before < after
    assert all("audit" in name for name in after - before)

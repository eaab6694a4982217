"""`verify`: nothing on a healthy stack, and each planted fault by itself, with its mend."""

from __future__ import annotations

import copy
import datetime
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from delivery.verification.verify import OF_A_SERVICE, OF_THE_STACK
from pipeline_steps.build.base_images import OTHERS
from tests.scenarios.conftest import DOCKERFILE, Apps, Stack
from tests.scenarios.planted import REGISTERED, SERVICE, Planter

pytestmark = pytest.mark.nightly
SERVICES = ("hello", "chuoi")
BASED = "chuoi"
"""The service whose image names a base image in ECR."""
Json = dict[str, Any]
Plant = Callable[[Planter], Iterator[None]]
"""Plants a fault, and mends it when it is asked to go on."""
RULE = "local-hello-upload"
CHECKS = len(SERVICES) * len(OF_A_SERVICE) + len(OF_THE_STACK)


@pytest.fixture(scope="module")
def planter(local: Stack, tmp_path_factory: pytest.TempPathFactory) -> Planter:
    """Two services that were released."""
    apps, planter = Apps(tmp_path_factory.mktemp("apps")), Planter(local)
    labelled = f'{DOCKERFILE}LABEL {OTHERS}="{planter.repository(BASED)}:base"\n'
    for service, dockerfile in {"hello": DOCKERFILE, BASED: labelled}.items():
        assert local.ship(service, apps.make(service, dockerfile=dockerfile)).code == 0
    tag_base(planter, local.status(BASED)["image_digest"])
    return planter


def tag_base(planter: Planter, digest: str) -> None:
    """Have ECR know what an image names as one of its base images."""
    ecr, place = planter.client("ecr"), {"repositoryName": f"local-{BASED}"}
    (image,) = ecr.batch_get_image(**place, imageIds=[{"imageDigest": digest}])["images"]
    ecr.put_image(**place, imageTag="base", imageManifest=image["imageManifest"])


def without_base(planter: Planter) -> Iterator[None]:
    ecr, place, tag = planter.client("ecr"), {"repositoryName": f"local-{BASED}"}, {"imageTag": "base"}
    digest = ecr.batch_get_image(**place, imageIds=[tag])["images"][0]["imageId"]["imageDigest"]
    ecr.batch_delete_image(**place, imageIds=[tag])
    yield
    tag_base(planter, digest)


def findings(stack: Stack) -> list[Json]:
    """What `verify` finds; its exit code says whether that is anything."""
    done = stack.run("verify", "--json")
    report = done.json
    assert (report["checks"], report["services"]) == (CHECKS, sorted(SERVICES))
    assert done.code == (2 if report["findings"] else 0)
    return list(report["findings"])


def parameter(planter: Planter, variable: str) -> str:
    """The name of the parameter that a variable of the service is read from."""
    (secret,) = [s for s in planter.definition()["containerDefinitions"][0]["secrets"] if s["name"] == variable]
    return str(secret["valueFrom"]).partition(":parameter")[2]


def without_parameter(planter: Planter) -> Iterator[None]:
    ssm, name = planter.client("ssm"), parameter(planter, "GREETING")
    before = ssm.get_parameter(Name=name)["Parameter"]
    ssm.delete_parameter(Name=name)
    yield
    ssm.put_parameter(Name=name, Value=before["Value"], Type=before["Type"])


def changed_parameter(planter: Planter) -> Iterator[None]:
    ssm, name = planter.client("ssm"), parameter(planter, "GREETING")
    ssm.put_parameter(Name=name, Value="by hand", Type="String", Overwrite=True)
    yield
    ssm.delete_parameter(Name=name)
    ssm.put_parameter(Name=name, Value="Hello from the sandbox", Type="String")


def without_key(planter: Planter) -> Iterator[None]:
    kms = planter.client("kms")
    key = kms.describe_key(KeyId=f"alias/{planter.name}-parameters")["KeyMetadata"]["KeyId"]
    kms.disable_key(KeyId=key)
    yield
    kms.enable_key(KeyId=key)


def role_without(action: str) -> Plant:
    """The execution role without an action; a policy that has nothing else goes."""

    def plant(planter: Planter) -> Iterator[None]:
        iam, role = planter.client("iam"), f"{planter.name}-execution"
        names = iam.list_role_policies(RoleName=role)["PolicyNames"]
        before = {name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names}
        for name, document in before.items():
            left = copy.deepcopy(document)
            for statement in left["Statement"]:
                statement["Action"] = [each for each in statement["Action"] if each != action]
            left["Statement"] = [statement for statement in left["Statement"] if statement["Action"]]
            if not left["Statement"]:
                iam.delete_role_policy(RoleName=role, PolicyName=name)
            elif left != document:
                iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(left))
        yield
        for name, document in before.items():
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))

    return plant


def trust_of(suffix: str, change: Callable[[Json], None]) -> Plant:
    """The trust of one of the service's roles, changed."""

    def plant(planter: Planter) -> Iterator[None]:
        iam, role = planter.client("iam"), f"{planter.name}-{suffix}"
        before = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
        changed = copy.deepcopy(before)
        change(changed["Statement"][0])
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(changed))
        yield
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(before))

    return plant


def of_another_service(statement: Json) -> None:
    statement["Principal"] = {"Service": "ec2.amazonaws.com"}


def of_another_account(statement: Json) -> None:
    statement["Condition"]["StringEquals"]["aws:SourceAccount"] = "999999999999"


def refused(statement: Json) -> None:
    statement["Effect"] = "Deny"


def without_image(planter: Planter) -> Iterator[None]:
    ecr, place = planter.client("ecr"), {"repositoryName": planter.name}
    (live,) = ecr.batch_get_image(**place, imageIds=[{"imageTag": "live"}])["images"]
    digest = {"imageDigest": live["imageId"]["imageDigest"]}
    tags = ecr.describe_images(**place, imageIds=[digest])["imageDetails"][0]["imageTags"]
    ecr.batch_delete_image(**place, imageIds=[digest])
    yield
    for tag in tags:
        ecr.put_image(**place, imageTag=tag, imageManifest=live["imageManifest"])


def live_elsewhere(planter: Planter) -> Iterator[None]:
    ecr, place = planter.client("ecr"), {"repositoryName": planter.name}
    (live,) = ecr.batch_get_image(**place, imageIds=[{"imageTag": "live"}])["images"]
    planter.stack.push_index(SERVICE, live["imageId"]["imageDigest"], "live")
    yield
    ecr.put_image(**place, imageTag="live", imageManifest=live["imageManifest"])


def without_record(planter: Planter) -> Iterator[None]:
    ssm, name = planter.client("ssm"), f"/fargate-delivery/local/{SERVICE}/release"
    before = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    ssm.put_parameter(Name=name, Value="none", Overwrite=True)
    yield
    ssm.put_parameter(Name=name, Value=before, Overwrite=True)


def registered(change: Callable[[Json], None]) -> Plant:
    """An edit that `up` has registered, and that is not deployed."""

    def plant(planter: Planter) -> Iterator[None]:
        ecs = planter.client("ecs")
        running = ecs.describe_task_definition(taskDefinition=planter.service()["taskDefinition"])["taskDefinition"]
        definition = {key: copy.deepcopy(value) for key, value in running.items() if key in REGISTERED}
        container = definition["containerDefinitions"][0]
        container["image"] = f"{container['image'].partition('@')[0]}:live"
        change(definition)
        arn = ecs.register_task_definition(**definition)["taskDefinition"]["taskDefinitionArn"]
        yield
        ecs.deregister_task_definition(taskDefinition=arn)

    return plant


def for_arm(definition: Json) -> None:
    definition["runtimePlatform"] = {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"}


def with_another_secret(definition: Json) -> None:
    secret = definition["containerDefinitions"][0]["secrets"][0]
    secret["valueFrom"] += "x"


def with_a_sidecar(definition: Json) -> None:
    app = definition["containerDefinitions"][0]
    image = f"{app['image'].rpartition(':')[0]}:gone"
    definition["containerDefinitions"].append({"name": "proxy", "image": image, "essential": False})


def rule_with(change: Callable[[Json], list[Json]]) -> Plant:
    """The service's listener rule, with other actions."""

    def plant(planter: Planter) -> Iterator[None]:
        elb = planter.client("elbv2")
        rules = elb.describe_rules(ListenerArn=planter.listener("HTTPS")["ListenerArn"])["Rules"]
        (rule,) = [r for r in rules if f"{SERVICE}.local.example.com" in json.dumps(r["Conditions"])]
        elb.modify_rule(RuleArn=rule["RuleArn"], Actions=change(copy.deepcopy(rule["Actions"][0])))
        yield
        elb.modify_rule(RuleArn=rule["RuleArn"], Actions=rule["Actions"])

    return plant


def answering(action: Json) -> list[Json]:
    return [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}]


def with_no_weight(action: Json) -> list[Json]:
    for group in action["ForwardConfig"]["TargetGroups"]:
        group["Weight"] = 0
    action.pop("TargetGroupArn", None)
    return [action]


def without_targets(planter: Planter) -> Iterator[None]:
    elb, group = planter.client("elbv2"), planter.service()["loadBalancers"][0]["targetGroupArn"]
    described = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    targets = [{key: each["Target"][key] for key in ("Id", "Port")} for each in described]
    elb.deregister_targets(TargetGroupArn=group, Targets=targets)
    yield
    elb.register_targets(TargetGroupArn=group, Targets=targets)


def certificate(domain: str, days: int) -> Plant:
    """The listener with an imported certificate instead of its own."""

    def plant(planter: Planter) -> Iterator[None]:
        acm, elb, listener = planter.client("acm"), planter.client("elbv2"), planter.listener("HTTPS")
        arn = acm.import_certificate(**self_signed(domain, days))["CertificateArn"]
        elb.modify_listener(ListenerArn=listener["ListenerArn"], Certificates=[{"CertificateArn": arn}])
        yield
        elb.modify_listener(ListenerArn=listener["ListenerArn"], Certificates=listener["Certificates"])

    return plant


def self_signed(domain: str, days: int) -> dict[str, bytes]:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, domain)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(domain)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    return {"Certificate": made.public_bytes(pem), "PrivateKey": private}


def without_project(planter: Planter) -> Iterator[None]:
    codebuild, project = planter.client("codebuild"), planter.project()
    model = codebuild.meta.service_model.operation_model("CreateProject").input_shape.members
    codebuild.delete_project(name=project["name"])
    yield
    codebuild.create_project(**{key: value for key, value in project.items() if key in model})


def closed_stage(planter: Planter) -> Iterator[None]:
    codepipeline = planter.client("codepipeline")
    stage = {"pipelineName": planter.name, "stageName": "Deploy", "transitionType": "Inbound"}
    codepipeline.disable_stage_transition(**stage, reason="a sale")
    yield
    codepipeline.enable_stage_transition(**stage)


def rule_switched_off(name: str) -> Plant:
    def plant(planter: Planter) -> Iterator[None]:
        planter.client("events").disable_rule(Name=name)
        yield
        planter.client("events").enable_rule(Name=name)

    return plant


def without_target(planter: Planter) -> Iterator[None]:
    events = planter.client("events")
    targets = events.list_targets_by_rule(Rule=RULE)["Targets"]
    events.remove_targets(Rule=RULE, Ids=[each["Id"] for each in targets])
    yield
    events.put_targets(Rule=RULE, Targets=targets)


def without_rule(planter: Planter) -> Iterator[None]:
    events = planter.client("events")
    rule = events.describe_rule(Name=RULE)
    targets = without_target(planter)
    next(targets)
    events.delete_rule(Name=RULE)
    yield
    events.put_rule(Name=RULE, EventPattern=rule["EventPattern"], State="ENABLED")
    next(targets, None)


def bucket(planter: Planter) -> str:
    pipeline = planter.client("codepipeline").get_pipeline(name=planter.name)["pipeline"]
    return str(pipeline["artifactStore"]["location"])


def without_versions(planter: Planter) -> Iterator[None]:
    s3, of = planter.client("s3"), {"Bucket": bucket(planter)}
    s3.put_bucket_versioning(**of, VersioningConfiguration={"Status": "Suspended"})
    yield
    s3.put_bucket_versioning(**of, VersioningConfiguration={"Status": "Enabled"})


def without_events(planter: Planter) -> Iterator[None]:
    s3, of = planter.client("s3"), {"Bucket": bucket(planter)}
    s3.put_bucket_notification_configuration(**of, NotificationConfiguration={})
    yield
    s3.put_bucket_notification_configuration(**of, NotificationConfiguration={"EventBridgeConfiguration": {}})


def many_tasks(planter: Planter) -> Iterator[None]:
    scaling = planter.client("application-autoscaling")
    target = {
        "ServiceNamespace": "ecs",
        "ScalableDimension": "ecs:service:DesiredCount",
        "ResourceId": f"service/local/{planter.name}",
    }
    (before,) = scaling.describe_scalable_targets(
        ServiceNamespace="ecs", ResourceIds=[target["ResourceId"]]
    )["ScalableTargets"]  # fmt: skip
    scaling.register_scalable_target(**target, MaxCapacity=40)
    yield
    scaling.register_scalable_target(**target, MaxCapacity=before["MaxCapacity"])


def refused_messages(planter: Planter) -> Iterator[None]:
    cloudwatch, alarm = planter.client("cloudwatch"), "local-slack-undelivered"
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="planted")
    yield
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason="planted")


UP = "`sandbox up --stack local` puts it back"
FAULTS: dict[str, tuple[Plant, str | None, str, str, str]] = {
    "a parameter is gone": (without_parameter, SERVICE, "values", "which is not there: no task starts with it", UP),
    "a parameter was changed": (changed_parameter, SERVICE, "values", "was changed by hand, to version 2", "another value is another parameter"),
    "an edit names another parameter": (registered(with_another_secret), SERVICE, "values", "local-hello:3 names the parameter", UP),
    "a key is disabled": (without_key, SERVICE, "values", "which is Disabled: no task starts with it", "aws kms enable-key"),
    "the role may not read": (role_without("ssm:GetParameters"), SERVICE, "permissions", "local-hello-execution may not ssm:GetParameters on", UP),
    "the role may not decrypt": (role_without("kms:Decrypt"), SERVICE, "permissions", "may not kms:Decrypt on arn:aws:kms:", UP),
    "the role may not pull": (role_without("ecr:BatchGetImage"), SERVICE, "permissions", "may not ecr:BatchGetImage on", UP),
    "the role may not log": (role_without("logs:PutLogEvents"), SERVICE, "permissions", "may not logs:PutLogEvents on", UP),
    "the task's role trusts another service": (trust_of("task", of_another_service), SERVICE, "trust", "local-hello-task does not trust ecs-tasks.amazonaws.com", UP),
    "the execution role trusts another account": (trust_of("execution", of_another_account), SERVICE, "trust", "local-hello-execution does not trust ecs-tasks.amazonaws.com", UP),
    "the pipeline's role refuses": (trust_of("pipeline", refused), SERVICE, "trust", "local-hello-pipeline does not trust codepipeline.amazonaws.com", UP),
    "the starter's role trusts another service": (trust_of("start", of_another_service), SERVICE, "trust", "local-hello-start does not trust events.amazonaws.com", UP),
    "the image is gone": (without_image, SERVICE, "images", "is gone from ECR: no task starts with it", "`sandbox rollback hello --stack local`"),
    "a base image is gone": (without_base, BASED, "base images", "/local-chuoi:base is gone: what is released runs on", "name one that there is in the Dockerfile"),
    "an edit is for another platform": (registered(for_arm), SERVICE, "images", "is for linux/amd64, and the service's tasks run linux/arm64", "task.architecture"),
    "an edit names an image that is gone": (registered(with_a_sidecar), SERVICE, "images", "/local-hello:gone is gone from ECR", "release again"),
    "live was moved": (live_elsewhere, SERVICE, "record", "they disagree: running", "`sandbox repair hello --stack local`"),
    "the record is gone": (without_record, SERVICE, "record", "release record nothing", "`sandbox repair hello --stack local`"),
    "the rule leads elsewhere": (rule_with(answering), SERVICE, "target groups", "no listener rule leads to the target group", UP),
    "the rule has no weight": (rule_with(with_no_weight), SERVICE, "target groups", "its weight is 0", "aws elbv2 modify-rule"),
    "no target is registered": (without_targets, SERVICE, "target groups", "is healthy", "see what the tasks log"),
    "the certificate ends": (certificate("*.local.example.com", 10), None, "certificates", "hello.local.example.com ends on", "aws acm import-certificate"),
    "the certificate is another's": (certificate("other.example.com", 300), None, "certificates", "no certificate of the listener covers", "domain.more_zones"),
    "the build is gone": (without_project, SERVICE, "pipeline", "the CodeBuild project local-hello-package is gone", UP),
    "a stage is closed": (closed_stage, SERVICE, "pipeline", "no release enters the stage Deploy of the pipeline, by ", "`sandbox unfreeze hello --stack local`"),
    "the rule is switched off": (rule_switched_off(RULE), SERVICE, "triggers", "local-hello-upload is switched off", f"aws events enable-rule --name {RULE}"),
    "the rule starts nothing": (without_target, SERVICE, "triggers", "does not start the pipeline any more", UP),
    "the rule is gone": (without_rule, SERVICE, "triggers", "the rule local-hello-upload is gone", UP),
    "the bucket keeps no versions": (without_versions, None, "sources", "keeps no versions", UP),
    "the bucket tells nothing": (without_events, None, "sources", "tells EventBridge of no upload", UP),
    "the quota is too low": (many_tasks, None, "vCPUs", "Quota 'Fargate On-Demand vCPU resource count' is 6, and 22 are needed", "request-service-quota-increase"),
    "Slack's rule is switched off": (rule_switched_off("local-slack-failed"), None, "notifications", "the rule local-slack-failed is switched off", "aws events enable-rule"),
    "Slack has refused messages": (refused_messages, None, "notifications", "messages to slack were refused", "fargate-delivery:slack_webhook"),
}  # fmt: skip
"""A fault → how it is planted; the service, the check, and words of the problem and of the mend."""
SEVERAL = {"the certificate is another's": 3, "the role may not read": 2}
"""How many findings one fault makes: each host, each value by itself."""


def test_a_healthy_stack_has_no_finding(planter: Planter) -> None:
    assert findings(planter.stack) == []
    for service in SERVICES:
        *notes, last = planter.stack.ok("verify", service).out.splitlines()
        assert last == f"{len(OF_A_SERVICE) + len(OF_THE_STACK)} checks of {service}: nothing is wrong"
        of_docker_hub = f"note: {service}, base images: whether the base image docker.io/library/python:3.12-slim "
        assert [each.startswith(of_docker_hub) for each in notes] in ([True], []), (
            "it is reached from here, or it is not"
        )


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_alone_and_with_its_mend(planter: Planter, fault: str) -> None:
    plant, service, check, problem, mend = FAULTS[fault]
    steps = plant(planter)
    next(steps)
    try:
        found = findings(planter.stack)
    finally:
        next(steps, None)
    assert {(each["service"], each["check"], each["looked"]) for each in found} == {(service, check, True)}, found
    assert len(found) == SEVERAL.get(fault, 1), found
    for each in found:
        assert problem in each["problem"]
        assert mend in each["mend"]


def test_after_each_of_them_is_mended_there_is_no_finding(planter: Planter) -> None:
    assert findings(planter.stack) == []


def test_a_service_that_there_is_not_is_one_line(planter: Planter) -> None:
    done = planter.stack.run("verify", "helo")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "there is no service helo in stack local" in done.err

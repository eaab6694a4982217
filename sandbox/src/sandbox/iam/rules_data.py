"""Permissions of SSM parameters, secrets, KMS, STS, EventBridge writes and alarms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sandbox.iam.calls import Call, Need, tag_context


def kms_need(call: Call, action: str, key_arn: str, via: str | None, encryption: Mapping[str, Any]) -> Need:
    """A KMS permission; ``via`` is the service that calls KMS in the caller's name."""
    context: dict[str, str | list[str]] = {
        f"kms:EncryptionContext:{key}": str(value) for key, value in encryption.items()
    }
    if encryption:
        context["kms:EncryptionContextKeys"] = list(encryption)
    if via:
        context["kms:ViaService"] = f"{via}.{call.region}.amazonaws.com"
    return Need(f"kms:{action}", key_arn, {**context, "kms:CallerAccount": call.account})


def parameter_arn(call: Call, name: str) -> str:
    """The ARN of a parameter by name or ARN, without its ``:version`` or ``:label`` selector."""
    if name.startswith("arn:"):
        return ":".join(name.split(":")[:6])
    return call.arn("ssm", f"parameter/{name.partition(':')[0].removeprefix('/')}")


def _parameters(path: str) -> Callable[[Call], list[Need]]:
    def rule(call: Call) -> list[Need]:
        names = [str(name) for name in call.values(path)]
        needs = [Need(f"ssm:{call.operation}", parameter_arn(call, name)) for name in names]
        if call.params.get("WithDecryption"):
            needs += [need for name in names for need in _decrypts(call, name)]
        return needs

    return rule


def _decrypts(call: Call, name: str) -> list[Need]:
    """SSM decrypts a SecureString in the caller's name (SSM User Guide, "KMS encryption for SecureString")."""
    key = call.facts.secure_key(name)
    if key is None:
        return []
    return [kms_need(call, "Decrypt", key, "ssm", {"PARAMETER_ARN": parameter_arn(call, name)})]


def _by_path(call: Call) -> list[Need]:
    path = str(call.params["Path"])
    context = {"ssm:Recursive": "true" if call.params.get("Recursive") else "false"}
    needs = [Need("ssm:GetParametersByPath", parameter_arn(call, path.rstrip("/") or "/"), context)]
    if call.params.get("WithDecryption"):
        names = call.facts.parameters_under(path, bool(call.params.get("Recursive")))
        needs += [need for name in names for need in _decrypts(call, name)]
    return needs


def _put_parameter(call: Call) -> list[Need]:
    arn = parameter_arn(call, str(call.params["Name"]))
    tags = tag_context(call.params.get("Tags"))
    overwrite = {"ssm:Overwrite": "true" if call.params.get("Overwrite") else "false"}
    needs = [Need("ssm:PutParameter", arn, {**overwrite, **tags})]
    if tags:
        needs.append(Need("ssm:AddTagsToResource", arn, tags))
    if call.params.get("Type") == "SecureString":
        key = call.facts.key_arn(call.params.get("KeyId") or "alias/aws/ssm")
        action = "GenerateDataKey" if call.params.get("Tier") == "Advanced" else "Encrypt"
        needs.append(kms_need(call, action, key, "ssm", {"PARAMETER_ARN": arn}))
    return needs


def _parameter_tags(call: Call) -> list[Need]:
    if call.params.get("ResourceType") != "Parameter":
        return [Need(f"ssm:{call.operation}", "*")]
    tags = tag_context(call.params.get("Tags"))
    return [Need(f"ssm:{call.operation}", parameter_arn(call, str(call.params["ResourceId"])), tags)]


def _start_session(call: Call) -> list[Need]:
    """Of the target, and of the document where one is named; those that are AWS's are in no account.

    https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-specify-session-document.html
    """
    target, document = str(call.params["Target"]), call.params.get("DocumentName")
    kind, _, name = target.partition(":")
    if kind == "ecs":
        cluster, task, _ = name.rsplit("_", 2) if name.count("_") > 1 else (name, "*", "")
        resource = call.arn("ecs", f"task/{cluster}/{task}")
    else:
        resource = call.arn("ec2", f"instance/{target}")
    needs = [Need("ssm:StartSession", resource)]
    if document:
        named = call.arn("ssm", f"document/{document}")
        of_aws = f"arn:aws:ssm:{call.region}::document/{document}"
        needs.append(Need("ssm:StartSession", of_aws if document.startswith("AWS-") else named))
    return needs


def _kms(call: Call) -> list[Need]:
    encryption = call.params.get("EncryptionContext") or {}
    key: str | None
    if call.params.get("KeyId"):
        key = call.facts.key_arn(str(call.params["KeyId"]))
    else:
        key = call.facts.ciphertext_key(call.params.get("CiphertextBlob", b""))
    need = kms_need(call, call.operation, key or "*", None, encryption)
    return [replace(need, context={**need.context, **tag_context(call.params.get("Tags"))})]


def _secret_value(call: Call) -> list[Need]:
    """Secrets Manager decrypts with a customer's key in the caller's name (Secrets Manager, encryption context)."""
    secret_id = str(call.params["SecretId"])
    arn, key = call.facts.secret(secret_id) or (secret_id, None)
    whole = arn if arn.startswith("arn:") else call.arn("secretsmanager", f"secret:{arn}")
    decrypts = [kms_need(call, "Decrypt", key, "secretsmanager", {"SecretARN": whole})] if key else []
    return [Need("secretsmanager:GetSecretValue", whole), *decrypts]


def _assume_role(call: Call) -> list[Need]:
    context: dict[str, str | list[str]] = {"sts:RoleSessionName": str(call.params.get("RoleSessionName", ""))}
    if call.params.get("ExternalId"):
        context["sts:ExternalId"] = str(call.params["ExternalId"])
    tags = tag_context(call.params.get("Tags"))
    role = str(call.params["RoleArn"])
    needs = [Need("sts:AssumeRole", role, {**context, **tags})]
    return [*needs, Need("sts:TagSession", role, tags)] if tags else needs


def _put_events(call: Call) -> list[Need]:
    return [
        Need(
            "events:PutEvents",
            _bus(call, str(entry.get("EventBusName", "default"))),
            {"events:source": str(entry.get("Source")), "events:detail-type": str(entry.get("DetailType"))},
        )
        for entry in call.values("Entries")
    ]


def _put_metric_data(call: Call) -> list[Need]:
    return [Need("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": str(call.params["Namespace"])})]


def _bus(call: Call, name: str) -> str:
    return name if name.startswith("arn:") else call.arn("events", f"event-bus/{name}")


def _put_targets(call: Call) -> list[Need]:
    rule = call.arn("events", f"rule/{call.params['Rule']}")
    roles = [str(role) for role in call.values("Targets.RoleArn")]
    targets = [str(arn) for arn in call.values("Targets.Arn")]
    return [
        Need("events:PutTargets", rule, {"events:TargetArn": targets}),
        *(call.passes(role, "events.amazonaws.com") for role in roles),
    ]


def _read_alarms(parameter: str) -> Callable[[Call], list[Need]]:
    """Only a caller that may read all gets composite alarms (API reference, DescribeAlarms, DescribeAlarmHistory)."""

    def rule(call: Call) -> list[Need]:
        composite = "CompositeAlarm" in call.values("AlarmTypes")
        names = [f"alarm:{name}" for name in call.values(parameter) or ["*"]]
        resources = ["*"] if composite else [call.arn("cloudwatch", name) for name in names]
        return [Need(f"cloudwatch:{call.operation}", resource) for resource in resources]

    return rule


_KMS_ON_KEY = (
    "Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "DescribeKey", "EnableKeyRotation",
    "GetKeyPolicy", "GetKeyRotationStatus", "ListResourceTags", "PutKeyPolicy", "ScheduleKeyDeletion", "TagResource",
    "UntagResource", "UpdateKeyDescription",
)  # fmt: skip

RULES: dict[tuple[str, str], Callable[[Call], list[Need]]] = {
    **{("ssm", name): _parameters("Name") for name in ("GetParameter", "GetParameterHistory", "DeleteParameter")},
    ("ssm", "LabelParameterVersion"): _parameters("Name"),
    ("ssm", "GetParameters"): _parameters("Names"),
    ("ssm", "DeleteParameters"): _parameters("Names"),
    ("ssm", "GetParametersByPath"): _by_path,
    ("ssm", "PutParameter"): _put_parameter,
    ("ssm", "StartSession"): _start_session,
    ("ssm", "TerminateSession"): lambda call: [
        Need("ssm:TerminateSession", call.arn("ssm", f"session/{call.params['SessionId']}"))
    ],
    ("ssm", "DescribeParameters"): lambda call: [Need("ssm:DescribeParameters", "*")],
    **{
        ("ssm", name): _parameter_tags
        for name in ("AddTagsToResource", "RemoveTagsFromResource", "ListTagsForResource")
    },
    ("secretsmanager", "GetSecretValue"): _secret_value,
    **{("kms", name): _kms for name in _KMS_ON_KEY},
    ("kms", "ListAliases"): lambda call: [Need("kms:ListAliases", "*")],
    ("kms", "ListKeys"): lambda call: [Need("kms:ListKeys", "*")],
    ("sts", "AssumeRole"): _assume_role,
    ("cloudwatch", "DescribeAlarms"): _read_alarms("AlarmNames"),
    ("cloudwatch", "DescribeAlarmHistory"): _read_alarms("AlarmName"),
    ("events", "PutEvents"): _put_events,
    ("cloudwatch", "PutMetricData"): _put_metric_data,
    ("events", "PutTargets"): _put_targets,
}

"""Who may reach a resource, and who may do what: pure functions of a resource's type and inputs.

The policy pack and the preview's comment (delivery/pull_request/) judge by them. They are in the pack's folder, which
has an environment of its own and is published as it is.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Inputs = Mapping[str, Any]

RESOURCE_POLICIES: Mapping[str, str] = {
    "aws:ecr/repositoryPolicy:RepositoryPolicy": "repository",
    "aws:kms/key:Key": "description",
    "aws:kms/keyPolicy:KeyPolicy": "keyId",
    "aws:s3/bucketPolicy:BucketPolicy": "bucket",
    "aws:secretsmanager/secretPolicy:SecretPolicy": "secretArn",
    "aws:sns/topicPolicy:TopicPolicy": "arn",
    "aws:sqs/queuePolicy:QueuePolicy": "queueUrl",
}
"""Type → the input that says whose it is; the input `policy` says who may use it."""
IDENTITY_POLICIES: Mapping[str, str] = {
    "aws:iam/groupPolicy:GroupPolicy": "group",
    "aws:iam/policy:Policy": "name",
    "aws:iam/rolePolicy:RolePolicy": "role",
    "aws:iam/userPolicy:UserPolicy": "user",
}
"""Type → the input that says whose it is; the input `policy` says what they may do."""
ATTACHMENTS: Mapping[str, str] = {
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment": "group",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": "role",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment": "user",
}
"""Type → the input that says who gets the managed policy `policyArn`."""
ROLE = "aws:iam/role:Role"
"""Its input `assumeRolePolicy` says who may assume it."""

ANYBODY = "*"
BINDING = frozenset(
    {
        "aws:sourcearn",
        "aws:sourceaccount",
        "aws:sourceorgid",
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "kms:calleraccount",
        "aws:sourcevpc",
        "aws:sourcevpce",
    }
)
"""Condition keys that name who, or where from, in small letters: a condition's keys have no case."""

BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
"""The four settings of a bucket's public access block."""
GROUPS = ("aws:ec2/securityGroup:SecurityGroup", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")


def listed(value: Any) -> list[Any]:
    """What may be one or several, as a list."""
    if value is None:
        return []
    return [value] if isinstance(value, str | Mapping) else list(value)


def statements(document: str | Inputs | None) -> Iterator[Inputs]:
    """A policy document's statements."""
    parsed = json.loads(document) if isinstance(document, str) else document or {}
    yield from listed(parsed.get("Statement"))


def principals(statement: Inputs) -> list[str]:
    """Whom a statement is about: `KIND:NAME`, `*` for anybody, all but that with a `!` before it; of an identity none.

    AWS knows one `*` only: that of an account's principals is everybody's too.
    """
    for key, sign in (("Principal", ""), ("NotPrincipal", "!")):
        principal = statement.get(key)
        if isinstance(principal, Mapping):
            return [
                f"{sign}{ANYBODY if name == ANYBODY else f'{kind}:{name}'}"
                for kind, names in principal.items()
                for name in listed(names)
            ]
        if principal is not None:
            return [f"{sign}{principal}"]
    return []


def is_anybody(principal: str) -> bool:
    """Whether a principal of `principals` is anybody, or anybody but some."""
    return principal == ANYBODY or principal.startswith("!")


def condition_keys(condition: Inputs | None) -> set[str]:
    """The keys of a statement's condition, in small letters."""
    return {key.lower() for operator in (condition or {}).values() for key in operator}


def names_who(condition: Inputs | None) -> bool:
    """Whether a statement for anybody is held by its condition to somebody, or to where they come from."""
    return bool(condition_keys(condition) & BINDING)


def ingress(kind: str, inputs: Inputs) -> list[Inputs]:
    """The rules by which a security group, or a rule of one, lets somebody in.

    Args:
        kind: the resource's type.
        inputs: its inputs.
    """
    if kind in GROUPS:
        return listed(inputs.get("ingress"))
    if kind == "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule":
        return [inputs]
    if kind == "aws:ec2/securityGroupRule:SecurityGroupRule" and inputs.get("type") == "ingress":
        return [inputs]
    return []


def addresses(rule: Inputs) -> list[str]:
    """The CIDRs that a rule of `ingress` lets in."""
    names = ("cidrIpv4", "cidrIpv6", "cidrBlocks", "ipv6CidrBlocks")
    return [str(cidr) for name in names for cidr in listed(rule.get(name))]


def open_blocks(inputs: Inputs) -> list[str]:
    """The settings of a public access block that are off."""
    return [name for name in BLOCKS if not inputs.get(name)]


def _is_public_acl(acl: Any) -> bool:
    return str(acl or "").startswith("public-") or acl == "authenticated-read"


def _is_true(value: Any) -> bool:
    return value is True


_SETTINGS: Mapping[str, tuple[str, Callable[[Any], bool], str]] = {
    "aws:ec2/instance:Instance": ("associatePublicIpAddress", _is_true, "has a public address"),
    "aws:ec2/subnet:Subnet": ("mapPublicIpOnLaunch", _is_true, "gives what starts in it a public address"),
    "aws:ecs/service:Service": ("networkConfiguration.assignPublicIp", _is_true, "gives its tasks public addresses"),
    "aws:lambda/functionUrl:FunctionUrl": ("authorizationType", lambda type_: type_ == "NONE", "answers anybody"),
    "aws:rds/clusterInstance:ClusterInstance": ("publiclyAccessible", _is_true, "has a public address"),
    "aws:rds/instance:Instance": ("publiclyAccessible", _is_true, "has a public address"),
    "aws:redshift/cluster:Cluster": ("publiclyAccessible", _is_true, "has a public address"),
    "aws:s3/bucket:Bucket": ("acl", _is_public_acl, "is open to anybody by its ACL"),
    "aws:s3/bucketAcl:BucketAcl": ("acl", _is_public_acl, "is open to anybody by its ACL"),
}
"""Type → an input, when it makes the resource public, and what that means."""


def public_setting(kind: str, inputs: Inputs) -> str | None:
    """What one of a resource's own settings makes public, in words; None when none does.

    Args:
        kind: the resource's type.
        inputs: its inputs.
    """
    if kind not in _SETTINGS:
        return None
    path, is_public, meaning = _SETTINGS[kind]
    value: Any = inputs
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return meaning if is_public(value) else None

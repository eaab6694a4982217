"""Finds the user that may bring a pipeline its releases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from sandbox.iam import evaluator
from sandbox.stacks import SandboxError


def find_uploader(iam: Any, action: str, arn: str, another: str) -> str:
    """The user whose policies allow an action on a resource; if there is one, one that may not do it to another one.

    Args:
        iam: a client.
        action: such as `s3:PutObject`.
        arn: what it is done to.
        another: the ARN of something else of the same kind.

    Raises:
        SandboxError: nobody may.
    """
    able, exact = [], []
    for page in iam.get_paginator("list_users").paginate():
        for user in page["Users"]:
            policies = list(user_policies(iam, user["UserName"]))
            if _may(policies, action, arn):
                able.append(user["UserName"])
                if not _may(policies, action, another):
                    exact.append(user["UserName"])
    if not able:
        raise SandboxError(f"no IAM user has a policy that allows {action} on {arn}")
    return str(min(exact or able))


def _may(policies: list[evaluator.Policy], action: str, arn: str) -> bool:
    request = evaluator.Request(action, arn, {"aws:SecureTransport": "true"})
    return evaluator.evaluate(request, policies).allowed


def user_policies(iam: Any, user: str) -> Iterator[evaluator.Policy]:
    """A user's inline, attached and group policies."""
    for name in iam.list_user_policies(UserName=user)["PolicyNames"]:
        yield _policy(name, iam.get_user_policy(UserName=user, PolicyName=name)["PolicyDocument"])
    attached = list(iam.list_attached_user_policies(UserName=user)["AttachedPolicies"])
    for group in iam.list_groups_for_user(UserName=user)["Groups"]:
        group_name = group["GroupName"]
        for name in iam.list_group_policies(GroupName=group_name)["PolicyNames"]:
            yield _policy(name, iam.get_group_policy(GroupName=group_name, PolicyName=name)["PolicyDocument"])
        attached += iam.list_attached_group_policies(GroupName=group_name)["AttachedPolicies"]
    for policy in attached:
        version = iam.get_policy(PolicyArn=policy["PolicyArn"])["Policy"]["DefaultVersionId"]
        answer = iam.get_policy_version(PolicyArn=policy["PolicyArn"], VersionId=version)
        yield _policy(policy["PolicyName"], answer["PolicyVersion"]["Document"])


def _policy(name: str, document: Any) -> evaluator.Policy:
    parsed = json.loads(unquote(document)) if isinstance(document, str) else document
    return evaluator.Policy(name, parsed)

"""Roles: each trusts who uses it, and with that of execution ECS can start a task."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from delivery.services.sidecars import ECR
from delivery.verification.subject import Problem, Subject, Unsure
from delivery.verification.values import stored
from releases.ecs import log_stream
from releases.names import UPLOADED, starting_rule

PULL = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
LOG = ("logs:CreateLogStream", "logs:PutLogEvents")
CONTEXTS = {True: "kms:EncryptionContext:PARAMETER_ARN", False: "kms:EncryptionContext:SecretARN"}
"""Is it a parameter? → what its decryption is bound to (Parameter Store and KMS; Secrets Manager, encryption)."""


class Need(NamedTuple):
    """What a role has to be allowed.

    Attributes:
        actions: such as `ssm:GetParameters`.
        resources: ARNs; each action on each of them.
        context: condition keys, and what a call of AWS's would have there.
    """

    actions: Sequence[str]
    resources: Sequence[str]
    context: Mapping[str, str] = {}


def permissions(subject: Subject) -> Iterator[Problem]:
    """What the execution role lacks of pulling, reading and logging, by IAM's policy simulator.

    It knows the role's policies, its boundary and the organization's service control policies, and no policy of a key,
    a secret or a repository (IAM API, SimulatePrincipalPolicy); for what is another account's it needs those, and so is
    not asked. Where a condition has a key that it was not told, or a service control policy refuses, whose keys it does
    not name (EvaluationResult, MissingContextValues), a refusal is not certain.
    """
    iam = subject.session.client("iam")
    for role in dict.fromkeys(each["executionRoleArn"] for each in subject.definitions if "executionRoleArn" in each):
        of_role = [each for each in subject.definitions if each.get("executionRoleArn") == role]
        for need in needs(subject, of_role):
            for some in _by_region(subject, need):
                yield from _refused(subject, iam, role, some)


def needs(subject: Subject, definitions: Sequence[Mapping[str, Any]]) -> Iterator[Need]:
    """What ECS does as the execution role before a task of these starts."""
    containers = _containers(definitions)
    images = [
        match for each in containers if (match := ECR.match(each["image"])) and match["account"] == subject.account
    ]
    repositories = {subject.arn("ecr", f"repository/{each['name']}", each["region"]) for each in images}
    if repositories:
        yield Need(PULL, sorted(repositories))
        yield Need(("ecr:GetAuthorizationToken",), ("*",))
    places = [place for each in containers if (place := log_stream(each, "/0"))]
    streams = {subject.arn("logs", f"log-group:{group}:log-stream:{stream}") for group, stream in places}
    if streams:
        yield Need(LOG, sorted(streams))
    there = [each for each in stored(subject) if each.found is not None]
    for is_parameter, action in ((True, "ssm:GetParameters"), (False, "secretsmanager:GetSecretValue")):
        of_kind = [each for each in there if each.is_parameter is is_parameter]
        if of_kind:
            yield Need((action,), [each.arn for each in of_kind])
        for each in of_kind:
            if (key := _key_arn(subject, each.key, each.arn.split(":")[3])) is not None:
                service = "ssm" if is_parameter else "secretsmanager"
                via = f"{service}.{each.arn.split(':')[3]}.amazonaws.com"
                context = {
                    CONTEXTS[is_parameter]: each.arn,
                    "kms:ViaService": via,
                    "kms:CallerAccount": subject.account,
                }
                yield Need(("kms:Decrypt",), (key,), context)


def trust(subject: Subject) -> Iterator[Problem]:
    """Roles that are gone, or that do not trust who is to use them for this account."""
    iam = subject.session.client("iam")
    for role, service in users(subject):
        try:
            document = iam.get_role(RoleName=_name(role))["Role"]["AssumeRolePolicyDocument"]
        except iam.exceptions.NoSuchEntityException:
            yield Problem(f"the role {_name(role)} is gone, which {service} is to assume", subject.up)
            continue
        if not trusts(document, service, subject.account):
            yield Problem(f"the role {_name(role)} does not trust {service} any more", subject.up)


def users(subject: Subject) -> list[tuple[str, str]]:
    """Role → which service of AWS's uses it, of the service and of its pipeline; what is not there has none.

    Raises:
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    tasks = [each[key] for each in subject.definitions for key in ("executionRoleArn", "taskRoleArn") if key in each]
    advanced = [each.get("advancedConfiguration", {}) for each in subject.described.get("loadBalancers", [])]
    used = [
        *((role, "ecs-tasks") for role in tasks),
        *((each["roleArn"], "ecs") for each in advanced if "roleArn" in each),
        *_users_of_pipeline(subject),
    ]
    return list(dict.fromkeys((role, f"{service}.amazonaws.com") for role, service in used))


def _users_of_pipeline(subject: Subject) -> Iterator[tuple[str, str]]:
    session, codepipeline = subject.session, subject.session.client("codepipeline")
    try:
        pipeline = codepipeline.get_pipeline(name=subject.name)["pipeline"]
    except codepipeline.exceptions.PipelineNotFoundException:
        return
    yield pipeline["roleArn"], "codepipeline"
    configurations = [each.get("configuration", {}) for stage in pipeline["stages"] for each in stage["actions"]]
    if projects := sorted({each["ProjectName"] for each in configurations if "ProjectName" in each}):
        for project in session.client("codebuild").batch_get_projects(names=projects)["projects"]:
            yield project["serviceRole"], "codebuild"
    functions = session.client("lambda")
    for function in sorted({each["FunctionName"] for each in configurations if "FunctionName" in each}):
        try:
            yield functions.get_function(FunctionName=function)["Configuration"]["Role"], "lambda"
        except functions.exceptions.ResourceNotFoundException:
            continue
    events = session.client("events")
    try:
        targets = events.list_targets_by_rule(Rule=starting_rule(subject.name, UPLOADED))["Targets"]
    except events.exceptions.ResourceNotFoundException:
        return
    for target in targets:
        if "RoleArn" in target:
            yield target["RoleArn"], "events"


def trusts(document: Mapping[str, Any], service: str, account: str) -> bool:
    """Whether a trust policy lets a service of AWS's assume its role on behalf of an account.

    Args:
        document: the policy.
        service: such as `ecs-tasks.amazonaws.com`.
        account: the one that the service works for; a condition on any other key but `aws:SourceAccount` is taken to
            hold.
    """
    effects = {
        statement["Effect"]
        for statement in _list(document["Statement"])
        if {"sts:AssumeRole", "sts:*", "*"} & set(_list(statement.get("Action", [])))
        and _names(statement.get("Principal"), service)
        and all(account in accounts for accounts in _source_accounts(statement))
    }
    return effects == {"Allow"}


def _source_accounts(statement: Mapping[str, Any]) -> Iterator[list[str]]:
    for keys in statement.get("Condition", {}).values():
        yield from (_list(value) for key, value in keys.items() if key.lower() == "aws:sourceaccount")


def _names(principal: Any, service: str) -> bool:
    return principal == "*" or (isinstance(principal, Mapping) and service in _list(principal.get("Service", [])))


def _by_region(subject: Subject, need: Need) -> Iterator[Need]:
    """A need for the things of each region, with what all calls there have (IAM, global condition context keys)."""
    regions = dict[str, list[str]]()
    for resource in need.resources:
        regions.setdefault(subject.region if resource == "*" else resource.split(":")[3], []).append(resource)
    for region, resources in regions.items():
        of_all_calls = {
            "aws:RequestedRegion": region,
            "aws:PrincipalAccount": subject.account,
            "aws:ResourceAccount": subject.account,
        }
        yield Need(need.actions, resources, {**need.context, **of_all_calls})


def _refused(subject: Subject, iam: Any, role: str, need: Need) -> Iterator[Problem]:
    entries = [
        {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
        for key, value in need.context.items()
    ]
    pages = iam.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=role,
        ActionNames=list(need.actions),
        ResourceArns=list(need.resources),
        ContextEntries=entries,
    )
    try:
        for page in pages:
            for result in page["EvaluationResults"]:
                yield from _problems(subject, role, result)
    except iam.exceptions.NoSuchEntityException:
        return  # `trust` says so


def _problems(subject: Subject, role: str, result: Mapping[str, Any]) -> Iterator[Problem]:
    """Of each resource; of an action that takes none there is one decision (IAM API, EvaluationResult)."""
    alone = {
        "EvalResourceName": result.get("EvalResourceName", "*"),
        "EvalResourceDecision": result["EvalDecision"],
        "MissingContextValues": result.get("MissingContextValues", []),
    }
    by_organization = not result.get("OrganizationsDecisionDetail", {}).get("AllowedByOrganizations", True)
    for each in result.get("ResourceSpecificResults") or [alone]:
        if each["EvalResourceDecision"] == "allowed":
            continue
        refused = f"{_name(role)} may not {result['EvalActionName']} on {each['EvalResourceName']}"
        if by_organization:
            yield Unsure(
                f"{refused} by a service control policy, if its conditions hold for ECS's call: then no task starts",
                "read the organization's service control policies of this account",
            )
        elif missing := each.get("MissingContextValues"):
            yield Unsure(
                f"{refused}, as far as can be told without {', '.join(sorted(missing))}: then no task starts",
                f"read the conditions in the policies and in the boundary of {_name(role)}",
            )
        else:
            yield Problem(f"{refused}: no task starts with it", subject.up)


def _key_arn(subject: Subject, key: str | None, region: str) -> str | None:
    """The ARN of a customer's key in this account, which IAM decides on."""
    if key is None:
        return None
    kms = subject.session.client("kms", region_name=region)
    try:
        arn = str(kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"])
    except kms.exceptions.NotFoundException:
        return None
    return arn if arn.split(":")[4] == subject.account else None


def _containers(definitions: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [container for definition in definitions for container in definition["containerDefinitions"]]


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def _name(role: str) -> str:
    return role.rpartition("/")[2]

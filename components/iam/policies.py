"""IAM policy documents: what each role may do, action by action and ARN by ARN.

Functions without resources; a component turns what they return into a policy with `pulumi.Output.json_dumps`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from components.scope import Scope

Statement = dict[str, Any]
Arns = Sequence[pulumi.Input[str]]

EVERYTHING = ["*"]
"""Only for actions of policy/wildcards.py, which has the reason for each."""
PULL = "ecr:BatchGetImage GetDownloadUrlForLayer"


def document(statements: Sequence[Statement]) -> dict[str, Any]:
    """A policy of these statements."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(
    sid: str, actions: str | Sequence[str], resources: Arns, condition: Mapping[str, Any] | None = None
) -> Statement:
    """One Allow statement.

    Args:
        sid: its name.
        actions: `service:Name`; several of a service have blanks between their names: `s3:GetObject PutObject`.
        resources: ARNs, or EVERYTHING.
        condition: operator → key → values.
    """
    texts = [actions] if isinstance(actions, str) else actions
    of_services = [text.partition(":") for text in texts]
    statement = {
        "Sid": sid,
        "Effect": "Allow",
        "Action": [f"{service}:{name}" for service, _, names in of_services for name in names.split()],
        "Resource": list(resources),
    }
    return {**statement, "Condition": condition} if condition else statement


def trust(service: str, account: pulumi.Input[str]) -> Statement:
    """Lets an AWS service assume a role, on behalf of this account only (the confused deputy problem)."""
    return {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": account}},
    }


def secure_transport_only(bucket_arn: pulumi.Input[str]) -> dict[str, Any]:
    """A bucket policy that refuses requests without TLS."""
    return document(
        [
            {
                "Sid": "SecureTransportOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [bucket_arn, pulumi.Output.concat(bucket_arn, "/*")],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ]
    )


def send_to_dead_letters(queue_arn: pulumi.Input[str], rule_arns: Arns) -> dict[str, Any]:
    """A dead-letter queue's policy: EventBridge may put what these rules could not deliver."""
    return document(
        [
            {
                "Sid": "Undelivered",
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue_arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": list(rule_arns)}},
            }
        ]
    )


def upload(object_arn: pulumi.Input[str]) -> list[Statement]:
    """All that an on-premises CI may do: put its own service's source."""
    return [allow("UploadSource", "s3:PutObject", [object_arn])]


def write_logs(log_group_arn: pulumi.Input[str]) -> list[Statement]:
    """Writes to the streams of a log group that exists."""
    return [allow("WriteLogs", "logs:CreateLogStream PutLogEvents", [pulumi.Output.concat(log_group_arn, ":*")])]


def encrypt_log(scope: Scope, log_group: str) -> dict[str, Any]:
    """A KMS key's policy: CloudWatch Logs may encrypt one log group with it (CloudWatch Logs, encrypt log data).

    The account's own policies decide about everything else. The resource of a key's policy is that key.
    """
    root, arn = f"arn:{scope.partition}:iam::{scope.account}:root", scope.arn("logs", f"log-group:{log_group}")
    uses = "kms:Encrypt Decrypt ReEncrypt* GenerateDataKey* Describe*"
    return document(
        [
            {**allow("Account", "kms:*", EVERYTHING), "Principal": {"AWS": root}},
            {
                **allow("Logs", uses, EVERYTHING, {"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": arn}}),
                "Principal": {"Service": f"logs.{scope.region}.amazonaws.com"},
            },
        ]
    )


def ecs_exec(log_group_arn: pulumi.Input[str]) -> list[Statement]:
    """What the agent of ECS Exec in a task needs, with the task role (ECS, ECS Exec: task role, logging)."""
    channels = "ssmmessages:CreateControlChannel CreateDataChannel OpenControlChannel OpenDataChannel"
    log = "logs:CreateLogStream DescribeLogStreams PutLogEvents"
    return [
        # None of them takes a resource.
        allow("OpenSessions", channels, EVERYTHING),
        allow("FindSessionLog", "logs:DescribeLogGroups", EVERYTHING),
        allow("LogSessions", log, [pulumi.Output.concat(log_group_arn, ":*")]),
    ]


def read_parameters(arns: Arns) -> list[Statement]:
    """Reads parameters, whose ARNs may be patterns."""
    return [allow("ReadParameters", "ssm:GetParameters", arns)] if arns else []


def decrypt_parameters(whose: str, arns: Arns, key_arn: pulumi.Input[str]) -> list[Statement]:
    """Decrypts these parameters, whose ARNs may be patterns, and nothing else that the key encrypts.

    Parameter Store decrypts with the parameter's ARN as the encryption context (Parameter Store and KMS).

    Args:
        whose: what the statement's name begins with, "" for our own.
        arns: the parameters.
        key_arn: what they are encrypted with.
    """
    only_these = {"StringLike": {"kms:EncryptionContext:PARAMETER_ARN": list(arns)}}
    return [allow(f"Decrypt{whose}Parameters", "kms:Decrypt", [key_arn], only_these)] if arns else []


def decrypt_secrets(whose: str, arns: Sequence[str], key_arn: str) -> Statement:
    """Decrypts these secrets of Secrets Manager, and nothing else that the key encrypts."""
    only_these = {"StringEquals": {"kms:EncryptionContext:SecretARN": list(arns)}}
    return allow(f"Decrypt{whose}", "kms:Decrypt", [key_arn], only_these)


def read_secrets(what: str, secrets: Sequence[tuple[str, str | None]]) -> list[Statement]:
    """Reads secrets of Secrets Manager, and decrypts them and nothing else that their keys encrypt.

    IAM knows no JSON keys, so each is read whole. Secrets Manager decrypts with the secret's ARN as the encryption
    context (Secrets Manager, encryption).

    Args:
        what: what the statements' names end with.
        secrets: ARNs, each with that of a customer's key, where it is encrypted with one.
    """
    if not secrets:
        return []
    arns = {key: sorted({arn for arn, of in secrets if of == key}) for _, key in secrets if key is not None}
    return [
        allow(f"Read{what}", "secretsmanager:GetSecretValue", sorted({arn for arn, _ in secrets})),
        *(decrypt_secrets(f"{what}{number}", arns[key], key) for number, key in enumerate(sorted(arns), 1)),
    ]


def log_in_to_registry() -> Statement:
    """ecr:GetAuthorizationToken takes no resource."""
    return allow("LogInToRegistry", "ecr:GetAuthorizationToken", EVERYTHING)


def pull_image(repository_arn: pulumi.Input[str]) -> list[Statement]:
    """What ECS needs to start a container of an image."""
    return [log_in_to_registry(), allow("PullImage", PULL, [repository_arn])]


def pull_sidecars(repository_arns: Arns) -> Statement:
    """What ECS needs beside `pull_image` to start the containers of other images."""
    return allow("PullSidecars", PULL, repository_arns)


def tag_started_tasks(tasks_arn: pulumi.Input[str]) -> Statement:
    """Gives tasks tags as it starts them, and no task that runs already (ECS, Grant permission to tag resources on
    creation; Service Authorization Reference: TagResource, ecs:CreateAction).

    Args:
        tasks_arn: `…:task/cluster/*`; a task's ARN ends in an id that AWS makes up.
    """
    return allow("TagTasks", "ecs:TagResource", [tasks_arn], {"StringEquals": {"ecs:CreateAction": ["RunTask"]}})


def let_pull(role_arns: Sequence[str]) -> dict[str, Any]:
    """A repository's policy: these roles of other accounts pull its images, and nobody else there.

    It names the accounts, because AWS takes no principal that there is not yet (ECR, repository policies).
    """
    accounts = sorted({arn.rpartition(":role/")[0] for arn in role_arns})
    roles = {"ArnEquals": {"aws:PrincipalArn": sorted(role_arns)}}
    statement = allow("Promote", PULL, [], roles)
    del statement["Resource"]  # a repository's policy has none: it is of that repository
    return document([{**statement, "Principal": {"AWS": [f"{account}:root" for account in accounts]}}])


def push_image(repository_arn: pulumi.Input[str]) -> list[Statement]:
    """What `docker push` needs, and a look at what is there (ECR, IAM permissions for pushing an image)."""
    actions = (
        "ecr:BatchCheckLayerAvailability InitiateLayerUpload UploadLayerPart CompleteLayerUpload BatchGetImage "
        "PutImage DescribeImages"
    )
    return [log_in_to_registry(), allow("PushImage", actions, [repository_arn])]


def read_labels(repository_arn: pulumi.Input[str]) -> list[Statement]:
    """Fetches the configuration of an image, whose manifest may be read already."""
    return [allow("ReadLabels", "ecr:GetDownloadUrlForLayer", [repository_arn])]


def tag_image(repository_arn: pulumi.Input[str]) -> list[Statement]:
    """Looks at tags, and gives another one to an image that is there."""
    return [allow("TagImage", "ecr:DescribeImages BatchGetImage PutImage", [repository_arn])]

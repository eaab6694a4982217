"""Writes who can do what, from the policies themselves: `make docs` writes docs/reference/access.md."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bootstrap import state_policy
from bootstrap.account_file import PROJECT, Account
from bootstrap.deploy_policy import deploy_statements
from bootstrap.drift_policy import drift_statements
from bootstrap.network_policy import assume_zone_roles
from bootstrap.preview_policy import preview_statements
from bootstrap.review_policy import REVIEW_STACKS, review_statements
from components.iam import policies
from components.iam.delivery_policies import find_tasks, read_executions, read_release
from components.iam.policies import EVERYTHING, Statement, allow
from components.scope import Scope
from releases.names import (
    SOURCES,
    TEMPLATES,
    UPLOADED,
    build_log_group,
    build_project,
    build_value_name,
    cluster_parameter,
    inbox,
    log_group,
    record_name,
    source_key,
    starting_rule,
)

TABLE = Path(__file__).parent / "reference/access.md"
SCOPE = Scope(stack="STACK", partition="aws", region="REGION", account="ACCOUNT")
STATE = "arn:aws:s3:::STATE-BUCKET"
KEY = "arn:aws:kms:REGION:ACCOUNT:key/STACK'S-KEY"
REVIEW_KEY = "arn:aws:kms:REGION:ACCOUNT:key/REVIEWS'-KEY"

HEAD = """\
# Who can do what

`make docs` generates this page from the policies. [Accounts and environments](../how-to/environments.md) says
what the roles are for.

## Who may assume a role

| role | through | when the token says |
|---|---|---|
"""


def table() -> str:
    """The whole page."""
    roles: Mapping[str, Sequence[Statement]] = {
        "`STACK-preview`": [
            *preview_statements(SCOPE),
            *state_policy.read_state(STATE, PROJECT, SCOPE.stack),
            *state_policy.decrypt_state(KEY),
        ],
        "`STACK-drift`": [
            *drift_statements(SCOPE),
            *state_policy.read_state(STATE, PROJECT, SCOPE.stack),
            *state_policy.decrypt_state(KEY),
        ],
        "`STACK-deploy`": [
            *(statement for statements in deploy_statements(SCOPE).values() for statement in statements),
            *state_policy.write_state(STATE, PROJECT, SCOPE.stack),
            *state_policy.encrypt_state(KEY),
        ],
        "`STACK-review`": [
            *(statement for statements in review_statements(SCOPE).values() for statement in statements),
            *state_policy.write_state(STATE, PROJECT, REVIEW_STACKS),
            *state_policy.encrypt_state(REVIEW_KEY),
            *state_policy.reference_state(STATE, PROJECT, SCOPE.stack),
            *state_policy.decrypt_state(KEY),
        ],
        "All of these, where the account's file has `zone_roles`; `STACK-preview` and `STACK-review` with "
        "`previews_assume_zone_roles` and `reviews_assume_zone_roles` only": assume_zone_roles(["ZONE_ROLE"]),
        "`STACK-SERVICE-uploader`, a user, and `STACK-SERVICE-upload`, a role": policies.upload(
            f"arn:aws:s3:::STORE/{source_key('SERVICE')}"
        ),
        "The same two where images are pushed, and `STACK-SERVICE-push`, a role": policies.push_image(
            SCOPE.arn("ecr", f"repository/{inbox(SCOPE.name('SERVICE'))}")
        ),
        "An operator who runs `delivery ship` and `delivery push`; nobody is made for it": shipping(
            SCOPE,
            parameters=[SCOPE.arn("ssm", "parameter/EXTERNAL-BUILD-VALUE")],
            secrets=[SCOPE.arn("secretsmanager", "secret:OF-A-BUILD-VALUE")],
        ),
    }
    lines = [HEAD + "\n".join(_trusts())]
    for role, statements in roles.items():
        lines.append(f"\n## {role}\n\n| may | on | if |\n|---|---|---|")
        lines += [_row(statement) for statement in statements]
    return "\n".join(lines) + "\n"


def shipping(scope: Scope, *, parameters: Sequence[str] = (), secrets: Sequence[str] = ()) -> list[Statement]:
    """What `delivery ship` and `delivery push` ask of AWS, for all services of a stack.

    Args:
        scope: the stack's.
        parameters: the ARNs of external ones that builds have, which `push` reads where an upload is to find its image.
        secrets: those of Secrets Manager, alike.
    """
    ours, store, stack = scope.name("*"), f"arn:{scope.partition}:s3:::delivery-store-bucket-*", scope.stack
    pipelines, cluster = scope.arn("codepipeline", ours), scope.arn("ecs", f"cluster/{scope.cluster}")
    names = record_name(stack, "*"), cluster_parameter(stack), build_value_name(stack, "*", "*")
    record, found, own = (scope.arn("ssm", f"parameter{name}") for name in names)
    values = [own, *parameters]
    projects, logs = scope.arn("codebuild", f"project/{build_project(ours)}"), (log_group(ours), build_log_group(ours))
    return [
        allow("Upload", "s3:PutObject", [f"{store}/{SOURCES}/*"]),
        *policies.push_image(scope.arn("ecr", f"repository/{inbox(ours)}")),
        allow("FindInboxes", "ecr:DescribeRepositories", [scope.arn("ecr", f"repository/{inbox(ours)}")]),
        allow("StartPipelines", "codepipeline:StartPipelineExecution GetPipeline GetPipelineState", [pipelines]),
        read_executions(pipelines),
        allow("ReadEvents", "s3:GetBucketNotification", [store]),
        allow("ReadRules", "events:DescribeRule", [scope.arn("events", f"rule/{starting_rule(ours, UPLOADED)}")]),
        allow("ReadBuilds", "codebuild:BatchGetProjects BatchGetBuilds", [projects]),
        allow("ReadBuildValues", "ssm:GetParameter", values),
        *policies.decrypt_parameters("", values, scope.arn("kms", "key/*")),
        *policies.read_secrets("BuildSecrets", [(secret, None) for secret in secrets]),
        allow("ReadLogs", "logs:GetLogEvents", [scope.arn("logs", f"log-group:{group}:*") for group in logs]),
        allow("ReadReleased", "ssm:GetParameters", [record, found]),
        *read_release(record),
        allow(
            "ReadServices",
            "ecs:DescribeServices ListServiceDeployments DescribeServiceDeployments",
            [scope.arn("ecs", f"{kind}/{scope.cluster}/{ours}") for kind in ("service", "service-deployment")],
        ),
        allow("FindServices", "ecs:ListServices", EVERYTHING, {"ArnEquals": {"ecs:cluster": cluster}}),
        allow("ReadRevisions", "ecs:DescribeTaskDefinition", EVERYTHING),
        *find_tasks(cluster, scope.arn("ecs", f"task/{scope.cluster}/*")),
        allow("ReadTemplates", "s3:GetObject", [f"{store}/{TEMPLATES}/*"]),
        allow("ReadImages", "ecr:DescribeImages", [scope.arn("ecr", f"repository/{ours}")]),
        allow(
            "ReadBalancers",
            "elasticloadbalancing:DescribeTargetGroups DescribeTargetHealth DescribeListeners DescribeRules",
            EVERYTHING,
        ),
    ]


def _trusts() -> Iterator[str]:
    account = Account.model_validate(
        {
            "backend": "pulumi",
            "github": {"repository": "OWNER/NAME", "owner_id": 1, "repository_id": 2},
            "gitlab": {"url": "https://gitlab.example.com", "project": "GROUP/PROJECT"},
            "pulumi_cloud": {"organization": "organization"},
            "runners": ["arn:aws:iam::123456789012:role/runner"],
            "stacks": {"stack": {"reviews": True}},
        }
    )
    for use, statements in account.trust("stack", str).items():
        for statement in statements:
            condition = statement.get("Condition", {})
            says = "<br>".join(
                f"`{key.rpartition(':')[2]}` is {_any_of(value)}"
                for keys in condition.values()
                for key, value in keys.items()
            )
            yield f"| `STACK-{use}` | {statement['Sid']} | {says or 'it is one of `runners`'} |"


def _row(statement: Statement) -> str:
    conditions = [
        f"`{key}` is {_any_of(value)}{' or nothing' if operator.endswith('IfExists') else ''}"
        for operator, keys in statement.get("Condition", {}).items()
        for key, value in keys.items()
    ]
    on = "everything" if statement["Resource"] == policies.EVERYTHING else _any_of(statement["Resource"], "<br>")
    return f"| {_actions(statement['Action'])} | {on} | {'<br>'.join(conditions)} |"


def _actions(actions: Sequence[str]) -> str:
    """`service:` once, its actions after it."""
    by_service: dict[str, list[str]] = {}
    for action in actions:
        service, _, name = action.partition(":")
        by_service.setdefault(service, []).append(name)
    return "; ".join(f"**{service}** {', '.join(names)}" for service, names in by_service.items())


def _any_of(value: Any, between: str = " or ") -> str:
    values = value if isinstance(value, list) else [value]
    return between.join(f"`{_short(each)}`" for each in values)


def _short(arn: str) -> str:
    return arn.removeprefix("arn:aws:").replace("REGION:ACCOUNT:", "").replace(":::", ":").replace("::ACCOUNT", "")


if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")

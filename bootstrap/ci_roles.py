"""A stack's roles: who deploys and previews it, looks for its drift, has its reviews; the keys of their secrets."""

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from bootstrap import state_policy
from bootstrap.deploy_policy import deploy_statements
from bootstrap.drift_policy import drift_statements
from bootstrap.network_policy import assume_zone_roles
from bootstrap.preview_policy import preview_statements
from bootstrap.review_policy import REVIEW_STACKS, review_statements
from components.iam import policies
from components.iam.roles import attach_policy
from components.scope import Scope

PATH = "/fargate-delivery/"
"""Of these roles. So the pattern of the roles that a stack makes, `role/STACK-*`, is not theirs: none widens itself."""


MAX_SESSION_SECONDS = 2 * 60 * 60
"""Seconds of a session of the deploy role: an `up` may wait for an hour before it begins (releases/waiting.py)."""


class StackAccessArgs(TypedDict):
    """Inputs of `StackAccess`."""

    scope: Scope
    project: str
    """The Pulumi project."""
    state_bucket_arn: NotRequired[str]
    """The self-managed backend; without it Pulumi Cloud keeps state and secrets."""
    load_balancer: NotRequired[str | None]
    """The name of one that exists, which the stack uses instead of making its own."""
    zone_roles: NotRequired[Sequence[str]]
    """The ARNs of the roles by which the stack writes into zones that are not its account's."""
    previews_assume_zone_roles: NotRequired[bool]
    """Whether who previews may assume them, too; else only who deploys or looks for drift."""
    reviews_assume_zone_roles: NotRequired[bool]
    """The same of who puts up reviews."""
    trust: Mapping[str, Sequence[policies.Statement]]
    """Who may assume each role, by its use: `deploy`, `preview`, `drift`, and `review`, which puts up pull requests'
    own stacks on this one's network and load balancer. A role that nobody may assume is not made."""


class StackAccess(pulumi.ComponentResource):
    """What a stack's deployments run as, and with what.

    Produces: an `aws.iam.Role` for deployments with its policies, one for previews and one that looks for drift, each
    with its policy, one for reviews with its policies, and for the self-managed backend an `aws.kms.Key` with alias for
    the stack's secrets, and one for those of its reviews.
    """

    role_arns: Mapping[str, pulumi.Output[str]]
    """By their uses, those that there are."""
    secrets_provider: pulumi.Output[str | None]
    """What `--secrets-provider` takes; None where Pulumi Cloud keeps the secrets."""
    review_secrets_provider: pulumi.Output[str | None]
    """The same, of the reviews' stacks."""

    def __init__(self, name: str, args: StackAccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fargate-delivery:index:StackAccess", name, {"stack": args["scope"].stack}, opts)
        self._scope, self._child = args["scope"], pulumi.ResourceOptions(parent=self)
        self._name = name
        trust = args["trust"]
        writing = {
            "deploy": dict(deploy_statements(self._scope, args.get("load_balancer"))),
            "review": dict(review_statements(self._scope)),
        }
        reading = {"preview": preview_statements(self._scope), "drift": drift_statements(self._scope)}
        zones = assume_zone_roles(args.get("zone_roles", []))
        writing["deploy"]["network"] = [*writing["deploy"]["network"], *zones]
        if args.get("reviews_assume_zone_roles"):
            writing["review"]["network"] = [*writing["review"]["network"], *zones]
        reading["drift"] = [*reading["drift"], *zones]
        if args.get("previews_assume_zone_roles"):
            reading["preview"] = [*reading["preview"], *zones]
        self.secrets_provider = self.review_secrets_provider = pulumi.Output.from_input(None)
        if "state_bucket_arn" in args:
            bucket_arn, project, stack = args["state_bucket_arn"], args["project"], self._scope.stack
            key, self.secrets_provider = self._key("", stack)
            writing["deploy"]["state"] = [
                *state_policy.write_state(bucket_arn, project, stack),
                *state_policy.encrypt_state(key.arn),
            ]
            state = [*state_policy.read_state(bucket_arn, project, stack), *state_policy.decrypt_state(key.arn)]
            reading = {use: [*statements, *state] for use, statements in reading.items()}
            if trust["review"]:
                review_key, self.review_secrets_provider = self._key("-review", f"{stack}'s reviews")
                writing["review"]["state"] = [
                    *state_policy.write_state(bucket_arn, project, REVIEW_STACKS),
                    *state_policy.encrypt_state(review_key.arn),
                    *state_policy.reference_state(bucket_arn, project, stack),
                    *state_policy.decrypt_state(key.arn),
                ]
        self.role_arns = {
            **{use: self._writing_role(use, parts, trust[use]) for use, parts in writing.items() if trust[use]},
            **{use: self._reading_role(use, of, trust[use]) for use, of in reading.items() if trust[use]},
        }
        self.register_outputs({f"{use}_role_arn": self.role_arns.get(use) for use in trust})

    def _role(self, use: str, trust: Sequence[policies.Statement]) -> aws.iam.Role:
        return aws.iam.Role(
            f"{self._name}-{use}-role",
            name=f"{self._scope.stack}-{use}",
            path=PATH,
            max_session_duration=MAX_SESSION_SECONDS if use == "deploy" else None,
            assume_role_policy=pulumi.Output.json_dumps(policies.document(trust)),
            opts=self._child,
        )

    def _writing_role(
        self,
        use: str,
        parts: Mapping[str, Sequence[policies.Statement]],
        trust: Sequence[policies.Statement],
    ) -> pulumi.Output[str]:
        """Managed policies, because a role's own have 10,240 characters together."""
        role = self._role(use, trust)
        attached = []
        for part, statements in parts.items():
            policy = aws.iam.Policy(
                f"{self._name}-{use}-{part}",
                name=f"{self._scope.stack}-{use}-{part}",
                path=PATH,
                policy=pulumi.Output.json_dumps(policies.document(statements)),
                opts=self._child,
            )
            attached.append(
                aws.iam.RolePolicyAttachment(
                    f"{self._name}-{use}-{part}", role=role.name, policy_arn=policy.arn, opts=self._child
                )
            )
        return pulumi.Output.all(role.arn, *(attachment.id for attachment in attached)).apply(
            lambda known: str(known[0])
        )

    def _reading_role(
        self, use: str, statements: Sequence[policies.Statement], trust: Sequence[policies.Statement]
    ) -> pulumi.Output[str]:
        role = self._role(use, trust)
        attach_policy(f"{self._name}-{use}", role, statements, self._child)
        return role.arn

    def _key(self, suffix: str, of: str) -> tuple[aws.kms.Key, pulumi.Output[str]]:
        """A key and its secrets provider. Protected: without it the state's secrets, and those of the stack file, are
        lost.
        """
        scope, alias = self._scope, f"alias/fargate-delivery-{self._scope.stack}{suffix}"
        iam = f"arn:{scope.partition}:iam::{scope.account}"
        key = aws.kms.Key(
            f"{self._name}{suffix}-key",
            description=f"Pulumi's secrets of stack {of}",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            policy=pulumi.Output.json_dumps(state_policy.key_policy(f"{iam}:root", f"{iam}:role{PATH}*")),
            opts=pulumi.ResourceOptions(parent=self, protect=True),
        )
        aws.kms.Alias(f"{self._name}{suffix}-key-alias", name=alias, target_key_id=key.key_id, opts=self._child)
        return key, key.arn.apply(lambda _: f"awskms://{alias}?region={scope.region}")

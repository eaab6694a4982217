"""The roles that deploy and preview a stack, and the key of its secrets."""

from collections.abc import Sequence
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components import policies, state_policy
from components.deploy_policy import deploy
from components.naming import Scope
from components.preview_policy import preview

PATH = "/fargate-delivery/"
"""Of these roles. So the pattern of the roles that a stack makes, `role/STACK-*`, is not theirs: none widens itself."""


class StackAccessArgs(TypedDict):
    """Inputs of `StackAccess`."""

    scope: Scope
    project: str
    """The Pulumi project."""
    state_bucket_arn: NotRequired[str]
    """The self-managed backend; without it Pulumi Cloud keeps state and secrets."""
    deployers: Sequence[policies.Statement]
    """Who may deploy: the deploy role's trust."""
    previewers: Sequence[policies.Statement]
    """Who may preview; nobody: there is no preview role."""


class StackAccess(pulumi.ComponentResource):
    """What a stack's deployments run as, and with what.

    Produces: an `aws.iam.Role` for deployments with its policies, one for previews with its policy, and for the
    self-managed backend an `aws.kms.Key` with alias for the stack's secrets.
    """

    deploy_role_arn: pulumi.Output[str]
    """The role of `up` and `destroy`."""
    preview_role_arn: pulumi.Output[str | None]
    """The role of previews; None where nobody may."""
    secrets_provider: pulumi.Output[str | None]
    """What `--secrets-provider` takes; None where Pulumi Cloud keeps the secrets."""

    def __init__(self, name: str, args: StackAccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fargate-delivery:index:StackAccess", name, {"stack": args["scope"].stack}, opts)
        self._scope, self._child = args["scope"], pulumi.ResourceOptions(parent=self)
        self._name = name
        granted, looking = dict(deploy(self._scope)), preview(self._scope)
        self.preview_role_arn = self.secrets_provider = pulumi.Output.from_input(None)
        if "state_bucket_arn" in args:
            key = self._key()
            of_stack = (args["state_bucket_arn"], args["project"], self._scope.stack)
            granted["state"] = [*state_policy.write_state(*of_stack), *state_policy.seal_state(key.arn)]
            looking = [*looking, *state_policy.read_state(*of_stack), *state_policy.open_state(key.arn)]
            self.secrets_provider = key.arn.apply(lambda _: self._secrets_provider())
        self.deploy_role_arn = self._deploy_role(granted, args["deployers"])
        if args["previewers"]:
            self.preview_role_arn = self._preview_role(looking, args["previewers"])
        self.register_outputs({"deploy_role_arn": self.deploy_role_arn, "preview_role_arn": self.preview_role_arn})

    def _role(self, use: str, trust: Sequence[policies.Statement]) -> aws.iam.Role:
        return aws.iam.Role(
            f"{self._name}-{use}-role",
            name=f"{self._scope.stack}-{use}",
            path=PATH,
            assume_role_policy=pulumi.Output.json_dumps(policies.document(trust)),
            opts=self._child,
        )

    def _deploy_role(
        self, granted: dict[str, Sequence[policies.Statement]], trust: Sequence[policies.Statement]
    ) -> pulumi.Output[str]:
        """Managed policies, because a role's own have 10,240 characters together."""
        role = self._role("deploy", trust)
        attached = []
        for use, statements in granted.items():
            policy = aws.iam.Policy(
                f"{self._name}-deploy-{use}",
                name=f"{self._scope.stack}-deploy-{use}",
                path=PATH,
                policy=pulumi.Output.json_dumps(policies.document(statements)),
                opts=self._child,
            )
            attached.append(
                aws.iam.RolePolicyAttachment(
                    f"{self._name}-deploy-{use}", role=role.name, policy_arn=policy.arn, opts=self._child
                )
            )
        return pulumi.Output.all(role.arn, *(attachment.id for attachment in attached)).apply(
            lambda known: str(known[0])
        )

    def _preview_role(
        self, statements: Sequence[policies.Statement], trust: Sequence[policies.Statement]
    ) -> pulumi.Output[str]:
        role = self._role("preview", trust)
        aws.iam.RolePolicy(
            f"{self._name}-preview-policy",
            role=role.name,
            policy=pulumi.Output.json_dumps(policies.document(statements)),
            opts=self._child,
        )
        return role.arn

    def _key(self) -> aws.kms.Key:
        """Protected: without it the state's secrets, and those of the stack file, are lost."""
        scope = self._scope
        iam = f"arn:{scope.partition}:iam::{scope.account}"
        key = aws.kms.Key(
            f"{self._name}-key",
            description=f"Pulumi's secrets of stack {scope.stack}",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            policy=pulumi.Output.json_dumps(state_policy.key_policy(f"{iam}:root", f"{iam}:role{PATH}*")),
            opts=pulumi.ResourceOptions(parent=self, protect=True),
        )
        aws.kms.Alias(f"{self._name}-key-alias", name=self._alias, target_key_id=key.key_id, opts=self._child)
        return key

    @property
    def _alias(self) -> str:
        return f"alias/fargate-delivery-{self._scope.stack}"

    def _secrets_provider(self) -> str:
        return f"awskms://{self._alias}?region={self._scope.region}"

"""A service's Parameter Store values and Secrets Manager's, in two views that cannot read each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NotRequired, Self, TypedDict

import pulumi
import pulumi_aws as aws
from pydantic import BeforeValidator, Field, model_validator

from components import types
from components.iam import policies
from components.model import Model
from components.platform.platform import Platform
from components.scope import Scope
from components.service import managed_secret
from components.service.managed_secret import ManagedSecret
from releases.names import build_value_name, runtime_value_name

Reader = Literal["build", "runtime"]


class External(Model):
    """A parameter that somebody else keeps. A release does not pin its value."""

    name: types.ExternalName
    """Its name, in this account and Region."""
    key: types.KeyArn | None = None
    """The KMS key that encrypts it, if that is a key of your own. The default is AWS's own key for Parameter Store,
    which needs no permission."""
    secret: bool = True
    """If true, the image's build reads it as a secret, which is not in the image; otherwise as a build argument,
    which is in the image's history."""

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        if self.key is not None and not self.secret:
            raise ValueError("key: encrypts a secret, and secret is false; remove one of the two")
        if self.name.startswith("/aws/"):
            raise ValueError(f"name: {self.name} is a parameter of AWS; copy its value into one of this account")
        return self


def _named(data: Any) -> Any:
    return {"name": data} if isinstance(data, str) else data


def _by_arn(data: Any) -> Any:
    return {"arn": data} if isinstance(data, str) else data


class Parameter(Model):
    """One value of Parameter Store, or of Secrets Manager."""

    value: types.ParameterValue | None = None
    """A plain value."""
    secret: bool = False
    """If true, the value is in the encrypted config `secrets`, under the names of the service and of this parameter."""
    external: (
        Annotated[External, BeforeValidator(_named, json_schema_input_type=External | types.ExternalName)] | None
    ) = None
    """A parameter that somebody else keeps: its name, or `{name, key, secret}`."""
    secrets_manager: (
        Annotated[ManagedSecret, BeforeValidator(_by_arn, json_schema_input_type=ManagedSecret | types.SecretArn)]
        | None
    ) = None
    """A secret of Secrets Manager that somebody else keeps: its ARN, or `{arn, json_key, stage, version, key}`."""
    readers: Annotated[list[Reader], Field(alias="for", min_length=1)]
    """Who reads it: the image's build, the running task, or both."""

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        kept = (self.value, self.external, self.secrets_manager)
        if sum(each is not None for each in kept) + self.secret != 1:
            raise ValueError("must have exactly one of value, secret: true, external and secrets_manager")
        return self


class ParameterStoreArgs(TypedDict):
    """Inputs of `ParameterStore`."""

    platform: Platform
    """The platform, which says whether the key has deletion protection."""
    parameters: NotRequired[Mapping[str, Parameter]]
    """Environment variable → parameter."""
    secrets: NotRequired[Mapping[str, pulumi.Input[str]]]
    """Environment variable → value, for the secret ones."""


@dataclass(frozen=True)
class View:
    """What one reader may read.

    Attributes:
        names: environment variable → Parameter Store name.
        arns: environment variable → ARN.
        managed: the variables among them that are Secrets Manager's; their names and ARNs are references.
        secret: those whose values are secret.
        elsewhere: the ARNs of parameters and secrets that somebody else keeps.
        statements: the policy statements that reading takes.
    """

    names: dict[str, pulumi.Output[str]] = field(default_factory=dict)
    arns: dict[str, pulumi.Output[str]] = field(default_factory=dict)
    managed: dict[str, ManagedSecret] = field(default_factory=dict)
    secret: set[str] = field(default_factory=set)
    elsewhere: set[str] = field(default_factory=set)
    statements: list[policies.Statement] = field(default_factory=list)


class ParameterStore(pulumi.ComponentResource):
    """A KMS key and, for every value and reader, a separate SSM parameter.

    A runtime value never changes: a new value is a new parameter, autonamed, created before the task definition that
    names it. The old parameter is retained, because ECS's own rollback and earlier revisions need it (rule
    `immutable runtime values`). A build value is read by name at the next build and changes in place.

    Produces: an `aws.kms.Key` with alias if there is a secret; an `aws.ssm.Parameter` for each value.
    """

    build: View
    """The parameters that the image's build reads, by name."""
    runtime: View
    """The parameters that the task reads, by ARN."""

    def __init__(self, name: str, args: ParameterStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fargate-delivery:index:ParameterStore", name, {"service": name}, opts)
        self._scope, self._service, self._key = args["platform"].scope, name, None
        self._secrets = args.get("secrets", {})
        parameters = args.get("parameters", {})
        if any(parameter.secret for parameter in parameters.values()):
            self._key = self._make_key(name, args)
        self.build = self._view("build", parameters)
        self.runtime = self._view("runtime", parameters)
        self.register_outputs({})

    _key: aws.kms.Key | None

    def _make_key(self, name: str, args: ParameterStoreArgs) -> aws.kms.Key:
        service = self._scope.name(name)
        key = aws.kms.Key(
            f"{name}-key",
            description=f"Parameters of {service}",
            enable_key_rotation=True,
            deletion_window_in_days=7,
            opts=pulumi.ResourceOptions(parent=self, protect=args["platform"].protect),
        )
        aws.kms.Alias(
            f"{name}-key-alias",
            name=f"alias/{service}-parameters",
            target_key_id=key.key_id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return key

    def _view(self, reader: Reader, parameters: Mapping[str, Parameter]) -> View:
        view = View()
        for variable, parameter in parameters.items():
            if reader not in parameter.readers:
                continue
            if (managed := parameter.secrets_manager) is not None:
                view.names[variable] = view.arns[variable] = pulumi.Output.from_input(managed.reference)
                view.managed[variable] = managed
                view.elsewhere.add(managed.arn)
                view.secret.add(variable)
                continue
            if (external := parameter.external) is not None:
                arn = _external_arn(self._scope, external)
                view.names[variable] = pulumi.Output.from_input(external.name)
                view.arns[variable] = pulumi.Output.from_input(arn)
                view.elsewhere.add(arn)
                if external.secret:
                    view.secret.add(variable)
                continue
            stored = self._parameter(reader, variable, parameter)
            view.names[variable], view.arns[variable] = stored.name, stored.arn
            if parameter.secret:
                view.secret.add(variable)
        view.statements.extend(self._grants(reader, view, parameters))
        return view

    def _grants(self, reader: Reader, view: View, parameters: Mapping[str, Parameter]) -> list[policies.Statement]:
        """What reading a view takes."""
        read = {variable: parameters[variable] for variable in view.arns}
        if reader == "runtime":
            return runtime_statements(self._scope, self._service, read, self._key.arn if self._key else None)
        ours = sorted(variable for variable in view.secret if read[variable].secret)
        return [
            *policies.read_parameters([arn for variable, arn in view.arns.items() if variable not in view.managed]),
            *(policies.decrypt_parameters("", [view.arns[v] for v in ours], self._key.arn) if self._key else []),
            *_kept_elsewhere(self._scope, read),
        ]

    def _parameter(self, reader: Reader, variable: str, parameter: Parameter) -> aws.ssm.Parameter:
        secret = self._secrets[variable] if parameter.secret else None
        if reader == "build":
            path = build_value_name(self._scope.stack, self._service, variable)
            name = f"{self._service}-build-{variable}"
            opts = pulumi.ResourceOptions(parent=self, delete_before_replace=True)
        else:
            path = None  # the autoname adds a random suffix
            name = runtime_value_name(self._scope.stack, self._service, variable)
            replaced_by = ["value", "insecure_value"]
            opts = pulumi.ResourceOptions(parent=self, replace_on_changes=replaced_by, retain_on_delete=True)
        return aws.ssm.Parameter(
            name,
            name=path,
            type="String" if secret is None else "SecureString",
            insecure_value=parameter.value,
            value=secret,
            key_id=self._key.key_id if self._key and secret is not None else None,
            opts=opts,
        )


def runtime_statements(
    scope: Scope, service: str, parameters: Mapping[str, Parameter], key_arn: pulumi.Input[str] | None
) -> list[policies.Statement]:
    """What a task's reading takes.

    That is every value the service has ever had: earlier revisions name earlier values, and ECS starts tasks of an
    earlier revision when it rolls an edit back, or replaces one while the edit is being deployed.

    Args:
        scope: where the parameters are.
        service: its name in the stack file.
        parameters: those that the task reads.
        key_arn: what the service's own secrets are encrypted with; None without any.
    """
    every_value = scope.arn("ssm", f"parameter{runtime_value_name(scope.stack, service, '*')}")
    external = [_external_arn(scope, kept) for each in parameters.values() if (kept := each.external)]
    return [
        *policies.read_parameters([every_value, *external]),
        *(policies.decrypt_parameters("", [every_value], key_arn) if key_arn is not None else []),
        *_kept_elsewhere(scope, parameters),
    ]


def _kept_elsewhere(scope: Scope, parameters: Mapping[str, Parameter]) -> list[policies.Statement]:
    """Decrypts what somebody else keeps in Parameter Store, and reads what is in Secrets Manager."""
    external = [kept for parameter in parameters.values() if (kept := parameter.external)]
    keys = sorted({kept.key for kept in external if kept.key is not None})
    return [
        *(
            statement
            for number, key in enumerate(keys, 1)
            for statement in policies.decrypt_parameters(
                f"External{number}", [_external_arn(scope, kept) for kept in external if kept.key == key], key
            )
        ),
        *managed_secret.statements([secret for each in parameters.values() if (secret := each.secrets_manager)]),
    ]


def _external_arn(scope: Scope, external: External) -> str:
    return scope.arn("ssm", f"parameter{external.name}")

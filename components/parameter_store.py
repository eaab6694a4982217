"""A service's Parameter Store values, in two views that cannot read each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components import policies
from components.naming import Scope

Reader = Literal["build", "runtime"]


class ExternalArgs(TypedDict):
    """A parameter that somebody else keeps."""

    name: str
    """Its name, in this account and Region."""
    secret: bool
    """Whether its value is to stay out of the image."""
    key_arn: NotRequired[str]
    """The KMS key that it is encrypted with; without it, none or that which AWS keeps for Parameter Store."""


class ParameterArgs(TypedDict):
    """One parameter: a value, a secret value, or one that somebody else keeps."""

    readers: list[Reader]
    value: NotRequired[str]
    secret: NotRequired[pulumi.Input[str]]
    external: NotRequired[ExternalArgs]


class ParameterStoreArgs(TypedDict):
    """Inputs of `ParameterStore`."""

    scope: Scope
    service: str
    parameters: Mapping[str, ParameterArgs]
    """Environment variable → parameter."""
    protect: NotRequired[bool]
    """Deletion protection of the key."""


@dataclass(frozen=True)
class View:
    """What one reader may read.

    Attributes:
        names: environment variable → Parameter Store name.
        arns: environment variable → ARN.
        secret: the variables among them whose values are secret.
        statements: the policy statements that reading takes.
    """

    names: dict[str, pulumi.Output[str]] = field(default_factory=dict)
    arns: dict[str, pulumi.Output[str]] = field(default_factory=dict)
    secret: set[str] = field(default_factory=set)
    statements: list[policies.Statement] = field(default_factory=list)


class ParameterStore(pulumi.ComponentResource):
    """A KMS key and, for every value and reader, an SSM parameter of its own.

    A runtime value never changes: another value is another parameter, autonamed, made before the task
    definition that names it. The old one is retained, because ECS's own rollback and earlier revisions run
    with it (design rule 10). A build value is read by name at the next build and changes in place.

    Produces: an `aws.kms.Key` with alias when there is a secret; an `aws.ssm.Parameter` for each value.
    """

    build: View
    """What the image's build reads, by name."""
    runtime: View
    """What the task reads, by ARN."""

    def __init__(self, name: str, args: ParameterStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fargate-delivery:index:ParameterStore", name, {"service": args["service"]}, opts)
        self._scope, self._service, self._key = args["scope"], args["service"], None
        if any("secret" in parameter for parameter in args["parameters"].values()):
            self._key = self._make_key(name, args)
        self.build = self._view(name, "build", args["parameters"])
        self.runtime = self._view(name, "runtime", args["parameters"])
        self.register_outputs({})

    _key: aws.kms.Key | None

    def _make_key(self, name: str, args: ParameterStoreArgs) -> aws.kms.Key:
        service = args["scope"].name(args["service"])
        key = aws.kms.Key(
            f"{name}-key",
            description=f"Parameters of {service}",
            enable_key_rotation=True,
            deletion_window_in_days=7,
            opts=pulumi.ResourceOptions(parent=self, protect=args.get("protect", False)),
        )
        aws.kms.Alias(
            f"{name}-key-alias",
            name=f"alias/{service}-parameters",
            target_key_id=key.key_id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return key

    def _view(self, name: str, reader: Reader, parameters: Mapping[str, ParameterArgs]) -> View:
        view = View()
        for variable, parameter in parameters.items():
            if reader not in parameter["readers"]:
                continue
            if "external" in parameter:
                external = parameter["external"]
                view.names[variable] = pulumi.Output.from_input(external["name"])
                view.arns[variable] = pulumi.Output.from_input(self._scope.arn("ssm", f"parameter{external['name']}"))
                if external["secret"]:
                    view.secret.add(variable)
                continue
            made = (
                self._build_value(name, variable, parameter)
                if reader == "build"
                else self._runtime_value(variable, parameter)
            )
            view.names[variable], view.arns[variable] = made.name, made.arn
            if "secret" in parameter:
                view.secret.add(variable)
        view.statements.extend(self._grants(reader, view, parameters))
        return view

    def _grants(self, reader: Reader, view: View, parameters: Mapping[str, ParameterArgs]) -> list[policies.Statement]:
        """What reading a view takes.

        At runtime that is every value the service has ever had: earlier revisions name earlier values, and ECS starts
        tasks of an earlier revision when it rolls an edit back, or replaces one while the edit is being deployed.
        """
        external = {v: parameters[v]["external"] for v in view.arns if "external" in parameters[v]}
        every_value = self._scope.arn("ssm", f"parameter{self._scope.parameter_path(self._service, 'runtime', '*')}")
        encrypted: policies.Arns
        if reader == "build":
            arns = list(view.arns.values())
            encrypted = [view.arns[variable] for variable in sorted(view.secret - external.keys())]
        else:
            arns = [pulumi.Output.from_input(every_value), *(view.arns[variable] for variable in external)]
            encrypted = [every_value] if self._key else []
        keys = {args["key_arn"] for args in external.values() if "key_arn" in args}
        return [
            *policies.read_parameters(arns),
            *(policies.decrypt_parameters("", encrypted, self._key.arn) if self._key else []),
            *(
                statement
                for number, key in enumerate(sorted(keys), 1)
                for statement in policies.decrypt_parameters(
                    f"External{number}", [view.arns[v] for v in external if external[v].get("key_arn") == key], key
                )
            ),
        ]

    def _build_value(self, name: str, variable: str, parameter: ParameterArgs) -> aws.ssm.Parameter:
        return self._parameter(
            f"{name}-build-{variable}",
            parameter,
            pulumi.ResourceOptions(parent=self, delete_before_replace=True),
            path=self._scope.parameter_path(self._service, "build", variable),
        )

    def _runtime_value(self, variable: str, parameter: ParameterArgs) -> aws.ssm.Parameter:
        return self._parameter(
            self._scope.parameter_path(self._service, "runtime", variable),  # the autoname adds a random suffix
            parameter,
            pulumi.ResourceOptions(
                parent=self,
                replace_on_changes=["value", "insecure_value"],
                retain_on_delete=True,
            ),
        )

    def _parameter(
        self, name: str, parameter: ParameterArgs, opts: pulumi.ResourceOptions, path: str | None = None
    ) -> aws.ssm.Parameter:
        secret = parameter.get("secret")
        return aws.ssm.Parameter(
            name,
            name=path,
            type="String" if secret is None else "SecureString",
            insecure_value=parameter.get("value"),
            value=secret,
            key_id=self._key.key_id if self._key and secret is not None else None,
            opts=opts,
        )

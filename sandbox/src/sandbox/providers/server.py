"""The stand-in for pulumi-aws: a provider that the real engine talks to, and that writes to the sandbox's AWS."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2

from sandbox.providers.assumed_roles import assume
from sandbox.providers.differences import differences
from sandbox.providers.enums import check_values
from sandbox.providers.names import with_name
from sandbox.providers.plugin import Plugin
from sandbox.providers.replacement import refusal, replacing, top_level
from sandbox.providers.schema import Problem, UnknownType, check_provider, schema_of
from sandbox.providers.types import Aws, Handlers, Importable, Invoke
from sandbox.providers.values import UNKNOWN, decode, encode, for_handler

PROVIDER_ONLY = frozenset({"skipDestroy", "forceDestroy", "forceDelete", "waitForSteadyState", "retainOnDelete"})
"""Inputs that steer the provider; AWS knows nothing of them."""


@dataclass(frozen=True)
class Configuration:
    """One provider instance's: the default one's or an explicit one's."""

    aws: Aws
    default_tags: Mapping[str, str] = field(default_factory=dict)


class AwsProvider(Plugin):
    """Check against the SDK's schema, Diff by the replacement table, Create/Read/Update/Delete by the handlers."""

    def __init__(self, aws: Aws, handlers: Handlers, invokes: Mapping[str, Invoke]) -> None:
        super().__init__(version("pulumi-aws"), accepts_secrets=False)  # the engine marks outputs as their inputs
        self._aws, self._handlers, self._invokes = aws, handlers, invokes
        self._configurations: dict[str, Configuration] = {}

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        problems = check_provider({key: _json(value) for key, value in decode(request.news).items()})
        return _failures(problems) if problems else provider_pb2.CheckResponse(inputs=request.news)

    def Configure(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.ConfigureResponse:
        settings = {key: _json(value) for key, value in decode(request.args).items()}
        allowed = [str(account) for account in settings.get("allowedAccountIds", [])]
        if (allowed and self._aws.account not in allowed) or self._aws.account in settings.get(
            "forbiddenAccountIds", []
        ):
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"AWS account ID not allowed: {self._aws.account}")
        region = settings.get("region", self._aws.region)
        if region != self._aws.region:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, _elsewhere(region, self._aws.region))
        tags, aws = settings.get("defaultTags", {}), self._aws
        with self.telling(context):
            for role in settings.get("assumeRoles", []):
                aws = assume(aws, role)
        self._configurations[context.peer()] = Configuration(aws, tags.get("tags", {}))
        return super().Configure(request, context)

    def Check(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        token, olds, news = _token(request.urn), decode(request.olds), decode(request.news)
        try:
            schema = schema_of(token)
        except UnknownType as error:
            return _failures([Problem("", str(error))])
        if token not in self._handlers:
            return _failures([Problem("", f"the sandbox has no {token} yet")])
        problems = []
        try:
            news = with_name(schema, request.urn.split("::")[-1], request.randomSeed, olds, news)
        except ValueError as error:
            problems.append(Problem("", str(error)))
        problems += schema.check(news) or check_values(self._handlers[token], news)
        if news.get("region", self._aws.region) != self._aws.region:
            problems.append(Problem("region", _elsewhere(news["region"], self._aws.region)))
        if problems:
            return _failures(problems)
        defaults = self._configuration(context).default_tags
        if "tagsAll" in schema.outputs and defaults:
            news["tagsAll"] = {**defaults, **news.get("tags", {})}
        return provider_pb2.CheckResponse(inputs=encode(news))

    def Diff(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        olds, news = decode(request.old_inputs), decode(request.news)
        changed = {path: (was, will) for path, was, will in differences(olds, news)}
        if reason := refusal(_token(request.urn), changed, news):
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, reason)
        replaces = replacing(_token(request.urn), changed, olds, news)
        kinds, outcomes = provider_pb2.PropertyDiff, provider_pb2.DiffResponse
        detailed = {
            path: kinds(kind=_kind(was, will, path in replaces), inputDiff=True)
            for path, (was, will) in changed.items()
        }
        return provider_pb2.DiffResponse(
            changes=outcomes.DIFF_SOME if changed else outcomes.DIFF_NONE,
            diffs=sorted({top_level(path) for path in changed}),
            replaces=sorted({top_level(path) for path in replaces}),
            detailedDiff=detailed,
            hasDetailedDiff=True,
        )

    def Create(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.CreateResponse:
        token, inputs = _token(request.urn), decode(request.properties)
        if request.preview:
            outputs = dict.fromkeys(schema_of(token).outputs, UNKNOWN) | inputs
            return provider_pb2.CreateResponse(id="", properties=encode(outputs))
        with self.telling(context, request.urn):
            id_, computed = self._handlers[token].create(self._configuration(context).aws, _effective(inputs))
        return provider_pb2.CreateResponse(id=id_, properties=encode({**inputs, **computed}))

    def Read(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.ReadResponse:
        token = _token(request.urn)
        props, inputs = decode(request.properties), decode(request.inputs)
        if not inputs:
            return self._import(request, context)
        with self.telling(context, request.urn):
            reported = self._handlers[token].read(self._configuration(context).aws, request.id, _effective(props))
        if reported is None:
            return provider_pb2.ReadResponse(id="")
        if "tags" in reported and "tagsAll" in inputs:
            reported = _split_tags(reported, self._configuration(context).default_tags, inputs)
        inputs = {key: value if key in PROVIDER_ONLY else reported.get(key, value) for key, value in inputs.items()}
        return provider_pb2.ReadResponse(id=request.id, properties=encode({**props, **reported}), inputs=encode(inputs))

    def _import(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.ReadResponse:
        """What `pulumi import` reads, of which nothing is known but the id."""
        token = _token(request.urn)
        handler = self._handlers[token]
        if not isinstance(handler, Importable):
            context.abort(grpc.StatusCode.UNIMPLEMENTED, f"the sandbox imports no {token} yet")
            raise AssertionError
        with self.telling(context, request.urn):
            found = handler.imported(self._configuration(context).aws, request.id)
        if found is None:
            return provider_pb2.ReadResponse(id="")
        inputs = {key: value for key, value in found.items() if key in schema_of(token).inputs()}
        return provider_pb2.ReadResponse(id=request.id, properties=encode(found), inputs=encode(inputs))

    def Update(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.UpdateResponse:
        token, olds, news = _token(request.urn), decode(request.olds), decode(request.news)
        old_inputs = decode(request.old_inputs)
        computed_before = {key: value for key, value in olds.items() if key not in old_inputs}
        if request.preview:
            return provider_pb2.UpdateResponse(properties=encode({**computed_before, **news}))
        with self.telling(context, request.urn):
            aws = self._configuration(context).aws
            computed = self._handlers[token].update(aws, request.id, _effective(olds), _effective(news))
        return provider_pb2.UpdateResponse(properties=encode({**computed_before, **news, **computed}))

    def Delete(self, request: Any, context: grpc.ServicerContext) -> empty_pb2.Empty:
        token = _token(request.urn)
        with self.telling(context, request.urn):
            aws = self._configuration(context).aws
            self._handlers[token].delete(aws, request.id, _effective(decode(request.properties)))
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.InvokeResponse:
        function = self._invokes.get(request.tok)
        if function is None:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, f"the sandbox has no {request.tok} yet")
            raise AssertionError
        with self.telling(context):
            answer = function(self._configuration(context).aws, decode(request.args))
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(encode(answer))
        return response

    def _configuration(self, context: grpc.ServicerContext) -> Configuration:
        return self._configurations.get(context.peer(), Configuration(self._aws))


def _token(urn: str) -> str:
    return urn.split("::")[2].split("$")[-1]


def _elsewhere(program_region: str, sandbox_region: str) -> str:
    return (
        f"the sandbox of this stack is in {sandbox_region}, not in {program_region}; "
        "after a change of aws:region: sandbox stop, then up"
    )


def _failures(problems: list[Problem]) -> provider_pb2.CheckResponse:
    return provider_pb2.CheckResponse(
        failures=[provider_pb2.CheckFailure(property=problem.path, reason=problem.reason) for problem in problems]
    )


def _kind(was: bool, is_: bool, replaces: bool) -> Any:
    kinds = provider_pb2.PropertyDiff
    if was and is_:
        return kinds.UPDATE_REPLACE if replaces else kinds.UPDATE
    if is_:
        return kinds.ADD_REPLACE if replaces else kinds.ADD
    return kinds.DELETE_REPLACE if replaces else kinds.DELETE


def _json(value: Any) -> Any:
    """A value that the engine hands over as JSON text, decoded; any other text as it is."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _effective(inputs: dict[str, Any]) -> dict[str, Any]:
    """The inputs for AWS: with the provider's default tags among the resource's tags."""
    properties: dict[str, Any] = for_handler(inputs)
    return {**properties, "tags": properties["tagsAll"]} if properties.get("tagsAll") else properties


def _split_tags(reported: dict[str, Any], defaults: Mapping[str, str], inputs: dict[str, Any]) -> dict[str, Any]:
    """AWS's tags as Pulumi has them: all of them, and those that are the resource's own."""
    tags = {
        key: value
        for key, value in reported["tags"].items()
        if defaults.get(key) != value or key in inputs.get("tags", {})
    }
    return {
        **{k: v for k, v in reported.items() if k != "tags"},
        **({"tags": tags} if tags else {}),
        "tagsAll": reported["tags"],
    }

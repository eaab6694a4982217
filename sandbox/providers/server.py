"""The stand-in for pulumi-aws: a provider that the real engine talks to, and that writes to the sandbox's AWS."""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from sandbox.providers.replacement import replacing
from sandbox.providers.schema import UnknownType, schema_of
from sandbox.providers.types import Aws, Handlers, Invoke
from sandbox.providers.values import UNKNOWN, decode, encode, is_unknown, without_unknowns

log = logging.getLogger(__name__)

NAMED_BY = {"aws:s3/bucket:Bucket": "bucket"}
"""The property that is filled by autonaming where it is not `name`."""
PROVIDER_ONLY = frozenset({"skipDestroy", "forceDestroy", "forceDelete", "waitForSteadyState", "retainOnDelete"})
"""Inputs that steer the provider; AWS knows nothing of them."""
NOT_AUTONAMED = frozenset(
    {
        "aws:route53/record:Record",
        "aws:ec2/vpcEndpoint:VpcEndpoint",
    }
)
NAMES_WITH_PREFIX = {"aws:kms/alias:Alias": "alias/"}


@dataclass(frozen=True)
class Configuration:
    """One provider instance's: the default one's or an explicit one's."""

    region: str
    default_tags: Mapping[str, str] = field(default_factory=dict)


class AwsProvider(provider_pb2_grpc.ResourceProviderServicer):
    """Check against the SDK's schema, Diff by the replacement table, Create/Read/Update/Delete by the handlers."""

    def __init__(
        self, aws: Callable[[str], Aws], handlers: Handlers, invokes: Mapping[str, Invoke], account: str
    ) -> None:
        self._aws, self._handlers, self._invokes, self._account = aws, handlers, invokes, account
        self._configurations: dict[str, Configuration] = {}

    def Attach(self, request: Any, context: grpc.ServicerContext) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=version("pulumi-aws"))

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.ConfigureResponse:
        settings = {key: _json(value) for key, value in decode(request.args).items()}
        allowed = settings.get("allowedAccountIds")
        if allowed and self._account not in allowed:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"AWS account ID not allowed: {self._account}")
        tags = settings.get("defaultTags", {})
        self._configurations[context.peer()] = Configuration(
            region=settings.get("region", ""), default_tags=tags.get("tags", {}) if isinstance(tags, dict) else {}
        )
        return provider_pb2.ConfigureResponse(
            acceptSecrets=False, supportsPreview=True, acceptResources=False, acceptOutputs=False
        )

    def _configuration(self, context: grpc.ServicerContext) -> Configuration:
        return self._configurations.get(context.peer(), Configuration(region=""))

    def Check(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        token = _token(request.urn)
        olds, news = decode(request.olds), decode(request.news)
        try:
            schema = schema_of(token)
        except UnknownType as error:
            return _failures([("", str(error))])
        if token not in self._handlers:
            return _failures([("", f"the sandbox has no {token} yet")])
        named = NAMED_BY.get(token, "name")
        prefixed = f"{named}Prefix"
        if named in schema.inputs() and named not in news and prefixed not in news and token not in NOT_AUTONAMED:
            news[named] = olds.get(named) or NAMES_WITH_PREFIX.get(token, "") + _autoname(request)
        problems = [(problem.path, problem.reason) for problem in schema.check(news)]
        if problems:
            return _failures(problems)
        if "tagsAll" in schema.outputs and self._configuration(context).default_tags:
            news["tagsAll"] = {**self._configuration(context).default_tags, **news.get("tags", {})}
        return provider_pb2.CheckResponse(inputs=encode(news))

    def Diff(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        token = _token(request.urn)
        olds, news = decode(request.old_inputs), decode(request.news)
        ignored = {path.split(".")[0].split("[")[0] for path in request.ignoreChanges}
        changed = sorted(
            key for key in olds.keys() | news.keys() if key not in ignored and not _same(olds.get(key), news.get(key))
        )
        replaces = replacing(token, changed)
        kinds = provider_pb2.PropertyDiff
        detailed = {
            key: kinds(
                kind=_kind(key in olds, key in news, key in replaces),
                inputDiff=True,
            )
            for key in changed
        }
        outcomes = provider_pb2.DiffResponse
        return provider_pb2.DiffResponse(
            changes=outcomes.DIFF_SOME if changed else outcomes.DIFF_NONE,
            diffs=changed,
            replaces=replaces,
            detailedDiff=detailed,
            hasDetailedDiff=True,
        )

    def Create(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.CreateResponse:
        token, inputs = _token(request.urn), decode(request.properties)
        if request.preview:
            outputs = dict.fromkeys(schema_of(token).outputs, UNKNOWN) | inputs
            return provider_pb2.CreateResponse(id="", properties=encode(outputs))
        with _told(context, token):
            id_, computed = self._handlers[token].create(self._here(context), _effective(inputs))
        return provider_pb2.CreateResponse(id=id_, properties=encode({**inputs, **computed}))

    def Read(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.ReadResponse:
        token = _token(request.urn)
        props, inputs = decode(request.properties), decode(request.inputs)
        with _told(context, token):
            found = self._handlers[token].read(self._here(context), request.id, _effective(props))
        if found is None:
            return provider_pb2.ReadResponse(id="")
        if "tags" in found and "tagsAll" in inputs:
            found = _split_tags(found, self._configuration(context).default_tags, inputs)
        inputs = {key: value if key in PROVIDER_ONLY else found.get(key, value) for key, value in inputs.items()}
        return provider_pb2.ReadResponse(id=request.id, properties=encode({**props, **found}), inputs=encode(inputs))

    def Update(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.UpdateResponse:
        token, olds, news = _token(request.urn), decode(request.olds), decode(request.news)
        kept = {key: value for key, value in olds.items() if key not in schema_of(token).inputs()}
        if request.preview:
            return provider_pb2.UpdateResponse(properties=encode({**kept, **news}))
        with _told(context, token):
            computed = self._handlers[token].update(self._here(context), request.id, _effective(olds), _effective(news))
        return provider_pb2.UpdateResponse(properties=encode({**kept, **news, **computed}))

    def Delete(self, request: Any, context: grpc.ServicerContext) -> empty_pb2.Empty:
        token = _token(request.urn)
        with _told(context, token):
            self._handlers[token].delete(self._here(context), request.id, _effective(decode(request.properties)))
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.InvokeResponse:
        function = self._invokes.get(request.tok)
        if function is None:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, f"the sandbox has no {request.tok} yet")
            raise AssertionError
        with _told(context, request.tok):
            answer = function(self._here(context), decode(request.args))
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(encode(answer))
        return response

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    def _here(self, context: grpc.ServicerContext) -> Aws:
        return self._aws(self._configuration(context).region)


class _told:
    """A handler's exception becomes the operation's error, in the words of AWS, without a traceback."""

    def __init__(self, context: grpc.ServicerContext, what: str) -> None:
        self._context, self._what = context, what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, Exception):
            log.debug("%s failed", self._what, exc_info=error)
            self._context.abort(grpc.StatusCode.UNKNOWN, str(error) or repr(error))


def _token(urn: str) -> str:
    return urn.split("::")[2].split("$")[-1]


def _autoname(request: Any) -> str:
    name: str = request.name or request.urn.split("::")[-1]
    return f"{name}-{hashlib.sha256(request.randomSeed + name.encode()).hexdigest()[:7]}"


def _failures(problems: list[tuple[str, str]]) -> provider_pb2.CheckResponse:
    return provider_pb2.CheckResponse(
        failures=[provider_pb2.CheckFailure(property=path, reason=reason) for path, reason in problems]
    )


def _kind(was: bool, is_: bool, replaces: bool) -> Any:
    kinds = provider_pb2.PropertyDiff
    if was and is_:
        return kinds.UPDATE_REPLACE if replaces else kinds.UPDATE
    if is_:
        return kinds.ADD_REPLACE if replaces else kinds.ADD
    return kinds.DELETE_REPLACE if replaces else kinds.DELETE


def _same(old: Any, new: Any) -> bool:
    """Equality as the provider has it: `"1"` is 1, an empty list or map is none, a policy is what it says."""
    if is_unknown(new):
        return False
    if old in (None, [], {}) and new in (None, [], {}):
        return True
    if isinstance(old, dict) and isinstance(new, dict):
        return all(_same(old.get(key), new.get(key)) for key in old.keys() | new.keys())
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(_same(a, b) for a, b in zip(old, new, strict=True))
    if isinstance(old, (list, dict)) or isinstance(new, (list, dict)) or old is None or new is None:
        return False
    return bool(old == new or _text(old) == _text(new) or (_is_json(old) and _json(old) == _json(new)))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_json(value: Any) -> bool:
    return isinstance(value, str) and value[:1] in ("{", "[")


def _json(value: Any) -> Any:
    """A value that the engine hands over as JSON text, decoded; any other text as it is."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _effective(inputs: dict[str, Any]) -> dict[str, Any]:
    """What AWS is told: the provider's default tags are the resource's tags."""
    known: dict[str, Any] = without_unknowns(inputs)
    return {**known, "tags": known["tagsAll"]} if known.get("tagsAll") else known


def _split_tags(found: dict[str, Any], defaults: Mapping[str, str], inputs: dict[str, Any]) -> dict[str, Any]:
    """AWS's tags as Pulumi has them: all of them, and those that are the resource's own."""
    own = {
        key: value
        for key, value in found["tags"].items()
        if defaults.get(key) != value or key in inputs.get("tags", {})
    }
    return {
        **{k: v for k, v in found.items() if k != "tags"},
        **({"tags": own} if own else {}),
        "tagsAll": found["tags"],
    }

"""The calls that every provider answers, and how a provider prints a message through the engine."""

import contextlib
import logging
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, plugin_pb2, provider_pb2, provider_pb2_grpc

log = logging.getLogger(__name__)


class Plugin(provider_pb2_grpc.ResourceProviderServicer):
    """A plugin that the engine attaches to, any number of times."""

    def __init__(self, version: str, *, accepts_secrets: bool) -> None:
        """A provider of this version; with `accepts_secrets` inputs keep what marks them as secret."""
        self._version, self._accepts_secrets = version, accepts_secrets
        self._engines: dict[str, str] = {}

    def Attach(self, request: Any, context: grpc.ServicerContext) -> empty_pb2.Empty:
        self._engines[context.peer()] = request.address
        return empty_pb2.Empty()

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.ProviderHandshakeResponse:
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=self._accepts_secrets)

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=self._version)

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.ConfigureResponse:
        return provider_pb2.ConfigureResponse(supportsPreview=True, acceptSecrets=self._accepts_secrets)

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    @contextlib.contextmanager
    def telling(self, context: grpc.ServicerContext, urn: str = "") -> Iterator[None]:
        """An exception becomes the call's error, in its own words; what is logged as a warning the engine says."""
        token = _call.set((self._engines.get(context.peer(), ""), urn))
        try:
            yield
        except Exception as error:
            log.debug("%s failed", urn, exc_info=error)
            context.abort(grpc.StatusCode.UNKNOWN, _message(error))
        finally:
            _call.reset(token)


_call: ContextVar[tuple[str, str]] = ContextVar("call")
"""The engine's address and the resource of the call that this thread answers."""


class _ToEngine(logging.Handler):
    """Sends warnings to the engine, which prints them."""

    def emit(self, record: logging.LogRecord) -> None:
        engine, urn = _call.get(("", ""))
        if engine:
            with contextlib.suppress(grpc.RpcError), grpc.insecure_channel(engine) as channel:
                engine_pb2_grpc.EngineStub(channel).Log(
                    engine_pb2.LogRequest(severity=engine_pb2.WARNING, message=record.getMessage(), urn=urn)
                )


logging.getLogger("sandbox.providers").addHandler(_ToEngine(logging.WARNING))


def _message(error: Exception) -> str:
    """An error as AWS, or the engine, words it."""
    if isinstance(error, grpc.RpcError) and isinstance(error, grpc.Call):
        return str(error.details())
    answer = getattr(error, "response", {}).get("Error")
    if not answer:
        return str(error) or repr(error)
    return f"{getattr(error, 'operation_name', '')}: {answer.get('Code')}: {answer.get('Message')}"

"""The identity that calls a running sandbox: its credentials, and providers that sign with them."""

import json
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from sandbox.program_hooks import names_in_aws
from sandbox.stacks import SandboxError, Server


def credentials(server: Server, identity: str | None, stack: str) -> dict[str, Any]:
    """Credentials of an identity, of the account's root without one.

    Raises:
        SandboxError: no such identity, or the server does not answer.
    """
    return _ask(server, "credentials", _question(identity, stack))


def providers(server: Server, identity: str, stack: str) -> dict[str, Any]:
    """The ports of providers that call AWS as an identity, and the `credentials` that they sign with.

    Raises:
        SandboxError: no such identity, or the server does not answer.
    """
    return _ask(server, "providers", _question(identity, stack))


def _question(identity: str | None, stack: str) -> dict[str, Any]:
    return {"identity": identity, "names": names_in_aws(stack, identity) if identity else []}


def _ask(server: Server, path: str, question: dict[str, Any]) -> dict[str, Any]:
    body = json.dumps(question).encode()
    request = Request(f"{server.endpoint}/_sandbox/{path}", data=body, method="POST")  # noqa: S310 (our own)
    try:
        with urlopen(request, timeout=30) as response:  # noqa: S310 (our own)
            answer: dict[str, Any] = json.load(response)
            return answer
    except HTTPError as error:
        raise SandboxError(_refusal(json.load(error))) from None
    except URLError as error:
        raise SandboxError(f"the sandbox does not answer at {server.endpoint}: {error.reason}") from None


def _refusal(answer: dict[str, Any]) -> str:
    identities: dict[str, list[str]] = answer.get("identities", {})
    lines = [f"  {kind} {name}" for kind, names in identities.items() for name in names]
    return "\n".join([f"{answer['error']}; there are:" if lines else str(answer["error"]), *lines])

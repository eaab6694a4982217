"""An account for unit tests: clients by service name, a bus that remembers, a clock that hardly waits."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from botocore.session import Session

from sandbox.account.credentials import Credentials
from sandbox.account.errors import AwsError
from sandbox.account.parts import Parts
from sandbox.clock import Clock
from sandbox.readings import Readings

SESSION = Session()


@dataclass
class FakeBus:
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def history(self) -> list[dict[str, Any]]:
        return self.events

    def publish(self, event: dict[str, Any]) -> None:
        self.events.append(event)

    def states(self, detail_type: str) -> list[str]:
        return [event["detail"]["state"] for event in self.events if event["detail-type"] == detail_type]


@dataclass(eq=False)
class FakeAccount:
    """`clients` maps a service to its client, or to a function of the credentials that asked."""

    folder: Path = Path("/nowhere")
    id: str = "111111111111"
    region: str = "eu-west-1"
    clients: dict[str, Any] = field(default_factory=dict)
    bus: FakeBus = field(default_factory=FakeBus)
    clock: Clock = field(default_factory=lambda: Clock(1000.0))
    parts: Parts = field(default_factory=Parts)
    network_changes: int = 0
    readings: Readings = field(default_factory=Readings)
    untrusted: set[str] = field(default_factory=set)
    assumed: list[tuple[str, str]] = field(default_factory=list)

    def client(self, service: str, credentials: Credentials | None = None) -> Any:
        return self.clients[service]

    def assume(self, role_arn: str, service: str, session: str) -> Credentials:
        if role_arn in self.untrusted:
            raise AwsError("AccessDenied", f"{service} may not assume {role_arn}", 403)
        self.assumed.append((role_arn, service))
        return Credentials("key", "secret", "token")

    def validate_role(self, role_arn: str, service: str) -> None:
        self.assume(role_arn, service, "validation")

    def spawn(self, name: str, target: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        return thread


def denied(operation: str, message: str = "User: u is not authorized to perform: x:Y on resource: z") -> ClientError:
    return ClientError({"Error": {"Code": "AccessDenied", "Message": message}}, operation)


def eventually(condition: Callable[[], Any], seconds: float = 5.0) -> Any:
    """The condition's first true value; fails when there is none in time."""
    end, pause = time.monotonic() + seconds, 0.005
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(pause)
        pause = min(1.3 * pause, 0.05)
    raise AssertionError("it did not happen in time")


def misfits(service: str, operation: str, answer: dict[str, Any]) -> list[str]:
    """Paths of what an answer holds and botocore's shape of the operation's output does not."""
    shape = SESSION.get_service_model(service).operation_model(operation).output_shape
    return list(_misfits(shape, answer, operation))


def _misfits(shape: Any, value: Any, path: str) -> Iterator[str]:
    types: dict[str, type] = {
        "structure": dict,
        "map": dict,
        "list": list,
        "string": str,
        "boolean": bool,
        "integer": int,
        "long": int,
    }
    expected: Any = types.get(shape.type_name, (int, float))
    if not isinstance(value, expected):
        yield f"{path}: {type(value).__name__}, not {shape.type_name}"
    elif shape.type_name == "structure":
        for key, member in value.items():
            if key in shape.members:
                yield from _misfits(shape.members[key], member, f"{path}.{key}")
            else:
                yield f"{path}.{key}: unknown"
    elif shape.type_name == "list":
        for index, member in enumerate(value):
            yield from _misfits(shape.member, member, f"{path}[{index}]")
    elif shape.type_name == "string" and getattr(shape, "enum", None) and value not in shape.enum:
        yield f"{path}: {value!r} is none of {shape.enum}"

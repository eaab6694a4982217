"""What `pulumi preview --json` says: changes by resource, without any secret.

The document is Pulumi's PreviewDigest (pulumi/pulumi, pkg/display/json.go).
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from config import layers
from releases.errors import DeliveryError
from releases.failure import one_line

Key = TypeVar("Key")
Value = TypeVar("Value")
Action = Literal["create", "update", "replace", "delete", "import"]
ACTIONS: Mapping[str, Action] = {
    "create": "create",
    "update": "update",
    "replace": "replace",
    "create-replacement": "replace",
    "delete": "delete",
    "import": "import",
    "import-replacement": "replace",
}
"""Pulumi's step → what it means for the resource; others change nothing in AWS, or are a part of one of these:
`delete-replaced` is, and by itself it ends what an earlier run has replaced and could not delete."""
SERVICE_PARTS = ("EcsService", "DeployPipeline", "ParameterStore", "ImageRepository", "CodeDeploy")
"""The components that there is one of for each service, with its name."""
COMPONENT = "fargate-delivery:index:"

FRAMES = ("an unhandled error occurred: ", "Program failed with an unhandled exception:")
"""What Pulumi puts before a program's own words."""
COLOURS = re.compile(r"<\{%.*?%\}>")
"""Pulumi's colours, in what is written for a terminal."""
SECRET = "[secret]"  # noqa: S105 - what Pulumi prints instead of one
UNKNOWN = "(known after up)"
SIGNATURE = "4dabf18193072939515e22adb298388d"
"""The key of an object that stands for a secret, an asset or the like (Pulumi's wire format)."""
COMPUTED = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What stands for a value that is not known yet (Pulumi's wire format)."""


@dataclass(frozen=True)
class Change:
    """What happens to one resource.

    Attributes:
        urn: the resource's.
        action: what happens.
        service: whose resource it is; None: the stack's.
        old: its inputs as they are; none for a new one.
        new: its inputs as they will be; none for one that goes.
        fields: the inputs that differ, in Pulumi's words, such as `tags.a`.
        reasons: those of them that make it be replaced.
        retained: whether AWS keeps it although it goes from the state.
    """

    urn: str
    action: Action
    service: str | None = None
    old: Mapping[str, Any] = field(default_factory=dict)
    new: Mapping[str, Any] = field(default_factory=dict)
    fields: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    retained: bool = False

    @property
    def type(self) -> str:
        """Its type, such as `aws:ecs/service:Service`."""
        return self.urn.split("::")[2].rpartition("$")[2]

    @property
    def kind(self) -> str:
        """The type's last part, such as `Service`."""
        return self.type.rpartition(":")[2]

    @property
    def name(self) -> str:
        """Its name in the program."""
        return self.urn.split("::", 3)[3]

    @property
    def part(self) -> str:
        """The component that it belongs to, the outermost one, such as `Network`; "" for none."""
        outermost = self.urn.split("::")[2].partition("$")[0]
        return outermost.removeprefix(COMPONENT) if outermost.startswith(COMPONENT) else ""

    @property
    def owner(self) -> str:
        """The service, or the component that services share."""
        return self.service or self.part or "the program"

    def input(self, name: str) -> Any:
        """An input, as it will be, or for one that goes as it was."""
        return (self.new or self.old).get(name)


@dataclass(frozen=True)
class Preview:
    """What `up` would do.

    Attributes:
        changes: of AWS's resources, in the order in which Pulumi tells them.
        config: the stack's config, secret values masked.
        warnings: what the program and the providers said, each with its resource.
        errors: why there is no preview; none when there is one.
    """

    changes: tuple[Change, ...] = ()
    config: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()

    def setting(self, key: str) -> Any:
        """A config value, such as `services`, of this project's; None when there is none."""
        text = next((value for name, value in self.config.items() if name.partition(":")[2] == key), None)
        try:
            return text and json.loads(text)
        except ValueError:
            return text

    def services(self) -> dict[str, Any]:
        """The stack's services by name, of all that its config says of them."""
        merged = layers.merge({key: self.setting(key) or {} for key in layers.LAYERS}).services
        return merged if isinstance(merged, dict) else {}


def grouped(pairs: Iterable[tuple[Key, Value]]) -> dict[Key, list[Value]]:
    """The values of each key, both in the order of the pairs."""
    groups: dict[Key, list[Value]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return groups


def parse(text: str) -> Preview:
    """Read what `pulumi preview --json` printed.

    Raises:
        DeliveryError: it is not such a document.
    """
    try:
        document = json.loads(text)
        diagnostics = document.get("diagnostics") or []
        return Preview(
            changes=tuple(changes_of(document.get("steps") or [])),
            config=document.get("config") or {},
            warnings=tuple(_messages(diagnostics, "warning")),
            errors=tuple(_messages(diagnostics, "error")),
        )
    except (ValueError, AttributeError, KeyError, TypeError, IndexError) as error:
        raise DeliveryError(f"this is not what `pulumi preview --json` prints: {error}") from None


def judged(event_log: str) -> Preview:
    """What the policy packs say in what `--event-log` wrote: errors and warnings, each with its resource and policy.

    An event is a line (pulumi/pulumi, sdk/go/common/apitype/events.go: PolicyEvent). A document of `--json` has none.

    Raises:
        DeliveryError: it is no such log.
    """
    messages: dict[bool, list[str]] = {True: [], False: []}  # by whether the policy is mandatory
    try:
        for line in event_log.rpartition("\n")[0].splitlines():  # a CLI that was killed leaves no whole last line
            if violation := json.loads(line).get("policyEvent"):
                name = violation.get("resourceUrn", "").rpartition("::")[2]
                message = f"{one_line(COLOURS.sub('', violation['message']))} (policy {violation['policyName']})"
                mandatory = violation["enforcementLevel"] == "mandatory"
                messages[mandatory].append(f"{name}: {message}" if name else message)
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise DeliveryError(f"this is not what the option `--event-log` writes: {error}") from None
    return Preview(errors=tuple(messages[True]), warnings=tuple(messages[False]))


def changes_of(steps: Sequence[Mapping[str, Any]]) -> list[Change]:
    """One for each resource: a replacement may be told in up to three steps, of which one has both states."""
    changes: dict[str, Change] = {}
    for step in steps:
        action, urn = ACTIONS.get(step["op"]), step["urn"]
        if action is None or urn.split("::")[2].rpartition("$")[2].startswith(("pulumi:", COMPONENT)):
            continue
        if action == "replace" and urn in changes and not (step.get("newState") and step.get("oldState")):
            continue
        changes[urn] = _change(step, action)
    return list(changes.values())


def _change(step: Mapping[str, Any], action: Action) -> Change:
    old, new = step.get("oldState") or {}, step.get("newState") or {}
    parent = (new or old).get("parent", "")
    return Change(
        urn=step["urn"],
        action=action,
        service=_service(parent),
        old=readable(old.get("inputs") or {}),
        new=readable(new.get("inputs") or {}),
        fields=tuple(sorted(step.get("detailedDiff") or step.get("diffReasons") or ())),
        reasons=tuple(sorted(step.get("replaceReasons") or ())),
        retained=bool(old.get("retainOnDelete")),
    )


def _service(parent: str) -> str | None:
    """The service whose component this is."""
    if "::" not in parent:
        return None
    kind, name = parent.split("::", 3)[2:]
    return name if kind.rpartition("$")[2].removeprefix(COMPONENT) in SERVICE_PARTS else None


def readable(value: Any) -> Any:
    """A value of Pulumi's wire format as people may see it."""
    if isinstance(value, dict):
        if SIGNATURE in value:
            return SECRET
        return {key: readable(item) for key, item in value.items() if key != "__defaults"}
    if isinstance(value, list):
        return [readable(item) for item in value]
    return UNKNOWN if value == COMPUTED else value


def _messages(diagnostics: Sequence[Mapping[str, Any]], severity: str) -> list[str]:
    """The messages of a severity, each once."""
    messages = []
    for diagnostic in diagnostics:
        if diagnostic.get("severity") != severity:
            continue
        text = str(diagnostic.get("message", ""))
        for frame in (f"{severity}: ", *FRAMES):
            text = text.strip().removeprefix(frame)
        name = diagnostic.get("urn", "").rpartition("::")[2]
        of_resource = name and "pulumi:pulumi:Stack" not in diagnostic["urn"]
        if text.strip():
            messages.append(f"{name}: {text.strip()}" if of_resource else text.strip())
    return list(dict.fromkeys(messages))

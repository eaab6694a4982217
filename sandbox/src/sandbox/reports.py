"""Reports an operation of the engine: lines for people while it runs, and its outcome."""

import builtins
import json
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pulumi.automation import EngineEvent
from pulumi.automation.events import DiagnosticEvent, PolicyEvent, StepEventMetadata

from sandbox.progress import Say
from sandbox.step_count import StepCount

NO_CHANGE = frozenset({"same", "read", "refresh"})
"""Operations that change nothing."""
PARTS_OF_A_REPLACEMENT = frozenset({"create-replacement", "delete-replaced"})
FAILED = "failed"
CONSEQUENCES = ("update failed", "preview failed", "refresh failed", "destroy failed", "resource monitor shut down")
"""What the engine says after the reason."""
OF_THE_END = ("Resource monitor has terminated", "Exception calling application")
"""How the program's side words it that the engine has ended meanwhile."""
SIGNATURE, SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
"""What marks a secret in an event."""
COMPUTED = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What stands in an event for a value that is not known yet (Pulumi's wire format)."""
CLOSING = "the client connection is closing"
"""What fails because something else has failed already."""
FRAMES = ("an unhandled error occurred: ", "Program failed with an unhandled exception: ", "error: ")
INLINE = "python inline source runtime error: "
CHECKED = re.compile(
    r"\S+ resource '[^']*'(?:: property (?P<path>\S+) value \{.*?\})? has a problem: (?P<problem>.*)", re.S
)
"""How the engine words a failed check of inputs."""
SAY_ENOUGH = frozenset({"Exception", "RuntimeError", "ValueError", "SystemExit"})
"""Python's own exceptions that programs raise with a message for people."""
PLACE = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)')
COLOURS = re.compile(r"<\{%[^%]*%\}>")

DONE = {
    "create": "created",
    "update": "updated",
    "delete": "deleted",
    "replace": "replaced",
    "create-replacement": "created in place of the old one",
    "delete-replaced": "deleted, it was replaced",
    "discard": "forgotten",
    "discard-replaced": "left alone, it was replaced",
    "import": "imported",
}
COMMAND = re.compile(r"\s*code: (?P<code>-?\d+)\n stdout: (?P<stdout>.*)\n stderr: (?P<stderr>.*)", re.S)
"""How the SDK words that the CLI failed; a negative code is the signal that ended it."""
PANIC = re.compile(r"^[Pp]anic: +(?P<words>\S.*)$", re.M)
"""The line of the CLI's own crash report, or of Go's."""
DRIFTED = {"update": "found changed", "delete": "found gone"}


@dataclass
class Outcome:
    """What an operation did, or would do.

    Attributes:
        steps: as in `pulumi preview --json`: op, urn, provider, oldState, newState, diffReasons, replaceReasons,
            detailedDiff; none for a resource that stays as it is.
        errors: each with its resource.
        diagnostics: errors, warnings and information as in `pulumi preview --json`: urn, message, severity.
        config: the stack's, secret values masked.
        summary: operation → count of resources.
        outputs: of the stack, secret ones masked.
        seconds: how long it took.
    """

    steps: list[dict[str, Any]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    diagnostics: list[dict[str, str]] = field(default_factory=list)
    config: dict[str, str] = field(default_factory=dict)
    summary: dict[str, int] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    def after(self, earlier: "Outcome") -> "Outcome":
        """What both did, this one second."""
        counts = {op: earlier.summary.get(op, 0) + n for op, n in self.summary.items() if op not in NO_CHANGE}
        return replace(
            self,
            steps=[*earlier.steps, *self.steps],
            summary={**earlier.changes(), **self.summary, **counts},
            seconds=earlier.seconds + self.seconds,
        )

    def changes(self) -> dict[str, int]:
        """Operation → count, of those that change something."""
        return {op: count for op, count in self.summary.items() if op not in NO_CHANGE and count}


class Reporter:
    """Takes the engine's events of one operation, reports them and collects the outcome."""

    def __init__(self, operation: str, say: Say, show_diff: bool, show: Say = lambda _: None) -> None:
        self.outcome, self.count = Outcome(), StepCount(operation)
        self._operation, self._say, self._show_diff, self._show = operation, say, show_diff, show
        self._refreshing: set[str] = set()

    def take(self, event: EngineEvent) -> None:
        """Take one event."""
        self._report(event)
        self._show(str(self.count))

    def _report(self, event: EngineEvent) -> None:
        if event.diagnostic_event:
            self._diagnose(event.diagnostic_event)
        elif event.policy_event:
            self._judge(event.policy_event)
        elif event.resource_pre_event:
            self._begin(event.resource_pre_event.metadata)
        elif event.res_outputs_event:
            self._end(event.res_outputs_event.metadata)
        elif event.prelude_event:
            self.outcome.config = dict(event.prelude_event.config)
        elif event.summary_event:
            self.outcome.summary = {str(op): n for op, n in event.summary_event.resource_changes.items()}

    def reason(self, error: Exception) -> str:
        """Why it failed: what the program or AWS said, without the engine's frame around it.

        Of an engine that died, one line says so and what it printed last.

        Args:
            error: the SDK's, with what the CLI printed.
        """
        command = COMMAND.fullmatch(str(error))
        printed = command["stderr"].strip().removeprefix("error: ") if command else str(error)
        reasons = list(dict.fromkeys(_without_frame(line) for line in self.outcome.errors))
        causes = [line for line in reasons if not _is_consequence(line)]
        causes = [line for line in causes if not any(line != other and line in other for other in causes)]
        if command and (death := _death(command)):
            return "\n".join([*causes, death])
        if not causes and not _is_consequence(printed):
            causes = [printed]
        return "\n".join(causes or reasons) or printed or _last_line(command["stdout"] if command else "")

    def _begin(self, step: StepEventMetadata) -> None:
        if step.op == "refresh":
            self._refreshing.add(step.urn)
            return
        self.count.begin(step.urn)
        if self._operation == "preview" and step.op != "same":
            self._keep(step)
            if self._show_diff and _is_reported(step):
                self._say(f"  {step.op.value:<20} {resource_label(step.urn)}{_changed(step)}")

    def _end(self, step: StepEventMetadata) -> None:
        if step.type == "pulumi:pulumi:Stack" and step.new:
            self.outcome.outputs = {name: _masked(value) for name, value in (step.new.outputs or {}).items()}
        if step.urn in self._refreshing:
            self._refreshing.remove(step.urn)
            self.count.read()
            if step.op in DRIFTED:
                changed = _changed(step) if self._show_diff else _names(step)
                self._say(f"  {DRIFTED[step.op]}: {resource_label(step.urn)}{changed}")
                if self._operation == "refresh":
                    self._keep(step)
            return
        self.count.end(step.urn)
        if self._operation != "preview" and step.op != "same":
            self._keep(step)
            if self._show_diff and _is_reported(step):
                self._say(f"  {DONE.get(step.op, step.op.value)}: {resource_label(step.urn)}{_changed(step)}")

    def _keep(self, step: StepEventMetadata) -> None:
        self.outcome.steps.append(_described(step))

    def _diagnose(self, diagnostic: DiagnosticEvent) -> None:
        message = COLOURS.sub("", diagnostic.message).strip()
        if message and diagnostic.ephemeral:
            self.count.remark(message)
        if not message or diagnostic.ephemeral:
            return
        urn = diagnostic.urn or ""
        self.outcome.diagnostics.append({"urn": urn, "message": message, "severity": diagnostic.severity})
        where = f"{resource_label(urn)}: " if urn and "pulumi:pulumi:Stack" not in urn else ""
        if checked := CHECKED.fullmatch(message):
            message = f"{checked['path']}: {checked['problem']}" if checked["path"] else checked["problem"]
        if diagnostic.severity == "error":
            self.outcome.errors.append(where + message)
        elif diagnostic.severity == "warning":
            self._say(f"  warning: {where}{message}")
        elif diagnostic.severity == "info":
            self._say(f"  {where}{message}")

    def _judge(self, violation: PolicyEvent) -> None:
        where = f"{resource_label(violation.resource_urn)}: " if violation.resource_urn else ""
        message = " ".join(COLOURS.sub("", violation.message).split())
        if violation.enforcement_level == "mandatory":
            self.outcome.errors.append(f"{where}{message} (policy {violation.policy_name})")
        else:
            self._say(f"  {violation.enforcement_level}: {where}{message} (policy {violation.policy_name})")


def _is_reported(step: StepEventMetadata) -> bool:
    """Whether it changes something; a replacement is told once, as that."""
    return step.op not in NO_CHANGE | PARTS_OF_A_REPLACEMENT and not step.type.startswith("pulumi:")


def resource_label(urn: str) -> str:
    """`type name`, as people know a resource."""
    parts = urn.split("::")
    return f"{parts[2].split('$')[-1]} {parts[-1]}" if len(parts) > 3 else urn


def _is_consequence(line: str) -> bool:
    return not line or line in CONSEQUENCES or CLOSING in line or any(phrase in line for phrase in OF_THE_END)


def _death(command: re.Match[str]) -> str:
    """That the CLI was killed or has crashed, and what it printed last; empty when it ended by itself."""
    number = -int(command["code"])
    if number > 0:
        name = signal.strsignal(number) or "unknown"
        return f"the engine was ended by signal {number} ({name}); {_printed_last(command)}"
    panic = PANIC.search(command["stderr"])
    return f"the engine crashed: {panic['words']}" if panic else ""


def _printed_last(command: re.Match[str]) -> str:
    last = _last_line(command["stderr"]) or _last_line(command["stdout"])
    return f"it printed last: {last}" if last else "it had printed nothing"


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def _without_frame(message: str) -> str:
    for frame in FRAMES:
        message = message.removeprefix(frame)
    if message.startswith(INLINE):
        return _exception(message.removeprefix(INLINE))
    return message.strip()


def _exception(message: str) -> str:
    """An exception's own message; for one of Python's own, which may say little, its kind and place too."""
    text, _, traceback = message.partition("\nTraceback")
    kind = next((line for line in reversed(traceback.splitlines()) if line and not line.startswith(" ")), "")
    kind = kind.partition(":")[0]
    places = [place for place in PLACE.finditer(traceback) if "/.venv/" not in place["file"]]
    if not hasattr(builtins, kind) or kind in SAY_ENOUGH or not places:
        return text.strip()
    return f"{kind}: {text.strip()} ({Path(places[-1]['file']).name}, line {places[-1]['line']})"


def _described(step: StepEventMetadata) -> dict[str, Any]:
    described = {
        "op": step.op.value,
        "urn": step.urn,
        "provider": step.provider,
        "oldState": _state(step.old),
        "newState": _state(step.new),
        "diffReasons": step.diffs,
        "replaceReasons": step.keys,
        "detailedDiff": {
            path: {"kind": diff.diff_kind.value, "inputDiff": diff.input_diff}
            for path, diff in (step.detailed_diff or {}).items()
        },
    }
    return {name: value for name, value in described.items() if value}


def _state(state: Any) -> dict[str, Any] | None:
    if state is None:
        return None
    same = ("urn", "type", "id", "parent", "protect")
    described = {name: getattr(state, name) for name in same}
    masked = {name: _masked(getattr(state, name) or {}) for name in ("inputs", "outputs")}
    described |= {**masked, "retainOnDelete": state.retain_on_delete}
    return {name: value for name, value in described.items() if value}


def _is_secret(value: Any) -> bool:
    return isinstance(value, dict) and value.get(SIGNATURE) == SECRET


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return "[secret]" if _is_secret(value) else {key: _masked(item) for key, item in value.items()}
    return [_masked(item) for item in value] if isinstance(value, list) else value


def _changed(step: StepEventMetadata) -> str:
    """Which fields change, with their old and new values; JSON in a text is looked into. Of a secret nobody knows."""
    if step.op == "create":
        return ""
    inputs = ((state.inputs if state else None) or {} for state in (step.old, step.new))
    old, new = (dict(_fields({key: each.get(key) for key in step.diffs or ()})) for each in inputs)
    paths = sorted(path for path in old.keys() | new.keys() if old.get(path) != new.get(path) or _is_secret(old[path]))
    return "".join(f"\n      {path}: {_shown(old.get(path))} → {_shown(new.get(path))}" for path in paths)


def _fields(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Path → value, of what is neither a list nor an object, or a secret."""
    value = _opened(value)
    if isinstance(value, dict) and value and not _is_secret(value):
        for key, item in value.items():
            yield from _fields(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _fields(item, f"{path}[{index}]")
    else:
        yield path, value


def _opened(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) and value[:1] in ("{", "[") else value
    except ValueError:
        return value


def _shown(value: Any) -> str:
    return "(known after up)" if value == COMPUTED else repr(_masked(value))


def _names(step: StepEventMetadata) -> str:
    return f"  [{', '.join(step.diffs)}]" if step.diffs else ""

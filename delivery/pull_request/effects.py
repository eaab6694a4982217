"""What a change means for a service: does something deploy, which image stays live, what is interrupted."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from delivery.pull_request.cost import DEFINITION, SCALING, SERVICE
from delivery.pull_request.preview import SECRET, UNKNOWN, Change
from delivery.services.differences import Difference, differences
from delivery.services.sidecars import moving
from releases.controllers import controller_of
from releases.ecs import STARTS_A_DEPLOYMENT
from releases.record import UNKNOWN as UNNAMED
from releases.service_deployments import strategy_of
from releases.service_state import ServiceState
from releases.template import APPSPEC, TASK_DEFINITION

PIPELINE = "aws:codepipeline/pipeline:Pipeline"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
CONNECTS = "-to-"
"""In the name of a rule that lets a service's tasks in to something, between its name and that."""
SCHEDULE = "aws:scheduler/schedule:Schedule"
SCHEDULED_ACTION = "aws:appautoscaling/scheduledAction:ScheduledAction"
MEASURE = "aws:appautoscaling/policy:Policy"
LISTENER_RULE = "aws:lb/listenerRule:ListenerRule"
OBJECT = "aws:s3/bucketObjectv2:BucketObjectv2"
PARAMETER = "aws:ssm/parameter:Parameter"
FORCE = "forceNewDeployment"
FORCED = frozenset({"capacityProviderStrategies", "enableExecuteCommand"})
"""Inputs of a service that the program deploys with FORCE (`components/service/revision.py`)."""
ADDED_BY_PULUMI = frozenset({"region", "skipDestroy", "tagsAll", "trackLatest"})
"""Inputs of a task definition that are not the template's."""
LOST: Mapping[str, str] = {
    "aws:acm/certificate:Certificate": "whoever uses it has no HTTPS",
    "aws:cloudwatch/logGroup:LogGroup": "its logs are gone",
    PIPELINE: "an execution that runs is ended, its history is gone",
    "aws:ec2/natGateway:NatGateway": "tasks in private subnets reach nothing outside, or from another address",
    "aws:ec2/subnet:Subnet": "what runs in it has to go first",
    "aws:ec2/vpc:Vpc": "all that runs in it has to go first",
    "aws:ecr/repository:Repository": "its images are gone: there is nothing to roll back to",
    "aws:ecs/cluster:Cluster": "all tasks stop",
    SERVICE: "its tasks stop",
    "aws:iam/user:User": "its access keys are gone: the app team's CI can upload no more",
    "aws:kms/key:Key": "what it encrypted cannot be read any more once AWS's waiting time is over",
    "aws:lb/listener:Listener": "its port answers nobody",
    LISTENER_RULE: "its host answers 404",
    "aws:lb/loadBalancer:LoadBalancer": "no service is reached",
    "aws:route53/record:Record": "the name resolves to nothing",
    "aws:s3/bucket:Bucket": "sources, templates and artifacts are gone",
    "aws:servicediscovery/httpNamespace:HttpNamespace": "services reach each other by name no more",
    PARAMETER: "its value and history are gone",
}
"""Type → what its end interrupts; of other types nothing that runs."""
LATER = "its task definition, in parts that are known only after `up`"
KEPT = frozenset({DEFINITION})
"""Types of which the old one stays when there is another."""


@dataclass(frozen=True)
class Effect:
    """What happens to a service.

    Attributes:
        lines: what happens, in sentences' parts; none: nothing but revisions.
        image: which image runs afterwards.
    """

    lines: tuple[str, ...]
    image: str


def effect(changes: Sequence[Change], state: ServiceState | None, *, asked: bool) -> Effect:
    """What happens to a service.

    Args:
        changes: of its resources.
        state: the service as AWS has it; None when there is none, or nobody asked.
        asked: whether AWS was asked.
    """
    by_type = {change.type: change for change in changes if change.type in (SERVICE, DEFINITION, PIPELINE)}
    ecs, definition = by_type.get(SERVICE), by_type.get(DEFINITION)
    if ecs is not None and ecs.action == "delete":
        hosts = any(change.type == LISTENER_RULE for change in changes)
        return Effect((f"**removed**: its tasks stop{', its hosts answer 404' if hosts else ''}",), "none")
    new = ecs is not None and ecs.action in ("create", "import")
    lines = [
        *(["**new**: no tasks until its first release"] if new else []),
        *_deployment(ecs, state, _edited(definition, changes), new=new),
        *_moving_tags(definition),
        *_runs(changes, by_type.get(PIPELINE), new=new),
        *_scaling(changes, new=new),
        *_by_the_clock(changes),
        *_connections(changes),
        *_others(changes, new=new),
    ]
    return Effect(tuple(lines), _image(state, asked=asked, new=new))


def is_revision_alone(change: Change, state: ServiceState | None = None) -> bool:
    """Whether only the state lags behind a release (rule `refresh first`): without a refresh it names an older
    revision than the one that runs, and the program names that one.

    Args:
        change: of an ECS service.
        state: the service as AWS has it; without it, a revision that is known is taken for the one that runs.
    """
    if change.type != SERVICE or change.action != "update" or _top(change.fields) != {"taskDefinition"}:
        return False
    revision = change.new.get("taskDefinition")
    return revision != UNKNOWN and (state is None or revision == state.task_definition)


def edits(definition: Change) -> list[Difference]:
    """The fields of a task definition that differ, but for what nobody wrote into it.

    Raises:
        ValueError: they are known only after `up`.
    """
    old, new = _document(definition.old), _document(definition.new)
    return differences(old, new, str(new.get("family", "")))


def interruption(change: Change) -> str | None:
    """What the end of a resource interrupts; None when it does not end, or that interrupts nothing.

    A resource that is replaced is up before the old one goes, unless its name cannot be there twice.
    """
    if change.action not in ("delete", "replace") or change.retained or change.type in KEPT:
        return None
    if change.type == SERVICE and change.action == "replace" and controller_of(change.old) != controller_of(change.new):
        return None  # the new one serves before the old one goes
    return LOST.get(change.type)


def _deployment(ecs: Change | None, state: ServiceState | None, what: str, *, new: bool) -> Iterator[str]:
    """What ECS deploys; `what` is edited in the task's template."""
    if ecs is None or new:
        if what and not new:
            yield f"task definition: {what}"
        return
    if ecs.action == "replace":
        before, after = (controller_of(inputs).title for inputs in (ecs.old, ecs.new))
        if before != after:
            yield (
                f"**another ECS service** ({before} → {after}): it takes over the image and the tasks, and serves "
                "before the old one goes"
            )
        else:
            why = ", ".join(ecs.reasons or ecs.fields)
            yield f"**another ECS service**, because of {why}: the old one's tasks stop"
        return
    if is_revision_alone(ecs, state):
        return
    before, after = (strategy_of(inputs).lower() for inputs in (ecs.old, ecs.new))
    if before != after:
        yield f"**{after} deployments** by ECS instead of {before}: the service is updated, nothing is replaced"
    reasons = [what] if what else []
    fields = _top(ecs.fields) - {FORCE}
    deployed = STARTS_A_DEPLOYMENT | (FORCED if ecs.new.get(FORCE) else frozenset())
    reasons += sorted(fields & deployed - {"taskDefinition"})
    if state is not None and state.in_flight:
        yield f"left alone while {state.in_flight} is in flight; run `up` again after it"
    elif reasons or "taskDefinition" in fields:
        none = state is not None and state.desired == 0
        why = "; ".join(reasons) or "an edit that was registered and does not run"
        yield f"**deployment by ECS**{' of no tasks' if none else ''}: {why}"
    if rest := sorted(fields - deployed):
        yield f"service changed without a deployment: {', '.join(rest)}"


def _moving_tags(definition: Change | None) -> Iterator[str]:
    """Images that may be others tomorrow, or gone when ECS has to start another task with them."""
    if definition is None or definition.action == "delete":
        return
    try:
        containers = _document(definition.new)["containerDefinitions"]
    except ValueError:
        return
    for name, image in moving(containers):
        yield (
            f"**moving tag**: container {name} runs {image}; a tag may be another image tomorrow, and ECS starts no "
            "task once the image that it has resolved is deleted: write NAME@sha256:…"
        )


def _edited(definition: Change | None, changes: Sequence[Change]) -> str:
    """What is edited in the task's template, in words; "" for nothing.

    Another value is another parameter, whose ARN is not known yet; so then nothing of the containers is.
    """
    if definition is None or not definition.old:
        return ""
    try:
        edited, values, rest = edits(definition), [], ""
    except ValueError:
        old, new = ({**inputs, "containerDefinitions": "[]"} for inputs in (definition.old, definition.new))
        edited, values = differences(_document(old), _document(new), ""), list(_values(changes))
        rest = "what else of its containers is known only after `up`" if values else LATER
    words = [*(f"{edit.field} {edit.then} → {edit.now}" for edit in edited), *values, *([rest] if rest else [])]
    return ", ".join(words) or "its task definition"


def _values(changes: Sequence[Change]) -> Iterator[str]:
    """The runtime values that are others, by their variables."""
    words = {"create": "is new", "delete": "is gone", "replace": "has another value", "update": "has another value"}
    for change in changes:
        _, runtime, variable = change.name.partition("/runtime/")
        if change.type == PARAMETER and runtime and change.action in words:
            yield f"{variable} {words[change.action]}"


def _document(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """A task definition's inputs in DescribeTaskDefinition's form."""
    document = {key: value for key, value in inputs.items() if key not in ADDED_BY_PULUMI}
    containers = document.get("containerDefinitions", "[]")
    if containers in (UNKNOWN, SECRET):
        raise ValueError(containers)
    return {**document, "containerDefinitions": json.loads(containers)}


def _runs(changes: Sequence[Change], pipeline: Change | None, *, new: bool) -> Iterator[str]:
    """What starts the pipeline."""
    written = {
        str(change.input("key")).rpartition("/")[2]: change
        for change in changes
        if change.type == OBJECT and change.action != "delete"
    }
    if pipeline is not None and pipeline.action in ("create", "replace"):
        yield "**a pipeline run starts** by itself, as of every new pipeline; with nothing uploaded it ends in Source"
    elif APPSPEC in written and written[APPSPEC].action == "create":
        yield "**a pipeline run may start**: its template is written for the first time"
    elif APPSPEC in written:
        yield "**a pipeline run starts**: it deploys the edit with the live image"
    if pipeline is not None and pipeline.action == "update":
        yield "the pipeline itself is changed; that starts nothing"
    if TASK_DEFINITION in written and APPSPEC not in written and not new:
        yield "its template in S3 is changed"


def _scaling(changes: Sequence[Change], *, new: bool) -> Iterator[str]:
    """How many tasks there may be, and what is kept at which value by more of them."""
    for change in changes:
        if change.type == MEASURE and not new and (was := _target(change.old)) != (now := _target(change.new)):
            yield f"scales by {change.name.rpartition('-')[2]}: {was} → {now}"
        if change.type != SCALING or not (change.old and change.new):
            continue
        for field, name in (("minCapacity", "at least"), ("maxCapacity", "at most")):
            before, after = change.old.get(field), change.new.get(field)
            if before != after:
                yield f"{name} {before} → {after} tasks"


def _target(inputs: Mapping[str, Any]) -> str:
    """The value that scaling keeps a measure at."""
    return (
        str(inputs["targetTrackingScalingPolicyConfiguration"]["targetValue"]).removesuffix(".0") if inputs else "not"
    )


def _by_the_clock(changes: Sequence[Change]) -> Iterator[str]:
    """When jobs run, and other numbers of tasks."""
    for change in changes:
        if change.type not in (SCHEDULE, SCHEDULED_ACTION):
            continue
        what = f"job {change.input('name')}" if change.type == SCHEDULE else "tasks by the clock"
        before, after = _when(change.old), _when(change.new)
        if not before:
            yield f"**{what}**: {after}"
        elif not after:
            yield f"{what}: no longer {before}"
        elif before != after:
            yield f"{what}: {before} → {after}"


def _when(inputs: Mapping[str, Any]) -> str:
    """The time of a schedule, or of a scheduled action with its numbers; "" of none."""
    if not inputs:
        return ""
    if action := inputs.get("scalableTargetAction"):
        numbers = f"{action['minCapacity']} to {action['maxCapacity']} at "
        return f"{numbers}{inputs['schedule']} {inputs.get('timezone', 'UTC')}"
    return f"{inputs['scheduleExpression']} {inputs.get('scheduleExpressionTimezone', 'UTC')}"


def _connections(changes: Sequence[Change]) -> Iterator[str]:
    """What the tasks are let in to, and are no more."""
    for change in changes:
        _, _, target = change.name.partition(CONNECTS)
        if change.type != INGRESS or not target or change.action not in ("create", "delete"):
            continue
        group, _, port = target.rpartition("-")
        what = f"port {port} of {group}" if group.startswith("sg-") else f"service {target}"
        yield f"**connects to {what}**" if change.action == "create" else f"no longer connects to {what}"


def _others(changes: Sequence[Change], *, new: bool) -> Iterator[str]:
    """What else changes, by its number."""
    described = {SERVICE, DEFINITION, PIPELINE, SCALING, OBJECT}
    others = [change for change in changes if change.type not in described]
    counts = Counter(change.action for change in others)
    words = [f"{counts[action]} {action}d" for action in ("create", "update", "replace", "delete") if counts[action]]
    if words:
        yield f"{'its' if new else 'other'} resources: {', '.join(words)}"


def _image(state: ServiceState | None, *, asked: bool, new: bool) -> str:
    if new:
        return "none yet"
    if not asked:
        return "the live one stays"
    if state is None or state.release is None:
        return "none released yet"
    release = state.release
    commit = "" if release.commit == UNNAMED else f", commit {release.commit[:12]}"
    return f"release {release.release} stays live (`{release.image_digest[:19]}`{commit})"


def _top(fields: Sequence[str]) -> set[str]:
    """The inputs that paths such as `networkConfiguration.subnets[0]` are in."""
    return {field.partition(".")[0].partition("[")[0] for field in fields}

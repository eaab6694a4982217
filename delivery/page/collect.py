"""Reads a stack's facts from AWS. It writes nothing, and reads no parameter's value but the release records."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import boto3

from delivery.command_line import Address, at_aws
from delivery.page.declared import fields_of
from delivery.page.deliveries import read_deliveries
from delivery.page.facts import Alarm, Running, Service, StackFacts
from delivery.page.words import legible
from delivery.services.addresses import addresses
from delivery.services.history import service_history
from delivery.services.in_flight import going_on, waits
from releases import scaling
from releases.consistency import disagreement, observe, repair_command
from releases.ecs import AT_ONCE, cluster_of, describe_services, describe_tasks, list_services
from releases.errors import DeliveryError
from releases.names import aws_name
from releases.pipeline import Pipeline
from releases.record import UNKNOWN
from releases.service_state import ServiceState, read_states, revision_name

SPOT = "FARGATE_SPOT"
OF_A_DELIVERY = "execution "
"""How the words of what goes on begin that are told of deliveries already."""


def collect(session: boto3.Session, stack: str, deliveries: int, address: Address = at_aws) -> StackFacts:
    """A stack as it is now.

    Args:
        session: AWS.
        stack: the stack's name.
        deliveries: how many of each service are looked at, the newest ones.
        address: what opens a port of a host.

    Raises:
        DeliveryError: there are no services.
        RecordError: a release record is none.
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    names, account = list_services(session, stack), session.client("sts").get_caller_identity()["Account"]
    if not names:
        raise DeliveryError(
            f"there are no services of stack {stack} in account {account}, {session.region_name}; check the stack, the "
            "account and the region"
        )
    described, states = describe_services(session, stack, names), read_states(session, stack, names)
    alarms = alarms_by_service(read_alarms(session.client("cloudwatch"), stack), stack, names)
    groups = {name: state.target_groups for name, state in states.items()}
    urls = addresses(session.client("elbv2"), groups, address)

    def service(name: str) -> Service:
        state = states[name]
        return _service(session, stack, state, described[name], urls.get(name, []), alarms[name], deliveries)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        services = list(pool.map(service, sorted(states)))
    return StackFacts(
        stack=stack,
        account=account,
        region=str(session.region_name),
        cluster=cluster_of(session, stack),
        at=datetime.now(UTC),
        services=services,
        alarms=alarms[""],
    )


def _service(
    session: boto3.Session,
    stack: str,
    state: ServiceState,
    described: Mapping[str, Any],
    urls: Sequence[str],
    alarms: Sequence[Alarm],
    deliveries: int,
) -> Service:
    observation = observe(session, stack, state)
    disagrees = disagreement(state, observation)
    history, pipeline = (
        service_history(session, stack, state.service),
        Pipeline(session, aws_name(stack, state.service)),
    )
    last = history.last
    first_upload = pipeline.first_upload() if last is None else None
    ecs, now = session.client("ecs"), datetime.now(UTC)
    limits = scaling.targets(session, state.cluster, state.name)
    return Service(
        name=state.service,
        ecs_name=state.name,
        now=Running(
            digest=observation.images.running or "",
            revision=revision_name(state.task_definition),
            since=datetime.fromtimestamp(state.deployments[0].created, UTC),
            desired=described["desiredCount"],
            running=described["runningCount"],
            places=places(describe_tasks(ecs, state.cluster, serviceName=state.name)),
            urls=urls,
            fields=fields_of(aws_name(stack, state.service), described, state.definition, limits),
        ),
        release=last.release if last else None,
        released=datetime.fromisoformat(last.time) if last else None,
        commit=last.commit if last and last.commit != UNKNOWN else "",
        in_flight=state.in_flight or "",
        disagreement=disagrees.summary if disagrees else "",
        repair=repair_command(stack, state.service) if disagrees else "",
        waits_for=first_upload or "",
        failure="" if first_upload else legible(pipeline.failure() or ""),
        going_on=[line for line in going_on(state, now) if not line.startswith(OF_A_DELIVERY)],
        waits=waits(state, stack, now),
        alarms=alarms,
        deliveries=read_deliveries(session, stack, state, history, deliveries),
        forgotten=history.oldest - 1,
    )


def places(tasks: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """How many tasks run in which availability zone, those on Spot by themselves."""
    found = Counter(
        " ".join([task.get("availabilityZone", ""), *(["Spot"] if task.get("capacityProviderName") == SPOT else [])])
        for task in tasks
    )
    return {place.strip(): count for place, count in sorted(found.items()) if place}


def read_alarms(cloudwatch: Any, stack: str) -> dict[str, Alarm]:
    """The alarms whose names begin with a stack's, by their names. None of the composite ones where the credentials may
    not see every alarm (CloudWatch API, DescribeAlarms).
    """
    pages = cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=aws_name(stack, ""), AlarmTypes=["CompositeAlarm", "MetricAlarm"]
    )
    return {
        alarm["AlarmName"]: Alarm(
            name=alarm["AlarmName"],
            state=alarm["StateValue"],
            since=alarm.get("StateTransitionedTimestamp") or alarm["StateUpdatedTimestamp"],
            reason=alarm.get("StateReason", ""),
        )
        for page in pages
        for kind in ("CompositeAlarms", "MetricAlarms")
        for alarm in page.get(kind, [])
    }


def alarms_by_service(alarms: Mapping[str, Alarm], stack: str, services: Sequence[str]) -> dict[str, list[Alarm]]:
    """Service → its alarms, called without its name, the composite one first; "" → those of no service.

    Args:
        alarms: by their names; those of a service begin with its name, of several the longest, which is the last.
        stack: the stack's name.
        services: all of the stack.
    """
    found: dict[str, list[Alarm]] = {"": [], **{service: [] for service in services}}
    for name, alarm in sorted(alarms.items()):
        called = {service: aws_name(stack, service) for service in services}
        fitting = [each for each in services if name == called[each] or name.startswith(f"{called[each]}-")]
        owner = max(fitting, key=lambda service: len(called[service]), default="")
        short = name.removeprefix(called.get(owner, aws_name(stack, ""))).removeprefix("-") or owner
        found[owner].append(Alarm(short, alarm.state, alarm.since, alarm.reason))
    return {owner: sorted(listed, key=lambda alarm: alarm.name != owner) for owner, listed in found.items()}

"""What only shows when keys of a stack file are seen together: services, secrets, the stack's name.

Each problem is `key.path: the problem`, never with a secret's value.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from graphlib import CycleError
from typing import Any

from components.notifications import commit_messages
from components.notifications.slack_rules import MAX_PATTERN_LENGTH, longest_pattern_length
from components.service.alarms import MEASURES
from components.service.connections import in_order, names_of
from components.service.file_systems import NFS
from components.suggestions import suggestion
from components.types import PARAMETER_BYTES, REFERENCE
from config.layers import NAMESPACE
from config.pull_request_stack import HIGHEST_PRIORITY, PLACEHOLDER, pull_request_number
from config.stack_file import Stack
from releases.controllers import CONTROLLERS
from releases.names import JOB_ALARMS, PIPELINE_PREFIX_LENGTH, alarm_name, artifact_prefix, aws_name, undelivered

STACK_NAME = re.compile(r"(?=..)[a-z][a-z0-9]*(-[a-z0-9]+)*")
TOKEN = re.compile(r"[\x21-\x7e]+")
WEBHOOK = re.compile(r"https://hooks\.slack(-gov)?\.com/(services|triggers|workflows)/\S+")


def check_services(stack: str, config: Stack) -> Iterator[str]:
    """What only shows when services are seen together, or with the stack."""
    if STACK_NAME.fullmatch(stack) is None:
        yield (
            f"services: their AWS names cannot begin with the stack's name, {stack}; a name has small letters, digits "
            "and single hyphens, and begins with a letter"
        )
    if stack.startswith("internal-"):
        yield f"services: the stack's name, {stack}, must not begin with internal-, because no load balancer's may"
    if not config.services and not config.without_services:
        yield (
            "services: is empty, so an up deletes each service of this stack, with its images and parameters; if you "
            f"want that, add {NAMESPACE}:without_services: true"
        )
    if config.services and config.without_services:
        yield "without_services: is true, but there are services; remove it"
    routes = [route for service in config.services.values() for route in service.routes]
    redirects = config.domain.redirects
    priorities = Counter([*(route.priority for route in routes), *(redirect.priority for redirect in redirects)])
    free = (number for number in range(10, 50001, 10) if number not in priorities)
    requests = Counter((route.host, frozenset(route.paths)) for route in routes)
    routed = [name for name, service in config.services.items() if service.routes]
    alarms = {
        undelivered("slack"),
        undelivered("starts"),
        *(alarm_name(name, alarm) for name in routed for alarm in MEASURES),
        *(alarm_name(name, alarm) for name, each in config.services.items() if each.jobs for alarm in JOB_ALARMS),
    }
    for name, service in config.services.items():
        for controller in CONTROLLERS.values():
            if controller.suffix and name.endswith(controller.suffix):
                marks = f"which marks {controller.title}'s services"
                yield f"services.{name}: a name must not end in {controller.suffix}, {marks}"
        if service.tasks.scale is not None and config.cluster.insights == "disabled":
            yield f"services.{name}.tasks.scale: needs cluster.insights: enabled, which counts the tasks that run"
        if f"{name}-".startswith("sg-"):
            yield f"services.{name}: a name must not begin with sg-, because no security group's may"
        if name in alarms and service.routes:
            yield f"services.{name}: its alarm would be {aws_name(stack, name)}, as another alarm is; use another name"
        if len(aws_name(stack, name)) > PIPELINE_PREFIX_LENGTH + 12:
            yield f"services.{name}: {aws_name(stack, name)} is longer than {PIPELINE_PREFIX_LENGTH + 12} characters"
        yield from _upload_problems(name, config)
        for index, route in enumerate(service.routes):
            where = f"services.{name}.routes[{index}]"
            if priorities[route.priority] > 1:
                yield (
                    f"{where}.priority: {route.priority} is taken by another route; each route needs its own, and "
                    f"{next(free)} is free"
                )
            if requests[route.host, frozenset(route.paths)] > 1:
                yield f"{where}: another route has the same host and paths, so one of the two would get no request"
            if wrong := _misplaced(route.host, config):
                yield f"{where}.host: {route.host!r} {wrong}"
    for index, redirect in enumerate(redirects):
        where = f"domain.redirects[{index}]"
        if priorities[redirect.priority] > 1:
            yield (
                f"{where}.priority: {redirect.priority} is taken by another route or redirect; each needs its own, and "
                f"{next(free)} is free"
            )
        if wrong := _misplaced(redirect.host, config):
            yield f"{where}.host: {redirect.host!r} {wrong}"
        if requests[redirect.host, frozenset()] or [each.host for each in redirects].count(redirect.host) > 1:
            yield f"{where}.host: {redirect.host} is in another redirect or a route too; only one would work"
        if redirect.to in {each.host for each in redirects}:
            yield f"{where}.to: {redirect.to} is redirected itself; name the host that it redirects to"
    prefixes = Counter(artifact_prefix(aws_name(stack, name)) for name in config.services)
    for name in config.services:
        if prefixes[artifact_prefix(aws_name(stack, name))] > 1:
            yield (
                f"services.{name}: the first {PIPELINE_PREFIX_LENGTH} characters of {aws_name(stack, name)} are those "
                "of another service too, and CodePipeline would mix up their artifacts; use another name"
            )


def _upload_problems(name: str, config: Stack) -> Iterator[str]:
    """Of a service that is built of another one's uploads."""
    of, where = config.services[name].source.upload_of, f"services.{name}.source.upload_of"
    if of is None:
        return
    if of == name or of not in config.services:
        yield f"{where}: {of!r} is not another service of this stack"
        return
    other = config.services[of].source
    if other.type != "s3" or other.upload_of is not None:
        yield f"{where}: nothing is uploaded for {of}; name a service whose source.type is s3 and that has no upload_of"


def check_load_balancer(config: Stack) -> Iterator[str]:
    """What goes with a load balancer that exists, and what only with one that the stack makes."""
    network, public = config.network, len(config.network.public_subnet_ids)
    if config.review is not None and config.load_balancer.model_fields_set:
        yield f"load_balancer: a review uses that of stack {config.review.of}; remove it"
        return
    if config.load_balancer.internal:
        yield from _check_internal(config)
        return
    if config.load_balancer.listener_arn is None:
        if network.vpc_id is not None and public < 2:
            yield f"network: vpc_id needs two or more public_subnet_ids for the load balancer, and there are {public}"
        return
    if network.vpc_id is None:
        yield "load_balancer: exists already, so name its VPC as network.vpc_id, and private_subnet_ids for the tasks"
    elif public:
        yield "network.public_subnet_ids: not with load_balancer.listener_arn, which has its subnets; remove them"
    for index, zone in enumerate(config.domain.zones):
        if zone.certificate_arn is not None:
            where = "domain" if index == 0 else f"domain.more_zones[{index - 1}]"
            yield f"{where}.certificate_arn: not with load_balancer.listener_arn, which has its certificate; remove it"
    if "allowed_cidrs" in config.cluster.model_fields_set:
        yield "cluster.allowed_cidrs: not with load_balancer.listener_arn, which has its security group; remove them"
    for name, service in config.services.items():
        if service.deploy.test_ports:
            yield (
                f"services.{name}.deploy.test_port: not with load_balancer.listener_arn, to which the stack adds no "
                "listener; remove it"
            )


def check_cluster(config: Stack) -> Iterator[str]:
    """What does not go with a cluster that exists."""
    if config.cluster.name is None:
        return
    if config.review is not None:
        yield "cluster.name: a review has a cluster of its own; remove it"
    for name, service in config.services.items():
        if service.exec:
            yield (
                f"services.{name}.exec: not with cluster.name, because the owner of an existing cluster decides where "
                "sessions are logged; remove it"
            )


def _check_internal(config: Stack) -> Iterator[str]:
    network, private = config.network, len(config.network.private_subnet_ids)
    if network.public_subnet_ids:
        yield "network.public_subnet_ids: not with load_balancer.internal, which is in private subnets; remove them"
    if network.vpc_id is not None and private < 2:
        yield (
            "network: vpc_id needs two or more private_subnet_ids, because an internal load balancer is in them, and "
            f"there are {private}"
        )
    if "allowed_cidrs" in config.cluster.model_fields_set:
        for index, cidr in enumerate(config.cluster.allowed_cidrs):
            if cidr.endswith("/0"):
                yield (
                    f"cluster.allowed_cidrs[{index}]: {cidr} is everybody, but the load balancer is internal; name the "
                    "networks that may reach it, or remove the key if only the VPC may"
                )


def check_connections(config: Stack) -> Iterator[str]:
    """What services connect to: each thing once, services that there are and that listen, and none in a circle."""
    services = config.services
    for name, service in services.items():
        times = Counter(service.connects_to)
        mounted = {volume.security_group: name for name, volume in service.task.volumes.items()}
        for index, to in enumerate(service.connects_to):
            where = f"services.{name}.connects_to[{index}]"
            if times[to] > 1:
                yield f"{where}: appears {times[to]} times; keep one"
            if to.port == NFS and (volume := mounted.get(to.security_group)):
                yield (
                    f"{where}: {to.security_group} lets the tasks in at port {NFS} already, because of "
                    f"task.volumes.{volume}; remove it"
                )
            if to.service is None:
                continue
            other = services.get(to.service)
            if other is None:
                yield f"{where}.service: there is no service {to.service}{suggestion(to.service, services)}"
            elif to.service == name:
                yield f"{where}.service: is the service itself; remove it"
            elif other.task.port is None:
                yield f"{where}.service: {to.service} has no task.port, so nothing can connect to it; add one there"
            elif other.deploy.controller.deploys_template:
                yield (
                    f"{where}.service: {to.service} is deployed by {other.deploy.controller.title}, which does not "
                    "support Service Connect; use another deploy.strategy there, or connect to its host"
                )
    try:
        in_order({name: [to for to in names_of(each.connects_to) if to != name] for name, each in services.items()})
    except CycleError as error:
        circle: list[str] = error.args[1][::-1]
        yield (
            f"services.{circle[0]}.connects_to: {' connects to '.join(circle)}, in a circle, and a task can "
            "reach only what existed when it was deployed; have one of them connect to the other's host"
        )


def _misplaced(host: str, config: Stack) -> str | None:
    """Why a host can be none of the stack's: it has no certificate, or no place for its record."""
    zone, names = config.domain.zone_of(host), [each.zone for each in config.domain.zones]
    if config.load_balancer.listener_arn is not None:
        if zone is not None or not config.domain.records:
            return None
        return f"must be within {' or '.join(names)}, where its record is made, or domain.records be false"
    if zone is not None and "." not in host.removesuffix(zone.zone).removesuffix("."):
        return None
    return f"must be {' or '.join(names)} or one label below it, as in www.{names[0]}"


def check_pull_request_stack(stack: str, config: Stack) -> Iterator[str]:
    """What a pull request's own stack may not have, and what only it has."""
    number = pull_request_number(stack)
    if config.review is None:
        if number is not None:
            yield f"review: is missing; by its name, stack {stack} is a pull request's; copy Pulumi.pr.yaml"
        return
    if config.network.model_fields_set:
        yield f"network: a review uses that of stack {config.review.of}; remove it"
    if config.domain.redirects:
        yield "domain.redirects: not in a review, which uses another stack's load balancer; remove them"
    if config.protect:
        yield "protect: must be false, because a review is deleted automatically"
    for name, service in config.services.items():
        if service.deploy.test_ports:
            yield f"services.{name}.deploy.test_port: not in a review, whose load balancer is another stack's"
        for index, route in enumerate(service.routes):
            where = f"services.{name}.routes[{index}]"
            if route.priority > HIGHEST_PRIORITY:
                yield f"{where}.priority: {route.priority} is too high; a review may use up to {HIGHEST_PRIORITY}"
            if str(number) not in route.host:
                yield f"{where}.host: {route.host!r} must contain {PLACEHOLDER}, because each review needs its own host"


def check_slack(stack: str, config: Stack, webhook: Any) -> Iterator[str]:
    """Slack's webhook, which goes with `notifications.slack` and is never shown; and how many services there are."""
    wanted = config.notifications.slack is not None
    if wanted:
        yield from _check_pattern_length("slack", longest_pattern_length(_pipeline_names(stack, config)), config)
    yield from _check_needed("slack", "slack_webhook", "the webhook", webhook, wanted=wanted)
    if wanted and webhook is not None and not _matches(WEBHOOK, webhook):
        yield "slack_webhook: must be the URL of an incoming webhook, as https://hooks.slack.com/services/…"


def check_commits(stack: str, config: Stack, token: Any) -> Iterator[str]:
    """The token of the host of commits, which goes with `notifications.commits`; and how many services there are."""
    wanted = config.notifications.commits is not None
    if wanted:
        yield from _check_pattern_length(
            "commits", commit_messages.longest_pattern_length(_pipeline_names(stack, config)), config
        )
    yield from _check_needed("commits", "commit_token", "the token", token, wanted=wanted)
    if wanted and token is not None and not _matches(TOKEN, token):
        yield "commit_token: must be a token of the host's, without spaces"


def _pipeline_names(stack: str, config: Stack) -> list[str]:
    return [aws_name(stack, name) for name in config.services]


def _check_pattern_length(key: str, length: int, config: Stack) -> Iterator[str]:
    if length > MAX_PATTERN_LENGTH:
        yield (
            f"notifications.{key}: the names of {len(config.services)} services make an event pattern of {length} "
            f"characters, and EventBridge accepts {MAX_PATTERN_LENGTH}; use shorter names, or two stacks"
        )


def _check_needed(key: str, secret: str, what: str, value: Any, *, wanted: bool) -> Iterator[str]:
    """A secret that is there exactly when something needs it."""
    if wanted and value is None:
        yield f"notifications.{key}: {what} is not set; {_set_command(secret)}"
    elif value is not None and not wanted:
        reason = "is not true" if key == "slack" else "is not set"
        yield f"{secret}: is not used, because notifications.{key} {reason}; {_remove_command(secret)}, or set that key"


def _set_command(path: str) -> str:
    return f"set it with `pulumi config set --secret --path '{NAMESPACE}:{path}' <value>`"


def _remove_command(path: str) -> str:
    return f"remove it with `pulumi config rm --path '{NAMESPACE}:{path}'`"


def _matches(form: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and form.fullmatch(value) is not None


def check_secrets(config: Stack, secrets: Mapping[str, Any]) -> Iterator[str]:
    """Secrets that are declared but not set, and the other way round. Values are never shown."""
    if not isinstance(secrets, dict) or not all(isinstance(values, dict) for values in secrets.values()):
        yield f"secrets: must be service → parameter → value; {_set_command('secrets.SERVICE.PARAMETER')}"
        return
    declared = {
        (name, key)
        for name, service in config.services.items()
        for key, parameter in service.parameters.items()
        if parameter.secret
    }
    encrypted = {(name, key) for name, values in secrets.items() for key in values}
    for name, key in sorted(declared - encrypted):
        yield (f"services.{name}.parameters.{key}: the secret is not set; {_set_command(f'secrets.{name}.{key}')}")
    for name, key in sorted(encrypted - declared):
        yield (
            f"secrets.{name}.{key}: no service has a parameter of this name with secret: true; "
            f"{_remove_command(f'secrets.{name}.{key}')}, or declare it in services.{name}.parameters"
        )
    for name, key in sorted(encrypted & declared):
        if not isinstance(secrets[name][key], str) or not secrets[name][key]:
            yield f"secrets.{name}.{key}: must be a text, and not empty; {_set_command(f'secrets.{name}.{key}')}"
        elif len(secrets[name][key].encode()) > PARAMETER_BYTES:
            yield f"secrets.{name}.{key}: has more than the {PARAMETER_BYTES} bytes that a standard parameter holds"
        elif REFERENCE in secrets[name][key]:
            yield (
                f"secrets.{name}.{key}: contains {REFERENCE}, which Parameter Store reads as another parameter's name"
            )

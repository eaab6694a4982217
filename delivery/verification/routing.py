"""How requests come to a service: target groups, the listener's rules, certificates."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from delivery.services.listener_rules import hosts, listeners
from delivery.verification.subject import Problem, Subject

SOON = timedelta(days=30)
"""ACM renews 60 days before the end (ACM, Managed certificate renewal), so by then something keeps it from that."""


@dataclass(frozen=True)
class Rules:
    """The rules of the load balancers that some target groups have.

    Attributes:
        elbv2: a client.
        groups: the target groups' ARNs.
    """

    elbv2: Any
    groups: Sequence[str]

    @cached_property
    def described(self) -> Mapping[str, Mapping[str, Any]]:
        """ARN → target group, of those that there are."""
        found = {}
        for arn in dict.fromkeys(self.groups):
            try:
                (found[arn],) = self.elbv2.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]
            except self.elbv2.exceptions.TargetGroupNotFoundException:
                continue
        return found

    @cached_property
    def of_listeners(self) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
        """(listener, rule) of all of them."""
        balancers = {arn: None for group in self.described.values() for arn in group["LoadBalancerArns"]}
        return [(listener, rule) for listener, rules in listeners(self.elbv2, list(balancers)) for rule in rules]


def shares(rule: Mapping[str, Any]) -> dict[str, int]:
    """Target group → weight, of those that a rule forwards to; one alone has all (ELB, ForwardActionConfig)."""
    for action in rule["Actions"]:
        if action["Type"] == "forward":
            groups = action.get("ForwardConfig", {}).get("TargetGroups") or [action]
            return {each["TargetGroupArn"]: int(each.get("Weight", 1)) for each in groups if "TargetGroupArn" in each}
    return {}


def target_groups(subject: Subject) -> Iterator[Problem]:
    """Target groups of the service that are gone, that no rule leads to, or in which no task is healthy."""
    pairs = list(_pairs(subject))
    elbv2 = subject.session.client("elbv2")
    rules = Rules(elbv2, [arn for pair in pairs for arn in pair])
    for pair in pairs:
        if gone := [arn for arn in pair if arn not in rules.described]:
            yield Problem(f"the target group {_name(gone[0])} of the service is gone", subject.up)
            continue
        led = [shares(rule) for _, rule in rules.of_listeners]
        if unattached := [arn for arn in pair if not any(arn in each for each in led)]:
            yield Problem(f"no listener rule leads to the target group {_name(unattached[0])}", subject.up)
        elif not any(each.get(arn, 0) for each in led for arn in pair):
            yield Problem(
                f"no listener rule gives the target group {_name(pair[0])} a share of its requests: its weight is 0",
                "give it one by `aws elbv2 modify-rule`; where traffic shifts, the next deployment does",
            )
        elif subject.state.desired and not subject.state.in_flight:
            yield from _unhealthy(elbv2, pair)


def _pairs(subject: Subject) -> Iterator[tuple[str, ...]]:
    """Of each route its target group, with the one that ECS shifts traffic to where there is such."""
    balancers = {each.get("targetGroupArn"): each for each in subject.described.get("loadBalancers", [])}
    for arn in subject.state.target_groups:
        alternate = balancers.get(arn, {}).get("advancedConfiguration", {}).get("alternateTargetGroupArn")
        yield (arn, alternate) if alternate else (arn,)


def _unhealthy(elbv2: Any, pair: Sequence[str]) -> Iterator[Problem]:
    health = [
        each["TargetHealth"]
        for arn in pair
        for each in elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    ]
    if any(each["State"] in ("healthy", "initial") for each in health):
        return
    said = next((each["Description"] for each in health if each.get("Description")), "no task is registered")
    yield Problem(
        f"none of {len(health)} target(s) of {_name(pair[0])} is healthy: {said}",
        "see what the tasks log; health check, port and security groups lead from the load balancer to them",
    )


def certificates(subjects: Sequence[Subject]) -> Iterator[Problem]:
    """Hosts of the services that no certificate covers, and certificates that do and are not valid for long."""
    if not subjects:
        return
    session = subjects[0].session
    rules = Rules(session.client("elbv2"), [arn for each in subjects for pair in _pairs(each) for arn in pair])
    of_listeners: dict[str, set[str]] = {}
    for listener, rule in rules.of_listeners:
        if listener["Protocol"] == "HTTPS" and set(shares(rule)) & set(rules.groups):
            of_listeners.setdefault(listener["ListenerArn"], set()).update(hosts(rule))
    known: dict[str, Mapping[str, Any]] = {}
    uncovered: dict[str, None] = {}
    used: dict[str, list[str]] = {}
    for listener_arn, wanted in of_listeners.items():
        arns = _certificates(session, listener_arn)
        shown = [arn for arn in arns if arn.split(":")[2] == "acm"]
        for arn in shown:
            if arn not in known:
                known[arn] = session.client("acm").describe_certificate(CertificateArn=arn)["Certificate"]
        for host in sorted(wanted):
            covering = [arn for arn in shown if any(covers(name, host) for name in _names(known[arn]))]
            if not covering and shown == arns:  # one of IAM's, whose names nothing tells, may cover it
                uncovered[host] = None
            for arn in covering:
                used.setdefault(arn, []).append(host)
    for host in uncovered:
        yield Problem(
            f"no certificate of the listener covers {host}: browsers warn of it",
            "name its zone in `domain.more_zones`, or adopt a certificate that covers it",
        )
    for arn, covered in used.items():
        yield from validity(known[arn], sorted(set(covered)), datetime.now(UTC))


def validity(certificate: Mapping[str, Any], covered: Sequence[str], now: datetime) -> Iterator[Problem]:
    """What is wrong with a certificate, in words.

    Args:
        certificate: as DescribeCertificate has it.
        covered: the hosts that need it.
        now: the time.
    """
    arn, names = certificate["CertificateArn"], ", ".join(covered)
    end = certificate.get("NotAfter")
    if certificate["Status"] != "ISSUED":
        yield Problem(f"the certificate of {names} is {certificate['Status']}", f"see {arn}; another one is needed")
    elif end is not None and end <= now + SOON:
        mend = (
            f"import its successor: `aws acm import-certificate --certificate-arn {arn} …`"
            if certificate.get("Type") == "IMPORTED"
            else f"ACM renews it as long as its validation record is in DNS: `aws acm describe-certificate "
            f"--certificate-arn {arn}` has it"
        )
        ends = "has ended" if end <= now else "ends"
        yield Problem(f"the certificate of {names} {ends} on {end:%Y-%m-%d}", mend)


def covers(name: str, host: str) -> bool:
    """Whether a certificate's name is one of a host: `*` is one label, the first (RFC 6125, 6.4.3)."""
    name, host = name.lower(), host.lower()
    return name == host or (name.startswith("*.") and host.partition(".")[2] == name[2:] and host[0] != ".")


def _names(certificate: Mapping[str, Any]) -> list[str]:
    return [certificate["DomainName"], *certificate.get("SubjectAlternativeNames", [])]


def _certificates(session: Any, listener: str) -> list[str]:
    """A listener's certificates: ACM's, and IAM's server certificates (ELB, Certificate: CertificateArn)."""
    pages = session.client("elbv2").get_paginator("describe_listener_certificates").paginate(ListenerArn=listener)
    return list(dict.fromkeys(each["CertificateArn"] for page in pages for each in page["Certificates"]))


def _name(arn: str) -> str:
    return arn.split("/")[1]

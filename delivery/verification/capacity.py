"""Room for a deployment, which starts the new tasks beside the old ones: addresses, and vCPUs of Fargate."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from delivery.quotas import ON_DEMAND, SPOT, Quota, read, too_low
from delivery.verification.subject import Problem, Subject
from releases import scaling
from releases.service_state import ProviderShare


def addresses(subjects: Sequence[Subject]) -> Iterator[Problem]:
    """Subnets with fewer free addresses than there are tasks to start when all services are released at once."""
    need: Counter[tuple[str, ...]] = Counter()
    for subject in subjects:
        need[_subnets(subject)] += most_tasks(subject)
    for subnets, tasks in need.items():
        ec2 = subjects[0].session.client("ec2")
        described = ec2.describe_subnets(SubnetIds=list(subnets))["Subnets"]
        left = sum(each["AvailableIpAddressCount"] for each in described)
        if left < tasks:
            yield Problem(
                f"{', '.join(subnets)} have {left} free address(es), and {tasks} task(s) start when all services are "
                "released at once",
                "release one service after the other, or give the stack larger or more subnets in `network`",
            )


def vcpus(subjects: Sequence[Subject]) -> Iterator[Problem]:
    """Quotas of Fargate that do not hold twice the most tasks of each service."""
    need: Counter[Quota] = Counter()
    for subject in subjects:
        tasks, cpu = most_tasks(subject), int(subject.definitions[0]["cpu"])
        own = on_demand(tasks, subject.state.settings.capacity_providers)
        for quota, count in ((ON_DEMAND, own), (SPOT, tasks - own)):
            need[Quota("fargate", quota)] += 2 * count * cpu
    wanted = {quota: math.ceil(units / 1024) for quota, units in need.items() if units}
    if wanted:
        session = subjects[0].session
        for what, mend in too_low(wanted, read(session, "fargate"), session.region_name):
            yield Problem(what, mend)


def most_tasks(subject: Subject) -> int:
    """How many tasks a service may have at once, beside a deployment; one at least."""
    state = subject.state
    return max(1, state.desired, scaling.most_tasks(subject.session, state.cluster, state.name))


def on_demand(tasks: int, shares: Sequence[ProviderShare]) -> int:
    """How many of a service's tasks are not on Spot (ECS, Capacity provider strategy: the base, then by weight)."""
    if not shares:
        return tasks
    base = sum(each.base for each in shares if each.provider != "FARGATE_SPOT")
    weights = {each.provider: each.weight for each in shares}
    own = sum(weight for provider, weight in weights.items() if provider != "FARGATE_SPOT")
    rest = max(0, tasks - base)
    return min(tasks, base + math.ceil(rest * own / (sum(weights.values()) or 1)))


def _subnets(subject: Subject) -> tuple[str, ...]:
    """The subnets of a service's tasks; where CodeDeploy deploys, those of its task sets."""
    networks = [subject.described, *subject.described.get("taskSets", [])]
    return tuple(
        sorted(
            {
                subnet
                for each in networks
                for subnet in each.get("networkConfiguration", {}).get("awsvpcConfiguration", {}).get("subnets", [])
            }
        )
    )

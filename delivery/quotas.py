"""What an account's quotas have to allow for its stacks: a young one may allow no builds at all, and few vCPUs."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from config.layers import NAMESPACE, merge

ON_DEMAND, SPOT = "Fargate On-Demand vCPU resource count", "Fargate Spot vCPU resource count"
PLATFORMS = {"x86_64": "Linux", "arm64": "ARM"}
"""How CodeBuild's quotas call the machines of an architecture."""
SIZES = {
    "BUILD_GENERAL1_SMALL": "Small",
    "BUILD_GENERAL1_MEDIUM": "Medium",
    "BUILD_GENERAL1_LARGE": "Large",
    "BUILD_GENERAL1_XLARGE": "XLarge",
    "BUILD_GENERAL1_2XLARGE": "2XLarge",
}


@dataclass(frozen=True)
class Quota:
    """A quota of Service Quotas.

    Attributes:
        service: the service's code, `codebuild` or `fargate`.
        name: the quota's name, which is the same in every Region; its code is asked for.
    """

    service: str
    name: str


def needed(stacks: Mapping[str, Mapping[str, Any]]) -> dict[Quota, int]:
    """What these stacks need of each quota, when all services are released at once.

    Of CodeBuild a build of each service; of Fargate the vCPUs of the most tasks of each service twice, because a
    deployment starts the new ones beside the old ones.

    Args:
        stacks: stack → its `config`, with `Pulumi.yaml`'s. What is no service that could be deployed counts for
            nothing: its `up` says what is wrong with it.
    """
    need: Counter[Quota] = Counter()
    vcpus: Counter[Quota] = Counter()
    for full in stacks.values():
        config = {key.removeprefix(f"{NAMESPACE}:"): value for key, value in full.items()}
        spot = _keys(config.get("cluster")).get("spot") is True
        for service in _keys(merge(config).services).values():
            task, tasks = _keys(_keys(service).get("task")), _keys(_keys(service).get("tasks"))
            size = _keys(_keys(service).get("build")).get("compute", "BUILD_GENERAL1_SMALL")
            platform = PLATFORMS.get(task.get("architecture", "x86_64"))
            count, cpu = tasks.get("max", tasks.get("min", 1)), task.get("cpu")
            if platform is None or size not in SIZES or not isinstance(cpu, int) or not isinstance(count, int):
                continue
            builds = f"Concurrently running builds for {platform}/{SIZES[size]} environment"
            need[Quota("codebuild", builds)] += 1
            on_demand = _on_demand(count, _keys(_keys(service).get("capacity")), spot=spot)
            for quota, tasks_of in ((ON_DEMAND, on_demand), (SPOT, count - on_demand)):
                vcpus[Quota("fargate", quota)] += 2 * tasks_of * cpu
    return {**need, **{quota: math.ceil(units / 1024) for quota, units in vcpus.items() if units}}


def _on_demand(count: int, capacity: Mapping[str, Any], *, spot: bool) -> int:
    """How many of a service's tasks are on demand."""
    share, base = capacity.get("spot"), capacity.get("on_demand_base", 0)
    if not isinstance(share, int) or not isinstance(base, int):
        return 0 if spot else count
    return min(count, base + math.ceil(max(0, count - base) / (1 + share)))


def _keys(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def report(session: boto3.Session, stacks: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """A line for each quota that is too low or that nobody knows, with the command that raises it."""
    need, region = needed(stacks), session.region_name
    values: dict[Quota, tuple[str, float]] = {}
    for service in sorted({quota.service for quota in need}):
        try:
            values |= read(session, service)
        except (BotoCoreError, ClientError) as error:
            yield f"The quotas of {service} were not read: {error}"
            need = {quota: wanted for quota, wanted in need.items() if quota.service != service}
    for what, mend in too_low(need, values, region):
        yield f"{what}. {mend}"


def too_low(
    need: Mapping[Quota, int], values: Mapping[Quota, tuple[str, float]], region: str
) -> Iterator[tuple[str, str]]:
    """Quotas that are too low, or that Service Quotas does not know: what is wrong, and the command to go on with.

    Args:
        need: how many are needed of each.
        values: code and value of each, as `read` has them.
        region: where.
    """
    for quota, wanted in sorted(need.items(), key=lambda item: (item[0].service, item[0].name)):
        if quota not in values:
            yield (
                f"Quota {quota.name!r} of {quota.service}: {wanted} are needed, and Service Quotas does not say how "
                "many there are",
                f"See it: aws service-quotas list-service-quotas --service-code {quota.service} --region {region}",
            )
            continue
        code, value = values[quota]
        if value >= wanted:
            continue
        effect = "the others wait, or fail" if value else "each of them fails"
        yield (
            f"Quota {quota.name!r} is {value:g}, and {wanted} are needed when all services are released at once; "
            f"{effect}",
            "Raise it, which takes AWS up to some days: aws service-quotas request-service-quota-increase "
            f"--service-code {quota.service} --quota-code {code} --desired-value {wanted} --region {region}",
        )


def read(session: boto3.Session, service: str) -> dict[Quota, tuple[str, float]]:
    """Quota → its code and its value in this account and Region; AWS's default where nothing else was applied."""
    client = session.client("service-quotas")
    values: dict[Quota, tuple[str, float]] = {}
    for operation in ("list_aws_default_service_quotas", "list_service_quotas"):
        for page in client.get_paginator(operation).paginate(ServiceCode=service):
            values |= {Quota(service, each["QuotaName"]): (each["QuotaCode"], each["Value"]) for each in page["Quotas"]}
    return values

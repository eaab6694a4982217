"""The deployment strategies that shift traffic: what of their configuration ECS refuses, and their steps.

The words are those of https://docs.aws.amazon.com/AmazonECS/latest/developerguide/troubleshooting-blue-green.html;
where it has none the line says "wording not seen", and names the page that has the rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate, chain, repeat, takewhile
from typing import Any

Json = dict[str, Any]
LAMBDA_ONLY = ("TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT")
MOST_HOOKS = 10
"""Of each kind."""
LONGEST_BAKE, LONGEST_TIMEOUT = 1440, 20160
DEFAULTS = {
    "LINEAR": {"linearConfiguration": {"stepPercent": 10.0, "stepBakeTimeInMinutes": 6}},
    "CANARY": {"canaryConfiguration": {"canaryPercent": 5.0, "canaryBakeTimeInMinutes": 10}},
}
"""Of what is left out (API reference, LinearConfiguration and CanaryConfiguration)."""
LEAST_PERCENT = {"stepPercent": 3.0, "canaryPercent": 0.1}
OWN = {"linearConfiguration": "LINEAR", "canaryConfiguration": "CANARY"}


def completed(configuration: Json) -> Json:
    """A deploymentConfiguration with the defaults of its strategy."""
    defaults = DEFAULTS.get(configuration.get("strategy", "ROLLING"), {})
    return {**configuration, **{name: {**each, **configuration.get(name, {})} for name, each in defaults.items()}}


def steps(configuration: Json) -> list[tuple[float, float]]:
    """The shares of the production traffic, in per cent, that green gets one after another, and the minutes after each.

    The last one is 100, and no minutes of its own follow it.
    """
    if configuration["strategy"] == "CANARY":
        canary = configuration["canaryConfiguration"]
        first = [(float(canary["canaryPercent"]), float(canary["canaryBakeTimeInMinutes"]))]
        return [*(step for step in first if step[0] < 100), (100.0, 0.0)]
    if configuration["strategy"] == "LINEAR":
        linear = configuration["linearConfiguration"]
        shares = accumulate(repeat(float(linear["stepPercent"])), lambda share, step: round(share + step, 1))
        before = takewhile(lambda share: share < 100, shares)
        return [*((share, float(linear["stepBakeTimeInMinutes"])) for share in before), (100.0, 0.0)]
    return [(100.0, 0.0)]


def problems(configuration: Json, sent: Json, balancers: list[Json]) -> Iterator[str]:
    """What ECS refuses.

    Args:
        configuration: the deploymentConfiguration as it would be.
        sent: what the request has of it.
        balancers: the service's load balancers as they would be.
    """
    strategy = configuration.get("strategy", "ROLLING")
    for name, owner in OWN.items():
        if sent.get(name) and strategy != owner:
            yield f"{name} is only valid when the deployment strategy is {owner}."  # wording not seen; API reference
    yield from _advanced(balancers, strategy)
    if strategy == "ROLLING":
        if configuration.get("lifecycleHooks"):
            yield "Lifecycle hooks of rolling deployments are not simulated by this sandbox."
        return
    if strategy in ("LINEAR", "CANARY") and not balancers:
        yield f"The deployment strategy {strategy} needs a load balancer or Service Connect."  # wording not seen
    bake = configuration.get("bakeTimeInMinutes")
    if bake is None and strategy == "BLUE_GREEN":
        yield "bakeTimeInMinutes is required for the deployment strategy BLUE_GREEN."  # wording not seen; API reference
    yield from _minutes("bakeTimeInMinutes", bake)
    yield from _shifts(configuration)
    yield from _hooks(configuration.get("lifecycleHooks") or [])


def _shifts(configuration: Json) -> Iterator[str]:
    """API reference, LinearConfiguration and CanaryConfiguration; wording not seen."""
    for name in ("linearConfiguration", "canaryConfiguration"):
        if OWN[name] != configuration["strategy"]:
            continue
        for field, value in configuration[name].items():
            if field in LEAST_PERCENT:
                if not LEAST_PERCENT[field] <= value <= 100 or round(value, 1) != value:
                    yield f"{field} must be a multiple of 0.1 from {LEAST_PERCENT[field]} to 100.0."
            else:
                yield from _minutes(field, value)


def _minutes(name: str, value: int | None) -> Iterator[str]:
    if value is not None and not 0 <= value <= LONGEST_BAKE:
        yield f"{name} must be between 0 and {LONGEST_BAKE}."  # wording not seen; API reference


def _advanced(balancers: list[Json], strategy: str) -> Iterator[str]:
    advanced = [each.get("advancedConfiguration") for each in balancers]
    if any(advanced) and not all(advanced):
        yield "Either all or none of the provided loadBalancers must have advancedConfiguration defined"
    if strategy != "ROLLING" and not all(advanced):
        yield (
            "advancedConfiguration field is required for all loadBalancers when using a non-ROLLING deployment strategy"
        )
    groups = [
        group
        for each in balancers
        for group in (
            each.get("targetGroupArn"),
            (each.get("advancedConfiguration") or {}).get("alternateTargetGroupArn"),
        )
        if group
    ]
    if any(advanced) and (twice := next((group for group in groups if groups.count(group) > 1), None)):
        yield f"Duplicate targetGroupArn found: {twice}"
    for each in filter(None, advanced):
        for name in ("productionListenerRule", "testListenerRule"):
            if (rule := each.get(name)) and ":listener-rule/app/" not in rule:
                yield f"{name} has an invalid ARN format. Must be RuleArn for ALB or ListenerArn for NLB. Got: {rule}"
        for name in ("alternateTargetGroupArn", "productionListenerRule", "roleArn"):
            if not each.get(name):
                yield f"advancedConfiguration needs {name}."  # wording not seen; required by the AWS provider, too
    tests = {each.get("testListenerRule") for each in advanced if each}
    both = [each["productionListenerRule"] for each in advanced if each and each.get("productionListenerRule") in tests]
    if both:
        yield f"The following rules cannot be used as both production and test listener rules: {', '.join(both)}"


def _hooks(hooks: list[Json]) -> Iterator[str]:
    kinds = [hook.get("targetType") or "AWS_LAMBDA" for hook in hooks]
    if any(kinds.count(kind) > MOST_HOOKS for kind in kinds):
        yield f"A service can have {MOST_HOOKS} lifecycle hooks of a type at most."  # wording not seen; pause hooks
    for hook, kind in zip(hooks, kinds, strict=True):
        stages = hook.get("lifecycleStages") or []
        if not stages:
            yield "A lifecycle hook needs lifecycleStages."  # wording not seen; API reference
        if kind == "PAUSE" and any(stage in LAMBDA_ONLY for stage in stages):
            yield "Invalid lifecycle stage provided for Pause Hook"
        wanted = [name for name in ("hookTargetArn", "roleArn") if kind == "AWS_LAMBDA" and not hook.get(name)]
        unwanted = [name for name in ("hookTargetArn", "roleArn") if kind == "PAUSE" and hook.get(name)]
        for name in chain(wanted, unwanted):
            verb = "needs" if kind == "AWS_LAMBDA" else "takes no"
            yield f"A lifecycle hook of the type {kind} {verb} {name}."  # wording not seen; pause-lifecycle-hooks.html
        minutes = (hook.get("timeoutConfiguration") or {}).get("timeoutInMinutes")
        if minutes is not None and not 1 <= minutes <= LONGEST_TIMEOUT:
            yield f"timeoutInMinutes must be between 1 and {LONGEST_TIMEOUT}."  # wording not seen

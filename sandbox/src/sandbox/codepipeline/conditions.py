"""Stage conditions. A rule that this sandbox cannot evaluate fails, and its message says so.

https://docs.aws.amazon.com/codepipeline/latest/userguide/concepts-how-it-works-conditions.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sandbox.codepipeline.model import ConditionKind, ConditionRun, Json
from sandbox.codepipeline.variables import UnknownVariable, resolve


def evaluate(
    kind: ConditionKind,
    conditions: list[Json],
    scopes: Mapping[str, Mapping[str, str]],
) -> ConditionRun | None:
    """The first condition with a failing rule, or a passed run; None when nothing is declared."""
    if not conditions:
        return None
    rules: list[Json] = []
    for condition in conditions:
        outcomes = [_run_rule(rule, scopes) for rule in condition.get("rules") or []]
        rules += outcomes
        failed = [outcome for outcome in outcomes if outcome["status"] != "Succeeded"]
        if failed:
            summary = "; ".join(f"{outcome['name']}: {outcome['summary']}" for outcome in failed)
            return ConditionRun(kind, "Failed", summary, rules, condition["result"])
    return ConditionRun(kind, "Succeeded", "All rules succeeded.", rules)


def _run_rule(rule: Json, scopes: Mapping[str, Mapping[str, str]]) -> Json:
    provider = rule["ruleTypeId"]["provider"]
    if provider != "VariableCheck":
        summary = f"The rule type {provider} is not simulated by this sandbox."
        return {"name": rule["name"], "status": "Failed", "summary": summary}
    configuration = rule["configuration"]
    try:
        actual = resolve(configuration["Variable"], scopes)
        expected = resolve(configuration["Value"], scopes)
    except UnknownVariable as error:
        return {"name": rule["name"], "status": "Failed", "summary": str(error)}
    passed = compare(actual, configuration["Operator"], expected)
    verdict = "holds" if passed else "does not hold"
    summary = f"{configuration['Variable']} = '{actual}' {configuration['Operator']} '{expected}' {verdict}"
    return {"name": rule["name"], "status": "Succeeded" if passed else "Failed", "summary": summary}


def compare(actual: str, operator: str, expected: str) -> bool:
    """VariableCheck's operators; MATCHES is a regular expression over the whole value."""
    if operator == "EQ":
        return actual == expected
    if operator == "NE":
        return actual != expected
    if operator == "CONTAINS":
        return expected in actual
    return re.fullmatch(expected, actual) is not None

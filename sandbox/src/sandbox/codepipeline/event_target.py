"""Pipelines as targets of event rules."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sandbox.account.account import Account
from sandbox.codepipeline.model import StartingRules
from sandbox.eventbridge.transform import TransformError, target_input

Event = dict[str, Any]


def start_pipeline(account: Account, event: Event, rule_arn: str, target: Mapping[str, Any]) -> None:
    """Start the target's pipeline with the target's role."""
    arn = str(target["Arn"])
    if not target.get("RoleArn"):
        raise TransformError("a pipeline target needs a role")
    parameters = pipeline_parameters(target, event, rule_arn)
    session = str(event["id"]).replace("-", "")
    account.parts.of(StartingRules)[str(target["RoleArn"]).rpartition("/")[2], session] = rule_arn
    credentials = account.assume(str(target["RoleArn"]), "events.amazonaws.com", session)
    client = account.client("codepipeline", credentials)
    client.start_pipeline_execution(name=arn.rpartition(":")[2], **parameters)


def pipeline_parameters(target: Mapping[str, Any], event: Event, rule_arn: str) -> dict[str, Any]:
    """What the target's input adds to StartPipelineExecution; the plain event adds nothing."""
    if not target.get("Input") and not target.get("InputTransformer"):
        return {}
    text = target_input(target, event, rule_arn)
    try:
        parameters = json.loads(text)
    except ValueError as error:
        raise TransformError(f"the input of the target is not JSON: {text}") from error
    allowed = {"sourceRevisions", "variables"}
    if not isinstance(parameters, dict) or not set(parameters) <= allowed:
        raise TransformError(f"the input of a pipeline target may hold sourceRevisions and variables: {text}")
    return parameters


TARGETS = {"codepipeline": start_pipeline}

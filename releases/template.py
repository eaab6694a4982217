"""The task definition that CodeDeploy deploys next: a template in S3, which Pulumi writes and the pipeline reads.

Two objects a service: `taskdef.json`, whose own images are a placeholder, and then `appspec.yaml`, whose first line
says which template the two are made of, so that it changes whenever either does. Its event starts the pipeline.
"""

import re

TASK_DEFINITION, APPSPEC = "taskdef.json", "appspec.yaml"
FIRST_LINE = "# template {}\n"
IMAGE_PLACEHOLDER = "IMAGE1_NAME"
"""Stands, in angle brackets, for the image in the task definition (CodePipeline, CodeDeployToECS action reference)."""


def headed(fingerprint: str, appspec: str) -> str:
    """The AppSpec, with the line that says which template it goes with."""
    return FIRST_LINE.format(fingerprint) + appspec


def fingerprint_in(appspec: str) -> str:
    """Which template an AppSpec goes with; "" when it does not say."""
    heading = re.match(FIRST_LINE.format(r"(\w+)"), appspec)
    return heading[1] if heading else ""

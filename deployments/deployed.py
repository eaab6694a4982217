"""A stack as Pulumi Deployments deploys it: on a push, as its own role.

Its drift schedules are not used: they compare with the state, from which each release of a pipeline differs.
`.ci/drift` compares with the program.
"""

from typing import Annotated

import pulumi_pulumiservice as cloud
from pydantic import BaseModel, ConfigDict, Field

PROJECT = "fargate-delivery"
PROGRAM = ("*.py", "Pulumi.yaml", "pyproject.toml", "uv.lock")
FOLDERS = ("components", "config", "pipeline_steps", "releases", "stack", "task_templates", "buildspecs")
"""What the program is made of, beside the stack's file: nothing else deploys."""
SESSION = "${stack.name}-${deployment.operation}-${deployment.version}"
"""The AWS session's name, which CloudTrail shows; Pulumi Cloud fills it in (Deployments, OIDC for AWS)."""


class Deployed(BaseModel):
    """The keys of one stack."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)

    role: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+$")]
    """The stack's deploy role, as bootstrap made it. It deploys, and previews pull requests where those are on."""
    branch: Annotated[str, Field(pattern=r"^[\w./-]+$")] = "main"
    """A push to it deploys."""
    previews: bool = False
    """Whether pull requests are previewed. Their code then has the deploy role and the stack's secrets, so this is for
    stacks that may be lost; `.github/workflows/preview.yml` previews the others with a role that only reads."""


def paths(stack: str) -> list[str]:
    """Of a push that deploys: what the stack's program reads."""
    return [*PROGRAM, f"Pulumi.{stack}.yaml", *(f"{folder}/**" for folder in FOLDERS)]


def declare(organization: str, repository: str, stack: str, keys: Deployed) -> None:
    """The deployment settings of a stack."""
    cloud.DeploymentSettings(
        stack,
        organization=organization,
        project=PROJECT,
        stack=stack,
        github={
            "repository": repository,
            "deploy_commits": True,
            "preview_pull_requests": keys.previews,
            "pull_request_template": False,
            "paths": paths(stack),
        },
        source_context={"git": {"branch": f"refs/heads/{keys.branch}"}},
        operation_context={
            "oidc": {"aws": {"role_arn": keys.role, "session_name": SESSION, "duration": "1h30m0s"}},
            "options": {"skip_intermediate_deployments": True},
        },
        cache_options={"enable": True},
    )

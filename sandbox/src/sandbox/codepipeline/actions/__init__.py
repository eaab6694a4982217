"""What each action type does when it runs."""

from __future__ import annotations

from sandbox.codepipeline.actions import approval, codebuild, codedeploy_ecs, ecs, invoke, source
from sandbox.codepipeline.actions.context import ActionContext, ActionFailure, ActionResult, ActionRunner

ACTIONS: dict[tuple[str, str], ActionRunner] = {
    ("Source", "S3"): source.run_s3,
    ("Source", "ECR"): source.run_ecr,
    ("Build", "CodeBuild"): codebuild.run,
    ("Test", "CodeBuild"): codebuild.run,
    ("Deploy", "ECS"): ecs.run,
    ("Deploy", "CodeDeployToECS"): codedeploy_ecs.run,
    ("Approval", "Manual"): approval.run,
    ("Invoke", "Lambda"): invoke.run,
}

__all__ = ["ACTIONS", "ActionContext", "ActionFailure", "ActionResult", "ActionRunner"]

"""A service's pipeline: it is there, whole and open, what is uploaded starts it, and the upload arrives."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from delivery.output.who import who
from delivery.verification.subject import Problem, Subject
from releases.errors import PROGRAM
from releases.names import TEMPLATE_CHANGED, UPLOADED, starting_rule
from releases.pipeline import Pipeline
from releases.pipeline_state import DEPLOY_STAGE


def pipeline(subject: Subject) -> Iterator[Problem]:
    """The pipeline or what its actions use is gone, or one of its stages is closed."""
    actions = _actions(subject)
    if actions is None:
        yield Problem(f"the pipeline {subject.name} is gone", subject.up)
        return
    configurations = [each.get("configuration", {}) for each in actions]
    projects = sorted({each["ProjectName"] for each in configurations if "ProjectName" in each})
    if projects:
        codebuild = subject.session.client("codebuild")
        for project in codebuild.batch_get_projects(names=projects).get("projectsNotFound", []):
            yield Problem(f"the CodeBuild project {project} is gone, which the pipeline builds with", subject.up)
    functions = subject.session.client("lambda")
    for function in sorted({each["FunctionName"] for each in configurations if "FunctionName" in each}):
        try:
            functions.get_function(FunctionName=function)
        except functions.exceptions.ResourceNotFoundException:
            yield Problem(f"the function {function} is gone, which the pipeline calls", subject.up)
    yield from _closed(subject)


def _closed(subject: Subject) -> Iterator[Problem]:
    for closed in subject.state.pipeline.closed:
        mend = (
            f"`{PROGRAM} unfreeze {subject.service} --stack {subject.stack}`"
            if closed.stage == DEPLOY_STAGE
            else f"`aws codepipeline enable-stage-transition --pipeline-name {subject.name} "
            f"--stage-name {closed.stage} --transition-type Inbound`"
        )
        by = f", by {who(closed.by)}" if closed.by else ""
        yield Problem(f"no release enters the stage {closed.stage} of the pipeline{by}: {closed.reason}", mend)


def triggers(subject: Subject) -> Iterator[Problem]:
    """What starts the pipeline by itself is gone, switched off, or leads elsewhere."""
    if _actions(subject) is None:
        return
    events, arn = subject.session.client("events"), subject.arn("codepipeline", subject.name)
    starters = [UPLOADED] if Pipeline(subject.session, subject.name).upload_to() else []
    starters += [TEMPLATE_CHANGED] if subject.state.controller.deploys_template else []
    for name in (starting_rule(subject.name, starter) for starter in starters):
        try:
            rule = events.describe_rule(Name=name)
            targets = events.list_targets_by_rule(Rule=name)["Targets"]
        except events.exceptions.ResourceNotFoundException:
            yield Problem(f"the rule {name} is gone, so nothing starts the pipeline", subject.up)
            continue
        if rule["State"] == "DISABLED":
            yield Problem(f"the rule {name} is switched off: uploads wait", f"`aws events enable-rule --name {name}`")
        if arn not in [target["Arn"] for target in targets]:
            yield Problem(f"the rule {name} does not start the pipeline any more", subject.up)


def sources(subjects: Sequence[Subject]) -> Iterator[Problem]:
    """Buckets of uploads that are gone, that keep no versions, or that tell EventBridge nothing."""
    first: dict[str, Subject] = {}
    for subject in subjects:
        for action in _actions(subject) or []:
            if bucket := action.get("configuration", {}).get("S3Bucket"):
                first.setdefault(bucket, subject)
    for bucket, subject in first.items():
        s3 = subject.session.client("s3")
        try:
            versioning = s3.get_bucket_versioning(Bucket=bucket)
        except s3.exceptions.NoSuchBucket:
            yield Problem(f"the bucket {bucket} is gone, which sources are uploaded to", subject.up)
            continue
        if versioning.get("Status") != "Enabled":
            yield Problem(f"the bucket {bucket} of the uploads keeps no versions, so no release starts", subject.up)
        if "EventBridgeConfiguration" not in s3.get_bucket_notification_configuration(Bucket=bucket):
            yield Problem(f"the bucket {bucket} tells EventBridge of no upload, so no release starts", subject.up)


def _actions(subject: Subject) -> list[Mapping[str, Any]] | None:
    """The pipeline's actions; None where there is no pipeline."""
    codepipeline = subject.session.client("codepipeline")
    try:
        declared = codepipeline.get_pipeline(name=subject.name)["pipeline"]
    except codepipeline.exceptions.PipelineNotFoundException:
        return None
    return [action for stage in declared["stages"] for action in stage["actions"]]

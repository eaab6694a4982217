"""Uploads a source with the deployed uploader's permissions, and finds the execution that it starts."""

from __future__ import annotations

import io
import json
import os
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from sandbox.clients.pipelines import executions, rules_beside, rules_of, started, uploaded_source, wait_for_turn
from sandbox.clients.session import Session
from sandbox.clients.uploader import find_uploader
from sandbox.progress import Progress, Say
from sandbox.stacks import SandboxError

Json = dict[str, Any]
START_SECONDS = 15.0
LATE_SECONDS = 330.0
"""How long S3 may need until it tells EventBridge of uploads, once it was told to: around five minutes (S3, enabling
Amazon EventBridge)."""


@dataclass(frozen=True)
class Uploaded:
    """An upload that should start a pipeline."""

    bucket: str
    key: str
    version: str
    user: str
    size: int
    earlier: frozenset[str]
    """Executions that were there before the upload."""


def source_zip(source: Path) -> bytes:
    """A file as it is (the pipeline judges it), or a folder as a zip: the same bytes for the same files."""
    if source.is_file():
        return source.read_bytes()
    if not source.is_dir():
        raise SandboxError(f"{source} does not exist")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(_files(source)):
            info = zipfile.ZipInfo(path.relative_to(source).as_posix(), (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (0o100755 if os.access(path, os.X_OK) else 0o100644) << 16
            archive.writestr(info, path.read_bytes())
    return buffer.getvalue()


def _files(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != ".git"]
        yield from (Path(root) / name for name in files if name != ".git" and (Path(root) / name).is_file())


def upload(session: Session, pipeline: Json, content: bytes, metadata: Mapping[str, str]) -> Uploaded:
    """Put the source where the pipeline looks for it, with the uploader's own access key."""
    action = uploaded_source(pipeline)
    bucket, key = action["configuration"]["S3Bucket"], action["configuration"]["S3ObjectKey"]
    place = f"arn:aws:s3:::{bucket}"
    user = find_uploader(session.client("iam"), "s3:PutObject", f"{place}/{key}", f"{place}/not-{key}")
    earlier = frozenset(execution["pipelineExecutionId"] for execution in executions(session, pipeline))
    try:
        s3 = session.client_of("s3", session.credentials(user))
        answer = s3.put_object(Bucket=bucket, Key=key, Body=content, Metadata=metadata)
    except ClientError as error:
        raise SandboxError(f"{user} could not upload to s3://{bucket}/{key}: {error}") from error
    version = answer.get("VersionId")
    if not version:
        raise SandboxError(f"the bucket {bucket} keeps no versions, which a pipeline's source needs")
    return Uploaded(bucket, key, version, user, len(content), earlier)


def wait_for_execution(session: Session, pipeline: Json, uploaded: Uploaded, say: Say) -> str:
    """The first execution of the uploaded version; S3 may send its event twice, and a second one changes nothing.

    When S3 tells nobody of the upload for as long as it may need to begin to, that version is started by hand.

    Raises:
        SandboxError: none starts; why. Or it does not get its turn.
    """
    began = time.monotonic()
    deadline, waits_for_s3 = began + START_SECONDS, False
    patience, progress = began + 2.0, Progress(say)
    others = rules_beside(session, pipeline["name"], uploaded.key)
    while True:
        found = started(session, pipeline, uploaded.version, uploaded.earlier, others)
        if found.execution is not None:
            return found.execution
        if found.waits and time.monotonic() > patience:
            wait_for_turn(progress, "upload")
        if not found.waits and time.monotonic() > deadline:
            if not s3_is_late(session, uploaded):
                raise SandboxError(why_nothing_started(session, pipeline, uploaded))
            if waits_for_s3:
                say("S3 has told nobody of it yet: starting this version by hand.")
                return start_by_hand(session, pipeline, uploaded)
            say(
                "Nothing has started yet: S3 tells EventBridge of uploads about five minutes after it was told to, as "
                "when the stack is new. Waiting for that; then this version is started by hand."
            )
            deadline, waits_for_s3 = began + LATE_SECONDS, True
        time.sleep(0.3)


def s3_is_late(session: Session, uploaded: Uploaded) -> bool:
    """Whether the bucket's event of the upload has not come yet."""
    configuration = session.client("s3").get_bucket_notification_configuration(Bucket=uploaded.bucket)
    return "EventBridgeConfiguration" in configuration and not _events_of(session, uploaded)


def start_by_hand(session: Session, pipeline: Json, uploaded: Uploaded) -> str:
    """Start the pipeline with exactly the uploaded version, as its event rule would; the execution."""
    revision = {
        "actionName": uploaded_source(pipeline)["name"],
        "revisionType": "S3_OBJECT_VERSION_ID",
        "revisionValue": uploaded.version,
    }
    answer = session.client("codepipeline").start_pipeline_execution(name=pipeline["name"], sourceRevisions=[revision])
    return str(answer["pipelineExecutionId"])


def _events_of(session: Session, uploaded: Uploaded) -> list[Json]:
    events = [event for event in session.control("events") if event["source"] == "aws.s3"]
    return [e for e in events if e["detail"].get("object", {}).get("version-id") == uploaded.version]


def why_nothing_started(session: Session, pipeline: Json, uploaded: Uploaded) -> str:
    """What stands between the upload and the pipeline: notifications, rule, target or its role."""
    intro = f"nothing started after the upload of s3://{uploaded.bucket}/{uploaded.key}: "
    if str(uploaded_source(pipeline)["configuration"].get("PollForSourceChanges", "true")).lower() == "true":
        intro += "(the sandbox does not poll, although PollForSourceChanges is on) "
    ours = _events_of(session, uploaded)
    if not ours:
        return intro + f"the bucket {uploaded.bucket} sends no events (its EventBridge notifications are off)"
    for entry in session.control("undelivered"):
        if entry["event"]["id"] == ours[-1]["id"]:
            return intro + f"the rule {entry['rule']} matched, but its target was not reached: {entry['error']}"
    rules = list(rules_of(session, pipeline["name"]))
    if not rules:
        return intro + f"no event rule has the pipeline {pipeline['name']} as its target"
    patterns = "; ".join(f"{rule['Name']} ({rule['State']}): {rule.get('EventPattern', '')}" for rule in rules)
    return intro + f"the event did not match the rule {patterns}; the event's detail: {json.dumps(ours[-1]['detail'])}"

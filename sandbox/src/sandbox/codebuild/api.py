"""CodeBuild's operations on builds; those on projects are in :mod:`sandbox.codebuild.projects`.

CodePipeline hands a build its input and takes its outputs by the overrides of StartBuild, with locations
`bucket/key`: `sourceLocationOverride`, `secondarySourcesOverride`, `artifactsOverride`,
`secondaryArtifactsOverride`; it names itself in an environment override `CODEBUILD_INITIATOR`, a name that
AWS keeps for itself.
"""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.account.errors import AwsError
from sandbox.codebuild.projects import batch_get_projects, create_project, find, update_project
from sandbox.codebuild.record import IN_PROGRESS, BuildRecord
from sandbox.codebuild.runner import ArtifactTarget, Build, BuildRequest, log_place
from sandbox.codebuild.source import Location

if TYPE_CHECKING:
    from sandbox.account.account import Account, Principal
    from sandbox.readings import Readings

START_PARAMETERS = {
    *("projectName", "sourceVersion", "sourceTypeOverride", "sourceLocationOverride", "secondarySourcesOverride"),
    *("artifactsOverride", "secondaryArtifactsOverride", "environmentVariablesOverride", "buildspecOverride"),
    *("encryptionKeyOverride", "timeoutInMinutesOverride", "privilegedModeOverride", "idempotencyToken"),
}


REFUSED_BUILDS = 2
"""An upload whose event S3 sends twice has two executions, and the first build of each is refused."""


@dataclass
class Builds:
    """All builds of an account."""

    records: dict[str, BuildRecord] = field(default_factory=dict)
    running: dict[str, Build] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    quota: int | None = None
    """How many builds the account may run; None is no end of them. AWS counts by machine, and lets some wait; what it
    refuses, it refuses in these words."""
    refused: Counter[str] = field(default_factory=Counter)
    """How many builds of a project were refused."""

    def admit(self, project: str, readings: Readings) -> None:
        """Raises AwsError when the account may run no further build."""
        quota = self.quota
        if readings.refused_builds and self.refused[project] < REFUSED_BUILDS:
            self.refused[project] += 1
            quota = 0
        if quota is not None and len(self.running) >= quota:
            message = f"Cannot have more than {quota} builds in queue for the account"
            raise AwsError("AccountLimitExceededException", message, 400)

    def number(self, project: str) -> int:
        """The number of a project's next build."""
        return 1 + sum(1 for record in self.records.values() if record.data["projectName"] == project)


def builds_of(account: Account) -> Builds:
    return account.parts.of(Builds)


def start_build(account: Account, principal: Principal, params: dict[str, Any]) -> dict[str, Any]:
    """Start a build in the background and answer its first state."""
    unknown = set(params) - START_PARAMETERS
    if unknown:
        raise AwsError("InvalidInputException", f"not simulated: {', '.join(sorted(unknown))}")
    builds, project = builds_of(account), _project(account, params)
    with builds.lock:
        token = params.get("idempotencyToken")
        if token and token in builds.tokens:
            return {"build": builds.records[builds.tokens[token]].shape()}
        builds.admit(str(project["name"]), account.readings)
        build_id = f"{project['name']}:{uuid.uuid4()}"
        request = _request(account, principal, params, project, build_id, builds.number(project["name"]))
        record = BuildRecord(_description(account, request))
        build = Build(account, request, record)
        builds.records[build_id], builds.running[build_id] = record, build
        if token:
            builds.tokens[token] = build_id

    def run() -> None:
        try:
            build.run()
        finally:
            builds.running.pop(build_id, None)

    answer = record.shape()
    account.spawn(f"build {build_id}", run)
    return {"build": answer}


def batch_get_builds(account: Account, principal: Principal, params: dict[str, Any]) -> dict[str, Any]:
    records = builds_of(account).records
    ids = [name.rsplit("build/", 1)[-1] for name in params["ids"]]
    for name in ids:
        if ":" not in name:
            raise AwsError("InvalidInputException", "Invalid build ID provided")
    return {
        "builds": [records[name].shape() for name in ids if name in records],
        "buildsNotFound": [name for name in ids if name not in records],
    }


def building(account: Account) -> bool:
    """Whether a build runs."""
    return bool(builds_of(account).running)


def stop_build(account: Account, principal: Principal, params: dict[str, Any]) -> dict[str, Any]:
    builds, name = builds_of(account), params["id"].rsplit("build/", 1)[-1]
    record, build = builds.records.get(name), builds.running.get(name)
    if record is None:
        raise AwsError("ResourceNotFoundException", f"Build {name} does not exist")
    if build is not None:
        build.stop()
    answer = record.shape()
    if answer["buildStatus"] == IN_PROGRESS:
        answer["buildStatus"] = "STOPPED"
    return {"build": answer}


def list_builds(account: Account, principal: Principal, params: dict[str, Any]) -> dict[str, Any]:
    return {"ids": _sorted(list(builds_of(account).records), params)}


def list_builds_for_project(account: Account, principal: Principal, params: dict[str, Any]) -> dict[str, Any]:
    project = find(account, params["projectName"])["name"]
    ids = [name for name, record in builds_of(account).records.items() if record.data["projectName"] == project]
    return {"ids": _sorted(ids, params)}


def _sorted(ids: list[str], params: dict[str, Any]) -> list[str]:
    return ids if params.get("sortOrder") == "ASCENDING" else ids[::-1]


def _project(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """The project with the build's overrides."""
    project = find(account, params["projectName"])
    source, environment = dict(project["source"]), dict(project["environment"])
    if "buildspecOverride" in params:
        source["buildspec"] = params["buildspecOverride"]
    if "privilegedModeOverride" in params:
        environment["privilegedMode"] = params["privilegedModeOverride"]
    result = {**project, "source": source, "environment": environment}
    if "timeoutInMinutesOverride" in params:
        result["timeoutInMinutes"] = params["timeoutInMinutesOverride"]
    return result


def _request(
    account: Account, principal: Principal, params: dict[str, Any], project: dict[str, Any], build_id: str, number: int
) -> BuildRequest:
    kind = project["source"]["type"]
    place = params.get("sourceLocationOverride") or (project["source"].get("location") if kind == "S3" else None)
    if kind == "CODEPIPELINE" and not place:
        raise AwsError("InvalidInputException", "A build of a project of CodePipeline is started by its pipeline")
    if kind not in ("CODEPIPELINE", "S3", "NO_SOURCE"):
        raise AwsError("InvalidInputException", f"not simulated: sources of type {kind}")
    version = params.get("sourceVersion") or project.get("sourceVersion") or ""
    overrides = params.get("environmentVariablesOverride") or []
    initiators = [entry["value"] for entry in overrides if entry["name"] == "CODEBUILD_INITIATOR"]
    secondary = params.get("secondarySourcesOverride") or (project.get("secondarySources") if kind == "S3" else [])
    outputs = params.get("secondaryArtifactsOverride") or project.get("secondaryArtifacts") or []
    key = params.get("encryptionKeyOverride") or project.get("encryptionKey") or ""
    return BuildRequest(
        project=project,
        build_id=build_id,
        number=number,
        initiator=initiators[-1] if initiators else _initiator(principal),
        source=_location(place) if place else None,
        source_object_version=version if kind == "S3" else "",
        secondary_sources={entry["sourceIdentifier"]: _location(entry["location"]) for entry in secondary or []},
        artifacts=_target(params.get("artifactsOverride") or project["artifacts"], project["name"]),
        secondary_artifacts={
            entry["artifactIdentifier"]: target
            for entry in outputs
            if (target := _target(entry, entry["artifactIdentifier"])) is not None
        },
        environment_overrides=overrides,
        source_version=version,
        encryption_key="" if key.endswith("alias/aws/s3") else key,
    )


def _location(text: str) -> Location:
    try:
        return Location.parse(text)
    except ValueError as error:
        raise AwsError("InvalidInputException", f"Invalid location: {error}") from None


def _target(artifacts: dict[str, Any], name: str) -> ArtifactTarget | None:
    """Where artifacts go; None without a target."""
    place = artifacts.get("location")
    if artifacts["type"] == "NO_ARTIFACTS" or not place:
        return None
    if "/" in place:
        return ArtifactTarget(_location(place))
    zipped = artifacts.get("packaging") == "ZIP"
    last = artifacts.get("name") or name
    key = "/".join(part.strip("/") for part in (artifacts.get("path") or "", last) if part.strip("/"))
    return ArtifactTarget(Location(place, key or name), zipped)


def _initiator(principal: Principal) -> str:
    return (
        "/".join(principal.arn.split(":")[5].split("/")[1:])
        if principal.kind == "role"
        else principal.arn.split(":")[5]
    )


def _description(account: Account, request: BuildRequest) -> dict[str, Any]:
    project = request.project
    arn = f"arn:aws:codebuild:{account.region}:{account.id}:build/{request.build_id}"
    group, stream = log_place(project, request.uuid)
    logs: dict[str, Any] = {"cloudWatchLogs": {"status": "ENABLED" if group else "DISABLED"}}
    if group:
        stream_arn = f"arn:aws:logs:{account.region}:{account.id}:log-group:{group}:log-stream:{stream}"
        logs.update(groupName=group, streamName=stream, cloudWatchLogsArn=stream_arn)
    default_key = f"arn:aws:kms:{account.region}:{account.id}:alias/aws/s3"
    description = {
        "id": request.build_id,
        "arn": arn,
        "buildNumber": request.number,
        "projectName": project["name"],
        "source": project["source"],
        "artifacts": {"location": f"arn:aws:s3:::{request.artifacts.location}" if request.artifacts else ""},
        "cache": project.get("cache") or {"type": "NO_CACHE"},
        "environment": project["environment"],
        "serviceRole": project["serviceRole"],
        "logs": logs,
        "timeoutInMinutes": project.get("timeoutInMinutes", 60),
        "queuedTimeoutInMinutes": project.get("queuedTimeoutInMinutes", 480),
        "initiator": request.initiator,
        "encryptionKey": request.encryption_key or default_key,
        "exportedEnvironmentVariables": [],
    }
    if request.source_version:
        description.update(sourceVersion=request.source_version, resolvedSourceVersion=request.source_version)
    return description


HANDLERS: dict[tuple[str, str], Callable[[Account, Principal, dict[str, Any]], dict[str, Any]]] = {
    ("codebuild", "CreateProject"): create_project,
    ("codebuild", "UpdateProject"): update_project,
    ("codebuild", "BatchGetProjects"): batch_get_projects,
    ("codebuild", "StartBuild"): start_build,
    ("codebuild", "BatchGetBuilds"): batch_get_builds,
    ("codebuild", "StopBuild"): stop_build,
    ("codebuild", "ListBuilds"): list_builds,
    ("codebuild", "ListBuildsForProject"): list_builds_for_project,
}

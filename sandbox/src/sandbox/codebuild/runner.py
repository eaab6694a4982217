"""Runs one build: source, variables, phases, artifacts, as CodeBuild does and with the build's role."""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from sandbox.account.errors import AwsError
from sandbox.codebuild import buildspec, record
from sandbox.codebuild.artifacts import ArtifactError, collect, pack
from sandbox.codebuild.build_container import PATH, start_build_container
from sandbox.codebuild.buildspec import Artifact, Buildspec, BuildspecError
from sandbox.codebuild.environment import VariableError, resolve
from sandbox.codebuild.logs import BuildLog
from sandbox.codebuild.record import BuildRecord
from sandbox.codebuild.shell import BuildShell, CommandFailed
from sandbox.codebuild.source import Location, SourceError, download, unpack
from sandbox.containers.bases import folder_of
from sandbox.containers.namespace import Container, NamespaceError, StartError
from sandbox.containers.rootfs import inside, remove_tree

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.credentials import Credentials

log = logging.getLogger(__name__)

SECONDS_PER_MINUTE = 60
SECONDS_IN_QUEUE = 60.0
_GOES_ON_AFTER_FAILURE = {"build"}


@dataclass(frozen=True)
class ArtifactTarget:
    """Where an output goes: a zip at `location`, or its single files below it."""

    location: Location
    zipped: bool = True


@dataclass(frozen=True)
class BuildRequest:
    """What a build is asked to do; the project's settings with the overrides applied."""

    project: dict[str, Any]
    build_id: str
    number: int
    initiator: str
    source: Location | None = None
    source_object_version: str = ""
    secondary_sources: dict[str, Location] = field(default_factory=dict)
    artifacts: ArtifactTarget | None = None
    secondary_artifacts: dict[str, ArtifactTarget] = field(default_factory=dict)
    environment_overrides: list[dict[str, str]] = field(default_factory=list)
    source_version: str = ""
    encryption_key: str = ""

    @property
    def uuid(self) -> str:
        return self.build_id.rsplit(":", 1)[-1]


class PhaseError(Exception):
    """A phase failed: its status, and the status code and message of its context."""

    def __init__(self, code: str, message: str, status: str = record.FAILED) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class Build:
    """One build. :meth:`run` does it, in the caller's thread; :meth:`stop` ends it from another."""

    def __init__(self, account: Account, request: BuildRequest, build: BuildRecord) -> None:
        self._account = account
        self._request = request
        self._record = build
        self._folder = account.folder / "builds" / request.uuid
        self._root = self._folder / "rootfs"
        self._source_folder = f"/codebuild/output/src{int(request.uuid[:8], 16):010d}/src"
        self._log = BuildLog(self._folder / "build.log")
        self._credentials: Credentials | None = None
        self._container: Container | None = None
        self._stopped = threading.Event()
        self._deadline = time.monotonic() + SECONDS_PER_MINUTE * float(request.project.get("timeoutInMinutes") or 60)

    def run(self) -> None:
        """Run the build to its end. Every outcome is in the record; nothing is raised."""
        status = record.FAULT
        try:
            status = self._run()
        except Exception as error:
            log.exception("build %s", self._request.build_id)
            self._record.end_phase(record.FAULT, "INTERNAL_SERVICE_ERROR", str(error))
        finally:
            self._log.close()
            remove_tree(self._root)
            self._record.complete(record.STOPPED if self._stopped.is_set() else status)

    def stop(self) -> None:
        """End the build's processes now; its status becomes STOPPED."""
        self._stopped.set()
        if self._container is not None:
            self._container.kill()

    def _run(self) -> str:
        reader, writer = os.pipe()
        output = _Output(reader, writer, self._log.write)
        try:
            status = self._run_phases(writer, output)
            self._record.start_phase("FINALIZING")
            return status
        finally:
            if self._container is not None:
                self._container.kill()
            os.close(writer)
            output.join()

    def _run_phases(self, writer: int, output: _Output) -> str:
        try:
            if self._account.readings.queued_builds:
                self._stopped.wait(self._account.clock.scale(SECONDS_IN_QUEUE))
            with self._phase("PROVISIONING"):
                self._provision(writer)
            with self._phase("DOWNLOAD_SOURCE"):
                shell, spec = self._prepare()
        except PhaseError as error:
            return error.status
        status = self._run_commands(shell, spec, output)
        exported = shell.exported(spec.exported_variables)
        self._record.update(
            exportedEnvironmentVariables=[{"name": key, "value": value} for key, value in exported.items()]
        )
        return status

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        """Record a phase and its result; what fails in it becomes a PhaseError."""
        self._record.start_phase(name)
        self._say(f"Entering phase {name}")
        failure: PhaseError | None = None
        try:
            if self._stopped.is_set():
                raise PhaseError("", "Build has been stopped", record.STOPPED)
            yield
        except PhaseError as error:
            failure = error
        except CommandFailed as error:
            self._say(f"Command did not exit successfully {error.command} exit status {error.code}")
            failure = PhaseError("COMMAND_EXECUTION_ERROR", str(error))
        except TimeoutError:
            failure = PhaseError("BUILD_TIMED_OUT", "Build has timed out. ", record.TIMED_OUT)
        except (SourceError, ArtifactError) as error:
            failure = PhaseError("CLIENT_ERROR", str(error))
        except BuildspecError as error:
            failure = PhaseError("YAML_FILE_ERROR", str(error))
        except VariableError as error:
            failure = PhaseError("Decrypted Variables Error", str(error))
        except (ConnectionError, StartError) as error:
            stopped = self._stopped.is_set()
            failure = PhaseError(
                "", "Build has been stopped" if stopped else str(error), record.STOPPED if stopped else record.FAILED
            )
        status = failure.status if failure else record.SUCCEEDED
        code, message = (failure.code, failure.message) if failure else ("", "")
        self._say(f"Phase complete: {name} State: {status}")
        self._say(f"Phase context status code: {code} Message: {message}")
        self._record.end_phase(status, code, message)
        if failure:
            raise failure

    def _provision(self, output: int) -> None:
        project = self._request.project
        role = project["serviceRole"]
        try:
            self._credentials = self._account.assume(
                role, "codebuild.amazonaws.com", f"AWSCodeBuild-{self._request.uuid}"
            )
        except AwsError as error:
            message = f"CodeBuild is not authorized to perform: sts:AssumeRole on {role}. {error.message}"
            raise PhaseError("ACCESS_DENIED", message) from error
        group, stream = log_place(project, self._request.uuid)
        if group:
            try:
                self._log.connect(self._client("logs"), group, stream)
            except ClientError as error:
                raise PhaseError(
                    "ACCESS_DENIED",
                    f"Service role {role} does not allow AWS CodeBuild to create Amazon CloudWatch Logs log streams "
                    f"for build {self._record.data['arn']}. Error message: {error.response['Error']['Message']}",
                ) from error
        try:
            blobs, images = self._account.folder / "blobs", folder_of(self._account.folder)
            settings = self._account.base_images
            self._container = start_build_container(
                self._folder, blobs, images, settings, output, project["environment"]
            )
        except NamespaceError as error:
            raise PhaseError("CLIENT_ERROR", str(error)) from error

    def _prepare(self) -> tuple[BuildShell, Buildspec]:
        """Fetch the sources, read the buildspec and resolve the variables."""
        request, s3 = self._request, self._client("s3")
        folders = {"": self._source_folder}
        if request.source:
            content = download(s3, request.source, request.source_object_version)
            unpack(content, inside(self._root, self._source_folder), "primary source")
        else:
            inside(self._root, self._source_folder).mkdir(parents=True)
        for number, (name, location) in enumerate(request.secondary_sources.items(), 1):
            folders[name] = f"{self._source_folder.removesuffix('/src')}/{number:02d}-{name}"
            unpack(download(s3, location), inside(self._root, folders[name]), f"secondary source {name}")
        spec = buildspec.parse(self._buildspec_text(s3))
        overrides = [entry for entry in request.environment_overrides if entry["name"] != "CODEBUILD_INITIATOR"]
        declared = request.project["environment"].get("environmentVariables") or []
        variables = resolve(spec, declared, overrides, self._client("ssm"), self._client("secretsmanager"))
        self._log.mask(variables.values[name] for name in variables.secret)
        environment = {**variables.values, **self._builtin_variables(folders)}
        assert self._container is not None
        return BuildShell(self._container, self._root, spec.shell, self._source_folder, environment), spec

    def _buildspec_text(self, s3: Any) -> str:
        source = self._request.project["source"]
        text = str(source.get("buildspec") or "")
        if "\n" in text:
            return text
        if text.startswith("arn:aws:s3:::"):
            return download(s3, Location.parse(text)).decode()
        name = text or "buildspec.yml"
        file = inside(self._root, f"{self._source_folder}/{name}")
        if not file.is_file():
            raise BuildspecError(f"stat {self._source_folder}/{name}: no such file or directory")
        return file.read_text(errors="replace")

    def _builtin_variables(self, folders: dict[str, str]) -> dict[str, str]:
        request, project, credentials = self._request, self._request.project, self._credentials
        assert credentials is not None
        source = f"arn:aws:s3:::{request.source}" if request.source else ""
        variables = {
            "PATH": PATH,
            "HOME": "/root",
            "LANG": "C.UTF-8",
            "AWS_REGION": self._account.region,
            "AWS_DEFAULT_REGION": self._account.region,
            "AWS_ENDPOINT_URL": self._account.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ACCESS_KEY_ID": credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
            "AWS_SESSION_TOKEN": credentials.session_token or "",
            "CI": "true",
            "CODEBUILD_BUILD_ARN": self._record.data["arn"],
            "CODEBUILD_BUILD_ID": request.build_id,
            "CODEBUILD_BUILD_IMAGE": project["environment"].get("image", ""),
            "CODEBUILD_BUILD_NUMBER": str(request.number),
            "CODEBUILD_BUILD_SUCCEEDING": "1",
            "CODEBUILD_CI": "true",
            "CODEBUILD_INITIATOR": request.initiator,
            "CODEBUILD_KMS_KEY_ID": self._record.data["encryptionKey"],
            "CODEBUILD_LOG_PATH": request.uuid,
            "CODEBUILD_SOURCE_VERSION": source
            if project["source"]["type"] == "CODEPIPELINE"
            else request.source_version,
            "CODEBUILD_SOURCE_REPO_URL": str(request.source or ""),
            "CODEBUILD_START_TIME": str(int(self._record.data["startTime"] * 1000)),
        }
        for name, folder in folders.items():
            variables["CODEBUILD_SRC_DIR" + (f"_{name}" if name else "")] = folder
        if request.source_version:
            variables["CODEBUILD_RESOLVED_SOURCE_VERSION"] = request.source_version
        return variables

    def _run_commands(self, shell: BuildShell, spec: Buildspec, output: _Output) -> str:
        status = record.SUCCEEDED
        for name in buildspec.PHASES:
            phase = spec.phases.get(name, buildspec.Phase())
            try:
                with self._phase(name.upper()):
                    try:
                        shell.run(phase.commands, succeeding=status == record.SUCCEEDED, timeout=self._seconds_left())
                    finally:
                        output.drain()
                        if phase.finally_commands and not self._stopped.is_set():
                            self._finally(shell, phase.finally_commands, status, output)
            except PhaseError as error:
                status = error.status if status == record.SUCCEEDED else status
                goes_on = name in _GOES_ON_AFTER_FAILURE or phase.on_failure == buildspec.CONTINUE
                if error.status != record.FAILED or phase.on_failure == buildspec.ABORT or not goes_on:
                    return status
        try:
            with self._phase("UPLOAD_ARTIFACTS"):
                self._upload(spec)
        except PhaseError as error:
            status = error.status if status == record.SUCCEEDED else status
        return status

    def _finally(self, shell: BuildShell, commands: list[str], status: str, output: _Output) -> None:
        try:
            shell.run(commands, succeeding=status == record.SUCCEEDED, timeout=self._seconds_left())
        finally:
            output.drain()

    def _upload(self, spec: Buildspec) -> None:
        request = self._request
        uploads: list[tuple[str, ArtifactTarget, Artifact | None]] = []
        if request.artifacts:
            uploads.append(("artifacts", request.artifacts, spec.artifacts))
        for name, target in request.secondary_artifacts.items():
            uploads.append((f"secondary-artifacts: {name}", target, spec.secondary_artifacts.get(name)))
        packed: list[tuple[ArtifactTarget, dict[str, Path]]] = []
        for where, target, artifact in uploads:
            if artifact is None:
                raise ArtifactError(f"the buildspec has no {where}, which this build must upload")
            packed.append((target, collect(self._root, self._source_folder, artifact)))
        encryption = {}
        if request.encryption_key:
            encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": request.encryption_key}
        s3 = self._client("s3")
        for target, files in packed:
            place = target.location
            bodies = {place.key: pack(files)} if target.zipped else _single(place.key, files)
            for key, body in bodies.items():
                try:
                    s3.put_object(Bucket=place.bucket, Key=key, Body=body, **encryption)
                except (ClientError, BotoCoreError) as error:
                    raise ArtifactError(f"Error in UPLOAD_ARTIFACTS phase: {error}") from error

    def _seconds_left(self) -> float:
        seconds = self._deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds

    def _client(self, service: str) -> Any:
        return self._account.client(service, self._credentials)

    def _say(self, text: str) -> None:
        self._log.write(f"[Container] {datetime.now(UTC):%Y/%m/%d %H:%M:%S.%f} {text}")


class _Output:
    """Copies what the container's processes write to the log, line by line."""

    def __init__(self, reader: int, writer: int, write: Callable[[str], None]) -> None:
        self._writer = writer
        self._write = write
        self._marker = os.urandom(8).hex()
        self._drained = threading.Event()
        self._thread = threading.Thread(target=self._copy, args=(reader,), daemon=True)
        self._thread.start()

    def drain(self) -> None:
        """Wait until all that was written before is in the log."""
        self._drained.clear()
        os.write(self._writer, f"\x1e{self._marker}\n".encode())
        self._drained.wait(10)

    def join(self) -> None:
        self._thread.join(10)

    def _copy(self, reader: int) -> None:
        with os.fdopen(reader, errors="replace", newline="\n") as stream:
            for line in stream:
                text, mark, rest = line.rstrip("\n").partition("\x1e")
                if mark and rest == self._marker:
                    if text:
                        self._write(text)
                    self._drained.set()
                else:
                    self._write(line.rstrip("\r\n"))


def log_place(project: dict[str, Any], uuid: str) -> tuple[str, str]:
    """The log group and stream of a build; no group when CloudWatch logs are disabled."""
    config = (project.get("logsConfig") or {}).get("cloudWatchLogs") or {}
    if config.get("status", "ENABLED") == "DISABLED":
        return "", ""
    group = config.get("groupName") or f"/aws/codebuild/{project['name']}"
    prefix = config.get("streamName")
    return group, f"{prefix}/{uuid}" if prefix else uuid


def _single(prefix: str, files: dict[str, Path]) -> dict[str, bytes]:
    return {re.sub("/+", "/", f"{prefix}/{name}").lstrip("/"): path.read_bytes() for name, path in files.items()}

"""Runs a build: `python3 -m pipeline_steps.build FILE`.

CodeBuild hands on what the build's shell exports, so FILE becomes the shell's lines that export the variables.
"""

import os
import shlex
import sys
import tempfile
import traceback
from collections.abc import Mapping
from pathlib import Path

import boto3
from botocore.exceptions import ClientError

from pipeline_steps.announcement import announce_progress
from pipeline_steps.build.builder import build, described
from pipeline_steps.build.docker import Docker, client
from pipeline_steps.build.settings import Settings
from pipeline_steps.job import StepError
from pipeline_steps.package.built import Built
from pipeline_steps.package.start import nothing_to_do
from releases.aws_session import share_clients
from releases.errors import ReleaseError
from releases.events import NOT_PACKAGED, STARTED, Commit
from releases.executions import NO_IMAGE
from releases.failure import TOLD, marked, one_line

BUILD_URL = "CODEBUILD_BUILD_URL"
"""The variable with the address of the build's page (CodeBuild user guide, environment variables in build
environments)."""
LONGEST_REASON = 1000
"""Characters of it in an event: Slack takes 3,000 of a text (Slack, section block)."""


def main(session: boto3.Session, environment: Mapping[str, str], exports: Path) -> int:
    """The exit code; when it is not 0 the cause is the last line of what was printed, and TOLD when it is announced."""
    with tempfile.TemporaryDirectory() as source_folder:
        try:
            settings = Settings.parse(environment, Path(source_folder))
        except KeyError as error:
            print(marked(f"The build has no variable {error}."))
            return 1
        try:
            docker = Docker(client(settings.content.source, environment))
            built = run(session, settings, docker)
        except (StepError, ReleaseError, ClientError) as error:
            return _fail(session, settings, environment, str(error))
        except Exception as error:
            traceback.print_exc(file=sys.stdout)
            return _fail(session, settings, environment, f"{type(error).__name__}: {error}")
    exports.write_text("".join(export(name, value) for name, value in built.variables().items()))
    return 0


def run(session: boto3.Session, settings: Settings, docker: Docker) -> Built:
    """Build the source, unless the same upload has been released, or is about to be.

    Raises:
        StepError: there is no image; why.
    """
    of = settings.pipeline, settings.execution
    if settings.image == NO_IMAGE and (nothing := nothing_to_do(session, *of, settings.record, settings.start)):
        print(f"{nothing}: nothing to do.")
        return Built(nothing=nothing)
    commit, uploaded = described(session, settings)
    if not settings.is_shared:  # else Package knows whether anything is to be released
        announce_progress(session, STARTED, *of, commit)
    return Built(build(session, settings, docker), "", commit, uploaded)


def export(name: str, value: str) -> str:
    """A line of the shell."""
    return f"export {name}={shlex.quote(value)}\n"


def _fail(session: boto3.Session, settings: Settings, environment: Mapping[str, str], cause: str) -> int:
    line, url = one_line(settings.masked(cause)), environment.get(BUILD_URL, "")
    of = settings.pipeline, settings.execution
    told = announce_progress(session, NOT_PACKAGED, *of, Commit(), reason=line[:LONGEST_REASON], url=url)
    print(marked(line), flush=True)
    return TOLD if told else 1


if __name__ == "__main__":
    sys.exit(main(share_clients(boto3.Session()), os.environ, Path(sys.argv[1])))

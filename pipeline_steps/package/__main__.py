"""Runs Package in a build: `python3 -m pipeline_steps.package FILE`.

CodeBuild hands on what the build's shell exports, so FILE becomes the shell's lines that export the variables. The
image definitions for the Deploy action are an artifact of the build, in `.package/`.
"""

import os
import shlex
import sys
import tempfile
import traceback
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import boto3
from botocore.exceptions import ClientError

from pipeline_steps.job import StepError
from pipeline_steps.package.builder import build, described
from pipeline_steps.package.docker import Docker, client
from pipeline_steps.package.settings import Settings
from pipeline_steps.package.step import IMAGE_DEFINITIONS, Source, announce, image_definitions, run
from releases.aws_session import share_clients
from releases.errors import ReleaseError
from releases.events import NOT_PACKAGED, Commit
from releases.failure import marked, one_line

ARTIFACT = Path(".package") / IMAGE_DEFINITIONS
"""In CodeBuild's folder of the source."""
LONGEST_REASON = 1000
"""Characters of it in an event: Slack takes 3,000 of a text (Slack, section block)."""


def main(session: boto3.Session, environment: Mapping[str, str], exports: Path) -> int:
    """The exit code; when it is not 0 the cause is the last line of what was printed, and is announced."""
    with tempfile.TemporaryDirectory() as source_folder:
        try:
            settings = Settings.parse(environment, Path(source_folder))
        except KeyError as error:
            print(marked(f"The build has no variable {error}."))
            return 1
        return _package(session, settings, environment, exports)


def _package(session: boto3.Session, settings: Settings, environment: Mapping[str, str], exports: Path) -> int:
    try:
        docker = Docker(client(settings.content.source, environment))
        source = Source(partial(described, session, settings), partial(build, session, settings, docker))
        packaged = run(session, settings, source)
    except (StepError, ReleaseError, ClientError) as error:
        return _fail(session, settings, str(error))
    except Exception as error:
        traceback.print_exc(file=sys.stdout)
        return _fail(session, settings, f"{type(error).__name__}: {error}")
    artifact = settings.folder / ARTIFACT
    artifact.parent.mkdir(exist_ok=True)
    artifact.write_text(image_definitions(settings.repository_uri, settings.containers, packaged.digest))
    exports.write_text("".join(export(name, value) for name, value in packaged.variables().items()))
    print(packaged.summary)
    return 0


def export(name: str, value: str) -> str:
    """A line of the shell."""
    return f"export {name}={shlex.quote(value)}\n"


def _fail(session: boto3.Session, settings: Settings, cause: str) -> int:
    line = one_line(settings.masked(cause))
    announce(session, settings, NOT_PACKAGED, Commit(), reason=line[:LONGEST_REASON])
    print(marked(line), flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main(share_clients(boto3.Session()), os.environ, Path(sys.argv[1])))

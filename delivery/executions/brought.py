"""Following what was brought to a service's pipeline, until it serves, waits for somebody, or has failed."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import boto3
import click

from delivery.command_line import Connection, print_json
from delivery.executions.approval import Pending
from delivery.executions.build_logs import BuildLogs
from delivery.executions.following import follow, leave
from delivery.executions.freeze import words
from delivery.executions.outcome import Delivery, asked, delivery_of, how_to_answer, nothing_to_deploy
from delivery.services.addresses import addresses
from releases.errors import EXPECTED, PROGRAM, DeliveryError
from releases.names import aws_name
from releases.pipeline import Pipeline
from releases.pipeline_state import read_pipeline_state
from releases.progress import Log
from releases.service_state import read_state

S3 = "s3://"
"""How a place of uploads begins, and none of images."""


@dataclass(frozen=True)
class Delivering:
    """How an execution is followed.

    Attributes:
        connection: AWS.
        stack: the stack.
        service: the service's name in the stack file.
        verbose: whether the logs of builds are shown.
        as_json: whether the output is a document's, so that all else goes to standard error.
    """

    connection: Connection
    stack: str
    service: str
    verbose: bool = False
    as_json: bool = False

    @property
    def log(self) -> Log:
        """Takes a line for a person."""
        return partial(click.echo, err=self.as_json)

    @property
    def session(self) -> boto3.Session:
        """AWS's."""
        return self.connection.session

    @property
    def pipeline(self) -> Pipeline:
        """The service's."""
        return Pipeline(self.session, aws_name(self.stack, self.service))

    @property
    def place(self) -> str:
        """Where releases are brought: `s3://bucket/key`, or an image's name, `repository:tag`.

        Raises:
            DeliveryError: there is no such service, or it takes what another stack runs.
            botocore.exceptions.ClientError: AWS refuses to tell.
        """
        read_state(self.session, self.stack, self.service)
        place = self.pipeline.upload_to()
        if place is None:
            promote = f"`{PROGRAM} promote {self.service} --from STACK --to {self.stack}`"
            raise DeliveryError(f"{self.service} of {self.stack} takes the images of another stack only: {promote}")
        return place

    def follow(self, execution: str, document: Callable[..., Delivery], *, wait: bool) -> None:
        """Follow an execution to its end, or until it waits for somebody's approval, and print what became of it.

        Args:
            execution: its id.
            document: makes of the fields of a `Delivery` what is printed, where that is a document.
            wait: whether it is followed.

        Raises:
            DeliveryError: it did not succeed, or its releases are frozen.
            botocore.exceptions.ClientError: AWS refuses to tell.
        """

        def show() -> None:
            if self.as_json:
                print_json(document(**delivery_of(self.session, self.pipeline, execution)))

        with _at_last(show):
            self._follow(execution, wait=wait)

    def _follow(self, execution: str, *, wait: bool) -> None:
        """Follow it, and say what became of it.

        Raises:
            DeliveryError: it did not succeed, or its releases are frozen.
            botocore.exceptions.ClientError: AWS refuses to tell.
        """
        session, pipeline = self.session, self.pipeline
        self.log(f"Execution {execution} of {pipeline.name}")
        if not wait:
            leave(session, self.stack, self.service, f"Execution {execution}", self.log)
            return
        if why := words(self.stack, self.service, read_pipeline_state(session.client("codepipeline"), pipeline.name)):
            raise DeliveryError(f"execution {execution} of {pipeline.name} waits, and is not followed: {why}")
        approvals, began = list[Pending](), time.monotonic()
        builds = BuildLogs(session, self.log)

        def until(actions: list[dict[str, Any]]) -> bool:
            if self.verbose:
                builds.look(actions)
            approvals.extend(asked(session, self.stack, self.service, execution))
            return bool(approvals)

        def show() -> None:
            if self.verbose:
                builds.look(pipeline.actions(execution))

        with _at_last(show):
            follow(session, self.stack, self.service, execution, self.log, until=until, err=self.as_json)
        if approvals:
            for line in how_to_answer(self.stack, self.service, execution, approvals[0]):
                self.log(line)
        elif nothing := nothing_to_deploy(delivery_of(session, pipeline, execution)["variables"]):
            self.log(f"Nothing was deployed: {nothing}")
        else:
            self.log(f"Delivered in {time.monotonic() - began:.1f} s{self._where_it_answers()}")

    def _where_it_answers(self) -> str:
        session = self.session
        groups = {self.service: read_state(session, self.stack, self.service).target_groups}
        urls = addresses(session.client("elbv2"), groups, self.connection.address).get(self.service)
        return f"; it answers at {urls[0]}" if urls else ""


@contextmanager
def _at_last(show: Callable[[], None]) -> Iterator[None]:
    """Show something in the end. After an error AWS may not tell it either, and then the error is what is said."""
    try:
        yield
    except BaseException:
        with suppress(*EXPECTED):
            show()
        raise
    show()

"""Building the last upload once more: what is started, and when it is refused."""

from functools import partial
from typing import Any

import pytest
from delivery_aws import FakeAws, action

from delivery.commands.rebuild import plan
from delivery.executions.start import start
from releases.errors import DeliveryError


def started(aws: FakeAws) -> list[Any]:
    return [given["variables"] for _, operation, given in aws.calls if operation == "StartPipelineExecution"]


def test_the_pipeline_builds_what_it_has() -> None:
    aws, said = FakeAws(), list[str]()
    aws.service(aws.revision(1, "@x"), None)
    aws.executing("Succeeded", action("Source", "Source", "Source"))
    session = aws.session()
    start(session, partial(plan, session, "dev", "web"), said.append, yes=True, wait=False)
    assert started(aws) == [[{"name": "image", "value": "rebuild"}]]
    assert said[0].endswith(" of dev-web.")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("s3", "web has no upload yet, so there is nothing to build; upload to s3://bucket/sources/web/source.zip"),
        ("ecr", "web is not built here: its images are pushed or promoted; push or promote another one"),
    ],
)  # fmt: skip
def test_nothing_to_build(source: str, words: str) -> None:
    aws = FakeAws(source=source)
    aws.executing("Failed", action("Source", "Source", "Source", "Failed"))
    with pytest.raises(DeliveryError) as caught:
        plan(aws.session(), "dev", "web")
    assert (str(caught.value), started(aws)) == (words, [])

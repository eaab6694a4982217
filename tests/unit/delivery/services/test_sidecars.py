"""Sidecars' images: tags that may move, and images that are gone."""

import json
from typing import Any

import pytest
from delivery_aws import FakeAws

from delivery.commands.history import history_lines
from delivery.commands.status import status
from delivery.pull_request.effects import effect
from delivery.pull_request.preview import UNKNOWN, Action, Change
from delivery.services.history import entries, service_history
from delivery.services.sidecars import moving
from releases.sidecars import changes

ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
D1, GONE = "sha256:" + "1" * 64, "sha256:" + "9" * 64
DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"


@pytest.mark.parametrize(
    ("image", "moves"),
    [
        (f"{ECR}/dev-web:live", False),
        ("<IMAGE>", False),
        (f"{ECR}/proxy@{D1}", False),
        (f"{ECR}/proxy:stable@{D1}", False),
        (f"{ECR}/proxy:stable", True),
        (f"{ECR}/proxy", True),
        ("public.ecr.aws/nginx/nginx:1.29", True),
    ],
)
def test_which_tags_move(image: str, moves: bool) -> None:
    assert moving([{"name": "proxy", "image": image}]) == ([("proxy", image)] if moves else [])


def definition(action: Action, containers: Any) -> Change:
    new = {"family": "dev-web", "containerDefinitions": containers}
    return Change(f"urn:pulumi:dev::fargate-delivery::{DEFINITION}::web-task", action, "web", {}, new)


def test_a_preview_warns_of_a_moving_tag() -> None:
    containers = [{"name": "web", "image": f"{ECR}/dev-web:live"}, {"name": "proxy", "image": f"{ECR}/proxy:stable"}]
    assert effect([definition("create", json.dumps(containers))], None, asked=True).lines == (
        f"**moving tag**: container proxy runs {ECR}/proxy:stable; a tag may be another image tomorrow, and ECS starts no "
        "task once the image that it has resolved is deleted: write NAME@sha256:…",
    )
    for quiet in (definition("delete", json.dumps(containers)), definition("create", UNKNOWN)):
        assert effect([quiet], None, asked=True).lines == ()


def with_sidecar(image: str, *digests: str, released: str = "", **service: Any) -> FakeAws:
    """A release and its tasks, each with a container `proxy` of such a digest."""
    aws = FakeAws()
    aws.image(D1, "live", "release-1")
    revision = aws.revision(1, f"@{D1}")
    aws.release(1, D1, revision, **({"sidecars": released} if released else {}))
    aws.service(revision, D1)
    aws.definitions[revision]["containerDefinitions"].append({"name": "proxy", "image": image})
    aws.tasks = [aws.task(revision, D1) for _ in digests]
    for number, (task, digest) in enumerate(zip(aws.tasks, digests, strict=True)):
        task["taskArn"] += str(number)
        task["containers"].append({"name": "proxy", "imageDigest": digest})
    aws.services["dev-web"] |= service
    return aws


@pytest.mark.parametrize("there", [True, False])
def test_status_names_a_sidecar_s_image_that_is_gone(there: bool) -> None:
    aws = with_sidecar(f"{ECR}/proxy:stable", GONE)
    if there:
        aws.image(GONE)
    found = status(aws.session(), "dev", "web")
    words = f"proxy runs {ECR}/proxy@{GONE}, which is gone from ECR: no other task starts with it"
    assert found.gone == ([] if there else [words])
    assert ("sidecar", f"{words}; `redeploy` asks for its tag anew") in found.lines() or there


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ("", "proxy=a", []),
        ("proxy=a", "proxy=a", []),
        ("proxy=a", "proxy=b", ["proxy from a to b"]),
        ("otel=a", "proxy=b", []),
        ("proxy=a", "", []),
        ("proxy=a otel=c", "otel=d proxy=a proxy=b", ["otel from c to d", "proxy from a to b"]),
        ("proxy=a proxy=b", "proxy=c", ["proxy from a and b to c"]),
    ],
)
def test_what_a_container_ran_and_runs(before: str, now: str, said: list[str]) -> None:
    assert changes(before, now) == said


OLDER, NEWER = "sha256:" + "3" * 64, "sha256:" + "4" * 64


def test_status_tells_of_a_sidecar_that_more_tasks_or_an_edit_have_changed() -> None:
    """Whoever deploys without a release, or ECS itself where a container's versionConsistency is disabled."""
    for digests, said in (((OLDER, OLDER), []), ((OLDER, NEWER), [f"proxy from {OLDER} to {NEWER}"])):
        aws = with_sidecar("public.ecr.aws/nginx/nginx:stable", *digests, released=f"proxy={OLDER}")
        found = status(aws.session(), "dev", "web")
        assert found.changed == said
        assert [text for label, text in found.lines() if label == "sidecar"] == [
            f"{words} since the last release" for words in said
        ]


def test_history_tells_which_release_changed_a_sidecar() -> None:
    aws = FakeAws()
    aws.record("none")
    for number, digest in enumerate((OLDER, OLDER, NEWER, NEWER), start=1):
        aws.release(number, D1, "…:task-definition/dev-web:1", sidecars=f"proxy={digest}")
    lines = history_lines(found := service_history(aws.session(), "dev", "web"), entries(found, None, {}), None)
    assert [line.split()[0] for line in lines] == ["release-4", "release-3", "sidecar", "release-2", "release-1"]
    assert lines[2] == f"  sidecar proxy from {OLDER} to {NEWER}"


READ_ONLY = {"name": "web", "readonlyRootFilesystem": True}
WORDS = (
    "no session opens in web: its root is read-only, and the agent of ECS Exec writes into {}; mount a volume there in the "
    "template, or take `exec` or readonlyRootFilesystem out"
)
BOTH = ["/var/lib/amazon", "/var/log/amazon"]


@pytest.mark.parametrize(
    ("exec", "container", "said"),
    [
        (True, READ_ONLY, [WORDS.format(" and ".join(BOTH))]),
        (False, READ_ONLY, []),
        (True, {**READ_ONLY, "readonlyRootFilesystem": False}, []),
        (True, {**READ_ONLY, "mountPoints": [{"sourceVolume": "v", "containerPath": f} for f in BOTH]}, []),
        (True, {**READ_ONLY, "linuxParameters": {"tmpfs": [{"containerPath": BOTH[0]}]}}, [WORDS.format(BOTH[1])]),
    ],
    ids=["both", "no sessions", "writable", "volumes", "one of two"],
)
def test_status_tells_of_a_read_only_root_that_an_older_program_gave_sessions(
    exec: bool, container: dict[str, Any], said: list[str]
) -> None:
    """What runs is asked of ECS: the stack file of such a service is refused now, before `up` does anything."""
    aws = with_sidecar(f"{ECR}/proxy@{D1}", D1, enableExecuteCommand=exec)
    (revision,) = aws.definitions
    aws.definitions[revision]["containerDefinitions"][0] |= container
    found = status(aws.session(), "dev", "web")
    assert found.closed == said
    assert [text for label, text in found.lines() if label == "exec"] == said

"""Approval: what it asks, what a no leaves behind, what a yes releases, and from which source."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.scenarios.conftest import Apps, Stack, new_stack
from tests.support.deliveries import executions, tags, wait_for_pipeline

pytestmark = pytest.mark.nightly

SERVICE, PIPELINE = "chuoi", "local-chuoi"


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Stack `local`, whose service chuoi asks before it deploys."""
    with new_stack(tmp_path_factory.mktemp("repository"), "local") as stack:
        stack.keep_services([SERVICE])
        stack.edit("Pulumi.local.yaml", "    chuoi:\n", "    chuoi:\n      approve: true\n")
        stack.up()
        yield stack


def approval(stack: Stack) -> dict[str, Any]:
    """The state of the Approve action, as soon as an execution waits there."""
    for _ in range(300):
        states = stack.client("codepipeline").get_pipeline_state(name=PIPELINE)["stageStates"]
        (stage,) = [state for state in states if state["stageName"] == "Approve"]
        (action,) = stage["actionStates"]
        if "token" in action.get("latestExecution", {}):
            return {**action["latestExecution"], "execution": stage["latestExecution"]["pipelineExecutionId"]}
        time.sleep(0.2)
    raise AssertionError(f"nothing waits: {executions(stack, SERVICE)[0]}")


def answer(stack: Stack, status: str) -> None:
    """Approve or reject what waits."""
    stack.client("codepipeline").put_approval_result(
        pipelineName=PIPELINE,
        stageName="Approve",
        actionName="Approve",
        result={"status": status, "summary": "a test"},
        token=approval(stack)["token"],
    )


def ended(stack: Stack) -> list[dict[str, Any]]:
    """The executions, newest first, once none runs."""
    return wait_for_pipeline(stack, SERVICE, 1)


def question(stack: Stack, execution: str) -> str:
    """The CustomData that whoever approves sees."""
    found = stack.client("codepipeline").list_action_executions(
        pipelineName=PIPELINE, filter={"pipelineExecutionId": execution}
    )["actionExecutionDetails"]
    (action,) = [action for action in found if action["actionName"] == "Approve"]
    return str(action["input"]["resolvedConfiguration"]["CustomData"])


def start(stack: Stack, image: str) -> str:
    """Start the pipeline by hand, with an image."""
    started = stack.client("codepipeline").start_pipeline_execution(
        name=PIPELINE, variables=[{"name": "image", "value": image}]
    )
    return str(started["pipelineExecutionId"])


def version_of(said: str) -> str:
    """The source's version that `ship` uploaded."""
    (line,) = [line for line in said.splitlines() if line.startswith("Uploaded ")]
    return line.rpartition("version ")[2]


def left(stack: Stack) -> tuple[dict[str, Any], dict[str, str]]:
    """What a rejection must not touch: what runs, the record, and the tags that make a release."""
    status = {key: value for key, value in stack.status(SERVICE).items() if key != "first_upload"}
    return status, {tag: digest for tag, digest in tags(stack, SERVICE).items() if not tag.startswith("content-")}


def test_ship_says_that_it_waits_and_how_to_answer(asking: Stack, apps: Apps) -> None:
    before = left(asking)
    done = asking.ship(SERVICE, apps.make("a1"))
    assert done.code == 0, done.out + done.err
    asked = question(asking, approval(asking)["execution"])
    assert asked.startswith("sha256:")
    assert asked.endswith(f" from source {version_of(done.out)}. It is the first release, unless another comes first")
    assert f"The execution waits for approval: {asked}\n  sandbox approve chuoi --stack local\n" in done.out
    assert "sandbox reject chuoi --stack local" in done.out
    assert left(asking) == before


def test_a_rejection_leaves_nothing_behind(asking: Stack) -> None:
    before = left(asking)
    answer(asking, "Rejected")
    assert ended(asking)[0]["status"] == "Failed"
    assert left(asking) == before
    assert (before[0]["desired"], before[0]["release"], before[1]) == (0, None, {})


def test_an_approval_releases(asking: Stack, apps: Apps) -> None:
    done = asking.ship(SERVICE, apps.make("a2"))
    answer(asking, "Approved")
    assert ended(asking)[0]["status"] == "Succeeded"
    after = asking.status(SERVICE)
    assert (after["running"], after["release"]["release"]) == (1, 1)
    assert after["release"]["source_version"] == version_of(done.out)
    assert asking.changes() == {}


def test_who_waits_behind_a_rejected_one_goes_on(asking: Stack, apps: Apps) -> None:
    before = asking.status(SERVICE)["release"]
    rejected = asking.ship(SERVICE, apps.make("a3"))
    first = approval(asking)["execution"]
    commit = "0123456789abcdef0123456789abcdef01234567"
    done = asking.ship(SERVICE, apps.make("a4"), "--commit", commit)
    assert (rejected.code, done.code) == (0, 0)
    assert f"Execution {first}, in front of it, waits for approval: " in done.out
    answer(asking, "Rejected")
    second = approval(asking)["execution"]
    assert second != first
    replaced = f"It replaces release-1 ({before['image_digest'][:19]}), unless another release comes first"
    assert question(asking, second).endswith(f" from source {version_of(done.out)}, commit {commit}. {replaced}")
    answer(asking, "Approved")
    assert [execution["status"] for execution in ended(asking)[:2]] == ["Succeeded", "Failed"]
    after = asking.status(SERVICE)["release"]
    assert (after["release"], after["source_version"]) == (2, version_of(done.out))


def released(stack: Stack, image: str) -> dict[str, Any]:
    """The record after the release of an image, approved."""
    execution = start(stack, image)
    answer(stack, "Approved")
    newest = ended(stack)[0]
    assert (newest["pipelineExecutionId"], newest["status"]) == (execution, "Succeeded")
    record: dict[str, Any] = stack.status(SERVICE)["release"]
    return {**record, "question": question(stack, execution)}


def test_an_image_is_released_with_its_own_source_and_not_with_the_newest_upload(asking: Stack, apps: Apps) -> None:
    before = asking.status(SERVICE)["release"]
    newest = version_of(asking.ship(SERVICE, apps.make("a5")).out)
    answer(asking, "Rejected")
    ended(asking)
    images = asking.client("ecr").describe_images(repositoryName=PIPELINE)["imageDetails"]
    (never_released,) = {
        i["imageDigest"] for i in images if i["imagePushedAt"] == max(i["imagePushedAt"] for i in images)
    }
    again = released(asking, "live")
    assert (again["image_digest"], again["source_version"]) == (before["image_digest"], before["source_version"])
    assert again["question"].endswith(". It is the image of release-2 again")
    first = tags(asking, SERVICE)["release-1"]
    back = released(asking, first)
    assert back["image_digest"] == first
    replaced = f"{before['image_digest'][:19]}, commit {before['commit']}"
    assert back["question"].endswith(f". It replaces release-3 ({replaced}), unless another release comes first")
    assert back["source_version"] not in (newest, before["source_version"], "unknown")
    assert released(asking, never_released)["source_version"] == "unknown"
    assert newest not in str(asking.status(SERVICE)["release"])


def test_nothing_to_deploy_asks_nobody(asking: Stack, apps: Apps) -> None:
    before, count = left(asking), len(executions(asking, SERVICE))
    versions = asking.client("ssm").get_parameter_history(Name="/fargate-delivery/local/chuoi/release")["Parameters"]
    source = next(p["Value"] for p in versions if '"release":1,' in p["Value"]).split('"source_version":"')[1]
    asking.client("codepipeline").start_pipeline_execution(
        name=PIPELINE,
        sourceRevisions=[
            {"actionName": "Source", "revisionType": "S3_OBJECT_VERSION_ID", "revisionValue": source.split('"')[0]}
        ],
    )
    newest = wait_for_pipeline(asking, SERVICE, count + 1)[0]
    found = asking.client("codepipeline").list_action_executions(
        pipelineName=PIPELINE, filter={"pipelineExecutionId": newest["pipelineExecutionId"]}
    )["actionExecutionDetails"]
    assert newest["status"] == "Succeeded"
    assert {action["stageName"] for action in found} == {"Source", "Build", "Package"}
    assert left(asking) == before

"""Images that are gone, lack layers or are for another platform; what disagrees."""

import io
import json
import urllib.request
from typing import Any

import pytest
from delivery_aws import REGISTRY, digest
from verified import A, Answers, released, subject

from delivery.verification import registries
from delivery.verification.images import deployment, edit, images, platform_of, record
from delivery.verification.subject import Note

CONFIG, LAYER, CHILD = digest("c"), digest("d"), digest("e")
MANIFEST = {"config": {"digest": CONFIG}, "layers": [{"digest": LAYER}]}
INDEX = {"manifests": [{"digest": CHILD, "platform": {"os": "linux", "architecture": "arm64"}}]}
ARM: dict[str, Any] = {"runtimePlatform": {"cpuArchitecture": "ARM64"}}
AGAIN = "release again: upload, or `delivery rollback web --stack dev` to one that is there"


def stored(
    manifests: dict[str, Any], *, missing: tuple[str, ...] = (), container: Any = None, **fields: Any
) -> Answers:
    """The service, with what its repository holds by digest, and the blobs that it lacks."""
    aws = released(container, **fields)

    def batch_get_image(given: dict[str, Any]) -> dict[str, Any]:
        (wanted,) = given["imageIds"]
        name = wanted.get("imageDigest") or wanted["imageTag"]
        manifest = manifests.get(name)
        image = {"imageId": {"imageDigest": name}, "imageManifest": json.dumps(manifest)}
        return {"images": [image] if manifest else [], "failures": []}

    aws.answers |= {
        "BatchGetImage": batch_get_image,
        "GetDownloadUrlForLayer": {"downloadUrl": "https://config"},
        "BatchCheckLayerAvailability": lambda given: {
            "layers": [
                {"layerDigest": each, "layerAvailability": "UNAVAILABLE" if each in missing else "AVAILABLE"}
                for each in given["layerDigests"]
            ]
        },
    }
    return aws


@pytest.fixture(autouse=True)
def configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images are for linux/amd64."""
    text = json.dumps({"os": "linux", "architecture": "amd64"}).encode()
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: io.BytesIO(text))


@pytest.mark.parametrize(
    ("platform", "found"), [({}, "linux/amd64"), (ARM, "linux/arm64"), ({"runtimePlatform": {}}, "linux/amd64")]
)
def test_the_platform_of_a_task(platform: dict[str, Any], found: str) -> None:
    assert platform_of(platform) == found


SIDECAR = {"image": f"{REGISTRY}/proxy:1"}
WRONG: dict[str, tuple[Answers, list[tuple[str, str]]]] = {
    "nothing": (stored({A: MANIFEST}), []),
    "nothing of an index": (stored({A: INDEX, CHILD: MANIFEST}, **ARM), []),
    "it is gone": (
        stored({}),
        [(f"the image {REGISTRY}/dev-web@{A} is gone from ECR: no task starts with it", AGAIN)],
    ),
    "a sidecar's is gone": (
        stored({}, container=SIDECAR),
        [
            (
                f"the image {REGISTRY}/proxy:1 is gone from ECR: no task starts with it",
                "push it again, or name another one in the task's template",
            )
        ],
    ),
    "a layer is gone": (
        stored({A: MANIFEST}, missing=(LAYER,)),
        [(f"of the image {REGISTRY}/dev-web@{A} ECR lacks 1 layer(s): no task starts with it", AGAIN)],
    ),
    "layers of an index's image are gone": (
        stored({A: INDEX, CHILD: MANIFEST}, missing=(CONFIG, LAYER), **ARM),
        [(f"of the image {REGISTRY}/dev-web@{A} ECR lacks 2 layer(s): no task starts with it", AGAIN)],
    ),
    "another platform": (
        stored({A: MANIFEST}, **ARM),
        [
            (
                f"the image {REGISTRY}/dev-web@{A} is for linux/amd64, and the service's tasks run linux/arm64: "
                "no task starts with it",
                "build it for that platform, or set `task.architecture` in the stack file",
            )
        ],
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_images(case: str) -> None:
    aws, found = WRONG[case]
    assert list(images(subject(aws))) == found


@pytest.mark.parametrize(
    ("there", "found"),
    [
        (True, []),
        (
            False,
            [
                (
                    "the image nginx:1 is gone from its registry: no task starts with it",
                    "name another one in the task's template",
                )
            ],
        ),
        (None, [("whether the image nginx:1 is still there is not known: it answers 429", "")]),
    ],
)
def test_an_image_of_another_registry(
    monkeypatch: pytest.MonkeyPatch, there: bool | None, found: list[tuple[str, str]]
) -> None:
    def has(image: str) -> bool:
        assert image == "docker.io/library/nginx:1"
        if there is None:
            raise registries.NotAskedError("it answers 429")
        return there

    monkeypatch.setattr(registries, "has", has)
    problems = list(images(subject(stored({}, container={"image": "nginx:1"}))))
    assert problems == found
    assert [isinstance(each, Note) for each in problems] == [there is None] * len(found)


def test_before_the_first_release_there_is_no_image() -> None:
    aws = stored({})
    aws.images.clear()
    aws.record("none")
    revision = aws.revision(1, ":live")
    aws.service(revision, None)
    aws.services["dev-web"]["serviceArn"] = "arn:aws:ecs:eu-west-1:111111111111:service/dev/dev-web"
    assert list(images(subject(aws))) == []


def test_an_edit_that_was_rolled_back_is_found() -> None:
    aws = released()
    assert list(edit(subject(aws))) == []
    declared = aws.revision(3, ":live", fingerprint="f2")
    del aws.answers["DescribeTaskDefinition"]
    aws.definitions["dev-web"] = aws.definitions[declared]  # the newest of the family
    aws.deploy(declared, "ROLLBACK_SUCCESSFUL")
    ((what, mend),) = edit(subject(aws))
    assert what == (
        "revision 3, which `up` registered, was rolled back at 2030-01-10T00:05:00Z: the circuit breaker said so; "
        "revision 1 serves"
    )
    assert mend == "mend it and run `up` again, or take it back"


def test_a_deployment_whose_tasks_fail_is_found_while_it_goes_on() -> None:
    aws = released()
    primary = aws.services["dev-web"]["deployments"][0]
    primary |= {"rolloutState": "IN_PROGRESS", "failedTasks": 0}
    assert list(deployment(subject(aws))) == []
    primary["failedTasks"] = 2
    ((what, mend),) = deployment(subject(aws))
    assert what == "2 of the tasks that the deployment of dev-web:1 started have failed, one after another"
    assert mend.startswith("`delivery logs web --stack dev --failed` has the last one's log")
    primary["rolloutState"] = "COMPLETED"
    assert list(deployment(subject(aws))) == []


def test_what_disagrees_is_repaired_and_what_is_in_flight_may_agree_soon() -> None:
    aws = released()
    assert list(record(subject(aws))) == []
    aws.images[A].discard("live")
    ((what, mend),) = record(subject(aws))
    assert what.startswith("they disagree: running sha256:aaaa")
    assert mend == "`delivery repair web --stack dev`"
    aws.services["dev-web"]["deployments"][0]["rolloutState"] = "IN_PROGRESS"
    assert list(record(subject(aws))) == []
    aws.services["dev-web"]["deployments"][0]["rolloutState"] = "COMPLETED"
    del aws.images[A]
    assert list(record(subject(aws))) == [], "that its image is gone is told by another check"

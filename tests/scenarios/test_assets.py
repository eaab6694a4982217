"""Ten releases with page views meanwhile: by blue/green none misses an asset where those of earlier releases are kept."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from pipeline_steps.package.assets import ANNOTATION
from pipeline_steps.package.images import Images
from tests.scenarios.conftest import Stack
from tests.support.deliveries import tags
from tests.support.page_views import RELEASES, Views, measured, service_of, stack_of

pytestmark = pytest.mark.nightly

KEPT = [service_of(strategy, assets=True) for strategy in ("codedeploy", "blue_green")]
WITHOUT = service_of("blue_green", assets=False)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack_of(tmp_path_factory.mktemp("repository"), ["codedeploy", "blue_green"], [False, True]) as stack:
        yield stack


@pytest.fixture(scope="module")
def views(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Views]:
    return measured(stack, [*KEPT, WITHOUT], tmp_path_factory.mktemp("apps"))


def test_no_page_view_of_at_least_two_thousand_breaks(views: Mapping[str, Views]) -> None:
    for service in KEPT:
        seen = views[service]
        assert seen["views"] >= 2000
        assert (seen["broken"], seen["missing"], seen["server_errors"]) == (0, 0, 0), seen


def test_without_it_some_do(views: Mapping[str, Views]) -> None:
    assert views[WITHOUT]["broken"] > 0
    assert views[WITHOUT]["server_errors"] == 0


def test_an_image_has_the_assets_of_the_last_three_releases_and_does_not_grow(
    stack: Stack, views: Mapping[str, Views]
) -> None:
    repository = f"local-{KEPT[0]}"
    images, released = Images(stack.client("ecr"), repository), tags(stack, KEPT[0])
    added = [_added(images, released[f"release-{number}"]) for number in range(1, RELEASES + 2)]
    assert [len(each) for each in added] == [0, *[1] * RELEASES]
    sizes = [each[0]["size"] for each in added[1:]]
    assert sizes[0] < sizes[2]
    assert max(sizes[2:]) - min(sizes[2:]) < sizes[0] / 2


def test_a_rollback_deploys_the_image_as_it_was(stack: Stack, views: Mapping[str, Views]) -> None:
    before = tags(stack, KEPT[1])["release-9"]
    stack.ok("rollback", KEPT[1], "--to", "release-9", "--yes")
    assert stack.settled(KEPT[1])["image_digest"] == before


def _added(images: Images, digest: str) -> list[Any]:
    layers = images.manifest(digest).content["layers"]
    return [layer for layer in layers if ANNOTATION in layer.get("annotations", {})]

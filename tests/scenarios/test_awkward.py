"""Where AWS's documents leave two readings: deliveries under the awkward one of each (`SANDBOX_AWS=awkward`)."""

from collections.abc import Iterator

import pytest

from tests.scenarios.conftest import Apps, Stack, new_stack
from tests.scenarios.test_delivery import wait_for_pipeline


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Stack `local`, in an AWS that is awkward."""
    with new_stack(tmp_path_factory.mktemp("repository"), "local") as stack:
        done = stack.run("up", SANDBOX_AWS="awkward")
        assert done.code == 0, done.out + done.err
        yield stack


def test_a_service_is_released_edited_and_rolled_back(local: Stack, apps: Apps) -> None:
    for version in ("v1", "v2"):
        done = local.ship("hello", apps.make(version))
        assert done.code == 0, done.out + done.err
    first, second = (entry["image_digest"] for entry in reversed(local.ok("history", "hello", "--json").json))
    assert local.status("hello")["image_digest"] == second != first
    line = "hello:\n      task: {template: web.json, cpu: 256, memory: "
    local.edit("Pulumi.local.yaml", f"{line}512", f"{line}1024")
    local.ok("up")
    wait_for_pipeline(local, "hello", 1)
    edited = local.status("hello")
    assert (edited["memory"], edited["image_digest"], edited["disagreement"]) == (1024, second, None)
    assert local.changes() == {}
    local.ok("rollback", "hello", "--yes", "--wait")
    after = local.status("hello")
    assert (after["memory"], after["image_digest"], after["live"], after["disagreement"]) == (1024, first, first, None)

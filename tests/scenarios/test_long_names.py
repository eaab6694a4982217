"""Services whose names are longer than AWS's names may be: the commands take them in full, and AWS has them short."""

from collections.abc import Iterator

import pytest

from releases.names import aws_name
from tests.scenarios.conftest import Apps, Stack, new_stack

pytestmark = pytest.mark.nightly

FILE = "Pulumi.local.yaml"
LONG, LIKE_IT = "customer-notifications-and-newsletters", "customer-notifications-and-their-archive"
"""Of 38 and of 40 characters; CodePipeline would take their names for one by what both begin with."""


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Stack `local` with two such services, one with a route and one a worker."""
    with new_stack(tmp_path_factory.mktemp("repository"), "local") as stack:
        stack.keep_services(["hello", "mailer"])
        stack.edit(FILE, "    hello:\n", f"    {LONG}:\n")
        stack.edit(FILE, "    mailer:\n", f"    {LIKE_IT}:\n")
        stack.up()
        yield stack


def test_they_are_released_and_looked_after_by_their_names(local: Stack, apps: Apps) -> None:
    for version in ("a1", "a2"):
        assert local.ship(LONG, apps.make(version)).code == 0
    assert local.settled(LONG)["running"] == 1
    pipelines = {each["name"] for each in local.client("codepipeline").list_pipelines()["pipelines"]}
    assert pipelines == {aws_name("local", LONG), aws_name("local", LIKE_IT)}
    assert all(len(name) <= 20 for name in pipelines)
    everything = local.ok("status", "--json").json
    assert {each["service"] for each in everything} == {LONG, LIKE_IT}
    assert "release-2" in local.ok("history", LONG).out
    assert "listening" in local.ok("logs", LONG).out
    local.ok("rollback", LONG, "--yes")
    local.ok("redeploy", LONG, "--yes")
    local.ok("repair", LONG)
    local.ok("prune", "--yes")
    local.ok("verify", LONG)
    assert local.changes() == {}


def test_an_edit_of_one_leaves_the_other_alone(local: Stack) -> None:
    local.edit(FILE, "memory: 512, port: 4000", "memory: 1024, port: 4000")
    local.ok("up")
    assert local.settled(LONG)["running"] == 1
    assert local.changes() == {}
    local.ok("down")

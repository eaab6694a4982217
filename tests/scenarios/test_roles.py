"""An account that was bootstrapped: its roles preview, deploy and destroy a stack."""

import re
from collections.abc import Iterator

import pytest

from sandbox.stacks import StackFolder
from tests.scenarios.conftest import SPEED, Stack, bootstrapped, new_stack

DEPLOY, PREVIEW = "dev-deploy", "dev-preview"


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Stack `dev` in an account where nothing but the bootstrap was."""
    with pytest.MonkeyPatch.context() as patch, new_stack(tmp_path_factory.mktemp("repository"), "dev") as stack:
        patch.setenv("SANDBOX_SPEED", SPEED)
        StackFolder(stack.name, stack.root).ensure_server(lambda _: None)
        bootstrapped(stack)
        yield stack


def preview(stack: Stack) -> dict[str, int]:
    """What the preview role sees that `up` would change."""
    done = stack.ok("preview", "--as", PREVIEW, "--no-refresh", "--json")
    return {op: count for op, count in done.json["changeSummary"].items() if op not in ("same", "read")}


def test_the_roles_suffice_for_a_stack_s_whole_life(dev: Stack) -> None:
    assert preview(dev).keys() == {"create"}
    refused = dev.run("up", "--as", PREVIEW)
    assert refused.code == 1
    assert re.search(r"assumed-role/dev-preview/\S+ is not authorized to perform: \w+:Create", refused.err)
    assert "created: aws:" not in refused.err
    dev.ok("up", "--as", DEPLOY)
    assert preview(dev) == {}
    dev.edit("Pulumi.dev.yaml", "cpu: 256, memory: 512", "cpu: 256, memory: 1024")
    assert preview(dev).keys() == {"replace", "update"}
    dev.ok("up", "--as", DEPLOY)
    dev.ok("down", "--as", DEPLOY)
    asked = [d for d in dev.control("decisions") if f":assumed-role/{DEPLOY}/" in d["principal"]]
    assert asked
    assert {(d["action"], d["resource"]) for d in asked if not d["allowed"]} == set()

"""An account that was bootstrapped: its roles preview, deploy and destroy a stack."""

import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from delivery.bootstrap import ensure_state_bucket
from sandbox.engine import Engine
from sandbox.stacks import StackFolder
from tests.scenarios.conftest import REPOSITORY, SPEED, Stack, new_stack

DEPLOY, PREVIEW = "dev-deploy", "dev-preview"


def bootstrap(stack: Stack) -> dict[str, Any]:
    """Bootstrap the account that the stack's sandbox is; what that exports."""
    shutil.copytree(
        REPOSITORY / "bootstrap", stack.root / "bootstrap", ignore=shutil.ignore_patterns(".sandbox", "__pycache__")
    )
    server = StackFolder(stack.name, stack.root).ensure_server(lambda _: None)
    ensure_state_bucket(stack.client("s3"), server.account, server.region)
    folder = StackFolder(stack.name, stack.root / "bootstrap")
    folder.folder.mkdir(parents=True)
    return Engine(folder, server, lambda _: None).run("up").outputs


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Stack `dev` in an account where nothing but the bootstrap was."""
    with pytest.MonkeyPatch.context() as patch, new_stack(tmp_path_factory.mktemp("repository"), "dev") as stack:
        patch.setenv("SANDBOX_SPEED", SPEED)
        bootstrap(stack)
        yield stack


def preview(stack: Stack) -> dict[str, int]:
    """What the preview role sees that `up` would change."""
    done = stack.ok("preview", "--as", PREVIEW, "--no-refresh", "--json")
    return {op: count for op, count in done.json["changeSummary"].items() if op not in ("same", "read")}


def asked(stack: Stack, role: str) -> list[dict[str, Any]]:
    """What was asked of IAM by a role's sessions."""
    return [d for d in stack.control("decisions") if f":assumed-role/{role}/" in d["principal"]]


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
    denied = {(d["action"], d["resource"]) for d in asked(dev, DEPLOY) if not d["allowed"]}
    assert denied == set()

"""The stack that Pulumi has selected, as its CLI keeps it."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from delivery.stack_files.selected import selected_stack

BUCKET, CLOUD = "s3://state?region=eu-west-1", "https://api.pulumi.com"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a project, which is the working folder, and a home of Pulumi's."""
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PWD", str(folder))
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    for name in ("PULUMI_STACK", "PULUMI_BACKEND_URL"):
        monkeypatch.delenv(name, raising=False)
    return folder


def select(project: Path, settings: Any) -> None:
    path = hashlib.sha1(f"{project}/Pulumi.yaml".encode()).hexdigest()  # noqa: S324
    write(project.parent / f"home/workspaces/shop-{path}-workspace.json", settings)


def write(file: Path, content: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content))


@pytest.mark.parametrize(
    ("settings", "login", "variables", "selected"),
    [
        ({"stack": "dev"}, None, {}, "dev"),
        ({"stack": "organization/shop/dev"}, None, {}, "dev"),
        ({"stacks": {BUCKET: "organization/shop/dev"}}, None, {}, "dev"),
        ({"stacks": {BUCKET: "organization/shop/dev"}}, CLOUD, {}, "dev"),
        ({"stacks": {BUCKET: "organization/shop/dev", CLOUD: "us/shop/prd"}}, CLOUD, {}, "prd"),
        ({"stacks": {BUCKET: "organization/shop/dev", CLOUD: "us/shop/prd"}}, BUCKET, {}, "dev"),
        ({"stacks": {BUCKET: "a/b/dev", CLOUD: "a/b/prd"}}, CLOUD, {"PULUMI_BACKEND_URL": BUCKET}, "dev"),
        ({"stacks": {BUCKET: "a/b/dev", CLOUD: "a/b/prd"}}, None, {}, None),
        ({"stacks": {BUCKET: "a/b/dev", CLOUD: "a/b/dev"}}, None, {}, "dev"),
        ({"stacks": {BUCKET: "a/b/dev"}}, None, {"PULUMI_STACK": "org/shop/prd"}, "prd"),
        ({}, None, {}, None),
        ([], None, {}, None),
        ({"stacks": []}, None, {}, None),
        ("junk", None, {}, None),
        (None, None, {}, None),
    ],
)
def test_the_stack_that_is_selected(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
    login: str | None,
    variables: dict[str, str],
    selected: str | None,
) -> None:
    if settings is not None:
        select(project, settings)
    if login:
        write(project.parent / "home/credentials.json", {"current": login})
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert selected_stack() == selected


def test_of_the_project_that_the_working_folder_is_in(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    select(project, {"stack": "dev"})
    (project / "deep/er").mkdir(parents=True)
    monkeypatch.chdir(project / "deep/er")
    assert selected_stack() == "dev"
    monkeypatch.chdir(project.parent)
    assert selected_stack() is None


def test_of_a_folder_by_the_path_that_the_shell_has_for_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = project.parent / "link"
    link.symlink_to(project)
    select(link, {"stack": "prd"})
    monkeypatch.chdir(link)
    monkeypatch.setenv("PWD", str(link))
    assert selected_stack() == "prd"


@pytest.mark.parametrize("content", ["", "- a", "name: [", "runtime: python"])
def test_a_project_without_a_name_has_none(project: Path, content: str) -> None:
    (project / "Pulumi.yaml").write_text(content)
    assert selected_stack() is None

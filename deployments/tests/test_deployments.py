"""The program under mocks: what pushes and pull requests may do, with the example's settings; and the team's own."""

import ast
import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from pulumi.runtime import mocks

ROOT = Path(__file__).parents[1]
NAMESPACE = "fargate-delivery-deployments"
Run = Callable[..., dict[tuple[str, str], dict[str, Any]]]
EXAMPLE = ROOT.parent / "tests/stacks/example/deployments/Pulumi.settings.yaml"


class Cloud(mocks.Mocks):
    """Takes every registration."""

    def __init__(self) -> None:
        self.made: dict[tuple[str, str], dict[str, Any]] = {}

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        self.made[args.typ.rpartition(":")[2], args.name] = args.inputs
        return args.name, args.inputs

    def call(self, args: mocks.MockCallArgs) -> dict[str, Any]:  # type: ignore[override]
        raise AssertionError(f"unmocked {args.token}")


def settings(file: Path) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(file.read_text())["config"]
    return config


@pytest.fixture
def run() -> Run:
    """Runs the program on a file of settings, with some stacks' keys changed: type and name → inputs."""

    def go(file: Path = EXAMPLE, **changes: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
        cloud, config = Cloud(), settings(file)
        mocks.set_mocks(cloud, project=NAMESPACE, stack="settings", organization="example")
        stacks = {name: {**keys, **changes.get(name, {})} for name, keys in config[f"{NAMESPACE}:stacks"].items()}
        pulumi.runtime.set_all_config(
            {
                f"{NAMESPACE}:repository": config[f"{NAMESPACE}:repository"],
                f"{NAMESPACE}:stacks": json.dumps(stacks),
            }
        )

        @pulumi.runtime.test
        def body() -> None:
            runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")

        body()
        return cloud.made

    return go


def test_a_push_to_main_deploys_each_stack_as_its_own_role(run: Run) -> None:
    made = run()
    assert {name for kind, name in made if kind == "DeploymentSettings"} == {"dev", "prd"}
    for stack, account in (("dev", "123456789012"), ("prd", "210987654321")):
        settings = made["DeploymentSettings", stack]
        assert {key: settings[key] for key in ("organization", "project", "stack")} == {
            "organization": "example",
            "project": "fargate-delivery",
            "stack": stack,
        }
        assert settings["github"]["repository"] == "example/fargate-delivery"
        assert settings["github"]["deployCommits"] is True
        assert settings["sourceContext"] == {"git": {"branch": "refs/heads/main"}}
        assert settings["operationContext"]["oidc"]["aws"] == {
            "roleARN": f"arn:aws:iam::{account}:role/fargate-delivery/{stack}-deploy",
            "sessionName": "${stack.name}-${deployment.operation}-${deployment.version}",
            "duration": "1h30m0s",
        }


@pytest.mark.parametrize("file", sorted(ROOT.glob("Pulumi.*.yaml")), ids=lambda file: file.name)
def test_the_team_s_own_settings_are_taken(run: Run, file: Path) -> None:
    assert {name for _, name in run(file)} == settings(file)[f"{NAMESPACE}:stacks"].keys()


def test_pull_requests_have_dev_s_role_and_never_prd_s(run: Run) -> None:
    made = run()
    settings = {name: inputs["github"] for (kind, name), inputs in made.items() if kind == "DeploymentSettings"}
    assert {name: github["previewPullRequests"] for name, github in settings.items()} == {"dev": True, "prd": False}
    assert not any(github["pullRequestTemplate"] for github in settings.values())


def test_no_schedule_compares_with_the_state_from_which_each_release_differs(run: Run) -> None:
    assert {kind for kind, _ in run()} == {"DeploymentSettings"}


def test_what_the_program_reads_deploys_and_nothing_else(run: Run) -> None:
    """A folder or file that the program begins to use has to be added."""
    paths = run()["DeploymentSettings", "dev"]["github"]["paths"]
    repository = ROOT.parent
    read = [file.relative_to(repository).parts for file in _read_by_the_program(repository)]
    imported = {top for top, *below in read if below}
    assert {"components", "config", "releases"} <= imported
    folders = {f"{folder}/**" for folder in imported} | {"task_templates/**", "buildspecs/**"}
    assert {path for path in paths if path.endswith("/**")} == folders
    assert "Pulumi.dev.yaml" in paths
    assert not {"Pulumi.prd.yaml", "docs/**", "tests/**", "sandbox/**", "deployments/**"} & set(paths)
    for path in set(paths) - {"Pulumi.dev.yaml"}:  # a team may have stacks of other names
        assert list(repository.glob(path)), f"{path} is nothing"


def _read_by_the_program(repository: Path) -> set[Path]:
    """The modules that `__main__.py` imports, and those that they import."""
    found, left = set[Path](), [repository / "__main__.py"]
    while left:
        file = left.pop()
        if file in found:
            continue
        found.add(file)
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}", *(f"{node.module}.{alias.name}" for alias in node.names)]
            else:
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules = [repository / f"{name.replace('.', '/')}.py" for name in names]
            left += [module for module in modules if module.is_file()]
    return found


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"prd": {"drift": "0 6 * * *"}}, "stacks.prd.drift: Extra inputs are not permitted"),
        ({"dev": {"role": "dev-deploy"}}, "stacks.dev.role: String should match pattern"),
        ({"dev": {"preview": True}}, "stacks.dev.preview: Extra inputs are not permitted"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_made(run: Run, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(pulumi.RunError, match=r"Pulumi\.settings\.yaml is not valid") as refused:
        run(**changes)
    assert words in str(refused.value)

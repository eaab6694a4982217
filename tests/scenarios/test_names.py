"""Names that two files agree on: one end renamed fails naming it, both ends renamed works, the sandbox unedited."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.scenarios.conftest import DOCKERFILE, Apps, Done, Stack

pytestmark = pytest.mark.nightly
SERVICES = ("hello", "shop")

Edit = tuple[str, str, str]


@dataclass(frozen=True)
class Name:
    """A name, the edits of one end and of the other, and what the failure of each alone says.

    Each edit is a file, a text in it, and the text that replaces it everywhere. Where the other end says nothing, its
    name is written there alone, and may be any.
    """

    what: str
    one_end: Sequence[Edit]
    other_end: Sequence[Edit]
    says: Sequence[str]
    other_says: Sequence[str]
    at: str = "ship"


PIPELINE, STAGES = "components/pipeline/deploy_pipeline.py", "components/pipeline/stages.py"
STRATEGY, CODE_DEPLOY = "components/service/strategies/strategy.py", "components/service/strategies/codedeploy.py"
BUILDS, PACKAGE = "components/pipeline/builds.py", "pipeline_steps/package/step.py"
NAMES = [
    Name(
        "an artifact",
        [(STAGES, '"output_artifacts": [PACKAGE]', '"output_artifacts": ["images"]')],
        [(STRATEGY, "[stages.PACKAGE]", '["images"]')],
        ["package", "Deploy"],
        ["images", "Deploy"],
        at="up",
    ),
    Name(
        "an artifact's file",
        [(STAGES, "imagedefinitions.json", "images.json")],
        [(PACKAGE, "imagedefinitions.json", "images.json")],
        ["images.json", "Deploy"],
        ["imagedefinitions.json"],
    ),
    Name(
        "a pipeline variable",
        [(PIPELINE, "    IMAGE,\n    NO_IMAGE,", '    "chosen",\n    NO_IMAGE,')],
        [("releases/executions.py", '"image"', '"chosen"')],
        ["variables.image"],
        [],
    ),
    Name(
        "an action's namespace",
        [(STAGES, '"namespace": "Package"', '"namespace": "Packed"')],
        [
            (STAGES, "#{Package.", "#{Packed."),
            (STAGES, 'else "Package"', 'else "Packed"'),
            (CODE_DEPLOY, "#{Package.", "#{Packed."),
        ],
        ["Package.DEPLOY"],
        ["Packed."],
        at="up",
    ),
    Name(
        "an exported variable",
        [("buildspecs/build.yaml", "COMMIT_REPOSITORY", "REPOSITORY_OF_COMMIT")],
        [("pipeline_steps/package/built.py", "COMMIT_REPOSITORY", "REPOSITORY_OF_COMMIT")],
        ["KeyError: 'COMMIT_REPOSITORY'"],
        ["KeyError: 'REPOSITORY_OF_COMMIT'"],
    ),
    Name(
        "a step's variable",
        [(PACKAGE, "IMAGE_DIGEST", "PACKAGED_DIGEST")],
        [(file, ".IMAGE_DIGEST}", ".PACKAGED_DIGEST}") for file in (STAGES, CODE_DEPLOY)],
        ["Package.IMAGE_DIGEST"],
        ["Package.PACKAGED_DIGEST"],
    ),
    Name(
        "a build variable",
        [(BUILDS, '"REPOSITORY_URI"', '"IMAGE_REPOSITORY"')],
        [("pipeline_steps/build/settings.py", "REPOSITORY_URI", "IMAGE_REPOSITORY")],
        ["REPOSITORY_URI"],
        ["IMAGE_REPOSITORY"],
    ),
    Name(
        "a step's parameter",
        [(STAGES, '"digest": f"#{{', '"image": f"#{{')],
        [
            ("pipeline_steps/release.py", 'parameters["digest"]', 'parameters["image"]'),
            ("pipeline_steps/migrate.py", "parameters['digest']", "parameters['image']"),
        ],
        ["KeyError: 'digest'"],
        ["KeyError: 'image'"],
    ),
    Name(
        "a container",
        [("components/pipeline/steps_function.py", "template.image_containers()", '["app"]')],
        [("task_templates/web.json", '"name": "web"', '"name": "app"')],
        ["app"],
        [],
    ),
    Name(
        "a parameter",
        [("Pulumi.local.yaml", "APP_ENV", "APP_MODE")],
        [("Dockerfile", "APP_ENV", "APP_MODE")],
        ["APP_ENV: parameter not set"],
        ["APP_MODE: parameter not set"],
    ),
]


DOCKERFILE_WITH_A_PARAMETER = f"""\
{DOCKERFILE}ARG APP_ENV
RUN test -n "${{APP_ENV:?}}"
"""


@pytest.fixture
def app(local: Stack, apps: Apps) -> Path:
    """An app whose build asks for a parameter; its Dockerfile is edited as a file of the repository's."""
    (local.root / "Dockerfile").write_text(DOCKERFILE_WITH_A_PARAMETER)
    return apps.make("app")


def ship(stack: Stack, app: Path) -> Done:
    shutil.copy(stack.root / "Dockerfile", app)
    return stack.ship("hello", app)


def edit(stack: Stack, edits: Sequence[Edit]) -> None:
    for file, old, new in edits:
        stack.edit(file, old, new)


ENDS = [
    pytest.param(edits, says, name.at, id=f"{name.what}, {which}")
    for name in NAMES
    for which, edits, says in (("one end", name.one_end, name.says), ("the other", name.other_end, name.other_says))
    if says
]


@pytest.mark.parametrize(("edits", "says", "at"), ENDS)
def test_one_end_renamed_fails_naming_it(
    local: Stack, app: Path, edits: Sequence[Edit], says: Sequence[str], at: str
) -> None:
    texts = {file: (local.root / file).read_text() for file, _, _ in edits}
    try:
        edit(local, edits)
        done = local.run("up")
        if at == "ship":
            assert done.code == 0, done.err
            done = ship(local, app)
    finally:
        for file, text in texts.items():
            (local.root / file).write_text(text)
    assert done.code == 1
    for word in says:
        assert word in done.out + done.err


def test_both_ends_renamed_work(local: Stack, app: Path) -> None:
    for name in NAMES:
        edit(local, [*name.one_end, *name.other_end])
    local.ok("up")
    done = ship(local, app)
    assert done.code == 0, done.out + done.err
    assert local.status("hello")["release"]["release"] == 1

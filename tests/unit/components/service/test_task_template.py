"""Task templates: rendering by botocore's types, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.service.task_template import STAND_INS, TaskTemplate, TemplateError, fingerprint_of
from releases.record import FINGERPRINT_LABEL
from tests.support.example import EXAMPLE

WEB = TaskTemplate.load(EXAMPLE / "task_templates" / "web.json")
WORKER = TaskTemplate.load(EXAMPLE / "task_templates" / "worker.json")
PROVIDED = STAND_INS
NO_PORT = {name: value for name, value in STAND_INS.items() if name != "port"}


def with_container(**changes: Any) -> TaskTemplate:
    document = json.loads(json.dumps(WEB.document))
    document["containerDefinitions"][0].update(changes)
    return TaskTemplate(WEB.path, document)


def test_a_placeholder_takes_the_type_that_ecs_says() -> None:
    document = WEB.render({**STAND_INS, "port": 4000, "cpu": 512})
    (container,) = document["containerDefinitions"]
    assert document["cpu"] == "512"
    assert container["portMappings"] == [{"containerPort": 4000, "protocol": "tcp"}]
    assert container["environment"] == [{"name": "PORT", "value": "4000"}]
    assert container["secrets"] == STAND_INS["secrets"]


def test_storage_that_the_stack_file_asks_for() -> None:
    assert WEB.with_storage(None) is WEB
    sized = WEB.with_storage(50)
    assert sized.document == {**WEB.document, "ephemeralStorage": {"sizeInGiB": 50}}
    assert sized.problems(PROVIDED) == []
    assert "ephemeralStorage" not in WEB.document
    with pytest.raises(TemplateError, match=r"^task_templates/web\.json has ephemeralStorage itself; remove one of"):
        sized.with_storage(50)


def test_placeholders_inside_a_text() -> None:
    template = with_container(command=["--listen", "0.0.0.0:${port}"])
    assert template.render(STAND_INS)["containerDefinitions"][0]["command"] == ["--listen", "0.0.0.0:80"]


@pytest.mark.parametrize("template", [WEB, WORKER])
def test_committed_templates_fit_their_services(template: TaskTemplate) -> None:
    provided = PROVIDED if template is WEB else NO_PORT
    assert template.problems(provided) == []
    assert template.placeholders() == provided.keys()


@pytest.mark.parametrize(
    ("template", "provided", "words"),
    [
        (with_container(command=["${nmae}"]), PROVIDED, "task_templates/web.json: ${nmae} is not a placeholder; there are"),
        (WEB, NO_PORT, "task_templates/web.json: uses ${port}, but the service has no task.port"),
        (WORKER, PROVIDED, "task_templates/worker.json: ${port} is not used"),
        (with_container(image="nginx"), PROVIDED, "${image} is not used"),
        (with_container(image="x-${image}"), PROVIDED, 'no container has "image": "${image}"'),
        (with_container(portMappings=[]), PROVIDED, 'no container maps "containerPort": "${port}"'),
        (with_container(imgae="x"), PROVIDED, "web.json: containerDefinitions[0].imgae: there is no such key; did you mean image?"),
        (with_container(essential="${port}"), PROVIDED, "containerDefinitions[0].essential: 80; must be true or false"),
        (with_container(command="bin/web"), PROVIDED, 'containerDefinitions[0].command: "bin/web"; must be a list'),
        (with_container(environment={"A": "b"}), PROVIDED, "containerDefinitions[0].environment: {'A': 'b'}; must be a list"),
        (with_container(stopTimeout="soon"), PROVIDED, 'stopTimeout: "soon"; must be a whole number without quotes'),
        (with_container(environment=[{"name": "A", "value": 4000}]), PROVIDED, "environment[0].value: 4000; must be a text in quotes"),
        (with_container(healthCheck={"retries": 3}), PROVIDED, "containerDefinitions[0].healthCheck.command: is missing"),
        (TaskTemplate("t", {"taskDefinition": WEB.document}), PROVIDED, "t: taskDefinition: there is no such key"),
        (TaskTemplate("t", {"taskDefinition": WEB.document}), PROVIDED, "t: family: is missing"),
        (with_container(name="${family}"), PROVIDED, "containerDefinitions[0].name must be a plain name"),
        (TaskTemplate("t", {**WEB.document, "tags": []}), PROVIDED, "t: tags: not in a template"),
    ],
)  # fmt: skip
def test_problems(template: TaskTemplate, provided: dict[str, Any], words: str) -> None:
    assert any(words in problem for problem in template.problems(provided)), template.problems(provided)


REGISTRY = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    ("image", "refused"),
    [
        (f"{REGISTRY}/dev-web:proxy-1", True),
        (f"{REGISTRY}/dev-web@sha256:{'a' * 64}", True),
        (f"{REGISTRY}/dev-web-proxy:1", False),
        (f"{REGISTRY}/other/dev-web", False),
        ("${image}", False),
        ("nginx", False),
        (5, False),
    ],
)
def test_a_sidecar_is_not_of_the_service_s_own_repository(image: Any, refused: bool) -> None:
    """It would be taken for the app, because what runs is told by its repository."""
    sidecar = {"name": "proxy", "image": image}
    template = TaskTemplate("t", {"containerDefinitions": [{"name": "web", "image": "${image}"}, sidecar]})
    found = template.fixed_images("dev-web")
    assert len(found) == refused
    assert all(
        f"t: containerDefinitions[1].image: {image!r} is of the service's own repository dev-web" in p for p in found
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not valid JSON"),
        ('{"cpu": ${cpu}}', "placeholders stand inside strings only"),
        ("[]", "must be an object"),
    ],
)
def test_files_that_are_no_templates(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(TemplateError, match=words):
        TaskTemplate.load(path)


def test_the_fingerprint_is_of_everything_but_the_image() -> None:
    def fingerprint(**changes: Any) -> str:
        return str(WEB.render({**STAND_INS, **changes})["containerDefinitions"][0]["dockerLabels"][FINGERPRINT_LABEL])

    assert fingerprint() == fingerprint(image="registry/other@sha256:abc")
    changes: list[dict[str, Any]] = [{"cpu": 512}, {"port": 81}, {"secrets": []}, {"task_role_arn": "arn:other"}]
    assert len({fingerprint(), *(fingerprint(**change) for change in changes)}) == len(changes) + 1


def test_a_clone_by_the_pipeline_keeps_the_fingerprint() -> None:
    document = WEB.render(STAND_INS)
    container = document["containerDefinitions"][0]
    label = container["dockerLabels"].pop(FINGERPRINT_LABEL)
    container["image"] = "registry/repository@sha256:abc"
    del container["dockerLabels"]
    assert fingerprint_of(document, ["web"]) == label

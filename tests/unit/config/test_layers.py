"""What is merged of defaults and services, in a stack file and in `Pulumi.yaml`, and where it is said to be written."""

import copy
import functools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from mocked import ROOT, SECRET_KEYS, Recorder, layered_config, stack_config
from pydantic import ValidationError

from config import layers, settings
from config.layers import LAYERS, merge
from config.pull_request_stack import substitute_number
from config.stack_file import Stack
from tests.support.example import EXAMPLE

Json = dict[str, Any]
Deploy = Callable[..., Recorder]

TASK = {"template": "web.json", "cpu": 256, "memory": 512}
ROUTES = [{"host": "web.example.com", "priority": 10}]
CANARY = {"strategy": "codedeploy", "shift": "canary", "percent": 10}


def common(defaults: Json | None = None, **services: Any) -> Json:
    return {"defaults": defaults or {}, "services": services}


MERGES: Mapping[str, tuple[Json, Json]] = {
    "nothing is said": ({}, {}),
    "no layers": ({"services": {"web": {"task": TASK}}}, {"web": {"task": TASK}}),
    "defaults of the stack": (
        {"defaults": {"exec": True, "task": {"cpu": 512}}, "services": {"web": {"task": {"memory": 1024}}, "job": {}}},
        {"web": {"exec": True, "task": {"cpu": 512, "memory": 1024}}, "job": {"exec": True, "task": {"cpu": 512}}},
    ),
    "a service of all stacks": ({"common": common(web={"task": TASK})}, {"web": {"task": TASK}}),
    "what differs": (
        {"common": common(web={"task": TASK}), "services": {"web": {"task": {"cpu": 512}}}},
        {"web": {"task": {**TASK, "cpu": 512}}},
    ),
    "the stack's defaults over those of all stacks": (
        {"common": common({"build": {"timeout": 5}, "exec": True}, web={}), "defaults": {"build": {"timeout": 9}}},
        {"web": {"build": {"timeout": 9}, "exec": True}},
    ),
    "a service of all stacks over the stack's defaults": (
        {"common": common(web={"tasks": {"min": 1}}), "defaults": {"tasks": {"min": 2, "max": 4}}},
        {"web": {"tasks": {"min": 1, "max": 4}}},
    ),
    "the stack's service over all": (
        {
            "common": common({"exec": True}, web={"exec": True}),
            "defaults": {"exec": True},
            "services": {"web": {"exec": False}},
        },
        {"web": {"exec": False}},
    ),
    "lists are replaced": (
        {"defaults": {"permissions": [1, 2]}, "services": {"web": {"permissions": [3]}, "job": {}}},
        {"web": {"permissions": [3]}, "job": {"permissions": [1, 2]}},
    ),
    "null takes away": (
        {
            "defaults": {"migrate": {"command": ["a"]}, "tasks": {"min": 2, "max": 3}},
            "services": {"web": {"migrate": None, "tasks": {"max": None}}},
        },
        {"web": {"tasks": {"min": 2}}},
    ),
    "null over nothing is what is written": ({"services": {"web": {"approve": None}}}, {"web": {"approve": None}}),
    "keys after null are new ones": (
        {"common": common({"tasks": {"min": 2}}, web={"tasks": None}), "services": {"web": {"tasks": {"max": 3}}}},
        {"web": {"tasks": {"max": 3}}},
    ),
    "keys over what are none": (
        {"defaults": {"task": "web.json"}, "services": {"web": {"task": TASK}}},
        {"web": {"task": TASK}},
    ),
    "another strategy has nothing of the former one": (
        {"defaults": {"deploy": CANARY}, "services": {"web": {"deploy": {"strategy": "rolling", "timeout": 9}}}},
        {"web": {"deploy": {"strategy": "rolling", "timeout": 9}}},
    ),
    "the same strategy has": (
        {"defaults": {"deploy": CANARY}, "services": {"web": {"deploy": {"strategy": "codedeploy", "percent": 20}}}},
        {"web": {"deploy": {**CANARY, "percent": 20}}},
    ),
    "so has what names none, above and below": (
        {"common": common({"deploy": {"timeout": 9}}, web={"deploy": CANARY}), "services": {"web": {"deploy": {"percent": 5}}}},
        {"web": {"deploy": {**CANARY, "timeout": 9, "percent": 5}}},
    ),
    "a former strategy hides what is below it": (
        {
            "common": common({"deploy": CANARY}, web={"deploy": {"strategy": "codedeploy", "percent": 5}}),
            "defaults": {"deploy": {"strategy": "rolling", "timeout": 9}},
        },
        {"web": {"deploy": {"strategy": "codedeploy", "percent": 5}}},
    ),
    "false leaves a service out": (
        {"common": common(web={"task": TASK}, job={"task": TASK}), "services": {"job": False}},
        {"web": {"task": TASK}},
    ),
    "an empty service leaves none out": (
        {"common": common(web={"task": TASK}), "services": {"web": None}},
        {"web": None},
    ),
    "what is for routes is for those that have some": (
        {
            "defaults": {"health_check": {"path": "/up"}, "stickiness": {}, "alarms": {"latency": 1}, "task": {"port": 80, "cpu": 256}},
            "services": {"web": {"routes": ROUTES}, "job": {}, "none": {"routes": []}},
        },
        {
            "web": {
                "health_check": {"path": "/up"},
                "stickiness": {},
                "alarms": {"latency": 1},
                "task": {"port": 80, "cpu": 256},
                "routes": ROUTES,
            },
            "job": {"task": {"cpu": 256}},
            "none": {"task": {"cpu": 256}, "routes": []},
        },
    ),
    "a strategy that shifts traffic is for those that have routes": (
        {
            "defaults": {"deploy": {"strategy": "blue_green", "bake": 5}},
            "services": {"web": {"routes": ROUTES}, "job": {}, "own": {"deploy": {"timeout": 9}}},
        },
        {
            "web": {"deploy": {"strategy": "blue_green", "bake": 5}, "routes": ROUTES},
            "job": {},
            "own": {"deploy": {"strategy": "blue_green", "bake": 5, "timeout": 9}},
        },
    ),
    "a timeout of deployments is for all": (
        {"defaults": {"deploy": {"timeout": 9}}, "services": {"job": {}}},
        {"job": {"deploy": {"timeout": 9}}},
    ),
    "what is for builds is for those that are built": (
        {
            "defaults": {"build": {"timeout": 9}, "source": {"tag": "v1"}},
            "services": {"a": {"source": {"type": "ecr"}}, "b": {"source": {"type": "s3", "tag": None}}, "c": {}},
        },
        {
            "a": {"source": {"type": "ecr", "tag": "v1"}},
            "b": {"source": {"type": "s3"}, "build": {"timeout": 9}},
            "c": {"source": {"tag": "v1"}, "build": {"timeout": 9}},
        },
    ),
    "also where the default is a pushed image": (
        {
            "common": common({"source": {"type": "ecr"}}, a={}, b={"build": {"timeout": 7}}),
            "defaults": {"build": {"timeout": 9}},
            "services": {"c": {"source": {"type": "s3"}}, "d": {"source": None}, "e": {"source": {"type": "promote"}}},
        },
        {
            "a": {"source": {"type": "ecr"}},
            "b": {"source": {"type": "ecr"}, "build": {"timeout": 7}},
            "c": {"source": {"type": "s3"}, "build": {"timeout": 9}},
            "d": {"build": {"timeout": 9}},
            "e": {"source": {"type": "promote"}},
        },
    ),
    "but not taken from a service that says so itself": (
        {"common": common(job={"health_check": {"path": "/up"}})},
        {"job": {"health_check": {"path": "/up"}}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MERGES)
def test_what_is_merged(case: str) -> None:
    config, services = MERGES[case]
    before = copy.deepcopy(config)
    merged = merge(config).services
    assert merged == services
    assert config == before


def test_a_service_that_is_moved_to_the_other_file_keeps_its_place() -> None:
    assert list(merge({"common": common(b={}, d={}), "services": {"a": {}, "b": {}, "c": {}}}).services) == [*"abcd"]
    assert list(merge({"services": {"z": {}, "a": {}}}).services) == ["z", "a"]


@pytest.mark.parametrize("services", ["", [], 7])
def test_services_that_are_none_are_kept_as_they_are(services: Any) -> None:
    assert merge({"services": services, "common": common(web={})}).services == services


WHERE: Mapping[str, str] = {
    "services.web.task.cpu": "services.web.task.cpu",
    "services.web.task.memory": "common.services.web.task.memory",
    "services.web.task.architecture": "defaults.task.architecture",
    "services.web.task.template": "common.defaults.task.template",
    "services.web.task": "services.web.task",
    "services.web.task.port": "services.web.task.port",
    "services.web.routes[0].host": "common.services.web.routes[0].host",
    "services.web.permissions[1].actions[0]": "defaults.permissions[1].actions[0]",
    "services.web": "services.web",
    "services.job.task.port": "common.services.job.task.port",
    "services.job": "common.services.job",
    "services": "services",
    "domain.zone": "domain.zone",
}


@pytest.mark.parametrize("path", WHERE)
def test_where_it_is_written(path: str) -> None:
    web = {"task": {"memory": 512}, "routes": ROUTES}
    config = {
        "common": common({"task": {"template": "web.json", "architecture": "arm64"}}, web=web, job={}),
        "defaults": {"task": {"architecture": "x86_64"}, "permissions": [{}, {}]},
        "services": {"web": {"task": {"cpu": 256}}},
    }
    assert merge(config).written(path) == WHERE[path]


def test_what_defaults_get_wrong_is_said_once() -> None:
    names = ("a", "b", "c", "d", "e")
    config = {"defaults": {"exec": "yes", "task": {"cpu": 1}}, "services": {name: {} for name in names}}
    placed = merge(config).placed(
        [*(f"services.{name}.exec: no" for name in names), "services.b.task.cpu: 1", "services.a.task.cpu: 1", "x: y"]
    )
    assert list(placed) == ["defaults.exec: no (in a, b, c and 2 more)", "defaults.task.cpu: 1 (in b, a)", "x: y"]


MUST = "must be keys, each with its value"
UNMERGEABLE: Mapping[str, tuple[Json, list[str]]] = {
    "nothing": ({}, []),
    "all there is": ({"common": common({}, web={}), "defaults": {}, "services": {"web": False, "job": {}}}, []),
    "a common of texts": ({"common": "x"}, [f"common: {MUST}; they are defaults, services"]),
    "a key too much": (
        {"common": {"secrets": {}}}, ["common.secrets: there is no such key; there are: defaults, services"]
    ),
    "empty defaults": ({"defaults": ""}, [f"defaults: is empty: {MUST}"]),
    "listed defaults": ({"common": {"defaults": []}}, [f"common.defaults: {MUST}"]),
    "services that are none": ({"common": {"services": None}}, [f"common.services: is empty: {MUST}"]),
    "a service that is none": ({"common": common(web=None)}, [f"common.services.web: is empty: {MUST}"]),
    "none to leave out": (
        {"common": common(web={}), "services": {"wbe": False}},
        ["services.wbe: false leaves out a service of common.services, which has none of this name"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNMERGEABLE)
def test_what_cannot_be_merged(case: str) -> None:
    config, problems = UNMERGEABLE[case]
    assert list(layers.problems(config)) == problems


def refusal(deploy: Deploy, config: Json) -> list[str]:
    plain = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    with pytest.raises(pulumi.RunError) as refused:
        deploy(settings.load, config=plain, secret_keys=SECRET_KEYS)
    return str(refused.value).splitlines()


PROJECT = """name: p
config:
  fargate-delivery:common:
    description: what all have
    value:
      defaults:
        exec: maybe
        helth_check: {}
      services:
        web:
          task: {template: web.json, cpu: 300, memory: 512, port: 4000}
          routes: [{host: web.example.com, priority: 1}]
"""
STACK = """config:
  fargate-delivery:domain: {zone: example.com}
  fargate-delivery:defaults:
    build: {timeout: 0}
  fargate-delivery:services:
    job:
      tasks: {min: 0}
"""
ERRORS = [
    "Pulumi.dev.yaml is not valid:",
    "  line 4: fargate-delivery:defaults.build.timeout: 0 is not allowed: input should be greater than or equal to 5 (in job, web)",
    "  line 5: fargate-delivery:services: web is a service of every stack: say what it lacks, or leave it out, `web: false`",
    "  line 6: fargate-delivery:services.job.task: is missing (its keys are ",
    "  line 7: fargate-delivery:services.job.tasks.min: 0 is not allowed: input should be greater than or equal to 1",
    "  Pulumi.yaml, line 7: fargate-delivery:common.defaults.exec: 'maybe' is not allowed: input should be a valid boolean, true or false (in job, web)",
    "  Pulumi.yaml, line 8: fargate-delivery:common.defaults.helth_check: there is no such key; did you mean health_check? (in job, web)",
    "  Pulumi.yaml, line 11: fargate-delivery:common.services.web.task.cpu: 300 is not allowed: input should be 256, ",
]


def test_a_mistake_is_named_where_it_is_written(
    deploy: Deploy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Pulumi.yaml").write_text(PROJECT)
    (tmp_path / "Pulumi.dev.yaml").write_text(STACK)
    monkeypatch.setattr(settings, "ROOT", tmp_path)
    of_all = yaml.safe_load(PROJECT)["config"]["fargate-delivery:common"]["value"]
    said = refusal(deploy, {"fargate-delivery:common": of_all, **yaml.safe_load(STACK)["config"]})
    assert len(said) == len(ERRORS)
    assert all(line.startswith(start) for line, start in zip(said, ERRORS, strict=True)), said


def test_a_stack_with_a_common_of_its_own_has_its_own_lines(
    deploy: Deploy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Pulumi.yaml").write_text(PROJECT)
    own = f"{STACK}  fargate-delivery:common:\n    defaults: []\n"
    (tmp_path / "Pulumi.dev.yaml").write_text(own)
    monkeypatch.setattr(settings, "ROOT", tmp_path)
    assert refusal(deploy, yaml.safe_load(own)["config"])[1:] == [f"  line 9: fargate-delivery:common.defaults: {MUST}"]


def loaded(deploy: Deploy, stack: str, config: Json) -> Stack:
    found: list[settings.Settings] = []
    plain = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    deploy(lambda: found.append(settings.load()), stack=stack, config=plain, secret_keys=SECRET_KEYS)
    return found[0].config


@pytest.mark.parametrize("stack", ["dev", "prd", "local"])
def test_the_program_has_them_merged(deploy: Deploy, stack: str) -> None:
    flat: Json = dict(stack_config(stack))
    secrets = {key: value for key, value in flat.items() if key in SECRET_KEYS}
    layered = layered_config(EXAMPLE / f"Pulumi.{stack}.yaml") | secrets
    assert loaded(deploy, stack, layered) == loaded(deploy, stack, flat)


def leaves(value: Any, *path: str) -> Iterator[tuple[str, ...]]:
    """The places of all keys that have no keys below them."""
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from leaves(below, *path, key)
    else:
        yield path


def test_the_example_of_the_documents_is_one() -> None:
    text = (ROOT / "docs/how-to/stack-files.md").read_text().split("```yaml\n")[1].split("```")[0]
    of_all, of_prd = (yaml.safe_load(part)["config"] for part in text.split("# Pulumi.prd.yaml\n"))
    config = {"fargate-delivery:common": of_all["fargate-delivery:common"]["value"], **of_prd}
    prd = json.loads(stack_config("prd")["fargate-delivery:services"])["chuoi"]
    (chuoi,) = services_of(config).services.values()
    assert (chuoi.task.architecture, chuoi.task.port, chuoi.tasks.min) == ("arm64", 4000, 2)
    assert chuoi.parameters["SECRET_KEY_BASE"].external.name == prd["parameters"]["SECRET_KEY_BASE"]["external"]


def without(config: Json, path: Sequence[str]) -> Json:
    rest = copy.deepcopy(config)
    at: Any = rest
    for key in path[:-1]:
        at = at[key]
    del at[path[-1]]
    return rest


def services_of(config: Json) -> Any:
    """The services that are made of a config; what is wrong with it where there are none."""
    merged = merge({key: config.get(f"fargate-delivery:{key}", {}) for key in LAYERS}).services
    try:
        return Stack.model_validate({"domain": {"zone": "example.com"}, "services": substitute_number(merged, 7)})
    except ValidationError as error:
        return str(error)


@pytest.mark.parametrize("stack", ["dev", "prd", "pr"])
def test_a_committed_stack_file_says_only_what_differs(stack: str) -> None:
    config = layered_config(EXAMPLE / f"Pulumi.{stack}.yaml")
    own = {key: config[key] for key in ("fargate-delivery:defaults", "fargate-delivery:services") if key in config}
    assert isinstance(services_of(config), Stack)
    needless = [path for path in leaves(own) if services_of(without(config, path)) == services_of(config)]
    assert needless == []


def test_both_stacks_have_all_that_pulumi_yaml_says_for_them() -> None:
    """What one of them takes away, or says otherwise, is not what both share."""
    of_all = layered_config(EXAMPLE / "Pulumi.dev.yaml")["fargate-delivery:common"]["services"]
    for stack in ("dev", "prd"):
        services = json.loads(stack_config(stack)["fargate-delivery:services"])
        for path in leaves(of_all):
            assert functools.reduce(lambda at, key: at[key], path, services) == functools.reduce(
                lambda at, key: at[key], path, of_all
            )

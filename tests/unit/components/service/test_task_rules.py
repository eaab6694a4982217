"""What ECS and Fargate refuse of a template: the program, and AWS's own linter of CloudFormation templates."""

import json
from functools import cache
from typing import Any, get_args

import pytest
from cfnlint.api import lint_all
from task_definitions import CASES, TAKEN, Case, changed, mounted

from components.service import task_rules
from components.service.task_template import STAND_INS, TaskTemplate, _request_shape
from config.service import Task
from docs.templates import TABLE, table
from tools import fargate_limits

MAPS = {"options", "dockerLabels"}
IN_CLOUDFORMATION = {
    "efsVolumeConfiguration": "EFSVolumeConfiguration",
    "fileSystemId": "FilesystemId",
    "iam": "IAM",
}


def values_of(case: Case) -> dict[str, Any]:
    secrets = [{"name": name, "valueFrom": STAND_INS["secrets"][0]["valueFrom"]} for name in case.parameters]
    return {**STAND_INS, "secrets": secrets}


def problems(case: Case) -> list[str]:
    return TaskTemplate("web.json", changed(case.changes)).problems(values_of(case), sessions=case.sessions)


@pytest.mark.parametrize("name", CASES)
def test_what_is_refused(name: str) -> None:
    assert problems(CASES[name]) == [f"web.json: {CASES[name].problem}"]


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_taken(name: str) -> None:
    assert problems(Case(TAKEN[name], "", None)) == []


def test_all_of_a_template_at_once() -> None:
    changes = {
        **CASES["privileged"].changes,
        **CASES["maxSwap"].changes,
        **CASES["stopTimeout"].changes,
        **CASES["network mode bridge"].changes,
        "tags": [],
        "containerDefinitions.0.command": ["${nmae}"],
        "containerDefinitions.0.imgae": "x",
        "containerDefinitions.1.essential": "no",
    }
    found = problems(Case(changes, "", None))
    assert [problem.removeprefix("web.json: ").split(";")[0][:60] for problem in found] == [
        "${nmae} is not a placeholder",
        "tags: not in a template: the program tags every task definit",
        "containerDefinitions[0].imgae: there is no such key",
        'containerDefinitions[1].essential: "no"',
        'networkMode: "bridge"',
        "containerDefinitions[0].privileged: true",
        "containerDefinitions[0].linuxParameters.maxSwap: 64",
        "containerDefinitions[0].stopTimeout: 121",
    ]


EXEC = {"containerDefinitions.0.readonlyRootFilesystem": True}
FOLDERS = ["/var/lib/amazon", "/var/log/amazon"]


@pytest.mark.parametrize(
    "mounts",
    [
        {
            "volumes": [{"name": "a"}, {"name": "b"}],
            "containerDefinitions.0.mountPoints": [
                {"sourceVolume": name, "containerPath": folder} for name, folder in zip("ab", FOLDERS, strict=True)
            ],
        },
        {
            "containerDefinitions.0.linuxParameters.tmpfs": [
                {"containerPath": f"{path}/", "size": 9} for path in FOLDERS
            ]
        },
        {
            "volumes": [{"name": "a"}],
            "containerDefinitions.0.mountPoints": [{"sourceVolume": "a", "containerPath": "/var"}],
        },
    ],
)
def test_exec_with_a_read_only_root_and_folders_to_write(mounts: dict[str, Any]) -> None:
    assert problems(Case({**EXEC, **mounts}, "", None, sessions=True)) == []


def test_exec_with_a_read_only_volume() -> None:
    mounts = [{"sourceVolume": "a", "containerPath": folder, "readOnly": folder == FOLDERS[0]} for folder in FOLDERS]
    changes = {**EXEC, "volumes": [{"name": "a"}], "containerDefinitions.0.mountPoints": mounts}
    (problem,) = problems(Case(changes, "", None, sessions=True))
    assert "writes into /var/lib/amazon: mount" in problem


def test_an_access_point_with_a_root_directory_and_no_encryption_names_both_fields() -> None:
    """As published: aws/aws-cdk#10683."""
    volume = {
        "fileSystemId": "fs-0123456789abcdef0",
        "rootDirectory": "/data",
        "authorizationConfig": {"accessPointId": "fsap-0123456789abcdef0"},
    }
    found = problems(Case(mounted({"efsVolumeConfiguration": volume}), "", None))
    where = "web.json: volumes[0].efsVolumeConfiguration."
    assert [problem.partition(": must")[0].split(";")[0] for problem in found] == [
        f'{where}rootDirectory: "/data"',
        f"{where}transitEncryption: null",
    ]


@pytest.mark.parametrize("wrong", [None, 3, "x", [], {}, [None], [[]], {"a": None}, True])
def test_nothing_in_a_template_breaks_the_rules(wrong: Any) -> None:
    """Whatever stands at any place is a problem with words, or none, but never a traceback."""
    changes = {**CASES["devices"].changes, **TAKEN["a log router and its user"]}
    for path in _places(changed(changes), ""):
        document = changed(changes)
        _put(document, path, wrong)
        template = TaskTemplate("web.json", document)
        for problem in template.problems(STAND_INS, sessions=True):
            assert problem.startswith("web.json: ")


def _places(value: Any, path: str) -> list[str]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, item in pairs for place in (f"{path}{key}", *_places(item, f"{path}{key}."))]


def _put(document: Any, path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for name in parents:
        document = document[int(name)] if isinstance(document, list) else document[name]
    document[int(last) if isinstance(document, list) else last] = value


def test_every_field_of_a_task_definition_is_offered_or_refused_with_a_reason() -> None:
    offered = {
        *(
            "family",
            "taskRoleArn",
            "executionRoleArn",
            "networkMode",
            "containerDefinitions",
            "volumes",
            "cpu",
            "memory",
        ),
        *("requiresCompatibilities", "pidMode", "ephemeralStorage", "runtimePlatform", "enableFaultInjection"),
    }
    assert offered | task_rules.NOT_A_TEMPLATE_S.keys() == _request_shape().members.keys()


def test_the_committed_limits_are_what_cfn_lint_knows() -> None:
    assert fargate_limits.FILE.read_text(encoding="utf-8") == fargate_limits.text(), "write them anew: make docs"


def test_the_limits_that_the_rules_say_themselves_are_in_botocore_s_words() -> None:
    """The API's own text of each number, so that a change of it is seen."""
    container = _request_shape().members["containerDefinitions"].member
    for path, (least, most) in task_rules.RANGES.items():
        shape = container
        for name in path.split("."):
            shape = shape.members[name]
        text = shape.documentation
        words = (f"{least}-{most} seconds", f"between {least} and {most}", f"{least} seconds", "attempt period")
        assert any(part in text for part in words), (path, text)


@cache
def linted() -> dict[str, set[str]]:
    """Case or what is taken → the rules of cfn-lint that find something."""
    every = {
        **{name: (case.changes, values_of(case)) for name, case in CASES.items()},
        **{f"taken: {name}": (changes, {**STAND_INS, "secrets": []}) for name, changes in TAKEN.items()},
    }
    ids = {f"T{number}": name for number, name in enumerate(every)}
    resources = {
        id: {
            "Type": "AWS::ECS::TaskDefinition",
            "Properties": _cloudformation(TaskTemplate("t", changed(every[name][0])), every[name][1]),
        }
        for id, name in ids.items()
    }
    found: dict[str, set[str]] = {name: set() for name in every}
    for match in lint_all(json.dumps({"Resources": resources})):
        if match.rule.id.startswith("E"):
            found[ids[str(match.path[1])]].add(match.rule.id)
    return found


def _cloudformation(template: TaskTemplate, values: dict[str, Any]) -> Any:
    return _pascal(template.rendered(values))


def _pascal(value: Any) -> Any:
    if isinstance(value, list):
        return [_pascal(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        IN_CLOUDFORMATION.get(key, key[0].upper() + key[1:]): item if key in MAPS else _pascal(item)
        for key, item in value.items()
    }


@pytest.mark.parametrize("name", CASES)
def test_what_cfn_lint_finds(name: str) -> None:
    """It knows few of them; where it learns one, it becomes the source."""
    assert linted()[name] == set(CASES[name].lint)


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_taken_cfn_lint_takes(name: str) -> None:
    assert linted()[f"taken: {name}"] == set()


def test_the_stack_file_takes_the_sizes_that_fargate_offers() -> None:
    assert get_args(Task.model_fields["cpu"].annotation) == tuple(task_rules.MEMORY)


def test_the_page_says_what_the_rules_say() -> None:
    assert TABLE.read_text(encoding="utf-8") == table(), "write it anew: make docs"

"""Every text that the programs declare is one that AWS takes, also where users choose what is in it."""

import json
import re
import runpy
from collections.abc import Callable, Mapping
from typing import Any

import pulumi
import pytest
import yaml
from aws_limits import AUTONAMED, TEXTS, Declared, leaves, problems, unknown
from mocked import ACCOUNT, ROOT, SECRET_KEYS, Recorder, deploy, of_stack, stack_config

from tests.support.example import EXAMPLE

__all__ = ["deploy"]
Deploy = Callable[..., Recorder]


def declared(recorder: Recorder) -> list[Declared]:
    return [
        Declared(request.type.removeprefix("aws:"), request.name, recorder.inputs(request.type, request.name))
        for request in recorder.requests()
        if request.custom and request.type.startswith("aws:")
    ]


@pytest.mark.parametrize("stack", ["dev", "prd", "local"])
def test_what_a_stack_declares(committed: Mapping[str, Recorder], stack: str) -> None:
    found = declared(committed[stack])
    assert unknown(found) == set()
    assert list(problems(found)) == []


LONGEST_HOST = f"{'h' * 63}.{'z' * 56}.example"
"""Of 128 characters, in a zone of 64."""
EXTREMES: dict[str, Any] = {
    "task": {"template": "web.json", "cpu": 256, "memory": 512, "port": 4000},
    "health_check": {"path": "/" + "p" * 1023, "matcher": "200-299,302,404,499"},
    "routes": [{"host": LONGEST_HOST, "paths": ["/" + letter * 126 + "*" for letter in "abcd"], "priority": 50000}],
    "tasks": {"min": 1, "max": 9, "target_cpu": 50},
    "migrate": {"command": ["bin/migrate", "x" * 2000]},
    "jobs": {f"job-{number:02}": {"command": ["bin/run", "--fast"]} for number in range(26)},
    "approve": True,
    "source": {
        "github": {"repository": "o" * 39 + "/" + "r" * 100, "owner_id": 10**10, "repository_id": 10**10},
        "gitlab": {"url": "https://gitlab.example.com", "project": "/".join(["g" * 60] * 4)},
    },
    "permissions": [{"actions": ["s3:GetObject"], "resources": ["arn:aws:s3:::bucket/key"]}],
    "parameters": {f"{'V' * 118}_{number}": {"value": "v" * 4096, "for": ["build", "runtime"]} for number in range(20)},
}
BY_CODE_DEPLOY: dict[str, Any] = {
    **EXTREMES,
    "deploy": {
        "strategy": "codedeploy",
        "shift": "linear",
        "percent": 50,
        "interval": 2880,
        "test_port": 8443,
        "hooks": {"BeforeInstall": f"arn:aws:lambda:ap-northeast-1:{ACCOUNT}:function:{'f' * 64}"},
    },
}


@pytest.mark.parametrize(
    ("stack", "service"),
    [("s" * 13, "a" * 18), ("s" * 29, "ab"), ("s" * 16, "a" * 40)],
)
@pytest.mark.parametrize("strategy", ["rolling", "codedeploy"])
def test_what_a_stack_declares_at_the_extremes(deploy: Deploy, stack: str, service: str, strategy: str) -> None:
    """The longest names, hosts, paths, commands and values that the stack file takes."""
    config = stack_config(
        "prd",
        domain={"zone": LONGEST_HOST.partition(".")[2]},
        secrets={},
        notifications={
            "slack": True,
            "commits": {"host": "github"},
            "page": f"arn:aws:sns:ap-northeast-1:{ACCOUNT}:{'t' * 200}",
        },
        slack_webhook="https://hooks.slack.com/services/T0/B0/webhook",
        commit_token="commit-token-value",  # noqa: S106
        services={service: EXTREMES if strategy == "rolling" else BY_CODE_DEPLOY},
    )

    def program() -> None:
        runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")

    found = declared(deploy(program, stack=stack, config=config, secret_keys=SECRET_KEYS))
    assert unknown(found) == set()
    assert list(problems(found)) == []
    variables = [each.inputs["environment"]["variables"] for each in found if each.typ == "lambda/function:Function"]
    assert max(len(json.dumps(each, separators=(",", ":"))) for each in variables) <= 4096, "Lambda quotas"
    handed = [text for resource in found for path, text in leaves(resource.inputs) if ".configuration." in path]
    assert max(len(filled(text)) for text in handed) <= 1000
    assert any("COMMIT_REPOSITORY" in text for text in handed)


OF_THEIR_OWN = f"arn:aws:kms:ap-northeast-1:{ACCOUNT}:key/{'1' * 36}"


@pytest.mark.parametrize(
    "last",
    [
        {"external": {"name": "/team/parameter", "key": OF_THEIR_OWN}},
        {"secrets_manager": {"arn": f"arn:aws:secretsmanager:ap-northeast-1:{ACCOUNT}:secret:team-AbCdEf"}},
    ],
    ids=lambda last: next(iter(last)),
)
def test_a_role_as_large_as_the_stack_file_may_have_it(last: dict[str, Any]) -> None:
    """What `config/limits.py` lets through leaves room for all else that ECS's role for the tasks may do."""
    kept = [f"/team/parameter-{number:02}" for number in range(55)]
    parameters = {
        f"P{n}": {"external": {"name": name, "key": OF_THEIR_OWN}, "for": ["runtime"]} for n, name in enumerate(kept)
    }
    services = json.loads(stack_config("prd")["fargate-delivery:services"])
    services["chuoi"]["parameters"] = parameters
    found = of_stack("prd", services=services)
    of_role = [each for each in declared(found) if each.name.startswith("chuoi-execution-")]
    together = "".join(each.inputs["policy"] for each in of_role if each.name.endswith("-policy"))
    assert 8500 < len("".join(together.split())) <= 10240
    services["chuoi"]["parameters"] = {**parameters, "ONE": {**last, "for": ["runtime"]}}
    with pytest.raises(pulumi.RunError, match="execution role's policy would have"):
        of_stack("prd", services=services)


LONGEST_VALUES = {
    "codepipeline.PipelineExecutionId": 36,
    "variables.image": 71,
    "variables.migration": 4,
    "Source.VersionId": 32,
    "IMAGE_DIGEST": 71,
    "SOURCE": 32,
    "COMMIT": 64,
    "COMMIT_REPOSITORY": 256,
    "UPLOADED": 10,
    "DEPLOY": 3,
    "SUMMARY": 19
    + len(" from source ")
    + 32
    + 2 * len(", commit ")
    + 2 * 64
    + len(". It replaces release- (), unless another release comes first")
    + 40,
}
"""Characters; S3's versions have 32, though it promises 1,024 bytes at most."""


def filled(text: str) -> str:
    """A value of an action's configuration as CodePipeline has it when its variables are filled in."""

    def longest(match: re.Match[str]) -> str:
        name = match[1]
        return "x" * (LONGEST_VALUES[name] if name in LONGEST_VALUES else LONGEST_VALUES[name.partition(".")[2]])

    return re.sub(r"#\{([^}]+)\}", longest, text)


NAMESPACE = "fargate-delivery-bootstrap"


@pytest.mark.parametrize(
    "stacks",
    [{"s" * 20: {"reviews": True}}, {"dev": {}, "p" * 20: {"branch": "b" * 200}}],
    ids=["reviews", "two"],
)
def test_what_bootstrap_declares(deploy: Deploy, stacks: dict[str, Any]) -> None:
    config = yaml.safe_load((EXAMPLE / "bootstrap/Pulumi.dev.yaml").read_text())["config"]
    repository = {"repository": "o" * 39 + "/" + "r" * 100, "owner_id": 10**10, "repository_id": 10**10}
    gitlab = {"url": "https://gitlab.example.com", "project": "/".join(["g" * 60] * 4)}
    keys = {"stacks": stacks, "github": repository, "gitlab": gitlab, "backend": "s3"}
    config |= {f"{NAMESPACE}:{key}": value for key, value in keys.items()}
    given = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items() if value}
    program = ROOT / "bootstrap/__main__.py"
    found = declared(deploy(lambda: runpy.run_path(str(program), run_name="__main__"), config=given))
    assert unknown(found) == set()
    assert list(problems(found)) == []


def test_the_table_is_of_types_that_there_are(deploy: Deploy) -> None:
    """A row of a misspelt type would judge nothing."""
    import importlib
    import keyword

    for typ in {typ for typ, _ in TEXTS} | AUTONAMED.keys():
        module, _, name = typ.partition("/")
        importable = f"{module}_" if keyword.iskeyword(module) else module
        assert hasattr(importlib.import_module(f"pulumi_aws.{importable}"), name.partition(":")[2]), typ


@pytest.mark.parametrize(
    ("typ", "inputs", "words"),
    [
        ("ec2/securityGroup:SecurityGroup", {"name": "x", "description": "AWS's"}, "does not match"),
        ("ec2/securityGroup:SecurityGroup", {"name": "x", "description": "d" * 256}, "256 characters, of 255"),
        ("iam/role:Role", {"name": "r" * 65}, "65 characters, of 64"),
        ("lb/targetGroup:TargetGroup", {"name": None}, "as it will be called"),
        ("ssm/parameter:Parameter", {"name": "/a", "insecureValue": "{{x}}"}, "does not match"),
        ("codebuild/project:Project", {"source": {"buildspec": "b" * 25601}}, "of 25600"),
        ("sqs/queuePolicy:QueuePolicy", {"policy": '{"Statement": [{"Sid": "A-b"}]}'}, "Sid 'A-b'"),
    ],
)
def test_a_planted_mistake_is_found(typ: str, inputs: dict[str, Any], words: str) -> None:
    known = {key: value for key, value in inputs.items() if value is not None}
    (problem,) = problems([Declared(typ, "n" * 25, known)])
    assert words in problem

"""What `parameters` reads, compares and sets, and what it leaves to Pulumi."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from verified import Answers, released

from delivery.__main__ import main
from delivery.command_line import Connection
from delivery.services.parameters import Parameter, differences

Json = dict[str, Any]
OURS = "/fargate-delivery/dev/web/runtime/KEY-1a2b3c4"
PLAIN = "/fargate-delivery/dev/web/runtime/MODE-1a2b3c4"
BUILD = "/fargate-delivery/dev/web/build/MIX_ENV"
SHARED = "/shared/api_key"
SECRET = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:db-AbCdEf"  # noqa: S105 (its name)
KINDS: dict[str, Json] = {
    OURS: {"Type": "SecureString", "KeyId": "k", "Version": 1},
    PLAIN: {"Type": "String", "Version": 1},
    BUILD: {"Type": "String", "Version": 3},
    SHARED: {"Type": "SecureString", "KeyId": "alias/shared", "Tier": "Advanced", "DataType": "text", "Version": 7},
}


def parameter_arn(name: str) -> str:
    return f"arn:aws:ssm:eu-west-1:111111111111:parameter{name}"


@pytest.fixture
def aws() -> Answers:
    """A service with a parameter of each kind."""
    references = {"KEY": parameter_arn(OURS), "MODE": parameter_arn(PLAIN), "API": parameter_arn(SHARED)}
    aws = released(secrets={**references, "DB": f"{SECRET}:password::", "OLD": parameter_arn("/shared/gone")})
    project = {
        "name": "dev-web-package",
        "environment": {
            "type": "LINUX_CONTAINER",
            "environmentVariables": [
                {"name": "IMAGE", "value": "x"},
                {"name": "PARAMETER_MIX_ENV", "value": BUILD, "type": "PARAMETER_STORE"},
            ],
        },
    }

    def describe(given: Json) -> Json:
        (only,) = given["ParameterFilters"]
        assert (only["Key"], only["Option"]) == ("Name", "Equals")
        return {"Parameters": [{"Name": each, **KINDS[each]} for each in only["Values"] if each in KINDS]}

    aws.answers |= {
        "BatchGetProjects": lambda given: {"projects": [project] if given["names"] == ["dev-web-package"] else []},
        "DescribeParameters": describe,
        "PutParameter": {"Version": 8},
    }
    return aws


@pytest.fixture
def run(aws: Answers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    session = aws.session()
    monkeypatch.setattr(Connection, "session", property(lambda self: session))

    def call(*arguments: str, given: str = "") -> Result:
        return CliRunner().invoke(main, ["parameters", *arguments], input=given)

    return call


def operations(aws: Answers) -> set[str]:
    return {operation for _, operation, _ in aws.calls}


def test_names_and_types_and_no_value(run: Any, aws: Answers) -> None:
    assert run("list", "web", "--stack", "dev").output.splitlines() == [
        f"web build MIX_ENV: {BUILD} (String, version 3, program)",
        f"web runtime KEY: {OURS} (SecureString, version 1, program)",
        f"web runtime MODE: {PLAIN} (String, version 1, program)",
        f"web runtime API: {SHARED} (SecureString, version 7, yours)",
        f"web runtime DB: {SECRET}:password:: (Secrets Manager, yours)",
        "web runtime OLD: /shared/gone (not there)",
    ]
    assert not {"GetParameter", "GetSecretValue"} & operations(aws)


def test_values_if_asked(run: Any, aws: Answers) -> None:
    def get(given: Json) -> Json:
        assert given["WithDecryption"] is True
        return {"Parameters": [{"Name": name, "Value": f"value of {name}"} for name in given["Names"]]}

    records = aws._GetParameters
    aws.answers["GetParameters"] = lambda given: get(given) if given.get("WithDecryption") else records(given)
    aws.answers["GetSecretValue"] = {"SecretString": "{}"}
    found = json.loads(run("list", "--stack", "dev", "--values", "--json").output)
    assert [each["value"] for each in found] == [
        *(f"value of {name}" for name in (BUILD, OURS, PLAIN, SHARED)), "{}", None
    ]  # fmt: skip
    assert ("secretsmanager", "GetSecretValue", {"SecretId": SECRET}) in aws.calls


def parameter(variable: str, **fields: Any) -> Parameter:
    kept = {"service": "web", "reader": "runtime", "name": "n", "type": "String", "version": 1, "owner": "program"}
    return Parameter(variable=variable, **{**kept, **fields})


def test_what_differs_between_stacks() -> None:
    dev = [
        parameter("A", name="a"),
        parameter("B"),
        parameter("C"),
        parameter("E", value="x"),
        parameter("F", value="y"),
    ]
    prd = [
        parameter("A", name="b", version=2),
        parameter("C", type="SecureString", owner="yours"),
        parameter("D", service="api", reader="build"),
        parameter("E", value="x"),
        parameter("F", value="z"),
    ]
    assert differences("dev", dev, "prd", prd) == [
        "api build D: only in prd",
        "web runtime B: only in dev",
        "web runtime C: type String in dev, SecureString in prd",
        "web runtime C: kept as program in dev, yours in prd",
        "web runtime F: value y in dev, z in prd",
    ]


def test_the_stacks_of_a_diff(run: Any) -> None:
    for arguments in (("dev", "dev"), ("dev", "--stack", "dev")):
        assert run("diff", *arguments).output == "dev and dev have the same parameters.\n"
    refused = run("diff", "dev", "nope")
    assert (refused.exit_code, "there is no service in stack nope" in refused.output) == (1, True)


def test_a_parameter_of_somebody_else_s_is_set_with_its_type_and_key(run: Any, aws: Answers) -> None:
    done = run("set", SHARED, "--stack", "dev", given="new\n")
    assert done.output == (
        f"{SHARED} has version 8.\n"
        "Tasks of web that start now read it; `delivery redeploy web --stack dev` starts new ones.\n"
    )
    (given,) = [given for _, operation, given in aws.calls if operation == "PutParameter"]
    kept = {"Name": SHARED, "Value": "new", "Type": "SecureString", "KeyId": "alias/shared", "Overwrite": True}
    assert given == {**kept, "Tier": "Advanced", "DataType": "text"}
    run("set", "/shared/gone", "--stack", "dev", given="two\nlines\n\n")
    given = [given for _, operation, given in aws.calls if operation == "PutParameter"][1]
    assert given == {"Name": "/shared/gone", "Value": "two\nlines\n", "Type": "SecureString"}


SECRETS = "`pulumi config set --secret --path 'fargate-delivery:secrets.web.KEY' --stack dev`, then `up`"
REFUSED = {
    OURS: f"KEY of web is Pulumi's, which would put it back: {SECRETS}",
    "KEY": f"KEY of web is Pulumi's, which would put it back: {SECRETS}",
    PLAIN: "MODE of web is Pulumi's, which would put it back: write services.web.parameters.MODE.value in "
    "Pulumi.dev.yaml, then `up`",
    BUILD: "MIX_ENV of web is Pulumi's, which would put it back: write services.web.parameters.MIX_ENV.value in "
    "Pulumi.dev.yaml, then `up`",
    "API": f"API is the variable; the parameter is {SHARED}",
    "DB": f"DB is Secrets Manager's: `aws secretsmanager put-secret-value --secret-id {SECRET} --secret-string file://…`",
    "/fargate-delivery/dev/web/release": "/fargate-delivery/dev/web/release is the program's own, and nothing that a "
    "service reads",
    "/other": "no service of dev reads /other; `external` in the stack file names what somebody else keeps",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_set_by_hand(run: Any, aws: Answers, name: str) -> None:
    done = run("set", name, "--stack", "dev", given="new")
    assert (done.exit_code, done.output) == (1, f"error: {REFUSED[name]}\n")
    assert "PutParameter" not in operations(aws)


def test_an_empty_value_is_not_taken(run: Any, aws: Answers) -> None:
    assert "Parameter Store takes no empty value" in run("set", SHARED, "--stack", "dev", given="\n").output
    assert "PutParameter" not in operations(aws)

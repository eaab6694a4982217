"""The sandbox's private copy of a stack: made-up secrets, locks, runs that are killed, what its project and providers say."""

import json
import os
import subprocess
import sys
import time
from typing import Any

import pytest

from sandbox.engine import Engine, EngineError
from tests.engine.conftest import ACCOUNT, PARAMETER, REPOSITORY, Program, changed

pytestmark = pytest.mark.nightly


def test_a_missing_secret_is_made_up_once_said_and_secret_in_the_state(program: Program) -> None:
    program.write(PARAMETER)
    program.run("up")
    program.run("up")
    assert [line for line in program.said if "Made up" in line and "tiny:password" in line] == [
        "Made up for the sandbox, since these secrets are not set: tiny:password"
    ]
    (value,) = program.folder.secrets.values().values()
    name = program.state()["login"]["outputs"]["name"]
    parameter = program.client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]
    assert parameter["Value"] == value
    assert value not in str(program.state())
    stored = [file.read_text() for file in program.folder.state.rglob("*.json*") if file.is_file()]
    assert any("login" in text for text in stored)
    assert not any(value in text for text in stored)


def test_a_secret_of_one_s_own_is_the_next_up_s(program: Program) -> None:
    program.write(PARAMETER)
    program.run("up")
    program.folder.secrets.keep("tiny:password", "mine")
    program.run("up")
    name = program.state()["login"]["outputs"]["name"]
    assert program.client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"] == "mine"


def test_a_made_up_secret_that_the_program_refuses_is_forgotten(program: Program) -> None:
    program.write(PARAMETER)
    program.run("up")
    program.write(
        """
        if pulumi.Config().get_secret("password"):
            raise pulumi.RunError("tiny:password: nothing takes it")
        """
    )
    made_up = program.folder.secrets.values()
    assert changed(program.run("preview")) == {"login": "delete", "things": "delete"}
    assert program.folder.secrets.values() == made_up, "a preview changes nothing"
    assert changed(program.run("up")) == {"login": "delete", "things": "delete"}
    assert program.folder.secrets.values() == {}


def test_a_refusal_that_stays_is_raised(program: Program) -> None:
    program.config["tiny:password"] = {"secure": "v1:abc:def"}
    program.write('raise pulumi.RunError("tiny:password: nothing takes it")')
    with pytest.raises(EngineError, match="nothing takes it"):
        program.run("up")


def test_locked_config_is_replaced_by_made_up_values(program: Program) -> None:
    program.config["tiny:password"] = {"secure": "v1:abc:def"}
    program.environment = {"encryptionsalt": "v1:x:y", "environment": ["some/where"]}
    program.write(PARAMETER)
    program.run("preview")
    assert any("tiny:password" in line for line in program.said)


def test_refresh_always_of_the_project_holds_unless_told_otherwise(program: Program) -> None:
    program.project["options"] = {"refresh": "always"}
    program.write("aws.ssm.Parameter('always', type='String', value='declared')")
    program.run("up")
    name = program.state()["always"]["outputs"]["name"]
    program.client("ssm").put_parameter(Name=name, Value="by hand", Overwrite=True)
    assert changed(program.run("preview", refresh=False)) == {}
    assert changed(program.run("preview")) == {"always": "update"}
    program.run("destroy")


def test_a_lock_that_a_killed_run_left_is_taken_away(program: Program) -> None:
    program.write("aws.ssm.Parameter('locked', type='String', value='x')")
    program.run("up")
    lock = program.folder.state / ".pulumi/locks/organization/tiny/test/0c0ffee0-dead.json"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text('{"pid": 4194303, "username": "x", "hostname": "y", "timestamp": "2026-01-01T00:00:00Z"}')
    assert program.run("up").changes() == {}
    assert any("killed" in line for line in program.said)
    program.run("destroy")


def test_a_run_that_is_killed_forgets_nothing_it_made(program: Program) -> None:
    program.write("""
        last = []
        for i in range(40):
            options = pulumi.ResourceOptions(depends_on=last)
            last = [aws.ssm.Parameter(f"killed-{i}", name=f"/killed/{i}", type="String", value="x", opts=options)]
    """)
    _ = program.folder
    command = [sys.executable, "-c", "from sandbox.cli import main; main()", "up", "--stack", "test"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    run = subprocess.Popen(
        command, cwd=program.root, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    ssm = program.client("ssm")
    while len(ssm.get_parameters_by_path(Path="/killed")["Parameters"]) < 3:
        assert run.poll() is None
        time.sleep(0.05)
    run.kill()
    run.wait()
    up = program.run("up")
    assert 0 < up.changes()["create"] < 40
    assert changed(program.run("preview", refresh=True)) == {}
    assert len(program.state()) == 42
    program.run("destroy")


def test_what_the_provider_makes_up_is_said(program: Program) -> None:
    program.write("aws.route53.get_zone(name='unheard-of.example')")
    program.run("preview")
    assert any("warning" in line and "unheard-of.example" in line for line in program.said)


ASSUMING = """
    role = aws.ProviderAssumeRoleArgs(role_arn="arn:aws:iam::123456789012:role/writer", session_name="tiny")
    provider = aws.Provider("assuming", region="eu-west-1", assume_roles=[role])
    aws.ssm.Parameter("own", name="/assuming/own", type="String", value="x")
    aws.ssm.Parameter("by-role", name="/assuming/by-role", type="String", value="x",
        opts=pulumi.ResourceOptions(provider=provider))
"""


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def test_a_provider_that_assumes_a_role_calls_as_that_role(program: Program) -> None:
    iam = program.client("iam")
    trusts = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/deployer"},
    }
    writes = policy({"Effect": "Allow", "Action": "ssm:*", "Resource": "*"})
    iam.create_user(UserName="deployer")
    iam.put_user_policy(UserName="deployer", PolicyName="all", PolicyDocument=writes)
    iam.create_role(RoleName="writer", AssumeRolePolicyDocument=policy())
    program.write(ASSUMING)
    deployer = Engine(program.folder, program.server, program.said.append, identity="deployer")
    with pytest.raises(EngineError, match=r"Cannot assume IAM Role. IAM Role \(\S+role/writer\) cannot be assumed"):
        deployer.run("up")
    iam.update_assume_role_policy(RoleName="writer", PolicyDocument=policy(trusts))
    with pytest.raises(EngineError, match=r"assumed-role/writer/tiny is not authorized to perform: ssm:PutParameter"):
        deployer.run("up")
    iam.put_role_policy(RoleName="writer", PolicyName="writes", PolicyDocument=writes)
    deployer.run("up")
    assert changed(deployer.run("preview", refresh=True)) == {}
    program.run("destroy")
    assert any("the account's root assumes no role: " in line for line in program.said)


def test_an_explicit_provider_has_its_own_tags(program: Program) -> None:
    program.config["aws:defaultTags"] = {"tags": {"team": "web"}}
    program.write("""
        provider = aws.Provider("other", region="eu-west-1", default_tags={"tags": {"team": "other"}})
        aws.ssm.Parameter("default", type="String", value="x")
        aws.ssm.Parameter("explicit", type="String", value="x", opts=pulumi.ResourceOptions(provider=provider))
    """)
    program.run("up")
    state = program.state()
    assert state["default"]["outputs"]["tagsAll"] == {"team": "web"}
    assert state["explicit"]["outputs"]["tagsAll"] == {"team": "other"}
    program.run("destroy")

"""The sandbox's private copy of a stack: made-up secrets, locks, runs that are killed, what its project and providers say."""

import os
import subprocess
import sys
import time

import pytest

from sandbox.engine import EngineError
from tests.engine.conftest import PARAMETER, REPOSITORY, Program, changed

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

"""The command line around the engine."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sandbox.cli import main
from tests.engine.conftest import Program

BUCKET = "bucket = aws.s3.Bucket('commanded', opts=pulumi.ResourceOptions(protect={}))\npulumi.export('name', 'x')"


@pytest.fixture
def run(program: Program, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(program.root)
    _ = program.folder

    def command(*arguments: str) -> Result:
        return CliRunner().invoke(main, [arguments[0], "--stack", "test", *arguments[1:]])

    return command


def test_up_preview_export_and_down(program: Program, run: Any) -> None:
    program.write(BUCKET.format("False"))
    planned = json.loads(run("preview", "--json").stdout)
    assert [step["urn"].split("::")[-1] for step in planned["steps"] if step["op"] == "create"][-1] == "commanded"
    assert planned["changeSummary"] == {"create": 2}
    planned = run("preview")
    assert planned.stdout.startswith("test: 1 to create\n\nShared by all services\n  the program: Bucket created\n\n")
    assert "\nWould change (" in planned.stdout, "components are nothing at AWS, and are not counted"
    assert planned.stderr == ""
    up = run("up")
    assert (up.exit_code, up.stderr) == (0, "")
    assert up.stdout.startswith("             created\nthe program  1\n\nname: x\n\nStack test is up (")
    assert "nothing changed" in run("up").stdout
    assert "Nothing would change" in run("preview", "--refresh").stdout
    assert json.loads(run("preview", "--json").stdout)["steps"] == []
    exported = json.loads(run("export").stdout)
    assert [r["type"] for r in exported["deployment"]["resources"]][-1] == "aws:s3/bucket:Bucket"
    assert "deleted (" in run("down").stdout
    assert "nothing to destroy" in run("down").stdout


def test_diff_lists_each_resource_as_the_engine_does(program: Program, run: Any) -> None:
    source = "aws.ssm.Parameter('listed', type='String', value='{}')"
    program.write(source.format("one"))
    assert "  created: aws:ssm/parameter:Parameter listed\n" in run("up", "--diff").stderr
    program.write(source.format("two"))
    changed = "aws:ssm/parameter:Parameter listed\n      value: "
    planned = run("preview", "--diff")
    assert f"  update               {changed}" in planned.stderr
    assert planned.stdout.startswith("Would change: 1 to update (")
    assert f"  updated: {changed}" in run("up", "--diff").stderr
    run("down")


def test_what_is_protected_is_not_destroyed(program: Program, run: Any) -> None:
    program.write(BUCKET.format("True"))
    run("up")
    down = run("down")
    assert down.exit_code == 1
    assert "stack test is protected" in down.stderr
    assert "aws:s3/bucket:Bucket commanded" in down.stderr
    assert "Traceback" not in down.output
    program.write(BUCKET.format("False"))
    assert run("up").exit_code == 0
    assert run("down").exit_code == 0


def test_only_the_target_is_touched(program: Program, run: Any) -> None:
    program.write(
        "aws.ssm.Parameter('one', type='String', value='1')\naws.ssm.Parameter('two', type='String', value='1')"
    )
    up = run("up", "--target", "urn:pulumi:test::tiny::aws:ssm/parameter:Parameter::one")
    assert up.exit_code == 0
    assert "one" in program.state()
    assert "two" not in program.state()
    run("down")


def test_a_failure_exits_with_1_and_one_message(program: Program, run: Any) -> None:
    program.write("raise ValueError('services.web: no such template')")
    up = run("up")
    assert up.exit_code == 1
    assert up.stdout == ""
    assert up.stderr == "error: services.web: no such template\n"


def test_wrong_usage_exits_with_2(run: Any) -> None:
    assert run("up", "--no-such-option").exit_code == 2

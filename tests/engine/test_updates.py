"""What an update keeps and what it takes away."""

from tests.engine.conftest import Program, changed


def test_an_update_leaves_what_depends_on_it_alone(program: Program) -> None:
    source = """
        group = aws.cloudwatch.LogGroup("updated", retention_in_days={days})
        aws.ssm.Parameter("dependent", type="String", value=group.arn)
        aws.ssm.Parameter("named", type="String", value=group.name)
    """
    program.write(source.format(days=7))
    program.run("up")
    program.write(source.format(days=14))
    assert changed(program.run("preview")) == {"updated": "update"}
    (step,) = [step for step in program.run("preview").steps if step["op"] == "update"]
    assert step["detailedDiff"] == {"retentionInDays": {"kind": "update", "inputDiff": True}}
    assert changed(program.run("up")) == {"updated": "update"}
    assert program.state()["updated"]["outputs"]["retentionInDays"] == 14
    program.run("destroy")


def test_an_input_that_is_taken_away_is_gone(program: Program) -> None:
    program.write(
        "aws.ssm.Parameter('described', type='String', value='x', description='d', tags={'a': '1', 'b': '2'})"
    )
    program.run("up")
    program.write("aws.ssm.Parameter('described', type='String', value='x', tags={'a': '1'})")
    (step,) = [step for step in program.run("preview").steps if step["op"] == "update"]
    assert {path: diff["kind"] for path, diff in step["detailedDiff"].items()} == {
        "description": "delete",
        "tags.b": "delete",
    }
    program.run("up")
    assert "description" not in program.state()["described"]["outputs"]
    assert changed(program.run("preview", refresh=True)) == {}
    program.run("destroy")


def test_a_retained_resource_stays(program: Program) -> None:
    program.write(
        "aws.ssm.Parameter('kept', name='/kept', type='String', value='x', opts=pulumi.ResourceOptions(retain_on_delete=True))"
    )
    program.run("up")
    program.run("destroy")
    assert program.client("ssm").get_parameter(Name="/kept")["Parameter"]["Value"] == "x"


def test_ignored_changes_are_no_difference(program: Program) -> None:
    source = (
        "aws.ssm.Parameter('ignored', type='String', value='{}', opts=pulumi.ResourceOptions(ignore_changes=['value']))"
    )
    program.write(source.format("first"))
    program.run("up")
    name = program.state()["ignored"]["outputs"]["name"]
    program.client("ssm").put_parameter(Name=name, Value="by another", Overwrite=True)
    program.write(source.format("second"))
    assert changed(program.run("up", refresh=True)) == {}
    assert program.client("ssm").get_parameter(Name=name)["Parameter"]["Value"] == "by another"
    program.run("destroy")

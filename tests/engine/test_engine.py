"""What the commands do with a program: the real engine and the providers."""

import pytest

from sandbox.engine import Engine, EngineError
from tests.engine.conftest import PARAMETER, Program, changed


def test_a_deployment_is_previewed_made_and_then_idle(program: Program) -> None:
    program.write(PARAMETER)
    assert changed(program.run("preview")) == {"things": "create", "login": "create"}
    assert program.client("s3").list_buckets()["Buckets"] == []
    up = program.run("up")
    assert changed(up) == {"things": "create", "login": "create"}
    names = [bucket["Name"] for bucket in program.client("s3").list_buckets()["Buckets"]]
    assert [up.outputs["bucket"]] == [name for name in names if name.startswith("things-")]
    assert changed(program.run("preview", refresh=True)) == {}
    assert program.run("up", refresh=True).changes() == {}
    assert changed(program.run("destroy")) == {"things": "delete", "login": "delete"}


def test_an_edit_of_the_program_is_seen(program: Program) -> None:
    (program.root / "names.py").write_text("VALUE = 'one'\n")
    source = "import names\nparameter = aws.ssm.Parameter('edited', type='String', value=names.VALUE)"
    program.write(source)
    program.run("up")
    (program.root / "names.py").write_text("VALUE = 'two'\n")
    assert changed(program.run("preview")) == {"edited": "update"}
    assert changed(program.run("up")) == {"edited": "update"}
    program.run("destroy")


def test_drift_is_found_by_refresh_and_mended_by_up(program: Program) -> None:
    program.write("aws.ssm.Parameter('drifting', type='String', value='declared')")
    program.run("up")
    name = program.state()["drifting"]["outputs"]["name"]
    program.client("ssm").put_parameter(Name=name, Value="by hand", Overwrite=True)
    assert changed(program.run("preview", refresh=False)) == {}
    assert changed(program.run("preview", refresh=True)) == {"drifting": "update"}
    assert changed(program.run("refresh")) == {"drifting": "update"}
    assert changed(program.run("up")) == {"drifting": "update"}
    assert program.client("ssm").get_parameter(Name=name)["Parameter"]["Value"] == "declared"
    program.client("ssm").delete_parameter(Name=name)
    assert changed(program.run("up", refresh=True)) == {"drifting": "create"}
    program.run("destroy")


def test_a_name_that_cannot_change_replaces(program: Program) -> None:
    program.write("aws.ssm.Parameter('moving', name='/moving/a', type='String', value='x')")
    program.run("up")
    program.write("aws.ssm.Parameter('moving', name='/moving/b', type='String', value='x')")
    steps = [step for step in program.run("preview").steps if step["urn"].endswith("::moving")]
    assert {step["op"] for step in steps} >= {"replace", "create-replacement", "delete-replaced"}
    assert all(step.get("replaceReasons", ["name"]) == ["name"] for step in steps)
    program.run("up")
    names = [p["Name"] for p in program.client("ssm").describe_parameters()["Parameters"]]
    assert "/moving/b" in names
    assert "/moving/a" not in names
    program.run("destroy")


def test_outputs_are_unknown_in_a_preview(program: Program) -> None:
    program.write("""
        bucket = aws.s3.Bucket("unknown")
        aws.ssm.Parameter("of-bucket", type="String", value=bucket.arn)
        bucket.arn.apply(lambda arn: pulumi.log.warn(f"the arn is {arn}"))
    """)
    program.run("preview")
    assert not any("the arn is" in line for line in program.said)
    program.run("up")
    assert any("the arn is arn:aws:s3:::unknown-" in line for line in program.said)
    assert changed(program.run("preview")) == {}
    program.run("destroy")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("aws.s3.BucketVersioning('v', bucket='b', versioning_configuration={'statuss': 'Enabled'})", "status"),
        (
            "aws.ssm.Parameter('p', type='Strng', value='x')",
            "ssm/parameter:Parameter p: type: Strng is no value of it; did you mean",
        ),
        ("aws.kinesis.Stream('t')", "aws:kinesis/stream:Stream t: the sandbox has no aws:kinesis/stream:Stream yet"),
        ("aws.lb.TargetGroup('t' * 30, port=1)", "longer than maximum length 32"),
        ("aws.s3.Bucket('far', region='us-west-2')", "the sandbox of this stack is in eu-west-1, not in us-west-2"),
        ("aws.ec2.get_vpc(id='vpc-0')", "DescribeVpcs: InvalidVpcID.NotFound: VpcID"),
        ("[][1]", "IndexError: list index out of range (__main__.py, line 4)"),
        ("raise ValueError('services.web.cpu: 300 is not allowed')", "services.web.cpu: 300 is not allowed"),
        ("aws.ssm.Parameter('taken', name='/taken', type='String', value='x')", "already exists"),
        ("pulumi.Config().require('colour')", "pulumi config set tiny:colour"),
        ("import nothing_of_that_name", "No module named 'nothing_of_that_name'"),
    ],
)
def test_a_failure_is_one_message_without_traceback(program: Program, source: str, message: str) -> None:
    program.client("ssm").put_parameter(Name="/taken", Value="x", Type="String", Overwrite=True)
    program.write(source)
    with pytest.raises(EngineError) as error:
        program.run("up")
    assert message in str(error.value)
    assert "Traceback" not in str(error.value)
    assert len(str(error.value).splitlines()) < 8


def test_the_account_guard_is_the_providers(program: Program) -> None:
    program.config["aws:allowedAccountIds"] = ["999999999999"]
    program.write("aws.s3.Bucket('guarded')")
    with pytest.raises(EngineError, match="AWS account ID not allowed: 123456789012"):
        program.run("up")


def test_default_tags_reach_aws_and_are_not_drift(program: Program) -> None:
    program.config["aws:defaultTags"] = {"tags": {"team": "web"}}
    program.write("bucket = aws.s3.Bucket('tagged', tags={'own': 'yes'})\npulumi.export('name', bucket.bucket)")
    name = program.run("up").outputs["name"]
    tags = program.client("s3").get_bucket_tagging(Bucket=name)["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"team": "web", "own": "yes"}
    assert changed(program.run("preview", refresh=True)) == {}
    assert program.state()["tagged"]["outputs"]["tagsAll"] == {"team": "web", "own": "yes"}
    program.run("destroy")


def test_a_file_of_the_repository_is_uploaded_and_its_change_seen(program: Program) -> None:
    (program.root / "file.bin").write_bytes(b"\xff\x00one")
    program.write("""
        import os
        bucket = aws.s3.Bucket("files")
        aws.s3.BucketObjectv2("file", bucket=bucket.bucket, key="k", source=pulumi.FileAsset(os.path.abspath("file.bin")))
        pulumi.export("name", bucket.bucket)
    """)
    name = program.run("up").outputs["name"]
    assert changed(program.run("preview", refresh=True)) == {}
    (program.root / "file.bin").write_bytes(b"two")
    assert changed(program.run("up")) == {"file": "update"}
    assert program.client("s3").get_object(Bucket=name, Key="k")["Body"].read() == b"two"
    program.run("destroy")


def test_a_secret_is_masked_in_what_is_said(program: Program) -> None:
    source = "aws.ssm.Parameter('masked', type='SecureString', value=pulumi.Output.secret('{}'))"
    program.write(source.format("first-value"))
    program.run("up")
    program.write(source.format("second-value"))
    Engine(program.folder, program.server, program.said.append, show_diff=True).run("preview")
    said = "\n".join(program.said)
    assert "value: '[secret]' → '[secret]'" in said
    assert "-value" not in said
    program.run("destroy")


def test_the_program_runs_as_under_the_cli(program: Program) -> None:
    program.write("""
        import os, sys, boto3
        assert os.getcwd() == os.path.dirname(os.path.abspath(sys.argv[0]))
        assert pulumi.get_project() == "tiny" and pulumi.get_stack() == "test"
        assert boto3.client("sts").get_caller_identity()["Arn"] == "arn:aws:iam::123456789012:root"
        print("printed by the program")
        pulumi.export("secret", pulumi.Output.secret("hidden"))
    """)
    up = program.run("up")
    assert up.outputs["secret"] == "[secret]"  # noqa: S105

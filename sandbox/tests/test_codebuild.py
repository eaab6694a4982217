"""Builds from StartBuild to their end: phases, variables, artifacts, logs, permissions; and projects."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_fakes import eventually
from botocore.exceptions import ClientError
from build_site import (
    ACCOUNT,
    BUCKET,
    ENVIRONMENT,
    REGION,
    ROLE,
    Site,
    build_site,
    context,
    make_zip,
    names_in,
    phases,
    spec,
)

from sandbox.codebuild.api import builds_of


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with build_site(tmp_path, monkeypatch) as prepared:
        yield prepared


def test_a_build_that_succeeds(site: Site) -> None:
    site.project()
    build = site.build(spec(build=["echo built"]))
    assert build["buildStatus"] == "SUCCEEDED"
    assert list(phases(build).items()) == [
        *((name, "SUCCEEDED") for name in ("SUBMITTED", "QUEUED", "PROVISIONING", "DOWNLOAD_SOURCE", "INSTALL")),
        *((name, "SUCCEEDED") for name in ("PRE_BUILD", "BUILD", "POST_BUILD", "UPLOAD_ARTIFACTS", "FINALIZING")),
        ("COMPLETED", ""),
    ]
    assert (build["buildNumber"], build["sourceVersion"], build["currentPhase"]) == (1, "v-1", "COMPLETED")
    assert build["startTime"] <= build["endTime"]
    assert site.output(build) == ["built"]


def test_variables_functions_folder_and_options_outlive_a_phase(site: Site) -> None:
    site.project()
    build = site.build(
        spec(
            install=["plain='a  b'", "export MULTI=$'x\\ny'", 'f() { echo "f $1"; }', "list=(1 2)", "mkdir d; cd d"],
            pre_build=['f "$plain"', "echo ${list[1]} ${PWD##*/}", "set -o pipefail", "unset AWS_REGION"],
            build=['echo "$MULTI" | wc -l', "set -o | grep pipefail | tr -s ' \\t' ' '", "echo ${AWS_REGION-gone}"],
        )
    )
    assert site.output(build) == ["f a  b", "2 d", "2", "pipefail on", "gone"]


def test_posix_shell(site: Site) -> None:
    site.project()
    text = json.dumps(
        {
            "version": 0.2,
            "phases": {
                "install": {"commands": ["export X=1; y='2  3'", "mkdir d; cd d"]},
                "build": {"commands": ['echo $X "$y" ${PWD##*/}', "exit 4"]},
            },
        }
    )
    build = site.build(text)
    assert site.output(build) == ["1 2  3 d"]
    assert context(build, "BUILD")[1] == "Error while executing command: exit 4. Reason: exit status 4"


def test_a_failing_build_still_runs_post_build(site: Site) -> None:
    site.project()
    build = site.build(
        spec(
            pre_build=["echo $CODEBUILD_BUILD_SUCCEEDING"],
            build={"commands": ["echo one", "exit 7", "echo never"], "finally": ["echo finally"]},
            post_build=["echo $CODEBUILD_BUILD_SUCCEEDING"],
        )
    )
    assert build["buildStatus"] == "FAILED"
    assert site.output(build) == ["1", "one", "finally", "0"]
    assert (phases(build)["BUILD"], phases(build)["POST_BUILD"]) == ("FAILED", "SUCCEEDED")
    assert context(build, "BUILD") == (
        "COMMAND_EXECUTION_ERROR",
        "Error while executing command: exit 7. Reason: exit status 7",
    )
    assert "Phase complete: BUILD State: FAILED" in site.log(build)


def test_an_earlier_failure_skips_the_rest(site: Site) -> None:
    site.project()
    build = site.build(spec(pre_build={"commands": ["false"], "finally": ["echo f"]}, build=["echo never"]))
    assert site.output(build) == ["f"]
    assert "BUILD" not in phases(build)
    assert "UPLOAD_ARTIFACTS" not in phases(build)


def test_on_failure(site: Site) -> None:
    site.project()
    build = site.build(
        spec(
            install={"commands": ["false"], "on-failure": "CONTINUE"},
            build={"commands": ["echo $CODEBUILD_BUILD_SUCCEEDING", "false"], "on-failure": "ABORT"},
            post_build=["echo never"],
        )
    )
    assert (site.output(build), build["buildStatus"]) == (["0"], "FAILED")


@pytest.mark.parametrize(
    "command",
    ["set -e; false; echo never", "trap 'true' EXIT; exit 9", "if then", "kill -9 $$", "set -u; echo $NOPE"],
)
def test_commands_that_break_their_shell(site: Site, command: str) -> None:
    site.project()
    build = site.build(spec(build=["export A=kept", command, "echo never"], post_build=["echo $A"]))
    assert build["buildStatus"] == "FAILED"
    assert f"Error while executing command: {command}. Reason: exit status" in context(build, "BUILD")[1]
    assert site.output(build)[-1] == "kept"
    assert "never" not in site.output(build)


def test_variables_and_their_precedence(site: Site) -> None:
    site.project(
        environment={
            "environmentVariables": [{"name": "A", "value": "project"}, {"name": "B", "value": "project"}],
        }
    )
    text = json.loads(spec(build=["echo $A $B $C", "export D=$A-$B", "E=not-exported"]))
    text["env"] |= {"variables": {"A": "spec", "B": "spec", "C": "spec"}, "exported-variables": ["D", "E", "C"]}
    build = site.build(json.dumps(text), environmentVariablesOverride=[{"name": "A", "value": "start"}])
    assert site.output(build) == ["start project spec"]
    exported = {entry["name"]: entry["value"] for entry in build["exportedEnvironmentVariables"]}
    assert exported == {"D": "start-project", "C": "spec"}


def test_the_variables_that_codebuild_sets(site: Site) -> None:
    site.project()
    build = site.build(
        spec(build=["env | sort"]),
        environmentVariablesOverride=[{"name": "CODEBUILD_INITIATOR", "value": "codepipeline/pipe"}],
    )
    found = dict(line.split("=", 1) for line in site.output(build))
    assert found["CODEBUILD_BUILD_ID"] == build["id"]
    assert found["CODEBUILD_BUILD_ARN"] == build["arn"]
    assert found["CODEBUILD_INITIATOR"] == build["initiator"] == "codepipeline/pipe"
    assert found["CODEBUILD_RESOLVED_SOURCE_VERSION"] == "v-1"
    assert found["CODEBUILD_SOURCE_VERSION"] == f"arn:aws:s3:::{BUCKET}/in.zip"
    assert found["AWS_REGION"] == found["AWS_DEFAULT_REGION"] == REGION
    assert found["PWD"] == found["CODEBUILD_SRC_DIR"]
    assert found["CODEBUILD_SRC_DIR"].startswith("/codebuild/output/src")
    own = {name for name in found if not name.startswith(("CODEBUILD_", "AWS_"))}
    assert own <= {"PATH", "HOME", "LANG", "CI", "PWD", "SHLVL", "_", "OLDPWD"}


def test_parameters_are_read_as_the_role_and_masked(site: Site) -> None:
    ssm = site.account.client("ssm")
    for number in range(12):
        ssm.put_parameter(Name=f"/p/{number}", Value=f"secret-{number}-value", Type="SecureString")
    variables = [{"name": f"P{n}", "value": f"/p/{n}", "type": "PARAMETER_STORE"} for n in range(12)]
    site.project(environment={"environmentVariables": variables})
    text = spec(build=['echo "$P0 and $P11"', 'test "$P11" = secret-11-value'])
    build = site.build(text)
    assert (build["buildStatus"], site.output(build)) == ("SUCCEEDED", ["*** and ***"])
    assert site.count("ssm:GetParameters") == 12
    assert "secret-" not in site.log(build).replace('test "$P11" = secret', "")
    site.deny("ssm:GetParameters")
    build = site.build(text)
    assert build["buildStatus"] == "FAILED"
    code, message = context(build, "DOWNLOAD_SOURCE")
    assert code == "Decrypted Variables Error"
    assert "AccessDeniedException: User:" in message


def test_a_parameter_that_does_not_exist(site: Site) -> None:
    site.project(environment={"environmentVariables": [{"name": "P", "value": "/no", "type": "PARAMETER_STORE"}]})
    build = site.build(spec(build=["true"]))
    assert context(build, "DOWNLOAD_SOURCE") == ("Decrypted Variables Error", "parameter does not exist: /no")


def artifacts_of(*files: str, **secondary: list[str]) -> str:
    text = json.loads(spec(build=["echo 1 > a.json", "echo 2 > b.json"]))
    text["artifacts"] = {"files": list(files)} if files else {}
    text["artifacts"]["secondary-artifacts"] = {name: {"files": names} for name, names in secondary.items()}
    return json.dumps(text)


def test_artifacts_are_uploaded_as_the_role(site: Site) -> None:
    site.project()
    target = {"type": "S3", "location": f"{BUCKET}/pipe/out/1"}
    build = site.build(artifacts_of("*.json"), artifactsOverride=target)
    assert build["buildStatus"] == "SUCCEEDED"
    assert (site.count("s3:GetObject"), site.count("s3:PutObject")) == (1, 1)
    body = site.s3.get_object(Bucket=BUCKET, Key="pipe/out/1")["Body"].read()
    assert names_in(body) == ["a.json", "b.json"]
    place = {"type": "S3", "location": BUCKET, "path": "p/q", "name": "r", "packaging": "ZIP"}
    site.build(artifacts_of("a.json"), artifactsOverride=place)
    assert site.s3.head_object(Bucket=BUCKET, Key="p/q/r")


def test_secondary_artifacts(site: Site) -> None:
    site.project()
    outputs = [{"type": "S3", "location": f"{BUCKET}/{name}", "artifactIdentifier": name} for name in ("One", "Two")]
    build = site.build(artifacts_of(One=["a.json"], Two=["b.json"]), secondaryArtifactsOverride=outputs)
    assert build["buildStatus"] == "SUCCEEDED"
    for name, content in (("One", "a.json"), ("Two", "b.json")):
        assert names_in(site.s3.get_object(Bucket=BUCKET, Key=name)["Body"].read()) == [content]
    build = site.build(artifacts_of(One=["a.json"]), secondaryArtifactsOverride=outputs)
    assert "no secondary-artifacts: Two" in context(build, "UPLOAD_ARTIFACTS")[1]


def test_missing_artifacts_fail_the_build(site: Site) -> None:
    site.project()
    build = site.build(artifacts_of("c.json"), artifactsOverride={"type": "S3", "location": f"{BUCKET}/x"})
    assert build["buildStatus"] == "FAILED"
    assert context(build, "UPLOAD_ARTIFACTS") == ("CLIENT_ERROR", "no matching artifact paths found: c.json")


def test_secondary_sources(site: Site) -> None:
    site.project()
    site.s3.put_object(Bucket=BUCKET, Key="extra.zip", Body=make_zip({"f": "extra"}))
    build = site.build(
        spec(build=["cat $CODEBUILD_SRC_DIR_Extra/f"]),
        secondarySourcesOverride=[{"type": "S3", "location": f"{BUCKET}/extra.zip", "sourceIdentifier": "Extra"}],
    )
    assert site.output(build) == ["extra"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "zip: not a valid zip file for primary source"),
        (b"text", "zip: not a valid zip file for primary source"),
        (make_zip({"../../evil": "x", "buildspec.yml": spec(build=["true"])}), "illegal file path"),
    ],
)
def test_sources_that_are_no_sources(site: Site, content: bytes, message: str) -> None:
    site.project()
    build = site.build(content)
    code, words = context(build, "DOWNLOAD_SOURCE")
    assert (build["buildStatus"], code) == ("FAILED", "CLIENT_ERROR")
    assert message in words
    assert not list(site.account.folder.rglob("evil"))


def test_what_the_role_may_not_do(site: Site) -> None:
    site.project()
    text = artifacts_of("a.json")
    target = {"type": "S3", "location": f"{BUCKET}/out"}
    for denied, phase in [
        ("logs:CreateLogStream", "PROVISIONING"),
        ("logs:CreateLogGroup", "PROVISIONING"),
        ("s3:GetObject", "DOWNLOAD_SOURCE"),
        ("s3:PutObject", "UPLOAD_ARTIFACTS"),
    ]:
        site.deny(denied)
        build = site.build(text, artifactsOverride=target)
        assert build["buildStatus"] == "FAILED", denied
        assert phases(build)[phase] == "FAILED"
        assert context(build, phase)[1]
        site.deny()


def test_the_log_is_in_cloudwatch(site: Site) -> None:
    logs = site.account.client("logs")
    logs.create_log_group(logGroupName="/builds")
    site.project(logsConfig={"cloudWatchLogs": {"status": "ENABLED", "groupName": "/builds", "streamName": "s"}})
    build = site.build(spec(build=["printf 'no newline'; echo; for i in $(seq 1500); do echo $i; done"]))
    assert build["logs"]["groupName"] == "/builds"
    assert build["logs"]["streamName"] == "s/" + build["id"].split(":")[1]
    arguments = {"logGroupName": "/builds", "logStreamName": build["logs"]["streamName"], "startFromHead": True}
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = logs.get_log_events(**arguments, **token)
        if not page["events"]:
            break
        found += [event["message"].rstrip("\n") for event in page["events"]]
        token = {"nextToken": page["nextForwardToken"]}
    assert sorted(found) == sorted(site.log(build).splitlines())
    assert site.output(build)[:3] == ["no newline", "1", "2"]
    assert site.count("logs:CreateLogGroup") == 0


def test_stopping(site: Site) -> None:
    site.project()
    marker = f"88{os.getpid()}"
    name = site.start({"buildspec.yml": spec(build=["echo begin", f"sleep {marker}"], post_build=["echo never"])})
    eventually(lambda: site.get(name)["currentPhase"] == "BUILD", 60)
    site.codebuild.stop_build(id=name)
    build = site.wait(name)
    assert (build["buildStatus"], phases(build)["BUILD"]) == ("STOPPED", "STOPPED")
    assert "never" not in site.output(build)
    assert not subprocess.run(["pgrep", "-f", f"sleep {marker}"], capture_output=True).stdout


def test_a_build_leaves_no_process_and_no_files(site: Site) -> None:
    site.project()
    marker = f"89{os.getpid()}"
    build = site.build(
        spec(build=[f"sleep {marker} &", f"nohup setsid sleep {marker} >/dev/null 2>&1 &", "echo x > /tmp/x"])
    )
    assert build["buildStatus"] == "SUCCEEDED"
    assert not subprocess.run(["pgrep", "-f", f"sleep {marker}"], capture_output=True).stdout
    folder = site.account.folder / "builds" / build["id"].split(":")[1]
    assert [path.name for path in folder.iterdir()] == ["build.log"]


def test_time_runs_out(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.project(timeoutInMinutes=5)
    monkeypatch.setattr("sandbox.codebuild.runner.SECONDS_PER_MINUTE", 0.3)
    build = site.build(spec(build=["sleep 60"], post_build=["echo never"]))
    assert (build["buildStatus"], phases(build)["BUILD"]) == ("TIMED_OUT", "TIMED_OUT")
    assert site.output(build) == []


def test_many_builds_at_once(site: Site) -> None:
    site.project()
    names = [
        site.start({"buildspec.yml": spec(build=["echo $CODEBUILD_BUILD_NUMBER > /tmp/n", "sleep 0.2", "cat /tmp/n"])})
        for _ in range(4)
    ]
    builds = [site.wait(name) for name in names]
    assert [site.output(build) for build in builds] == [[str(number)] for number in (1, 2, 3, 4)], builds


def test_projects(site: Site) -> None:
    site.project(description="d", tags=[{"key": "k", "value": "v"}], timeoutInMinutes=10)
    (project,) = site.codebuild.batch_get_projects(names=["proj", "none"])["projects"]
    assert (project["source"], project["timeoutInMinutes"]) == ({"type": "CODEPIPELINE"}, 10)
    assert project["environment"]["privilegedMode"] is False
    site.codebuild.update_project(name="proj", environment={**ENVIRONMENT, "privilegedMode": True})
    found = site.codebuild.batch_get_projects(names=["proj", "none"])
    assert found["projects"][0]["environment"]["privilegedMode"] is True
    assert found["projects"][0]["description"] == "d"
    assert found["projectsNotFound"] == ["none"]
    assert site.codebuild.list_projects()["projects"] == ["proj"]
    site.codebuild.delete_project(name="proj")
    assert site.codebuild.list_projects()["projects"] == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"serviceRole": "arn:aws:iam::999999999999:role/x"}, "Invalid service role"),
        ({"serviceRole": f"arn:aws:iam::{ACCOUNT}:role/stranger"}, "not authorized to perform: sts:AssumeRole"),
        ({"artifacts": {"type": "NO_ARTIFACTS"}}, "must both be CODEPIPELINE"),
        ({"source": {"type": "S3"}}, "source location is required"),
        ({"environment": {**ENVIRONMENT, "image": ""}}, "image"),
        ({"environment": {**ENVIRONMENT, "type": "ARM_CONTAINER"}}, "standard:7.0 is not supported for projects with"),
        ({"name": "a b"}, "Only alphanumeric"),
    ],
)
def test_projects_that_are_refused(site: Site, change: dict[str, Any], message: str) -> None:
    settings = {
        "name": "proj",
        "source": {"type": "CODEPIPELINE"},
        "artifacts": {"type": "CODEPIPELINE"},
        "environment": ENVIRONMENT,
        "serviceRole": ROLE,
    }
    with pytest.raises((ClientError, Exception), match=message):
        site.codebuild.create_project(**{**settings, **change})


def test_no_more_builds_are_started_than_the_account_may_run(site: Site) -> None:
    site.project()
    slow: dict[str, str | bytes] = {"buildspec.yml": spec(build=["sleep 60"])}
    builds_of(site.account).quota = 1
    first = site.start(slow)
    for quota in (1, 0):
        builds_of(site.account).quota = quota
        with pytest.raises(ClientError) as refused:
            site.start(slow)
        detail = refused.value.response["Error"]
        assert detail["Code"] == "AccountLimitExceededException"
        assert detail["Message"] == f"Cannot have more than {quota} builds in queue for the account"
    site.codebuild.stop_build(id=first)
    site.wait(first)
    builds_of(site.account).quota = None
    assert site.build(spec(build=["true"]))["buildStatus"] == "SUCCEEDED"


def test_builds_that_cannot_be_started(site: Site) -> None:
    with pytest.raises(ClientError, match="Project cannot be found"):
        site.codebuild.start_build(projectName="none")
    site.project()
    with pytest.raises(ClientError, match="started by its pipeline"):
        site.codebuild.start_build(projectName="proj")
    with pytest.raises(ClientError, match="not simulated: debugSessionEnabled"):
        site.codebuild.start_build(projectName="proj", debugSessionEnabled=True)
    site.iam.delete_role_policy(RoleName="build", PolicyName="p")
    site.iam.delete_role(RoleName="build")
    build = site.build(spec(build=["true"]))
    assert context(build, "PROVISIONING")[0] == "ACCESS_DENIED"
    assert site.codebuild.list_builds_for_project(projectName="proj")["ids"] == [build["id"]]


def test_an_inline_buildspec_and_one_that_is_missing(site: Site) -> None:
    site.project(source={"buildspec": "version: 0.2\nphases: {build: {commands: [echo inline]}}\n"})
    assert site.output(site.build({"f": ""})) == ["inline"]
    build = site.build({"f": ""}, buildspecOverride="other.yml")
    code, message = context(build, "DOWNLOAD_SOURCE")
    assert code == "YAML_FILE_ERROR"
    assert message.endswith("other.yml: no such file or directory")

"""The API over moto's record, and what each action type asks of AWS."""

import copy
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from aws_fakes import FakeAccount, denied, eventually, misfits
from botocore.exceptions import ClientError
from moto import mock_aws

from sandbox.account.account import Account, Principal
from sandbox.account.credentials import Credentials
from sandbox.account.errors import AwsError
from sandbox.codepipeline.actions import codebuild, ecs, source
from sandbox.codepipeline.actions.context import ActionContext, ActionFailure
from sandbox.codepipeline.api import HANDLERS
from sandbox.codepipeline.artifacts import ArtifactStore, read_file, zip_of
from sandbox.codepipeline.model import ActionExecution, Artifact, Execution, StartingRules

Json = dict[str, Any]
ROLE = "arn:aws:iam::111111111111:role/pipe"
ME = Principal("arn:aws:iam::111111111111:user/me", "user")


class FakeS3:
    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], list[bytes]] = {}
        self.versioning = "Enabled"
        self.calls: list[str] = []

    def put_object(self, Bucket: str, Key: str, Body: bytes, **_: Any) -> Json:
        self.calls.append(f"PutObject {Bucket}/{Key}")
        self.objects.setdefault((Bucket, Key), []).append(Body)
        return {}

    def get_bucket_versioning(self, Bucket: str) -> Json:
        return {"Status": self.versioning}

    def get_object(self, Bucket: str, Key: str, VersionId: str | None = None) -> Json:
        self.calls.append(f"GetObject {Bucket}/{Key} {VersionId}")
        versions = self.objects.get((Bucket, Key))
        if versions is None:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": "no"}}, "GetObject")
        number = int(VersionId[1:]) if VersionId else len(versions)
        if not 0 < number <= len(versions):
            raise ClientError({"Error": {"Code": "NoSuchVersion", "Message": "no"}}, "GetObject")
        return {
            "Body": io.BytesIO(versions[number - 1]),
            "ETag": '"etag"',
            "LastModified": datetime.now(UTC),
            "VersionId": f"v{number}",
        }


def context(
    account: FakeAccount,
    configuration: dict[str, str],
    inputs: list[Artifact] | None = None,
    outputs: tuple[str, ...] = (),
    overrides: list[Json] | None = None,
) -> ActionContext:
    declaration = {"name": "Act", "actionTypeId": {}, "outputArtifacts": [{"name": name} for name in outputs]}
    execution = Execution({"name": "pipe", "stages": [], "version": 1}, {}, "t", "d", overrides or [])
    action = ActionExecution("Stage", declaration, resolved=configuration, inputs=inputs or [])
    store = ArtifactStore("store", "a-pipeline-with-a-long-name")
    return ActionContext(cast("Account", account), execution, action, Credentials("k", "s"), store)


S3_SOURCE = {"S3Bucket": "in", "S3ObjectKey": "a.zip"}


def test_an_s3_source_takes_the_latest_version_and_says_which() -> None:
    s3 = FakeS3()
    s3.objects["in", "a.zip"] = [b"one", b"two"]
    result = source.run_s3(context(FakeAccount(clients={"s3": s3}), S3_SOURCE, outputs=("source-code",)))
    (artifact,) = result.outputs
    assert artifact.revision == "v2"
    assert artifact.key.startswith("a-pipeline-with-a-lo/source-cod/")
    assert s3.objects["store", artifact.key] == [b"two"]
    assert result.variables == {"BucketName": "in", "ETag": "etag", "ObjectKey": "a.zip", "VersionId": "v2"}


def test_an_s3_source_takes_the_version_it_was_started_with() -> None:
    s3 = FakeS3()
    s3.objects["in", "a.zip"] = [b"one", b"two"]
    asked = [{"actionName": "Act", "revisionType": "S3_OBJECT_VERSION_ID", "revisionValue": "v1"}]
    result = source.run_s3(context(FakeAccount(clients={"s3": s3}), S3_SOURCE, outputs=("src",), overrides=asked))
    assert s3.objects["store", result.outputs[0].key] == [b"one"]


def test_an_s3_source_without_object_or_versioning_or_permission_fails() -> None:
    s3 = FakeS3()
    account = FakeAccount(clients={"s3": s3})
    with pytest.raises(ActionFailure, match=r"key 'a.zip' does not exist in the bucket 'in'"):
        source.run_s3(context(account, S3_SOURCE, outputs=("src",)))
    s3.versioning = ""
    with pytest.raises(ActionFailure, match="does not have versioning enabled"):
        source.run_s3(context(account, S3_SOURCE, outputs=("src",)))

    def refuse(Bucket: str) -> Json:
        raise denied("GetBucketVersioning", "the words of IAM")

    s3.get_bucket_versioning = refuse  # type: ignore[method-assign]
    with pytest.raises(ActionFailure, match="the words of IAM") as caught:
        source.run_s3(context(account, S3_SOURCE, outputs=("src",)))
    assert caught.value.code == "PermissionError"


SRC, EXTRA = Artifact("src", "store", "p/src/1", "v1"), Artifact("extra", "store", "p/extra/2")


def test_a_build_is_started_with_its_artifacts() -> None:
    configuration = {
        "ProjectName": "proj",
        "PrimarySource": "src",
        "EnvironmentVariables": '[{"name":"A","value":"1"}]',
    }
    act = context(FakeAccount(), configuration, [EXTRA, SRC], ("one", "two"))
    request = codebuild.start_request(act, [Artifact("one", "store", "p/one/x"), Artifact("two", "store", "p/two/y")])
    assert request == {
        "projectName": "proj",
        "sourceLocationOverride": "store/p/src/1",
        "sourceVersion": "v1",
        "secondarySourcesOverride": [{"type": "S3", "location": "store/p/extra/2", "sourceIdentifier": "extra"}],
        "environmentVariablesOverride": [
            {"name": "A", "value": "1", "type": "PLAINTEXT"},
            {"name": "CODEBUILD_INITIATOR", "value": "codepipeline/pipe", "type": "PLAINTEXT"},
        ],
        "artifactsOverride": {"type": "NO_ARTIFACTS"},
        "secondaryArtifactsOverride": [
            {"type": "S3", "location": "store", "path": "p/one", "name": "x", "packaging": "ZIP", "artifactIdentifier": "one"},
            {"type": "S3", "location": "store", "path": "p/two", "name": "y", "packaging": "ZIP", "artifactIdentifier": "two"},
        ],
    }  # fmt: skip
    single = codebuild.start_request(context(FakeAccount(), {"ProjectName": "proj"}, [SRC], ("one",)), [EXTRA])
    assert single["artifactsOverride"]["artifactIdentifier"] == "extra"
    assert "secondaryArtifactsOverride" not in single


class FakeCodeBuild:
    def __init__(self, *answers: Json) -> None:
        self.answers = list(answers)

    def start_build(self, **_: Any) -> Json:
        return {"build": {"id": "proj:1", "buildStatus": "IN_PROGRESS"}}

    def batch_get_builds(self, ids: list[str]) -> Json:
        return {"builds": [{"id": ids[0], **self.answers.pop(0)}]}


def test_a_build_gives_its_exported_variables_and_artifacts() -> None:
    build = FakeCodeBuild(
        {"buildStatus": "IN_PROGRESS"},
        {"buildStatus": "SUCCEEDED", "exportedEnvironmentVariables": [{"name": "DIGEST", "value": "sha256:1"}]},
    )
    act = context(FakeAccount(clients={"codebuild": build}), {"ProjectName": "proj"}, [SRC], ("out",))
    result = codebuild.run(act)
    assert result.variables == {"DIGEST": "sha256:1"}
    assert [(a.name, a.revision) for a in result.outputs] == [("out", "v1")]
    assert act.action.external_id == "proj:1"


def test_a_failed_build_gives_the_failing_phases_message() -> None:
    phases = [
        {"phaseType": "INSTALL", "phaseStatus": "SUCCEEDED"},
        {"phaseType": "BUILD", "phaseStatus": "FAILED", "contexts": [{"statusCode": "COMMAND_EXECUTION_ERROR", "message": "Error while executing command: make. Reason: exit status 2"}]},
    ]  # fmt: skip
    build = FakeCodeBuild({"buildStatus": "FAILED", "phases": phases})
    act = context(FakeAccount(clients={"codebuild": build}), {"ProjectName": "proj"}, [SRC])
    with pytest.raises(ActionFailure) as caught:
        codebuild.run(act)
    assert caught.value.code == "JobFailed"
    assert caught.value.message == (
        "Build terminated with state: FAILED. Phase: BUILD, COMMAND_EXECUTION_ERROR: "
        "Error while executing command: make. Reason: exit status 2"
    )


def test_environment_variables_that_are_no_list_fail_the_action() -> None:
    for text in ("{", '"x"', "[1]"):
        with pytest.raises(ActionFailure, match="EnvironmentVariables is not a JSON list"):
            codebuild.environment(text)


DEFINITION: Json = {
    "taskDefinitionArn": "arn:td:7",
    "family": "web",
    "revision": 7,
    "status": "ACTIVE",
    "registeredBy": "x",
    "compatibilities": ["FARGATE"],
    "requiresAttributes": [{"name": "a"}],
    "cpu": "256",
    "executionRoleArn": "arn:role",
    "containerDefinitions": [
        {
            "name": "app",
            "image": "old",
            "dockerLabels": {"fingerprint": "f"},
            "secrets": [{"name": "S", "valueFrom": "p"}],
        },
        {"name": "side", "image": "kept"},
    ],
}


def test_the_ecs_action_clones_everything_but_the_named_images() -> None:
    tags = [{"key": "k", "value": "v"}]
    clone = ecs.revised(DEFINITION, tags, {"app": "new"})
    assert clone == {
        "family": "web",
        "cpu": "256",
        "executionRoleArn": "arn:role",
        "containerDefinitions": [
            {**DEFINITION["containerDefinitions"][0], "image": "new"},
            {"name": "side", "image": "kept"},
        ],
        "tags": tags,
    }
    assert "tags" not in ecs.revised(DEFINITION, [], {"app": "new"})
    with pytest.raises(ActionFailure, match=r"task definition web does not have: nope"):
        ecs.revised(DEFINITION, [], {"nope": "new"})


class FakeEcs:
    """A service whose deployment goes through the given states after the update."""

    def __init__(self, *states: tuple[str, str]) -> None:
        self.states = list(states)
        self.registered: list[Json] = []
        self.deployments: list[Json] = []

    def describe_services(self, cluster: str, services: list[str]) -> Json:
        if self.deployments and self.states:
            state, reason = self.states.pop(0)
            self.deployments[0] |= {"rolloutState": state, "rolloutStateReason": reason}
        return {"services": [{"status": "ACTIVE", "taskDefinition": "arn:td:7", "deployments": list(self.deployments)}]}

    def describe_task_definition(self, taskDefinition: str, include: list[str]) -> Json:
        assert (taskDefinition, include) == ("arn:td:7", ["TAGS"])
        return {"taskDefinition": DEFINITION, "tags": []}

    def register_task_definition(self, **params: Any) -> Json:
        self.registered.append(params)
        return {"taskDefinition": {"taskDefinitionArn": "arn:td:8"}}

    def update_service(self, cluster: str, service: str, taskDefinition: str) -> Json:
        assert taskDefinition == "arn:td:8"
        self.deployments = [
            {"id": "ecs-svc/2", "status": "PRIMARY", "rolloutState": "IN_PROGRESS", "rolloutStateReason": ""}
        ]
        return {"service": {"deployments": self.deployments}}

    def list_tasks(self, **given: Any) -> Json:
        assert given == {"cluster": "c", "serviceName": "s", "desiredStatus": "STOPPED"}
        return {"taskArns": ["arn:task/1", "arn:task/2"]}

    def describe_tasks(self, **_: Any) -> Json:
        failed = {"stoppedReason": "Essential container in task exited", "containers": [{"name": "app", "exitCode": 3}]}
        earlier = {"stoppedReason": "another deployment's", "containers": []}
        return {"tasks": [{**failed, "startedBy": "ecs-svc/2"}, {**earlier, "startedBy": "ecs-svc/1"}]}


def deploy(service: FakeEcs, files: dict[str, bytes] | None = None) -> ActionContext:
    s3 = FakeS3()
    images = {"imagedefinitions.json": json.dumps([{"name": "app", "imageUri": "new"}]).encode()}
    s3.objects["store", "p/out/1"] = [zip_of(images if files is None else files)]
    account = FakeAccount(clients={"s3": s3, "ecs": service})
    return context(account, {"ClusterName": "c", "ServiceName": "s"}, [Artifact("out", "store", "p/out/1")])


def test_the_ecs_action_waits_for_its_deployment() -> None:
    service = FakeEcs(("IN_PROGRESS", ""), ("COMPLETED", ""))
    result = ecs.run(deploy(service))
    assert service.registered[0]["containerDefinitions"][0]["image"] == "new"
    assert result.summary == "Deployment ecs-svc/2 of arn:td:8 completed."


def test_a_broken_deployment_fails_the_ecs_action_with_its_reasons() -> None:
    with pytest.raises(ActionFailure) as caught:
        ecs.run(deploy(FakeEcs(("FAILED", "ECS deployment circuit breaker: tasks failed to start."))))
    assert caught.value.message == (
        "The deployment ecs-svc/2 failed: ECS deployment circuit breaker: tasks failed to start."
        " Last stopped task: Essential container in task exited (app exit code 3)"
    )


def test_another_deployment_in_between_fails_the_ecs_action() -> None:
    service = {
        "deployments": [
            {"id": "ecs-svc/3", "status": "PRIMARY", "rolloutState": "IN_PROGRESS", "rolloutStateReason": "r"}
        ]
    }
    assert ecs.deployment_problem(service, "ecs-svc/2") == "The deployment ecs-svc/2 was superseded by ecs-svc/3 (r)"
    assert ecs.deployment_problem(service, "ecs-svc/3") is None


BLUE, GREEN = ({"id": f"ecs-svc/{n}", "desiredCount": 2, "runningCount": 2} for n in (1, 2))


class ShiftingEcs(FakeEcs):
    """One whose deployment shifts traffic: after the update each look finds the next list of deployments."""

    def __init__(self, *looks: list[Json]) -> None:
        super().__init__()
        self.looks = list(looks)

    def describe_services(self, cluster: str, services: list[str]) -> Json:
        if self.deployments:
            self.deployments = self.looks.pop(0)
        return super().describe_services(cluster, services)


def shifting(stated: bool, primary: Json, state: str, *others: Json) -> list[Json]:
    states = {"rolloutState": state, "rolloutStateReason": "because"} if stated else {}
    return [{**primary, "status": "PRIMARY", **states}, *({**other, "status": "ACTIVE"} for other in others)]


@pytest.mark.parametrize("stated", [True, False])
def test_the_ecs_action_waits_until_blue_s_tasks_are_gone(stated: bool) -> None:
    running = shifting(stated, GREEN, "IN_PROGRESS", BLUE)
    service = ShiftingEcs(running, running, shifting(stated, GREEN, "COMPLETED"))
    assert ecs.run(deploy(service)).summary == "Deployment ecs-svc/2 of arn:td:8 completed."
    assert service.looks == []


@pytest.mark.parametrize(
    ("back", "words"),
    [
        ([*shifting(True, BLUE, "IN_PROGRESS"), {**GREEN, "status": "ACTIVE", "rolloutState": "FAILED", "rolloutStateReason": "Service deployment rolled back because of x."}], "The deployment ecs-svc/2 failed: Service deployment rolled back because of x."),
        (shifting(True, BLUE, "COMPLETED"), "The deployment ecs-svc/2 was superseded by ecs-svc/1 (because)"),
        (shifting(False, BLUE, "", GREEN), "The deployment ecs-svc/2 was superseded by ecs-svc/1 (no reason given)"),
    ],
)  # fmt: skip
def test_a_deployment_that_goes_back_to_blue_fails_the_ecs_action(back: list[Json], words: str) -> None:
    with pytest.raises(ActionFailure) as caught:
        ecs.run(deploy(ShiftingEcs(shifting(True, GREEN, "IN_PROGRESS", BLUE), back)))
    assert caught.value.message.startswith(words), caught.value.message


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (
            {"other.json": b"[]"},
            "Did not find the image definition file imagedefinitions.json in the input artifacts ZIP file",
        ),
        ({"imagedefinitions.json": b"{"}, "Invalid image definitions"),
        ({"imagedefinitions.json": b'[{"name": "app"}]'}, "Invalid image definitions"),
        ({"imagedefinitions.json": b'[{"name": "web", "imageUri": "i"}]'}, "does not have: web"),
    ],
)
def test_bad_image_definitions(files: dict[str, bytes], words: str) -> None:
    service = FakeEcs()
    with pytest.raises(ActionFailure, match=words):
        ecs.run(deploy(service, files))
    assert service.registered == []


def test_zips_are_the_same_for_the_same_content() -> None:
    assert zip_of({"b": b"2", "a": b"1"}) == zip_of({"a": b"1", "b": b"2"})
    assert read_file(zip_of({"a": b"1"}), "a") == b"1"
    assert read_file(zip_of({"a": b"1"}), "b") is None
    with pytest.raises(zipfile.BadZipFile):
        read_file(b"no zip", "a")


@pytest.fixture
def account() -> Iterator[FakeAccount]:
    with mock_aws():
        s3 = FakeS3()
        s3.objects["in", "a.zip"] = [b"one"]
        yield FakeAccount(clients={"s3": s3})


def call(account: FakeAccount, operation: str, **params: Any) -> Json:
    answer = HANDLERS["codepipeline", operation](account, ME, params)  # type: ignore[arg-type]
    if answer:
        assert misfits("codepipeline", operation, answer) == []
    return answer


def declared() -> Json:
    def act(name: str, category: str, provider: str, configuration: Json, **fields: Any) -> Json:
        type_id = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
        return {"name": name, "actionTypeId": type_id, "configuration": configuration, **fields}

    get = act("Get", "Source", "S3", S3_SOURCE, outputArtifacts=[{"name": "src"}])
    return {
        "name": "pipe",
        "roleArn": ROLE,
        "pipelineType": "V2",
        "executionMode": "QUEUED",
        "artifactStore": {"type": "S3", "location": "store"},
        "variables": [{"name": "image", "defaultValue": "none"}],
        "stages": [
            {"name": "One", "actions": [get]},
            {"name": "Two", "actions": [act("Ok", "Approval", "Manual", {})]},
        ],
    }


def waiting_token(account: FakeAccount) -> str | None:
    stages = call(account, "GetPipelineState", name="pipe")["stageStates"]
    token: str | None = stages[1]["actionStates"][0].get("latestExecution", {}).get("token")
    return token


def test_creating_a_pipeline_starts_it_and_keeps_every_field(account: FakeAccount) -> None:
    call(account, "CreatePipeline", pipeline=declared(), tags=[{"key": "a", "value": "b"}])
    got = call(account, "GetPipeline", name="pipe")["pipeline"]
    assert got["version"] == 1
    assert got["variables"] == declared()["variables"]
    (first,) = call(account, "ListPipelineExecutions", pipelineName="pipe")["pipelineExecutionSummaries"]
    assert first["trigger"]["triggerType"] == "CreatePipeline"
    eventually(lambda: waiting_token(account))
    with pytest.raises(AwsError) as caught:
        call(account, "CreatePipeline", pipeline=declared())
    assert caught.value.code == "PipelineNameInUseException"


def test_what_has_started_an_execution_is_a_caller_or_a_rule_for_its_target(account: FakeAccount) -> None:
    call(account, "CreatePipeline", pipeline=declared(), tags=[])
    session = "arn:aws:sts::111111111111:assumed-role/starter/e1"
    account.parts.of(StartingRules)["starter", "e1"] = "arn:aws:events:eu-west-1:111111111111:rule/on-upload"
    for arn in (session, f"{session}2", ME.arn):
        caller = replace(ME, arn=arn)
        HANDLERS["codepipeline", "StartPipelineExecution"](account, caller, {"name": "pipe"})  # type: ignore[arg-type]
    listed = call(account, "ListPipelineExecutions", pipelineName="pipe")["pipelineExecutionSummaries"]
    assert [tuple(each["trigger"].values()) for each in listed[:3]] == [
        ("StartPipelineExecution", ME.arn),
        ("StartPipelineExecution", f"{session}2"),
        ("CloudWatchEvent", "arn:aws:events:eu-west-1:111111111111:rule/on-upload"),
    ]


def test_a_role_that_codepipeline_may_not_assume_is_refused(account: FakeAccount) -> None:
    account.untrusted.add(ROLE)
    with pytest.raises(AwsError, match="not authorized to perform AssumeRole on role"):
        call(account, "CreatePipeline", pipeline=declared())
    with pytest.raises(AwsError, match="does not have a pipeline"):
        call(account, "GetPipeline", name="pipe")


def test_an_execution_from_start_to_approval_to_end(account: FakeAccount) -> None:
    call(account, "CreatePipeline", pipeline=declared())
    token = eventually(lambda: waiting_token(account))
    answer = {"status": "Approved", "summary": "fine"}
    with pytest.raises(AwsError) as caught:
        call(
            account,
            "PutApprovalResult",
            pipelineName="pipe",
            stageName="Two",
            actionName="Ok",
            token="bad",  # noqa: S106
            result=answer,
        )
    assert caught.value.code == "InvalidApprovalTokenException"
    call(
        account, "PutApprovalResult", pipelineName="pipe", stageName="Two", actionName="Ok", token=token, result=answer
    )
    assert waiting_token(account) is None, "nobody is asked what is decided"
    (first,) = call(account, "ListPipelineExecutions", pipelineName="pipe")["pipelineExecutionSummaries"]
    identifier = first["pipelineExecutionId"]

    def execution() -> Json:
        answer = call(account, "GetPipelineExecution", pipelineName="pipe", pipelineExecutionId=identifier)
        return dict(answer["pipelineExecution"])

    eventually(lambda: execution()["status"] == "Succeeded")
    assert execution()["artifactRevisions"][0]["revisionId"] == "v1"
    assert execution()["variables"] == [{"name": "image", "resolvedValue": "none"}]
    actions = call(account, "ListActionExecutions", pipelineName="pipe")["actionExecutionDetails"]
    assert [(a["actionName"], a["status"], a.get("updatedBy")) for a in actions] == [
        ("Ok", "Succeeded", ME.arn),
        ("Get", "Succeeded", None),
    ]
    page = call(account, "ListActionExecutions", pipelineName="pipe", maxResults=1)
    assert [a["actionName"] for a in page["actionExecutionDetails"]] == ["Ok"]
    rest = call(account, "ListActionExecutions", pipelineName="pipe", nextToken=page["nextToken"])
    assert [a["actionName"] for a in rest["actionExecutionDetails"]] == ["Get"]


def test_executions_run_the_structure_they_started_with(account: FakeAccount) -> None:
    call(account, "CreatePipeline", pipeline=declared())
    token = eventually(lambda: waiting_token(account))
    changed = declared()
    changed["stages"][1]["name"] = "Renamed"
    assert call(account, "UpdatePipeline", pipeline=changed)["pipeline"]["version"] == 2
    actions = call(account, "ListActionExecutions", pipelineName="pipe")["actionExecutionDetails"]
    assert {(a["stageName"], a["pipelineVersion"]) for a in actions} == {("One", 1), ("Two", 1)}
    assert token


def test_starting_with_variables_and_revisions(account: FakeAccount) -> None:
    call(account, "CreatePipeline", pipeline=declared())
    started = call(
        account,
        "StartPipelineExecution",
        name="pipe",
        variables=[{"name": "image", "value": "live"}],
        sourceRevisions=[{"actionName": "Get", "revisionType": "S3_OBJECT_VERSION_ID", "revisionValue": "v1"}],
        clientRequestToken="once",
    )
    again = call(account, "StartPipelineExecution", name="pipe", clientRequestToken="once")
    assert again == started
    execution = call(account, "GetPipelineExecution", pipelineName="pipe", **started)["pipelineExecution"]
    assert execution["variables"] == [{"name": "image", "resolvedValue": "live"}]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"variables": [{"name": "nope", "value": "x"}]}, "does not declare the variables: nope"),
        ({"sourceRevisions": [{"actionName": "Ok", "revisionType": "S3_OBJECT_VERSION_ID", "revisionValue": "v"}]}, "source action Ok does not exist"),
        ({"sourceRevisions": [{"actionName": "Get", "revisionType": "IMAGE_DIGEST", "revisionValue": "v"}]}, "IMAGE_DIGEST is not supported"),
        ({"sourceRevisions": [{"actionName": "Get", "revisionType": "S3_OBJECT_KEY", "revisionValue": "k"}]}, "does not allow S3_OBJECT_KEY"),
    ],
)  # fmt: skip
def test_bad_starts(account: FakeAccount, params: Json, words: str) -> None:
    call(account, "CreatePipeline", pipeline=copy.deepcopy(declared()))
    with pytest.raises(AwsError, match=words):
        call(account, "StartPipelineExecution", name="pipe", **params)


def test_stopping_and_deleting(account: FakeAccount) -> None:
    call(account, "CreatePipeline", pipeline=declared())
    eventually(lambda: waiting_token(account))
    (first,) = call(account, "ListPipelineExecutions", pipelineName="pipe")["pipelineExecutionSummaries"]
    which = {"pipelineName": "pipe", "pipelineExecutionId": first["pipelineExecutionId"]}
    call(account, "StopPipelineExecution", **which, abandon=True, reason="enough")
    eventually(lambda: call(account, "GetPipelineExecution", **which)["pipelineExecution"]["status"] == "Stopped")
    with pytest.raises(AwsError) as caught:
        call(account, "StopPipelineExecution", **which)
    assert caught.value.code == "PipelineExecutionNotStoppableException"
    call(account, "DeletePipeline", name="pipe")
    with pytest.raises(AwsError):
        call(account, "GetPipelineState", name="pipe")


def test_a_retry_takes_a_stop_back(account: FakeAccount) -> None:
    pipeline = declared()
    pipeline["stages"].append({**copy.deepcopy(pipeline["stages"][1]), "name": "Three"})
    call(account, "CreatePipeline", pipeline=pipeline)
    (first,) = call(account, "ListPipelineExecutions", pipelineName="pipe")["pipelineExecutionSummaries"]
    which = {"pipelineName": "pipe", "pipelineExecutionId": first["pipelineExecutionId"]}

    def answer(stage: str, status: str) -> None:
        def token() -> str | None:
            found = next(
                s for s in call(account, "GetPipelineState", name="pipe")["stageStates"] if s["stageName"] == stage
            )
            latest = found["actionStates"][0].get("latestExecution", {})
            return latest.get("token") if latest.get("status") == "InProgress" else None

        result = {"status": status, "summary": ""}
        where = {"pipelineName": "pipe", "stageName": stage, "actionName": "Ok", "token": eventually(token)}
        call(account, "PutApprovalResult", **where, result=result)

    def ends_as(status: str) -> None:
        eventually(lambda: call(account, "GetPipelineExecution", **which)["pipelineExecution"]["status"] == status)

    eventually(lambda: waiting_token(account))
    call(account, "StopPipelineExecution", **which)
    answer("Two", "Rejected")
    ends_as("Failed")
    call(account, "RetryStageExecution", **which, stageName="Two", retryMode="FAILED_ACTIONS")
    eventually(lambda: waiting_token(account))
    call(account, "StopPipelineExecution", **which, abandon=True)
    ends_as("Stopped")
    call(account, "RetryStageExecution", **which, stageName="Two", retryMode="FAILED_ACTIONS")
    answer("Two", "Approved")
    answer("Three", "Approved")
    ends_as("Succeeded")


def test_a_stage_that_is_closed_is_entered_once_it_is_opened(account: FakeAccount) -> None:
    call(account, "CreatePipeline", pipeline=declared())
    eventually(lambda: waiting_token(account))
    two = {"pipelineName": "pipe", "stageName": "Two", "transitionType": "Inbound"}
    call(account, "DisableStageTransition", **two, reason="not today")
    second = call(account, "StartPipelineExecution", name="pipe")["pipelineExecutionId"]
    answer = {"status": "Approved", "summary": "fine"}
    place = {"pipelineName": "pipe", "stageName": "Two", "actionName": "Ok"}
    call(account, "PutApprovalResult", **place, token=waiting_token(account), result=answer)

    def stages() -> Any:
        return call(account, "GetPipelineState", name="pipe")["stageStates"]

    def waiting() -> list[str]:
        return [each["pipelineExecutionId"] for each in stages()[1]["inboundExecutions"]]

    eventually(lambda: waiting() == [second] and waiting_token(account) is None)
    closed = stages()[1]["inboundTransitionState"]
    assert {**closed, "lastChangedAt": 0} == {
        "enabled": False, "disabledReason": "not today", "lastChangedBy": ME.arn, "lastChangedAt": 0
    }  # fmt: skip
    assert stages()[0]["inboundTransitionState"] == {"enabled": True}
    call(account, "UpdatePipeline", pipeline=declared())
    assert stages()[1]["inboundTransitionState"]["enabled"] is False, "no field of the pipeline says it"
    call(account, "EnableStageTransition", **two)
    eventually(lambda: waiting_token(account) and not waiting())
    for stage, code in (("Three", "StageNotFoundException"), ("Two", None)):
        change = {**two, "stageName": stage, "transitionType": "Inbound" if code else "Outbound"}
        with pytest.raises(AwsError if code else NotImplementedError) as caught:
            call(account, "EnableStageTransition", **change)
        assert getattr(caught.value, "code", None) == code

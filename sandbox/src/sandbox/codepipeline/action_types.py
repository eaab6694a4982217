"""AWS's own action types: configuration keys and numbers of artifacts.

https://docs.aws.amazon.com/codepipeline/latest/userguide/reference-pipeline-structure.html
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ActionType:
    """What AWS accepts in a declaration of one action type."""

    required: frozenset[str]
    optional: frozenset[str]
    inputs: tuple[int, int]
    outputs: tuple[int, int]


def _type(required: str, optional: str, inputs: tuple[int, int], outputs: tuple[int, int]) -> ActionType:
    return ActionType(frozenset(required.split()), frozenset(optional.split()), inputs, outputs)


_CODE_BUILD = _type(
    "ProjectName",
    "PrimarySource BatchEnabled BuildspecOverride CombineArtifacts EnvironmentVariables",
    (1, 5),
    (0, 5),
)
_IMAGES = " ".join(f"Image{n}ArtifactName Image{n}ContainerName" for n in range(1, 5))

ACTION_TYPES: dict[tuple[str, str], ActionType] = {
    ("Source", "S3"): _type("S3Bucket S3ObjectKey", "PollForSourceChanges AllowOverrideForS3ObjectKey", (0, 0), (1, 1)),
    ("Source", "ECR"): _type("RepositoryName", "ImageTag", (0, 0), (1, 1)),
    ("Source", "CodeCommit"): _type(
        "RepositoryName BranchName", "PollForSourceChanges OutputArtifactFormat", (0, 0), (1, 1)
    ),
    ("Source", "CodeStarSourceConnection"): _type(
        "ConnectionArn FullRepositoryId BranchName", "OutputArtifactFormat DetectChanges", (0, 0), (1, 1)
    ),
    ("Build", "CodeBuild"): _CODE_BUILD,
    ("Test", "CodeBuild"): _CODE_BUILD,
    ("Build", "ECRBuildAndPublish"): _type(
        "ECRRepositoryName", "DockerFilePath ImageTags RegistryType", (1, 1), (0, 0)
    ),
    ("Compute", "Commands"): _type("", "", (1, 10), (0, 1)),
    ("Deploy", "ECS"): _type("ClusterName ServiceName", "FileName DeploymentTimeout", (1, 1), (0, 0)),
    ("Deploy", "CodeDeployToECS"): _type(
        "ApplicationName DeploymentGroupName TaskDefinitionTemplateArtifact AppSpecTemplateArtifact",
        f"TaskDefinitionTemplatePath AppSpecTemplatePath {_IMAGES}",
        (1, 5),
        (0, 0),
    ),
    ("Deploy", "CodeDeploy"): _type("ApplicationName DeploymentGroupName", "", (1, 1), (0, 0)),
    ("Deploy", "S3"): _type(
        "BucketName Extract", "ObjectKey KMSEncryptionKeyARN CannedACL CacheControl", (1, 1), (0, 0)
    ),
    ("Approval", "Manual"): _type("", "NotificationArn CustomData ExternalEntityLink", (0, 0), (0, 0)),
    ("Invoke", "Lambda"): _type("FunctionName", "UserParameters", (0, 5), (0, 5)),
}

"""Source actions.

S3: https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-S3.html
ECR: https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-ECR.html
"""

from __future__ import annotations

import json

from botocore.exceptions import ClientError

from sandbox.codepipeline.actions.context import ActionContext, ActionFailure, ActionResult, permission_or
from sandbox.codepipeline.artifacts import zip_of
from sandbox.codepipeline.model import Artifact, SourceRevision


def override(context: ActionContext, kind: str) -> str | None:
    """The revision that the execution was started with."""
    for entry in context.execution.overrides:
        if entry["actionName"] == context.action.name and entry["revisionType"] == kind:
            return str(entry["revisionValue"])
    return None


def run_s3(context: ActionContext) -> ActionResult:
    """The object, in the version that the execution was started with or else the latest."""
    bucket = context.configuration["S3Bucket"]
    key = override(context, "S3_OBJECT_KEY") or context.configuration["S3ObjectKey"]
    version = override(context, "S3_OBJECT_VERSION_ID")
    s3 = context.client("s3")
    try:
        if s3.get_bucket_versioning(Bucket=bucket).get("Status") != "Enabled":
            raise ActionFailure(
                "ConfigurationError", f"The bucket {bucket} does not have versioning enabled, which a source needs."
            )
        if version is None:
            version = s3.get_object(Bucket=bucket, Key=key).get("VersionId")
        s3_object = s3.get_object(Bucket=bucket, Key=key, VersionId=version)
        content = s3_object["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NoSuchVersion", "NotFound"):
            of_version = f" (version {version})" if version else ""
            raise ActionFailure(
                "ConfigurationError",
                f"The object with key '{key}'{of_version} does not exist in the bucket '{bucket}'.",
            ) from error
        raise permission_or(error, "ConfigurationError", f"to access the Amazon S3 bucket named {bucket}") from error
    artifact = context.store.place(context.output_names[0], version)
    _store(context, artifact, content)
    revision = SourceRevision(
        context.action.name,
        artifact.name,
        str(version),
        f"Amazon S3 version id: {version}",
        created=s3_object["LastModified"],
    )
    variables = {
        "BucketName": bucket,
        "ETag": s3_object["ETag"].strip('"'),
        "ObjectKey": key,
        "VersionId": str(version),
    }
    return ActionResult(revision.summary, variables, [artifact], revision)


def run_ecr(context: ActionContext) -> ActionResult:
    """The image's digest now (or the one that the execution was started with), as `imageDetail.json`."""
    repository = context.configuration["RepositoryName"]
    tag = context.configuration.get("ImageTag", "latest")
    digest = override(context, "IMAGE_DIGEST")
    image_id = {"imageDigest": digest} if digest else {"imageTag": tag}
    try:
        answer = context.client("ecr").describe_images(repositoryName=repository, imageIds=[image_id])
    except ClientError as error:
        raise permission_or(error, "ConfigurationError", f"to access the ECR repository named {repository}") from error
    image = answer["imageDetails"][0]
    account = context.account
    uri = f"{image['registryId']}.dkr.ecr.{account.region}.amazonaws.com/{repository}@{image['imageDigest']}"
    detail = {
        "ImageSizeInBytes": str(image.get("imageSizeInBytes", 0)),
        "ImageDigest": image["imageDigest"],
        "Version": "1.0",
        "ImagePushedAt": str(image.get("imagePushedAt", "")),
        "RegistryId": image["registryId"],
        "RepositoryName": repository,
        "ImageURI": uri,
        "ImageTags": image.get("imageTags", []),
    }
    artifact = context.store.place(context.output_names[0], image["imageDigest"])
    content = zip_of({"imageDetail.json": json.dumps(detail).encode()})
    _store(context, artifact, content)
    variables = {
        "RegistryId": image["registryId"],
        "RepositoryName": repository,
        "ImageDigest": image["imageDigest"],
        "ImageURI": uri,
    }
    if not digest:
        variables["ImageTag"] = tag
    revision = SourceRevision(context.action.name, artifact.name, image["imageDigest"], f"Image {uri}")
    return ActionResult(revision.summary, variables, [artifact], revision)


def _store(context: ActionContext, artifact: Artifact, content: bytes) -> None:
    try:
        context.store.put(context.client("s3"), artifact, content)
    except ClientError as error:
        doing = f"to put the artifact {artifact.name} into the Amazon S3 bucket named {artifact.bucket}"
        raise permission_or(error, "ConfigurationError", doing) from error

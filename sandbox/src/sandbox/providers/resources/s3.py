"""Buckets, their settings (each a resource of its own) and objects."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError

from sandbox.providers.resources.base import (
    PROVIDER_ONLY,
    Properties,
    declared,
    dig,
    ignoring_gone,
    is_gone,
    tag_dictionary,
)
from sandbox.providers.resources.codec import UnsupportedInputError, encode, reported, text
from sandbox.providers.types import Aws, Resource

# Inputs of a bucket that have resources of their own here.
BUCKET_INPUTS = {"bucket", "bucketPrefix", "tags", "objectLockEnabled"}
# Objects that a bucket setting belongs to no more than by name.
ADDRESS = {"bucket", "expectedBucketOwner", "mfa"}


class Bucket:
    """A bucket; `forceDestroy` empties it, all versions, before it is deleted."""

    def create(self, aws: Aws, inputs: Properties) -> tuple[str, Properties]:
        """Create it; one that exists is an error in every region, as the provider has it."""
        name = inputs["bucket"]
        if unknown := set(inputs) - BUCKET_INPUTS - PROVIDER_ONLY:
            raise UnsupportedInputError(f"{min(unknown)}: not an argument of CreateBucket; it has its own type")
        client = aws.client("s3")
        if self._exists(aws, name):
            raise RuntimeError(f"creating S3 Bucket ({name}): bucket already exists")
        where = {} if aws.region == "us-east-1" else {"LocationConstraint": aws.region}
        arguments: Properties = {"CreateBucketConfiguration": where} if where else {}
        if text(inputs.get("objectLockEnabled", False)) == "true":
            arguments["ObjectLockEnabledForBucket"] = True
        client.create_bucket(Bucket=name, **arguments)
        self._tag(aws, name, inputs.get("tags", {}))
        return name, self._outputs(aws, name, inputs)

    def read(self, aws: Aws, id: str, props: Properties) -> Properties | None:
        """The bucket with its tags."""
        if not self._exists(aws, id):
            return None
        tags: dict[str, str] = {}
        with ignoring_gone():
            tags = tag_dictionary(aws.client("s3").get_bucket_tagging(Bucket=id)["TagSet"])
        return {**self._outputs(aws, id, {"tags": tags}), **({"tags": tags} if tags or props.get("tags") else {})}

    def update(self, aws: Aws, id: str, olds: Properties, news: Properties) -> Properties:
        """Tags are what changes in place."""
        if olds.get("tags", {}) != news.get("tags", {}):
            self._tag(aws, id, news.get("tags", {}))
        return self._outputs(aws, id, news)

    def delete(self, aws: Aws, id: str, props: Properties) -> None:
        """Delete it; not empty is AWS's error unless `forceDestroy`."""
        client = aws.client("s3")
        with ignoring_gone():
            if text(props.get("forceDestroy", False)) == "true":
                for page in client.get_paginator("list_object_versions").paginate(Bucket=id):
                    versions = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
                    for version in versions:
                        client.delete_object(Bucket=id, Key=version["Key"], VersionId=version["VersionId"])
            client.delete_bucket(Bucket=id)

    def _exists(self, aws: Aws, name: str) -> bool:
        with ignoring_gone():
            aws.client("s3").head_bucket(Bucket=name)
            return True
        return False

    def _tag(self, aws: Aws, name: str, tags: dict[str, str]) -> None:
        client = aws.client("s3")
        if tags:
            pairs = [{"Key": k, "Value": v} for k, v in tags.items()]
            client.put_bucket_tagging(Bucket=name, Tagging={"TagSet": pairs})
        else:
            client.delete_bucket_tagging(Bucket=name)

    def _outputs(self, aws: Aws, name: str, inputs: Properties) -> Properties:
        return {
            "arn": f"arn:{aws.partition}:s3:::{name}",
            "bucket": name,
            "bucketDomainName": f"{name}.s3.amazonaws.com",
            "bucketRegionalDomainName": f"{name}.s3.{aws.region}.amazonaws.com",
            "bucketRegion": aws.region,
            "hostedZoneId": "Z3AQBSTGFYJSTF",
            "tagsAll": inputs.get("tags", {}),
        }


@dataclass(frozen=True, kw_only=True)
class BucketSetting:
    """A setting of a bucket: put, get and delete calls around one structure (`argument`).

    `wrapped` says that the inputs are members of that structure; else `argument` holds the one input
    of that name. `path` is where the get call answers the structure's members.
    """

    what: str
    argument: str
    path: str
    wrapped: bool = True
    delete_call: str = ""
    reset: Properties = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def create(self, aws: Aws, inputs: Properties) -> tuple[str, Properties]:
        """Put the setting; as in AWS an older one is overwritten."""
        self._put(aws, inputs)
        return inputs["bucket"], {}

    def read(self, aws: Aws, id: str, props: Properties) -> Properties | None:
        """The setting AWS holds; a bucket or setting that is missing is gone."""
        try:
            response = getattr(aws.client("s3"), xform_name(f"Get{self.what}"))(Bucket=id)
        except ClientError as error:
            if is_gone(error):
                return None
            raise
        response = response if self.path == "" else dig(response, self.path)
        if not response and self.path:
            return None
        skip = frozenset(ADDRESS)
        return {"bucket": id, **declared(response or {}, props, self.names, skip)}

    def update(self, aws: Aws, id: str, olds: Properties, news: Properties) -> Properties:
        """Overwrite the setting."""
        self._put(aws, news)
        return {}

    def delete(self, aws: Aws, id: str, props: Properties) -> None:
        """Remove the setting, or `reset` it where AWS cannot remove it."""
        client = aws.client("s3")
        with ignoring_gone():
            if self.delete_call:
                getattr(client, xform_name(self.delete_call))(Bucket=id)
            else:
                getattr(client, xform_name(f"Put{self.what}"))(Bucket=id, **{self.argument: self.reset})

    def _put(self, aws: Aws, inputs: Properties) -> None:
        client, operation = aws.client("s3"), f"Put{self.what}"
        shape = client.meta.service_model.operation_model(operation).input_shape.members[self.argument]
        sent = {k: v for k, v in inputs.items() if k not in ADDRESS | PROVIDER_ONLY}
        value = encode(shape, sent if self.wrapped else next(iter(sent.values())), self.names, "")
        getattr(client, xform_name(operation))(Bucket=inputs["bucket"], **{self.argument: value})


class BucketNotification(BucketSetting):
    """What a bucket's events go to. EventBridge is on or off."""

    def read(self, aws: Aws, id: str, props: Properties) -> Properties | None:
        state = super().read(aws, id, {k: v for k, v in props.items() if k != "eventbridge"})
        if state is None:
            return None
        if "eventbridge" in props:
            configuration = aws.client("s3").get_bucket_notification_configuration(Bucket=id)
            state["eventbridge"] = reported("EventBridgeConfiguration" in configuration, props["eventbridge"], {})
        return state

    def _put(self, aws: Aws, inputs: Properties) -> None:
        sent = {k: v for k, v in inputs.items() if k != "eventbridge"}
        if text(inputs.get("eventbridge", False)) == "true":
            sent["eventBridgeConfiguration"] = {}
        super()._put(aws, sent)


class BucketVersioning(BucketSetting):
    """Versioning; deleting an enabled one suspends it, which is the most AWS can do."""

    def read(self, aws: Aws, id: str, props: Properties) -> Properties | None:
        response = super().read(aws, id, props)
        if response is None:
            return None
        versioning = aws.client("s3").get_bucket_versioning(Bucket=id)
        if "Status" not in versioning:
            return None
        return {"bucket": id, **declared({"VersioningConfiguration": versioning}, props, self.names)}

    def delete(self, aws: Aws, id: str, props: Properties) -> None:
        status = props.get("versioningConfiguration", {}).get("status")
        if status == "Enabled":
            super().delete(aws, id, props)

    def _put(self, aws: Aws, inputs: Properties) -> None:
        if inputs["versioningConfiguration"].get("status") != "Disabled":
            super()._put(aws, inputs)


class BucketLifecycle(BucketSetting):
    """Lifecycle rules; AWS wants a filter in each, an empty one means every object."""

    def _put(self, aws: Aws, inputs: Properties) -> None:
        rules = [
            rule if rule.get("filter") or "prefix" in rule else {**rule, "filter": {"prefix": ""}}
            for rule in inputs["rules"]
        ]
        super()._put(aws, {**inputs, "rules": rules})


class BucketObject:
    """An object; id "bucket/key"."""

    def create(self, aws: Aws, inputs: Properties) -> tuple[str, Properties]:
        """Put it; as in AWS an older one is overwritten."""
        return f"{inputs['bucket']}/{inputs['key']}", self._put(aws, inputs)

    def read(self, aws: Aws, id: str, props: Properties) -> Properties | None:
        """Whether it is there, with its entity tag and version."""
        try:
            head = aws.client("s3").head_object(Bucket=props["bucket"], Key=props["key"])
        except ClientError as error:
            if is_gone(error):
                return None
            raise
        return {"bucket": props["bucket"], "key": props["key"], **self._outputs(aws, props, head)}

    def update(self, aws: Aws, id: str, olds: Properties, news: Properties) -> Properties:
        """Put it anew."""
        return self._put(aws, news)

    def delete(self, aws: Aws, id: str, props: Properties) -> None:
        """Delete all its versions."""
        client = aws.client("s3")
        with ignoring_gone():
            pages = client.get_paginator("list_object_versions").paginate(Bucket=props["bucket"], Prefix=props["key"])
            for page in pages:
                for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                    if version["Key"] == props["key"]:
                        client.delete_object(Bucket=props["bucket"], Key=props["key"], VersionId=version["VersionId"])

    def _put(self, aws: Aws, inputs: Properties) -> Properties:
        client = aws.client("s3")
        shape = client.meta.service_model.operation_model("PutObject").input_shape
        skip = {"content", "contentBase64", "source", "sourceHash", "etag", "tags"} | PROVIDER_ONLY
        names = {"kmsKeyId": "SSEKMSKeyId", "websiteRedirect": "WebsiteRedirectLocation"}
        sent = {k: v for k, v in inputs.items() if k not in skip}
        encoded = encode(shape, sent, names, "")
        client.put_object(**encoded, Body=_body(inputs))
        if inputs.get("tags"):
            pairs = [{"Key": k, "Value": v} for k, v in inputs["tags"].items()]
            client.put_object_tagging(Bucket=inputs["bucket"], Key=inputs["key"], Tagging={"TagSet": pairs})
        head = client.head_object(Bucket=inputs["bucket"], Key=inputs["key"])
        return self._outputs(aws, inputs, head)

    def _outputs(self, aws: Aws, props: Properties, head: Any) -> Properties:
        return {
            "arn": f"arn:{aws.partition}:s3:::{props['bucket']}/{props['key']}",
            "etag": head["ETag"].strip('"'),
            "versionId": head.get("VersionId", ""),
            "contentType": head["ContentType"],
            "tagsAll": props.get("tags", {}),
        }


def _body(inputs: Properties) -> bytes:
    """The bytes of `content`, `contentBase64` or `source` (a file's path, or a text that names no file)."""
    if "content" in inputs:
        return str(inputs["content"]).encode()
    if "contentBase64" in inputs:
        return base64.b64decode(inputs["contentBase64"])
    source = str(inputs.get("source", ""))
    try:
        return Path(source).read_bytes()
    except OSError:
        return source.encode()


RESOURCES: dict[str, Resource] = {
    "aws:s3/bucket:Bucket": Bucket(),
    "aws:s3/bucketVersioning:BucketVersioning": BucketVersioning(
        what="BucketVersioning",
        argument="VersioningConfiguration",
        path="",
        wrapped=False,
        reset={"Status": "Suspended"},
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": BucketSetting(
        what="BucketEncryption",
        argument="ServerSideEncryptionConfiguration",
        path="ServerSideEncryptionConfiguration",
        delete_call="DeleteBucketEncryption",
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": BucketSetting(
        what="PublicAccessBlock",
        argument="PublicAccessBlockConfiguration",
        path="PublicAccessBlockConfiguration",
        delete_call="DeletePublicAccessBlock",
    ),
    "aws:s3/bucketPolicy:BucketPolicy": BucketSetting(
        what="BucketPolicy", argument="Policy", path="", wrapped=False, delete_call="DeleteBucketPolicy"
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": BucketLifecycle(
        what="BucketLifecycleConfiguration",
        argument="LifecycleConfiguration",
        path="",
        delete_call="DeleteBucketLifecycle",
        names={"id": "ID"},
    ),
    "aws:s3/bucketNotification:BucketNotification": BucketNotification(
        what="BucketNotificationConfiguration",
        argument="NotificationConfiguration",
        path="",
        names={
            "lambdaFunctions": "LambdaFunctionConfigurations",
            "queues": "QueueConfigurations",
            "topics": "TopicConfigurations",
        },
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": BucketSetting(
        what="BucketOwnershipControls",
        argument="OwnershipControls",
        path="OwnershipControls",
        delete_call="DeleteBucketOwnershipControls",
    ),
    "aws:s3/bucketObjectv2:BucketObjectv2": BucketObject(),
}

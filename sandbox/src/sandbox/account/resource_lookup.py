"""Facts about resources that authorisation needs, read from moto's state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.applicationautoscaling.models import applicationautoscaling_backends
from moto.codedeploy.models import codedeploy_backends
from moto.ecr.models import ecr_backends
from moto.ecs.exceptions import TaskDefinitionNotFoundException
from moto.ecs.models import ecs_backends
from moto.elbv2.models import elbv2_backends
from moto.iam.models import iam_backends
from moto.kms.models import kms_backends
from moto.kms.utils import KEY_ID_LEN
from moto.s3.models import s3_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.servicediscovery.models import servicediscovery_backends
from moto.ssm.models import ssm_backends

AWS_MANAGED_ALIAS = "alias/aws/"


class MotoLookup:
    """``sandbox.iam.calls.Facts`` of one account and region."""

    def __init__(self, account: str, region: str) -> None:
        self.account = account
        self.region = region

    def key_arn(self, key_id: str) -> str:
        backend = kms_backends[self.account][self.region]
        return f"arn:aws:kms:{self.region}:{self.account}:key/{_key_id(backend, key_id)}"

    def key_policy(self, key_arn: str) -> tuple[str, bool] | None:
        """The key policy and whether AWS manages the key; None for a key that does not exist."""
        key = kms_backends[self.account][self.region].keys.get(key_arn.rpartition("/")[2])
        if key is None:
            return None
        return key.policy, any(alias.startswith(AWS_MANAGED_ALIAS) for alias in key.aliases)

    def ciphertext_key(self, blob: bytes) -> str | None:
        try:
            key_id = blob[:KEY_ID_LEN].decode("ascii")
        except UnicodeDecodeError:
            return None
        return self.key_arn(key_id) if key_id in kms_backends[self.account][self.region].keys else None

    def secure_key(self, parameter: str) -> str | None:
        name = parameter.partition(":parameter")[2] if parameter.startswith("arn:") else parameter
        name = name.partition(":")[0]
        parameters = ssm_backends[self.account][self.region]._parameters
        if name not in parameters:  # Its ``get`` would never find anything, and ``[]`` would make it.
            return None
        versions = parameters[name]
        if not versions or versions[-1].parameter_type != "SecureString":
            return None
        return self.key_arn(versions[-1].keyid or "alias/aws/ssm")

    def secret(self, secret_id: str) -> tuple[str, str | None] | None:
        secret = secretsmanager_backends[self.account][self.region].secrets.get(secret_id)
        if secret is None:
            return None
        key = getattr(secret, "kms_key_id", None)  # a replica has none in moto
        return secret.arn, self.key_arn(key) if key else None

    def parameters_under(self, path: str, recursive: bool) -> list[str]:
        parameters = ssm_backends[self.account][self.region]._parameters
        return list(parameters.get_keys_beginning_with(path.rstrip("/") + "/", recursive))

    def bucket_policy(self, bucket: str) -> str | None:
        """The bucket policy, if any."""
        moto_bucket = _buckets(self.account).get(bucket)
        return moto_bucket.policy.decode() if moto_bucket is not None and moto_bucket.policy else None

    def repository_policy(self, name: str) -> str | None:
        """The policy of an ECR repository, if any."""
        repository = ecr_backends[self.account][self.region].repositories.get(name)
        return repository.policy if repository is not None else None

    def bucket_encryption(self, bucket: str) -> tuple[str | None, bool]:
        moto_bucket = _buckets(self.account).get(bucket)
        rule = ((moto_bucket.encryption if moto_bucket is not None else None) or {}).get("Rule") or {}
        default = rule.get("ApplyServerSideEncryptionByDefault") or {}
        bucket_key = str(rule.get("BucketKeyEnabled", "false")).lower() == "true"
        if not str(default.get("SSEAlgorithm", "")).startswith("aws:kms"):
            return None, bucket_key
        return self.key_arn(default.get("KMSMasterKeyID") or "alias/aws/s3"), bucket_key

    def s3_object(self, bucket: str, key: str, version: str | None) -> Any:
        """moto's object, None when there is none (a delete marker is none)."""
        moto_bucket = _buckets(self.account).get(bucket)
        if moto_bucket is None:
            return None
        if version is None:
            item = moto_bucket.keys.get(key)
        else:
            versions = moto_bucket.keys.getlist(key, default=[])
            item = next((v for v in versions if str(v.version_id) == version), None)
        return item if hasattr(item, "etag") else None

    def object_exists(self, bucket: str, key: str, version: str | None) -> bool:
        if bucket not in _buckets(self.account):
            return True  # NoSuchBucket is told to everyone.
        return self.s3_object(bucket, key, version) is not None

    def object_key(self, bucket: str, key: str, version: str | None) -> str | None:
        item = self.s3_object(bucket, key, version)
        if item is None or not str(item.encryption or "").startswith("aws:kms"):
            return None
        return self.key_arn(item.kms_key_id or "alias/aws/s3")

    def object_tagged(self, bucket: str, key: str, version: str | None) -> bool:
        item = self.s3_object(bucket, key, version)
        if item is None:
            return False
        tagger = s3_backends[self.account]["aws"].tagger
        return bool(tagger.get_tag_dict_for_resource(item.arn))

    def task_definition(self, name: str) -> tuple[str, list[str]]:
        try:
            definition = ecs_backends[self.account][self.region].describe_task_definition(name)
        except TaskDefinitionNotFoundException:
            arn = f"arn:aws:ecs:{self.region}:{self.account}:task-definition/{name.rpartition('/')[2]}"
            return arn, []
        roles = [definition.task_role_arn, definition.execution_role_arn]
        return definition.arn, [role for role in roles if role]

    def scalable_target(self, namespace: str, resource_id: str, dimension: str) -> str | None:
        targets = applicationautoscaling_backends[self.account][self.region].targets
        target = targets.get(dimension, {}).get(resource_id)
        return target.arn if target is not None and target.service_namespace == namespace else None

    def iam_arn(self, kind: str, name: str) -> str | None:
        backend = iam_backends[self.account]["aws"]
        holders = backend.users.values() if kind == "user" else backend.roles.values()
        return next((str(holder.arn) for holder in holders if holder.name == name), None)

    def role_boundary(self, name: str) -> str | None:
        roles = iam_backends[self.account]["aws"].roles.values()
        return next((role.permissions_boundary_arn for role in roles if role.name == name), None)

    def tags(self, arn: str) -> Mapping[str, str]:
        """The tags of a key, of a namespace and of what Elastic Load Balancing has; of others none, so a condition on
        theirs fails.
        """
        service, name = arn.split(":")[2] if arn.startswith("arn:") else "", arn.rpartition("/")[2]
        if service == "elasticloadbalancing":
            tags = elbv2_backends[self.account][self.region].tagging_service.get_tag_dict_for_resource(arn)
        elif service == "kms":
            tags = kms_backends[self.account][self.region].tagger.get_tag_dict_for_resource(name)
        elif service == "servicediscovery":
            tags = servicediscovery_backends[self.account][self.region].tagger.get_tag_dict_for_resource(arn)
        else:
            tags = {}
        return dict(tags)

    def deployment_group(self, deployment_id: str) -> str | None:
        deployment = codedeploy_backends[self.account][self.region].deployments.get(deployment_id)
        if deployment is None:
            return None
        return f"{deployment.application_name}/{deployment.deployment_group_name}"


def _buckets(account: str) -> dict[str, Any]:
    return s3_backends[account]["aws"].buckets


def _key_id(backend: Any, key_id: str) -> str:
    """The raw id; an alias that does not exist names no key, so nothing can be allowed on it."""
    name = backend.get_alias_name(key_id)
    if name.startswith("alias/"):
        return str(backend.get_key_id_from_alias(name) or name)
    return str(backend.get_key_id(name))

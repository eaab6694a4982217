"""Base images: whether what the live image was built of can still be pulled, so that it could be built again.

Whoever builds an image writes its labels. So a request goes only to a registry of everybody's, or to one that the
stack file or the account names; not to any host that a label names.
"""

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from delivery.services.sidecars import ECR
from delivery.uploads.build_settings import plain_variables
from delivery.verification import registries
from delivery.verification.images import image_id, platform_of
from delivery.verification.registries import HUB, HUB_HOST, NotAskedError
from delivery.verification.subject import Note, Problem, Subject
from pipeline_steps.build.base_images import recorded
from pipeline_steps.package.images import Images
from releases.errors import DeliveryError, MissingImageError
from releases.names import LIVE
from releases.repository import Repository

GONE = frozenset({"ImageNotFoundException", "RepositoryNotFoundException"})
"""ECR's errors for an image that there is not (ECR API, DescribeImages)."""


def bases(subject: Subject) -> Iterator[Problem]:
    """Base images that are gone, by the labels of the live image; an image without them says nothing."""
    digest = Repository(subject.session, subject.name).digest(LIVE)
    if digest is None:
        return
    images = Images(subject.session.client("ecr"), subject.name)
    try:
        named = recorded(images.labels(digest, platform_of(subject.state.definition)))
    except MissingImageError:
        return  # `images` says so
    for image in named:
        host = image.partition("/")[0]
        if not (ECR.match(image) or host in registries.PUBLIC or host in _logins(subject)):
            none = f"{host} is neither a public registry that `verify` knows nor one of `build.registries.logins`"
            yield Note(f"the base image {image} is not looked at: {none}", "")
            continue
        try:
            there = _is_there(subject, image)
        except NotAskedError as error:
            yield Note(f"whether the base image {image} is still there is not known: {error}", "")
            continue
        if not there:
            yield Problem(
                f"the base image {image} is gone: what is released runs on, and its source cannot be built again",
                "name one that there is in the Dockerfile, and upload that",
            )


def _logins(subject: Subject) -> list[str]:
    """The registries to which the service's build logs in; none where nothing is built."""
    try:
        variables = plain_variables(subject.session, subject.name)
    except DeliveryError:
        return []
    return [login.partition("=")[0] for login in variables["REGISTRY_LOGINS"].split()]


def _is_there(subject: Subject, image: str) -> bool:
    place = ECR.match(image)
    if place is None:
        return registries.has(image)
    ecr = subject.session.client("ecr", region_name=place["region"])
    version = image[place.end() :]
    try:
        ecr.describe_images(registryId=place["account"], repositoryName=place["name"], imageIds=[image_id(version)])
    except ClientError as error:
        if error.response["Error"]["Code"] not in GONE:
            raise NotAskedError(f"ECR answers {error.response['Error']['Code']}") from None
        upstream = _upstream(ecr, place["name"]) if place["account"] == subject.account else ""
        return bool(upstream) and registries.has(f"{upstream}{version}")
    return True


def _upstream(ecr: Any, repository: str) -> str:
    """What a repository is a cache of, whose images ECR fetches when they are pulled; "" where it is none.

    The image may have left it by its lifecycle policy. ROOT is for repositories that have no rule of their own (ECR
    user guide, Customizing repository prefixes), so the longest prefix is taken.
    """
    try:
        pages = ecr.get_paginator("describe_pull_through_cache_rules").paginate()
        rules = [rule for page in pages for rule in page["pullThroughCacheRules"]]
    except ClientError as error:
        raise NotAskedError(f"ECR answers {error.response['Error']['Code']}") from None
    of = {_prefix(rule.get("ecrRepositoryPrefix")): rule for rule in rules}
    prefix = max((prefix for prefix in of if repository.startswith(prefix)), key=len, default=None)
    if prefix is None:
        return ""
    upstream, host = _prefix(of[prefix].get("upstreamRepositoryPrefix")), of[prefix]["upstreamRegistryUrl"]
    return f"{HUB if host == HUB_HOST else host}/{upstream}{repository.removeprefix(prefix)}"


def _prefix(named: str | None) -> str:
    """What a rule's repositories begin with; ROOT is nothing (ECR API, CreatePullThroughCacheRule)."""
    return "" if named in (None, "", "ROOT") else f"{named}/"

"""The keys of AWS's provider in a stack file, as far as a mistake in them would be told late, or not as one."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import boto3

from components.suggestions import suggestion
from components.tags import MOST, alike

OF_EVERY_PROVIDER = {"version", "pluginDownloadURL"}
ACCOUNT = re.compile(r"\d{12}")


def check_provider(config: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with `aws:region`, `allowedAccountIds`, `assumeRoles` and `defaultTags`, as `key: the problem`.

    Args:
        config: a stack file's values by their full keys.
    """
    checks = {"region": _region, "allowedAccountIds": _accounts, "assumeRoles": _roles, "defaultTags": _tags}
    if config.get("aws:skipRegionValidation") in (True, "true"):
        del checks["region"]
    for key, check in checks.items():
        if (value := config.get(f"aws:{key}")) is not None:
            yield from check(value)


def check_unknown_keys(keys: Iterable[str], arguments: Iterable[str]) -> Iterator[str]:
    """Keys of AWS's provider that it does not have: it leaves them out without a word, and takes another region then.

    Args:
        keys: a stack file's, without `aws:`.
        arguments: the provider's, in Python's spelling.
    """
    known = {re.sub(r"_(\w)", lambda letter: letter[1].upper(), name) for name in arguments} | OF_EVERY_PROVIDER
    for key in keys:
        if key not in known:
            hint = suggestion(key, known).replace("did you mean ", "did you mean aws:")
            yield f"aws:{key}: there is no such key{hint}"


def _region(region: Any) -> Iterator[str]:
    """A region that AWS does not have, as far as botocore knows."""
    session = boto3.Session()
    partitions = session.get_available_partitions()
    regions = [name for partition in partitions for name in session.get_available_regions("ecs", partition)]
    if region not in regions:
        yield (
            f"aws:region: {region!r} is not a region that is known here{suggestion(str(region), regions)} "
            "(a new one: aws:skipRegionValidation: true)"
        )


def _accounts(accounts: Any) -> Iterator[str]:
    listed = isinstance(accounts, list)
    if not listed or not all(isinstance(each, str) and ACCOUNT.fullmatch(each) for each in accounts):
        digits = re.sub(r"\D", "", str(accounts[0] if listed and accounts else accounts))
        example = digits if ACCOUNT.fullmatch(digits) else "123456789012"
        yield (
            "aws:allowedAccountIds: must be a list of account numbers, each of 12 digits and in quotes, as in "
            f'aws:allowedAccountIds: ["{example}"]'
        )


def _roles(roles: Any) -> Iterator[str]:
    if not isinstance(roles, list) or not all(isinstance(each, dict) and each.get("roleArn") for each in roles):
        yield (
            "aws:assumeRoles: must be a list of roles with their keys, as in aws:assumeRoles: "
            "[{roleArn: arn:aws:iam::123456789012:role/deploy}]"
        )


def _tags(tags: Any) -> Iterator[str]:
    if not isinstance(tags, dict) or set(tags) != {"tags"} or not isinstance(tags["tags"], dict):
        yield "aws:defaultTags: must be tags below the key tags, as in aws:defaultTags: {tags: {project: my-project}}"
        return
    if (count := len(tags["tags"])) > MOST:
        yield f"aws:defaultTags: has {count} tags, and an S3 object can have {MOST}; remove some"
    for one, other in alike(tags["tags"]):
        yield f"aws:defaultTags: {one} and {other} differ only in case, and IAM accepts one of them; keep one"


def check_service_tags(tags: Any, services: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """What shows only when the tags of a service are seen together with those of the stack.

    Args:
        tags: the value of `aws:defaultTags`.
        services: the tags of each service.
    """
    if list(_tags(tags)):
        return
    of_stack = {key.casefold(): key for key in tags["tags"]}
    for name, of_service in services.items():
        where = f"services.{name}.tags"
        for key in of_service:
            if (same := of_stack.get(key.casefold(), key)) != key:
                yield (
                    f"{where}.{key}: differs only in case from {same} of aws:defaultTags, and IAM accepts one of "
                    "them; write it as there"
                )
        if (count := len({*tags["tags"], *of_service})) > MOST:
            together = f"are {count} with those of aws:defaultTags"
            yield f"{where}: {together}, and an S3 object can have {MOST}; remove some"

"""The route below ``/_sandbox/`` by which ECR has scanned an image: the sandbox knows no vulnerabilities of its own."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from botocore.exceptions import ClientError

from sandbox.account.account import Account
from sandbox.server.control import Rejected

SEVERITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "UNDEFINED")
"""ECR, FindingSeverity."""


def scan(account: Account, body: dict[str, Any]) -> dict[str, Any]:
    """Publish what ECR does when the scan of a pushed image has ended with these numbers of findings.

    Source: ECR User Guide, "Amazon ECR events and EventBridge": event for a completed image scan.
    """
    name, tag, counts = str(body["repository"]), str(body["tag"]), dict(body["counts"])
    if unknown := sorted(counts.keys() - set(SEVERITIES)):
        raise Rejected(HTTPStatus.BAD_REQUEST, f"{unknown[0]} is no severity; there are {', '.join(SEVERITIES)}")
    ecr = account.client("ecr")
    try:
        (repository,) = ecr.describe_repositories(repositoryNames=[name])["repositories"]
        (image,) = ecr.describe_images(repositoryName=name, imageIds=[{"imageTag": tag}])["imageDetails"]
    except ClientError as error:
        raise Rejected(HTTPStatus.NOT_FOUND, str(error)) from error
    if not repository["imageScanningConfiguration"]["scanOnPush"]:
        raise Rejected(HTTPStatus.CONFLICT, f"{name} scans nothing that is pushed")
    return account.bus.publish(
        {
            "detail-type": "ECR Image Scan",
            "source": "aws.ecr",
            "resources": [repository["repositoryArn"]],
            "detail": {
                "scan-status": "COMPLETE",
                "repository-name": name,
                "finding-severity-counts": {severity: count for severity, count in counts.items() if count},
                "image-digest": image["imageDigest"],
                "image-tags": image["imageTags"],
            },
        }
    )


ROUTES = {"POST scan": scan}

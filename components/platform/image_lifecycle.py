"""Rules of an ECR repository's lifecycle policy: what expires (ECR, Lifecycle policy properties)."""

from typing import Any


def expire_untagged(priority: int, words: str, days: int) -> dict[str, Any]:
    """A rule that lets images without a tag expire so many days after they were pushed."""
    selection = {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": days}
    return _expire(priority, words, selection)


def keep_last(priority: int, words: str, tag: str, number: int) -> dict[str, Any]:
    """A rule that lets the images of a tag pattern expire, but for the `number` that were pushed last."""
    tagged = {"tagStatus": "tagged", "tagPatternList": [tag]}
    return _expire(priority, words, {**tagged, "countType": "imageCountMoreThan", "countNumber": number})


def _expire(priority: int, words: str, selection: dict[str, Any]) -> dict[str, Any]:
    return {"rulePriority": priority, "description": words, "selection": selection, "action": {"type": "expire"}}

"""Images by their names: functions without resources, as in `aws_access.py`, for the preview's comment too."""

import re

FIXED = re.compile(r".+@sha256:[0-9a-f]{64}|\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/[^:@]+:live|<\w+>")
"""What no tag could exchange: a digest; an ECR repository's `live`, which only a release moves
(docs/decisions/0001-two-writers.md); and what CodeDeploy's action puts a digest in for."""


def may_change(image: str) -> bool:
    """Whether an image's name may be another image tomorrow: by its tag, or without one, which is `latest`."""
    return FIXED.fullmatch(image) is None

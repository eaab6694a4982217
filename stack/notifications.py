"""Who is told of what the pipelines do: a Slack channel, and the commits that were uploaded."""

from components.notifications.commit_status import CommitFeedback
from components.notifications.slack import Notifications
from stack.platform import Platform


def declare(platform: Platform) -> None:
    """Declare what the stack file asks for."""
    stack, config = platform.stack, platform.stack.config
    if stack.slack_webhook is not None:
        Notifications(
            "slack",
            {
                "scope": platform.scope,
                "pipelines": platform.pipelines,
                "webhook": stack.slack_webhook,
                "production": config.protect,
                "page": config.notifications.page,
            },
        )
    if stack.commit_token is not None and config.notifications.commits is not None:
        CommitFeedback(
            "commits",
            {
                "scope": platform.scope,
                "pipelines": platform.pipelines,
                "host": config.notifications.commits.host,
                "api": config.notifications.commits.api,
                "token": stack.commit_token,
                "bucket": platform.store.bucket,
                "bucket_arn": platform.store.arn,
                "steps_key": platform.store.steps_key,
                "log_retention_days": config.cluster.log_retention_days,
                "page": config.notifications.page,
            },
        )

"""Who is told of what the pipelines do: a Slack channel, and the commits that were uploaded."""

from components.notifications.commit_status import CommitFeedback
from components.notifications.slack import Notifications
from components.platform.platform import Platform
from config.settings import Settings
from releases.names import COMMITS, SLACK


def declare(stack: Settings, platform: Platform) -> None:
    """Declare what the stack file asks for."""
    config, pipelines = stack.config, [platform.scope.name(name) for name in stack.config.services]
    if stack.slack_webhook is not None and config.notifications.slack is not None:
        Notifications(
            SLACK,
            {
                "scope": platform.scope,
                "pipelines": pipelines,
                "webhook": stack.slack_webhook,
                "level": config.notifications.slack.level,
                "jobs": any(service.jobs for service in config.services.values()),
                "production": config.protect,
                "page": platform.page,
            },
        )
    if stack.commit_token is not None and config.notifications.commits is not None:
        CommitFeedback(
            COMMITS,
            {
                "scope": platform.scope,
                "pipelines": pipelines,
                "host": config.notifications.commits.host,
                "api": config.notifications.commits.api,
                "token": stack.commit_token,
                "store": platform.delivery_store,
                "log_retention_days": platform.log_retention_days,
                "page": platform.page,
            },
        )

"""Amazon Q Developer in chat applications, once AWS Chatbot: an SNS topic whose messages are in a Slack channel."""

from collections.abc import Sequence
from typing import TypedDict, final

import pulumi
import pulumi_aws as aws

from components import policies
from components.naming import Scope
from components.roles import service_role


@final
class AmazonQArgs(TypedDict):
    """A Slack channel."""

    workspace: str
    """Slack's ID of the workspace, which somebody has authorized in Amazon Q's console."""
    channel: str
    """Slack's ID of the channel."""


def channel_topic(
    name: str,
    args: AmazonQArgs,
    scope: Scope,
    rules: Sequence[aws.cloudwatch.EventRule],
    opts: pulumi.ResourceOptions,
) -> tuple[aws.sns.Topic, aws.sns.TopicPolicy]:
    """The topic, which these rules may publish to, and its policy.

    Who is in the channel may ask Amazon Q for what the role allows, and the guardrail is the most that any role of the
    channel ever does: both are how this stack's pipelines, services and alarms are. Without a guardrail AWS takes
    AdministratorAccess.
    """
    full_name = scope.name(name)
    topic = aws.sns.Topic(f"{name}-topic", name=full_name, opts=opts)
    policy = aws.sns.TopicPolicy(
        f"{name}-topic-policy",
        arn=topic.arn,
        policy=pulumi.Output.json_dumps(policies.let_publish(topic.arn, [rule.arn for rule in rules])),
        opts=opts,
    )
    reads = policies.look_on(
        scope.arn("codepipeline", scope.name("*")),
        scope.arn("ecs", f"service/{scope.stack}/*"),
        scope.arn("cloudwatch", f"alarm:{scope.name('*')}"),
    )
    guardrail = aws.iam.Policy(
        f"{name}-guardrail",
        name=f"{full_name}-guardrail",
        policy=pulumi.Output.json_dumps(policies.document(reads)),
        opts=opts,
    )
    role, _ = service_role(f"{name}-channel", f"{full_name}-channel", "chatbot", reads, scope.account, opts)
    aws.chatbot.SlackChannelConfiguration(
        f"{name}-channel",
        configuration_name=full_name,
        slack_team_id=args["workspace"],
        slack_channel_id=args["channel"],
        iam_role_arn=role.arn,
        guardrail_policy_arns=[guardrail.arn],
        sns_topic_arns=[topic.arn],
        logging_level="ERROR",
        opts=opts,
    )
    return topic, policy

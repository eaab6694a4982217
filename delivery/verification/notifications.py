"""Whether Slack and the app team's commits can still be told: without telling them anything.

Only a message shows whether a webhook or a token is taken, so what is looked at is how EventBridge is connected, and
whether a message was refused before: the alarm on the queue of those.
"""

from collections.abc import Iterator, Sequence

from delivery.verification.subject import Problem, Subject
from releases.names import COMMITS, SLACK, aws_name, undelivered

SECRETS = {SLACK: "slack_webhook", COMMITS: "commit_token"}
"""Who is told → the secret of the stack file that it takes."""


def notifications(subjects: Sequence[Subject]) -> Iterator[Problem]:
    """Connections that are not authorized, rules that are switched off, messages that were refused."""
    for whom, secret in SECRETS.items():
        if subjects:
            yield from _problems(subjects[0], whom, secret)


def _problems(subject: Subject, whom: str, secret: str) -> Iterator[Problem]:
    name, events = aws_name(subject.stack, whom), subject.session.client("events")
    again = f"set it anew: `pulumi config set --secret fargate-delivery:{secret} …`, then `up`"
    try:
        connection = events.describe_connection(Name=name)
    except events.exceptions.ResourceNotFoundException:
        return  # nobody is to be told
    if connection["ConnectionState"] != "AUTHORIZED":
        yield Problem(
            f"EventBridge's connection {name} is {connection['ConnectionState']}, so {whom} is told nothing", again
        )
    for rule in events.list_rules(NamePrefix=f"{name}-")["Rules"]:
        if rule["State"] == "DISABLED":
            yield Problem(
                f"the rule {rule['Name']} is switched off, so {whom} is not told all",
                f"`aws events enable-rule --name {rule['Name']}`",
            )
    cloudwatch = subject.session.client("cloudwatch")
    alarm = undelivered(name)
    for each in cloudwatch.describe_alarms(AlarmNames=[alarm])["MetricAlarms"]:
        if each["StateValue"] == "ALARM":
            yield Problem(
                f"messages to {whom} were refused: the queue {alarm} has them, each with why",
                f"if it was for the secret, {again}",
            )

"""What becomes of an event that started no pipeline or job, and should have: it is kept, and somebody is told."""

from typing import NotRequired, TypedDict

import pulumi

from components.notifications.dead_letter_queue import dead_letter_queue
from components.scope import Scope
from releases.names import JOB_ENDED, TEMPLATE_CHANGED, UPLOADED, starting_rule


class StartFailuresArgs(TypedDict):
    """Inputs of `StartFailures`."""

    scope: Scope
    jobs: NotRequired[bool]
    """Whether services have jobs, which events start and end too."""
    page: NotRequired[str | None]
    """The SNS topic that the alarm notifies."""


class StartFailures(pulumi.ComponentResource):
    """A dead-letter queue for the events that start the stack's pipelines and jobs, and an alarm on it.

    Produces: a queue, its policy and its alarm.
    """

    queue_arn: pulumi.Output[str]
    """The queue, known once the rules may write to it."""
    alarm_name: pulumi.Output[str]
    """The alarm that goes off when an event is in it."""

    def __init__(self, name: str, args: StartFailuresArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fargate-delivery:index:StartFailures", name, None, opts)
        child, scope = pulumi.ResourceOptions(parent=self), args["scope"]
        full_name = scope.name(name)
        # By pattern: a queue's policy has 8,192 bytes, which the ARNs of a hundred services' rules would fill.
        rules = [
            scope.arn("events", f"rule/{starting_rule(scope.name('*'), starter)}")
            for starter in (UPLOADED, TEMPLATE_CHANGED, *([JOB_ENDED] if args.get("jobs") else []))
        ]
        what = "An upload or a changed template did not start its pipeline"
        if args.get("jobs"):
            what += ", or a job was not started or not looked at"
        description = f"{what}; the queue has the event, and why"
        queue = dead_letter_queue(name, full_name, rules, description, args.get("page"), child)
        self.queue_arn = pulumi.Output.all(queue.arn, queue.policy.id).apply(lambda known: str(known[0]))
        self.alarm_name = queue.alarm_name
        self.register_outputs({"alarm_name": self.alarm_name})

"""What Slack is told: which events, and in which words; `slack_rules.py` makes EventBridge's rules of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from releases.errors import PROGRAM
from releases.events import JOB_FAILED, JOB_SKIPPED, NOT_PACKAGED, PACKAGED, RELEASED, SOURCE
from releases.failure import TOLD
from releases.names import TEMPLATE_CHANGED, aws_name, log_group, release_tag, starting_rule

SUCCESS, FAILURE, INFO, ACTION_NEEDED = "#2eb67d", "#e01e5a", "#36c5f0", "#ecb22e"
Subject = Literal["pipeline", "service", "hook", "task", "job", "alarm", "image"]
Level = Literal["failures", "releases", "all"]
LEVELS: Sequence[Level] = ("failures", "releases", "all")
"""How much is told, each with what is told by those before: what has gone wrong or waits for somebody; that a release
has started and is out, which is two messages for each; and its way between."""
STACK = "{stack}"
OF = f"SERVICE --stack {STACK}"
"""What a command is told; an event has the names of a stack and of its service in one only."""
EXECUTION_PAGE = "codesuite/codepipeline/pipelines/<pipeline>/executions/<execution>/visualization?region={region}"
CLOUDWATCH, CLUSTER = "cloudwatch/home?region={region}#", "ecs/v2/clusters/{cluster}"
LOG_PAGE, LOGS_PAGE = (
    f"{CLOUDWATCH}logsV2:log-groups{which}{log_group(name).replace('/', '$252F')}"
    for which, name in (("/log-group/", ""), ("$3FlogGroupNameFilter$3D", aws_name("{stack}", "")))
)
REPOSITORY = "ecr/repositories/private/{account}/<repository>"
DASHBOARD = {"Dashboard": f"{CLOUDWATCH}dashboards/dashboard/{{stack}}"}
LINKS: Mapping[Subject, Mapping[str, str]] = {
    "pipeline": {"Pipeline": EXECUTION_PAGE, "Log": f"{LOG_PAGE}<pipeline>", **DASHBOARD},
    "service": {"Services": f"{CLUSTER}/services?region={{region}}", "Logs": LOGS_PAGE, **DASHBOARD},
    "hook": {"Services": f"{CLUSTER}/services?region={{region}}", "Logs": LOGS_PAGE, **DASHBOARD},
    "task": {"Tasks": f"{CLUSTER}/tasks?region={{region}}", "Logs": LOGS_PAGE, **DASHBOARD},
    "job": {"Log": f"{LOG_PAGE}<pipeline>", "Tasks": f"{CLUSTER}/tasks?region={{region}}", **DASHBOARD},
    "image": {
        "Findings": f"{REPOSITORY}/_/image/<digest>/scan-results?region={{region}}",
        "Images": f"{REPOSITORY}?region={{region}}",
        **DASHBOARD,
    },
    "alarm": {"Alarm": f"{CLOUDWATCH}alarmsV2:alarm/<alarm>", "Log": f"{LOG_PAGE}<alarm>", **DASHBOARD},
}
"""Where in the AWS console to look further. A service's log group ends in what its pipeline and its alarm are called.
ECS's events have that name only within an ARN, of which a template cannot take a part: they link to all logs."""
INPUT_PATHS: Mapping[Subject, Mapping[str, str]] = {
    "pipeline": {"pipeline": "$.detail.pipeline", "execution": "$.detail.execution-id"},
    "service": {"service": "$.resources[0]"},
    "hook": {"service": "$.detail.serviceArn"},
    "task": {"group": "$.detail.group", "task": "$.detail.taskArn"},
    "job": {name: f"$.detail.{name}" for name in ("pipeline", "job", "reason", "task")},
    "alarm": {"alarm": "$.detail.alarmName"},
    "image": {"repository": "$.detail.repository-name", "digest": "$.detail.image-digest"},
}
"""What every message of a subject has of its event."""
MORE_PATHS: Mapping[str, Mapping[str, str]] = {
    "aws.codepipeline": {
        "who": "$.detail.execution-trigger.trigger-detail",
        "stage": "$.detail.stage",
        "action": "$.detail.action",
        "reason": "$.detail.execution-result.external-execution-summary",
        "details": "$.detail.execution-result.external-execution-url",
    },
    "aws.ecs": {
        "event": "$.detail.eventName",
        "reason": "$.detail.reason",
        "hook": "$.detail.hookId",
        "stage": "$.detail.lifecycleStage",
        "definition": "$.detail.taskDefinitionArn",
    },
    "aws.cloudwatch": {"reason": "$.detail.state.reason"},
    "aws.ecr": {
        "tag": "$.detail.image-tags[0]",
        "critical": "$.detail.finding-severity-counts.CRITICAL",
        "high": "$.detail.finding-severity-counts.HIGH",
    },
    SOURCE: {
        **{name: f"$.detail.{name}" for name in ("summary", "reason", "release", "commit", "took", "changed")},
        "details": "$.detail.url",
        "digest": "$.detail.image_digest",
        "version": "$.detail.source_version",
        "definition": "$.detail.task_definition",
    },
}
"""By the events' `source`: what else a message may have of its event, if it names it."""


@dataclass(frozen=True)
class Message:
    """One kind of message.

    Attributes:
        title: its first line; `<variables>` are of INPUT_PATHS and MORE_PATHS.
        color: of the bar beside it.
        detail_type: the events' `detail-type`.
        detail: what else their `detail` must have.
        lines: what follows the title.
        source: the events' `source`.
        subject: what the events are about, which says how the stack's own are known.
        extra_link: a variable that is one more link, or empty.
        level: the least one that has it.
    """

    title: str
    color: str
    detail_type: str
    detail: Mapping[str, Any]
    lines: Sequence[str] = ()
    source: str = "aws.codepipeline"
    subject: Subject = "pipeline"
    extra_link: str = ""
    level: Level = "failures"


EXECUTION, STAGE, ACTION = (f"CodePipeline {what} Execution State Change" for what in ("Pipeline", "Stage", "Action"))
ALARM = "CloudWatch Alarm State Change"
HOOK = "ECS Hook State Change"
BY_EVENT = "CloudWatchEvent"
"""CodePipeline's type of an execution that an EventBridge rule has started; its detail is the rule's ARN
(docs/aws-assumptions.md)."""
EDITING_RULE = starting_rule("", TEMPLATE_CHANGED)
"""How the name of a rule ends that starts a pipeline because an edit has changed its template."""
MESSAGES: Mapping[str, Message] = {
    "started": Message(
        "<pipeline> has started",
        INFO,
        EXECUTION,
        # The one that CodePipeline starts when a pipeline is made finds no source: nobody waits for it.
        {
            "state": ["STARTED"],
            "execution-trigger": {"trigger-type": [{"anything-but": ["CreatePipeline", BY_EVENT]}]},
        },
        ["Started by <who>"],
        level="releases",
    ),
    # Of these CodePipeline knows the rule, and nobody who uploaded.
    "uploaded": Message(
        "<pipeline> has started",
        INFO,
        EXECUTION,
        {
            "state": ["STARTED"],
            "execution-trigger": {
                "trigger-type": [BY_EVENT],
                "trigger-detail": [{"anything-but": {"suffix": EDITING_RULE}}],
            },
        },
        ["Started by an upload, or by the push of an image"],
        level="releases",
    ),
    "edited": Message(
        "<pipeline> has started",
        INFO,
        EXECUTION,
        {
            "state": ["STARTED"],
            "execution-trigger": {"trigger-type": [BY_EVENT], "trigger-detail": [{"suffix": EDITING_RULE}]},
        },
        ["Started by `pulumi up`, which has edited what CodeDeploy deploys"],
        level="releases",
    ),
    # The same one fails in Source, with a reason like any other's; it is of the pipeline's first version.
    "no_source": Message(
        "<pipeline> has failed in <stage>",
        FAILURE,
        ACTION,
        {"state": ["FAILED"], "type": {"category": ["Source"]}, "version": [{"numeric": [">", 1]}]},
        ["<action>: <reason>"],
        extra_link="details",
    ),
    "packaged": Message(
        "<pipeline> has an image to deploy", INFO, PACKAGED, {}, ["Image <summary>"], source=SOURCE, level="all"
    ),
    # A build that was not begun, or ran out of time, says nothing of it: "failed" does.
    "not_packaged": Message(
        "<pipeline> has failed in Build",
        FAILURE,
        NOT_PACKAGED,
        {},
        ["Build: <reason>"],
        source=SOURCE,
        extra_link="details",
    ),
    "approval": Message(
        "<pipeline> waits for approval",
        ACTION_NEEDED,
        ACTION,
        {"state": ["STARTED"], "type": {"category": ["Approval"]}},
        lines=[f"Approve or reject it in the pipeline, or with `{PROGRAM} approve {OF}` or `{PROGRAM} reject {OF}`."],
    ),
    "rejected": Message(
        "<pipeline>: the approval has ended without a yes",
        FAILURE,
        ACTION,
        {"state": ["FAILED"], "type": {"category": ["Approval"]}},
        ["Reason: <reason>"],
    ),
    "deploying": Message("<pipeline> deploys", INFO, STAGE, {"state": ["STARTED"], "stage": ["Deploy"]}, level="all"),
    "failed": Message(
        "<pipeline> has failed in <stage>",
        FAILURE,
        ACTION,
        {
            "state": ["FAILED"],
            "type": {"category": [{"anything-but": ["Source", "Approval"]}], "provider": [{"anything-but": "ECS"}]},
            # By its exit status a build has told the cause itself (docs/aws-assumptions.md).
            "execution-result": {
                "external-execution-summary": [
                    {"exists": False},
                    {"anything-but": {"wildcard": f"*Reason: exit status {TOLD}*"}},
                ]
            },
        },
        ["<action>: <reason>"],
        extra_link="details",
    ),
    # What a load balancer asked for is in no event. A step of this project's own says it by itself, and of CodeDeploy's
    # action no command does.
    "not_deployed": Message(
        "<pipeline> has failed in <stage>",
        FAILURE,
        ACTION,
        {"state": ["FAILED"], "type": {"provider": ["ECS"]}},
        ["<action>: <reason>", f"Path, port and answer of a failed health check: `{PROGRAM} status {OF}`"],
        extra_link="details",
    ),
    "released": Message(
        f"<pipeline> has released {release_tag('<release>')}",
        SUCCESS,
        RELEASED,
        {},
        ["Commit <commit>, <took>", "Image <digest><changed>", "from source <version>, as <definition>"],
        source=SOURCE,
        level="releases",
    ),
    # Of an edit by `pulumi up` nothing else tells; of a release it comes before the pipeline knows.
    "rolled_back": Message(
        "A deployment has failed",
        FAILURE,
        "ECS Deployment State Change",
        {"eventName": ["SERVICE_DEPLOYMENT_FAILED"]},
        ["Service <service>", "Reason: <reason>"],
        source="aws.ecs",
        subject="service",
    ),
    "hook_waits": Message(
        "A deployment waits for somebody's answer",
        ACTION_NEEDED,
        HOOK,
        {"eventName": ["HOOK_AWAITING_ACTION"]},
        [
            "Service <service>, at <stage>: its new tasks are on the test port, and have no traffic yet.",
            f"Let it go on with `{PROGRAM} continue {OF}`, or have it go back with `{PROGRAM} abort {OF}`.",
        ],
        source="aws.ecs",
        subject="hook",
    ),
    "hook_failed": Message(
        "A deployment's hook has failed",
        FAILURE,
        HOOK,
        {"eventName": ["HOOK_FAILED", "HOOK_TIMED_OUT"]},
        ["Service <service>", "<event>: hook <hook> at <stage>"],
        source="aws.ecs",
        subject="hook",
    ),
    # One event when ECS slows down, and not one for each task that fails.
    "impaired": Message(
        "ECS cannot start tasks",
        FAILURE,
        "ECS Service Action",
        {
            "eventName": [
                "SERVICE_TASK_START_IMPAIRED",
                "SERVICE_TASK_PLACEMENT_FAILURE",
                "SERVICE_TASK_CONFIGURATION_FAILURE",
            ]
        },
        ["Service <service>", "<event> <reason>"],
        source="aws.ecs",
        subject="service",
    ),
    "out_of_memory": Message(
        "A task has run out of memory",
        FAILURE,
        "ECS Task State Change",
        {"lastStatus": ["STOPPED"], "containers": {"reason": [{"prefix": "OutOfMemoryError"}]}},
        ["It was of <group>, <definition>", "Task <task>"],
        source="aws.ecs",
        subject="task",
    ),
    "alarm": Message(
        "<alarm> is in ALARM",
        FAILURE,
        ALARM,
        {"state": {"value": ["ALARM"]}},
        ["Reason: <reason>"],
        source="aws.cloudwatch",
        subject="alarm",
    ),
    "alarm_over": Message(
        "<alarm> is OK again",
        SUCCESS,
        ALARM,
        {"state": {"value": ["OK"]}, "previousState": {"value": ["ALARM"]}},
        ["Reason: <reason>"],
        source="aws.cloudwatch",
        subject="alarm",
    ),
    # Of basic scanning, on push; a count that is 0 is not in the event (ECR, Amazon ECR events and EventBridge).
    "vulnerable": Message(
        "The scan of an image of <repository> has found something",
        ACTION_NEEDED,
        "ECR Image Scan",
        {
            "finding-severity-counts": {
                "$or": [{"CRITICAL": [{"numeric": [">", 0]}]}, {"HIGH": [{"numeric": [">", 0]}]}]
            }
        },
        ["CRITICAL: <critical>", "HIGH: <high>", "Image <digest>, <tag>"],
        source="aws.ecr",
        subject="image",
    ),
}


JOB_MESSAGES: Mapping[str, Message] = {
    "job_failed": Message(
        "Job <job> of <pipeline> has failed",
        FAILURE,
        JOB_FAILED,
        {},
        ["<reason>", "Task <task>"],
        source=SOURCE,
        subject="job",
    ),
    "job_skipped": Message(
        "Job <job> of <pipeline> was left out",
        FAILURE,
        JOB_SKIPPED,
        {},
        ["<reason>"],
        source=SOURCE,
        subject="job",
    ),
}
"""For stacks that have jobs."""


def messages(level: Level, *, jobs: bool) -> dict[str, Message]:
    """Those that a stack tells.

    Args:
        level: how much is told.
        jobs: whether it has jobs.
    """
    known = {**MESSAGES, **(JOB_MESSAGES if jobs else {})}
    return {kind: each for kind, each in known.items() if LEVELS.index(each.level) <= LEVELS.index(level)}

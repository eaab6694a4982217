"""What a reviewer reads, on recorded previews of stack `local` (tests/previews)."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from delivery.__main__ import main
from delivery.pull_request.as_markdown import LONGEST, as_markdown, marker
from delivery.pull_request.effects import effect, is_revision_alone
from delivery.pull_request.preview import COMPUTED, SIGNATURE, UNKNOWN, Change, Preview, parse
from delivery.pull_request.report import Live, report
from releases.controllers import CONTROLLERS
from releases.controllers.controller import Deployment
from releases.service_state import ServiceState

RECORDED = Path(__file__).parents[3] / "previews"
FAMILY = "arn:aws:ecs:ap-northeast-1:123456789012:task-definition/local-hello"
RELEASED = {
    "schema": 1,
    "release": 12,
    "image_digest": "sha256:" + "a" * 64,
    "task_definition": f"{FAMILY}:7",
    "template_fingerprint": "f",
    "source_version": "v",
    "execution": "e",
    "time": "2026-11-01T00:00:00Z",
    "commit": "0123456789abcdef",
    "repository": "team/hello",
}


def document(name: str) -> dict[str, Any]:
    """A recording."""
    found: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_text())
    return found


def recorded(name: str) -> Preview:
    return parse(json.dumps(document(name)))


def comment(stack: str, preview: Preview, live: Live | None = None, longest: int = LONGEST) -> str:
    return as_markdown(report(stack, preview, live), longest)


def hundredfold(name: str, service: str) -> Preview:
    """A recorded preview whose changes of one service are those of a hundred."""
    one = document(name)
    steps = [json.dumps(step) for step in one["steps"] if f"::{service}" in step["urn"]]
    hundred = [json.loads(step.replace(service, f"{service}{n:02}")) for n in range(100) for step in steps]
    return parse(json.dumps({**one, "steps": hundred}))


def state(**changes: Any) -> ServiceState:
    """The service `hello`, which runs release 12."""
    running = ServiceState(
        service="hello",
        name="local-hello",
        cluster="local",
        controller=CONTROLLERS["ECS"],
        task_definition=f"{FAMILY}:7",
        fingerprint="f",
        desired=2,
        target_groups=(),
        deployments=(Deployment("ecs-svc/1", f"{FAMILY}:7", "COMPLETED", "", 2),),
        record=json.dumps(RELEASED),
        execution=None,
    )
    return replace(running, **changes)


def row(text: str, first: str) -> str:
    """The row of a table that begins with this."""
    (found,) = [line for line in text.splitlines() if line.startswith(f"| {first} ")]
    return found


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing", ["## `local`: nothing changes"]),
        (
            "memory",
            [
                "2 to replace",
                "| `hello` | **deployment by ECS**: memory 512 → 1024 | the live one stays | +$2.02 |",
                "**a pipeline run starts**: it deploys the edit with the live image",
                "Cost: +$4.04 a month",
                "-   memory: 512\n+   memory: 1024",
            ],
        ),
        (
            "new",
            [
                "| `fresh` | **new**: no tasks until its first release<br>**a pipeline run starts** by itself",
                "| none yet |",
                "6 new roles and 1 new user",
                "`codepipeline:GetPipelineExecution`",
            ],
        ),
        (
            "removed",
            [
                "| `shop` | **removed**: its tasks stop, its hosts answer 404 | none | -$16.40 |",
                "**deleted** Repository | `shop-images` | its images are gone: there is nothing to roll back to",
                "**deleted** User | `shop-uploader`",
                "**deleted** ListenerRule | `shop-blue-rule` | its host answers 404",
                "| Notifications | 10 x EventRule updated |",
                "| 1 task of 0.25 vCPU, 0.5 GB, a public address | -$14.90 |",
            ],
        ),
        (
            "strategy",
            [
                "**another ECS service** (ECS → CodeDeploy): it takes over the image and the tasks, and serves before",
                "the pipeline itself is changed; that starts nothing",
                "| `local-hello-package` | `s3:GetObject` on `arn:aws:s3:::",
                "| `local-hello-pipeline` | a changed policy that is known only after `up` | `hello` |",
                "The program says",
                "hello: the ECS service local-hello is replaced",
            ],
        ),
        (
            "opened",
            [
                "### Public now",
                "tcp port 443 open to 0.0.0.0/0 | `load-balancer-in-443-0.0.0.0/0` |",
                "tcp port 80 open to 0.0.0.0/0 | `load-balancer-in-80-0.0.0.0/0` |",
            ],
        ),
        (
            "permissions",
            [
                "| `local-mailer-execution` | `ssm:GetParameters` on "
                "`arn:aws:ssm:ap-northeast-1:123456789012:parameter/shared/key` | `mailer` |",
                "**deployment by ECS**: worker.secrets.SHARED - → /shared/key",
            ],
        ),
        (
            "failed",
            ["## `local`: the preview failed", "services.chuoi.task: memory 3000 does not go with cpu 512"],
        ),
    ],
)  # fmt: skip
def test_what_is_said(name: str, said: list[str]) -> None:
    text = comment("local", recorded(name))
    for words in said:
        assert words in text


@pytest.mark.parametrize("name", ["memory", "new", "strategy", "permissions"])
def test_nothing_ends_that_is_not_said(name: str) -> None:
    assert "### Replaced or deleted" not in comment("local", recorded(name))


@pytest.mark.parametrize("name", ["memory", "new", "removed", "strategy", "permissions"])
def test_what_is_not_opened_is_not_said_to_be(name: str) -> None:
    assert "open to" not in comment("local", recorded(name))


@pytest.mark.parametrize("name", ["memory", "removed", "opened"])
def test_what_is_not_widened_is_not_said_to_be(name: str) -> None:
    assert "### Permissions" not in comment("local", recorded(name))


@pytest.mark.parametrize("path", sorted(RECORDED.glob("*.json")), ids=lambda path: path.stem)
def test_every_report_fits_and_is_whole(path: Path) -> None:
    text = path.read_text()
    said = comment("local", parse(text))
    assert len(said) <= LONGEST
    assert said.startswith(marker("local") + "\n")
    assert said == comment("local", parse(text))
    assert said.count("```") % 2 == 0
    assert said.count("<details>") == said.count("</details>")
    assert SIGNATURE not in said
    assert COMPUTED not in said


@pytest.mark.parametrize(
    ("name", "service", "said"),
    [
        ("memory", "hello", "**deployment by ECS**: memory 512 → 1024 | the live one stays | +$2.02 |"),
        ("new", "fresh", "**new**: no tasks until its first release"),
        ("removed", "shop", "**removed**: its tasks stop"),
        ("strategy", "hello", "**another ECS service** (ECS → CodeDeploy)"),
    ],
)
def test_a_hundred_services_are_all_in_the_table_and_only_the_folded_part_is_cut(
    name: str, service: str, said: str
) -> None:
    text = comment("local", hundredfold(name, service))
    assert len(text) <= LONGEST
    head, _, folded = text.partition("<details>")
    assert all(said in row(head, f"`{service}{n:02}`") for n in range(100))
    assert "The rest of this report is left out" not in text
    if len(text) > LONGEST - 1_000:
        assert "more lines are left out, a comment is full; `pulumi preview --diff --stack local` shows" in folded


@pytest.mark.parametrize("longest", [400, 1_000, 5_000, 20_000, LONGEST])
@pytest.mark.parametrize("name", ["removed", "new", "failed"])
def test_it_fits_whatever_room_there_is(name: str, longest: int) -> None:
    assert len(comment("local", recorded(name), longest=longest)) <= longest


def test_aws_says_which_release_stays() -> None:
    text = comment("local", recorded("memory"), Live({"hello": state()}))
    assert "release 12 stays live (`sha256:aaaaaaaaaaaa`, commit 0123456789ab)" in row(text, "`hello`")


def test_without_an_answer_of_aws_it_is_said_that_nobody_knows() -> None:
    text = comment("local", recorded("memory"), Live({}, "these credentials may not ecs:DescribeServices"))
    assert "| the live one stays |" in row(text, "`hello`")
    assert "What is live is not known: these credentials may not ecs:DescribeServices" in text


def service(new: Any, fields: tuple[str, ...] = ("taskDefinition",)) -> Change:
    urn = "urn:pulumi:local::p::fargate-delivery:index:EcsService$aws:ecs/service:Service::hello-service"
    return Change(urn, "update", "hello", {"taskDefinition": f"{FAMILY}:5"}, {"taskDefinition": new}, fields)


def forced(field: str, *, now: bool) -> Change:
    change = service(f"{FAMILY}:5", (field, "forceNewDeployment"))
    return replace(change, new={**change.new, "forceNewDeployment": now})


@pytest.mark.parametrize(
    ("change", "running", "alone"),
    [
        (service(f"{FAMILY}:7"), None, True),
        (service(f"{FAMILY}:7"), state(), True),
        (service(f"{FAMILY}:8"), state(), False),
        (service(UNKNOWN), None, False),
        (service(f"{FAMILY}:7", ("taskDefinition", "networkConfiguration.subnets[0]")), state(), False),
    ],
)
def test_a_revision_alone_is_no_change(change: Change, running: ServiceState | None, alone: bool) -> None:
    assert is_revision_alone(change, running) is alone


@pytest.mark.parametrize(
    ("change", "running", "line"),
    [
        (service(f"{FAMILY}:8"), state(), "**deployment by ECS**: an edit that was registered and does not run"),
        (service(f"{FAMILY}:8"), state(desired=0), "**deployment by ECS** of no tasks: an edit that was registered and does not run"),
        (service(f"{FAMILY}:5", ("networkConfiguration.subnets[0]",)), state(), "**deployment by ECS**: networkConfiguration"),
        (forced("enableExecuteCommand", now=True), state(), "**deployment by ECS**: enableExecuteCommand"),
        (forced("capacityProviderStrategies[0]", now=True), state(), "**deployment by ECS**: capacityProviderStrategies"),
        (replace(forced("enableExecuteCommand", now=True), fields=("enableExecuteCommand",)), state(), "**deployment by ECS**: enableExecuteCommand"),
        (forced("alarms.enable", now=False), state(), "service changed without a deployment: alarms"),
        (service(f"{FAMILY}:5", ("enableExecuteCommand",)), state(), "service changed without a deployment: enableExecuteCommand"),
        (service(f"{FAMILY}:5", ("tags.a",)), state(), "service changed without a deployment: tags"),
        (service(UNKNOWN), state(execution="e1"), "left alone while pipeline execution e1 is in flight; run `up` again after it"),
    ],
)  # fmt: skip
def test_what_a_changed_service_does(change: Change, running: ServiceState, line: str) -> None:
    assert effect([change], running, asked=True).lines == (line,)


@pytest.mark.parametrize(
    ("name", "action", "line"),
    [
        ("hello-to-sg-0a1b-5432", "create", "**connects to port 5432 of sg-0a1b**"),
        ("hello-to-api-to-go", "create", "**connects to service api-to-go**"),
        ("hello-to-sg-0a1b-5432", "delete", "no longer connects to port 5432 of sg-0a1b"),
        ("hello-in", "create", None),
        ("hello-to-api", "update", None),
    ],
)
def test_what_a_service_connects_to(name: str, action: Any, line: str | None) -> None:
    urn = f"urn:pulumi:dev::p::aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule::{name}"
    (*lines, others) = effect([Change(urn, action, "hello")], state(), asked=True).lines
    assert (lines, others) == ([line] if line else [], f"other resources: 1 {action}d")


AT_THREE = {"name": "clean", "scheduleExpression": "cron(0 3 * * ? *)", "scheduleExpressionTimezone": "Asia/Tokyo"}
AT_NIGHT = {
    "schedule": "cron(0 20 * * ? *)",
    "timezone": "Asia/Tokyo",
    "scalableTargetAction": {"minCapacity": 0, "maxCapacity": 0},
}
AT_60 = {"targetTrackingScalingPolicyConfiguration": {"targetValue": 60.0}}
BY_THE_CLOCK = "aws:appautoscaling/scheduledAction:ScheduledAction::hello-scaling-0"


@pytest.mark.parametrize(
    ("resource", "old", "new", "line"),
    [
        ("aws:scheduler/schedule:Schedule::hello-clean-schedule", {}, AT_THREE, "**job clean**: cron(0 3 * * ? *) Asia/Tokyo"),
        ("aws:scheduler/schedule:Schedule::hello-clean-schedule", AT_THREE, {}, "job clean: no longer cron(0 3 * * ? *) Asia/Tokyo"),
        ("aws:scheduler/schedule:Schedule::hello-clean-schedule", AT_THREE, {"name": "clean", "scheduleExpression": "rate(1 hour)"}, "job clean: cron(0 3 * * ? *) Asia/Tokyo → rate(1 hour) UTC"),
        ("aws:scheduler/schedule:Schedule::hello-clean-schedule", AT_THREE, {**AT_THREE, "target": "another"}, None),
        (BY_THE_CLOCK, {}, AT_NIGHT, "**tasks by the clock**: 0 to 0 at cron(0 20 * * ? *) Asia/Tokyo"),
        (BY_THE_CLOCK, AT_NIGHT, {}, "tasks by the clock: no longer 0 to 0 at cron(0 20 * * ? *) Asia/Tokyo"),
        (BY_THE_CLOCK, AT_NIGHT, {**AT_NIGHT, "scalableTargetAction": {"minCapacity": 0, "maxCapacity": 4}}, "tasks by the clock: 0 to 0 at cron(0 20 * * ? *) Asia/Tokyo → 0 to 4 at cron(0 20 * * ? *) Asia/Tokyo"),
        ("aws:appautoscaling/policy:Policy::hello-scaling-cpu", AT_60, {"targetTrackingScalingPolicyConfiguration": {"targetValue": 70.5}}, "scales by cpu: 60 → 70.5"),
        ("aws:appautoscaling/policy:Policy::hello-scaling-backlog", {}, AT_60, "scales by backlog: not → 60"),
        ("aws:appautoscaling/policy:Policy::hello-scaling-cpu", AT_60, AT_60, None),
    ],
)  # fmt: skip
def test_what_happens_by_the_clock_and_by_measures(
    resource: str, old: dict[str, Any], new: dict[str, Any], line: str | None
) -> None:
    action: Any = "update" if old and new else "create" if new else "delete"
    change = Change(f"urn:pulumi:dev::p::{resource}", action, "hello", old=old, new=new)
    (*lines, others) = effect([change], state(), asked=True).lines
    assert (lines, others) == ([line] if line else [], f"other resources: 1 {action}d")


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        (None, "CANARY", ("**canary deployments** by ECS instead of rolling: the service is updated, nothing is replaced",)),
        ("BLUE_GREEN", "ROLLING", ("**rolling deployments** by ECS instead of blue_green: the service is updated, nothing is replaced",)),
        ("LINEAR", "LINEAR", ()),
    ],
)  # fmt: skip
def test_another_strategy_of_ecs_s(before: str | None, after: str, lines: tuple[str, ...]) -> None:
    changed = service(f"{FAMILY}:5", ("deploymentConfiguration.strategy",))
    old = {} if before is None else {"deploymentConfiguration": {"strategy": before}}
    new = {"deploymentConfiguration": {"strategy": after}}
    change = replace(changed, old={**changed.old, **old}, new={**changed.new, **new})
    rest = "service changed without a deployment: deploymentConfiguration"
    assert effect([change], state(), asked=True).lines == (*lines, rest)


def run(*arguments: str, given: str) -> str:
    done = CliRunner().invoke(main, ["preview-report", "--stack", "dev", "--no-live", *arguments], input=given)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_preview_that_never_was_is_reported_with_the_log(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("error: passphrase must be set\n")
    text = run("--log", str(tmp_path / "log"), given="")
    assert text == f"{marker('dev')}\n## `dev`: the preview failed\n\n```\nerror: passphrase must be set\n```\n"


def violation(level: str, **fields: str) -> str:
    event = {"message": "<{%fg 1%}>Never.\n<{%reset%}>open: 0.0.0.0/0", "policyName": "closed", **fields}
    return json.dumps({"sequence": 1, "policyEvent": {**event, "enforcementLevel": level}}) + "\n"


def test_what_a_policy_refuses_is_an_error_and_what_it_remarks_a_warning(tmp_path: Path) -> None:
    urn = "urn:pulumi:dev::p::aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule::open"
    refused, remarked = violation("mandatory", resourceUrn=urn), violation("advisory", policyName="remarks")
    other = json.dumps({"sequence": 2, "diagnosticEvent": {"message": "x"}}) + "\n"
    (tmp_path / "events").write_text(other + remarked + '{"cut o')
    text = run("--events", str(tmp_path / "events"), given=json.dumps(document("nothing")))
    assert "- `Never. open: 0.0.0.0/0 (policy remarks)`" in text
    (tmp_path / "events").write_text(other + remarked + refused)
    text = run("--events", str(tmp_path / "events"), "--failed", given=json.dumps(document("nothing")))
    assert "## `dev`: the preview failed\n\n```\nopen: Never. open: 0.0.0.0/0 (policy closed)\n```" in text


def test_an_event_log_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "events").write_text("[]\n")
    done = CliRunner().invoke(
        main, ["preview-report", "--stack", "dev", "--no-live", "--events", str(tmp_path / "events")]
    )
    assert (done.exit_code, "this is not what the option `--event-log` writes" in done.output) == (1, True)


def test_an_error_that_the_document_does_not_have_is_the_log_s(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("error: 2 policy violations\n")
    text = run("--failed", "--log", str(tmp_path / "log"), given=(RECORDED / "memory.json").read_text())
    assert "the preview failed" in text
    assert "error: 2 policy violations" in text
    assert "-   memory: 512" in text


def test_nothing_in_a_value_is_markdown() -> None:
    urn = "urn:pulumi:dev::p::aws:s3/bucket:Bucket::x"
    evil = "```\n</details> @everyone | <!-- "
    text = comment("dev", Preview((Change(urn, "create", None, {}, {"bucket": evil}),), warnings=(evil,)))
    assert "- ````` ``` </details> @everyone" not in text
    assert "- ```` ``` </details> @everyone \\| <!-- ````" in text
    assert "````diff" in text


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ({"minCapacity": 1, "maxCapacity": 4}, {"minCapacity": 2, "maxCapacity": 4}, {"at least 1 → 2 tasks"}),
        ({"minCapacity": 1, "maxCapacity": 4}, {"minCapacity": 1, "maxCapacity": 8}, {"at most 4 → 8 tasks"}),
        ({"minCapacity": 1, "maxCapacity": 4}, {"minCapacity": 1, "maxCapacity": 4}, set()),
        ({}, {"minCapacity": 1, "maxCapacity": 4}, set()),
    ],
    ids=["the least", "the most", "the same", "a new one"],
)
def test_how_many_tasks_a_service_has(old: dict[str, int], new: dict[str, int], lines: set[str]) -> None:
    urn = "urn:pulumi:local::p::fargate-delivery:index:EcsService$aws:appautoscaling/target:Target::hello-scaling"
    shown = effect([Change(urn, "update", "hello", old, new)], state(), asked=True).lines
    assert {line for line in shown if line.endswith("tasks")} == lines

"""Deployments that shift traffic as a state machine: no processes, no time, no load balancer."""

from itertools import pairwise
from typing import Any

import pytest
from native_rig import BALANCER, SECOND, NativeRig, native, settled

from sandbox.ecs.deployment import Deployment
from sandbox.ecs.deployments import begin
from sandbox.ecs.model import Task
from sandbox.ecs.service_deployment import revision_arn
from sandbox.ecs.shapes import service_shape
from sandbox.ecs.strategies import completed, problems, steps

ALARMS = {"alarmNames": ["errors"], "enable": True, "rollback": True}
BREAKER = {"enable": True, "rollback": True}


def groups(tasks: list[Task]) -> set[str]:
    return {balancer["targetGroupArn"] for task in tasks for balancer in task.load_balancers}


def test_a_first_deployment_serves_where_the_rule_points() -> None:
    r = native()
    r.look()
    assert (r.record.status, r.record.stage) == ("IN_PROGRESS", "SCALE_UP")
    assert groups(r.active()) == {"one"}
    assert r.until_ended().status == "SUCCESSFUL"
    assert (r.state, r.production) == ("COMPLETED", {"one": 100.0, "two": 0.0})
    assert r.events == [(r.service.primary.id, "SERVICE_DEPLOYMENT_COMPLETED")]


def test_green_takes_over_all_at_once_and_blue_stays_for_the_bake_time() -> None:
    r = settled(bakeTimeInMinutes=5)
    blue, green = r.service.primary, r.deploy()
    assert (green.status, blue.status, r.record.stage) == ("PRIMARY", "ACTIVE", "SCALE_UP")
    assert (len(r.active(blue)), len(r.active(green)), groups(r.active(green))) == (2, 2, {"two"})
    assert r.production == {"one": 100.0, "two": 0.0}
    r.ready()
    assert r.record.stage == "BAKE_TIME"
    assert r.traffic.moves == [("test", {"one": 0.0, "two": 100.0}), ("production", {"one": 0.0, "two": 100.0})]
    assert (len(r.active(blue)), len(r.active(green))) == (2, 2)
    r.wait(4.9)
    assert (r.record.stage, len(r.active(blue))) == ("BAKE_TIME", 2)
    r.wait(0.1)
    assert (r.record.stage, len(r.active(blue)), r.record.status) == ("CLEAN_UP", 0, "IN_PROGRESS")
    r.ready()
    assert (r.record.status, r.service.deployments, r.service.stable) == ("SUCCESSFUL", [green], green)


def test_it_says_when_a_stage_or_a_step_of_its_shift_began() -> None:
    r = settled(strategy="CANARY", canaryConfiguration={"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 5})
    r.deploy()
    seen = [(r.record.stage, r.record.updated_at)]
    r.ready()
    seen.append((r.record.stage, r.record.updated_at))
    r.wait(4.9)
    assert (r.record.stage, r.record.updated_at) == seen[-1]
    r.until_ended()
    seen.append((r.record.stage, r.record.updated_at))
    assert [stage for stage, _ in seen] == ["SCALE_UP", "PRODUCTION_TRAFFIC_SHIFT", "CLEAN_UP"]
    assert seen[0][1] < seen[1][1] < seen[2][1]


def test_target_groups_alternate() -> None:
    r = settled()
    for expected in ("two", "one", "two"):
        green = r.deploy()
        r.until_ended()
        assert groups(r.active(green)) == {expected}
        assert r.production[expected] == 100.0


@pytest.mark.parametrize(
    ("strategy", "how", "expected"),
    [
        ("BLUE_GREEN", {}, [(100, 0)]),
        ("CANARY", {}, [(5, 10), (100, 0)]),
        ("CANARY", {"canaryConfiguration": {"canaryPercent": 0.5}}, [(0.5, 10), (100, 0)]),
        ("CANARY", {"canaryConfiguration": {"canaryPercent": 100}}, [(100, 0)]),
        ("LINEAR", {}, [*((share, 6) for share in range(10, 100, 10)), (100, 0)]),
        ("LINEAR", {"linearConfiguration": {"stepPercent": 33.3, "stepBakeTimeInMinutes": 1}}, [(33.3, 1), (66.6, 1), (99.9, 1), (100, 0)]),
        ("LINEAR", {"linearConfiguration": {"stepPercent": 100}}, [(100, 0)]),
    ],
)  # fmt: skip
def test_steps(strategy: str, how: dict[str, Any], expected: list[tuple[float, float]]) -> None:
    assert steps(completed({"strategy": strategy, **how})) == expected


def test_a_canary_waits_before_the_rest() -> None:
    r = settled("CANARY", canaryConfiguration={"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 3})
    r.deploy()
    r.ready()
    assert (r.record.stage, r.production) == ("PRODUCTION_TRAFFIC_SHIFT", {"one": 90.0, "two": 10.0})
    r.wait(2.9)
    assert r.production["two"] == 10.0
    r.wait(0.1)
    assert r.production == {"one": 0.0, "two": 100.0}
    assert r.until_ended().status == "SUCCESSFUL"


def test_a_linear_one_goes_step_by_step() -> None:
    r = settled("LINEAR", linearConfiguration={"stepPercent": 40.0, "stepBakeTimeInMinutes": 2})
    r.deploy()
    r.until_ended()
    assert [shares["two"] for rule, shares in r.traffic.moves if rule == "production"] == [40.0, 80.0, 100.0]


def test_two_load_balancer_entries_shift_together() -> None:
    r = settled("CANARY", balancers=[BALANCER, SECOND])
    green = r.deploy()
    r.ready()
    assert groups(r.active(green)) == {"two", "four"}
    assert r.traffic.rules["production"] == {"one": 95.0, "two": 5.0}
    assert r.traffic.rules["production-2"] == {"three": 95.0, "four": 5.0}
    r.until_ended()
    assert r.traffic.rules["production-2"] == {"three": 0.0, "four": 100.0}


def rolled_back(r: NativeRig, blue: Deployment, bad: Deployment, reason: str) -> None:
    """The deployment has failed, and everything is as it was."""
    assert (r.record.ended or r.record.status == "ROLLBACK_IN_PROGRESS", bad.rollout_state) == (True, "FAILED")
    assert (r.service.primary, r.service.deployments[0], bad.status) == (blue, blue, "ACTIVE")
    record = r.until_ended()
    assert (record.status, record.reason) == ("ROLLBACK_SUCCESSFUL", reason)
    assert record.rollback is not None
    assert record.rollback["serviceRevisionArn"] == revision_arn(r.service.arn, blue)
    assert (r.production, r.service.deployments, r.service.stable) == ({"one": 100.0, "two": 0.0}, [blue], blue)
    assert (len(r.active(blue)), r.active(bad)) == (2, [])
    assert r.events == [
        (bad.id, "SERVICE_DEPLOYMENT_FAILED"),
        (blue.id, "SERVICE_DEPLOYMENT_IN_PROGRESS"),
        (blue.id, "SERVICE_DEPLOYMENT_COMPLETED"),
    ]


@pytest.mark.parametrize("minutes", [0, 7])
def test_an_alarm_brings_the_traffic_back(minutes: float) -> None:
    """In the canary's time, and in the bake time."""
    r = settled("CANARY", canaryConfiguration={"canaryBakeTimeInMinutes": 5}, bakeTimeInMinutes=5, alarms=ALARMS)
    blue, bad = r.service.primary, r.deploy()
    r.ready()
    r.wait(minutes)
    r.alarms["errors"] = "ALARM"
    r.now += 1
    r.look()
    assert r.record.triggered_alarms == ["errors"]
    rolled_back(r, blue, bad, "Service deployment rolled back because an alarm went off.")


def test_no_alarm_counts_when_blue_goes() -> None:
    r = settled(alarms=ALARMS)
    r.deploy()
    r.ready()
    assert r.record.stage == "CLEAN_UP"
    r.alarms["errors"] = "ALARM"
    r.now += 1
    r.ready()
    assert r.record.status == "SUCCESSFUL"


def test_one_that_is_aborted_leaves_everything_as_it_is() -> None:
    r = settled("CANARY")
    blue, green = r.service.primary, r.deploy()
    r.ready()
    r.record.asked = "ABORT"
    r.look()
    assert (r.record.status, green.rollout_state, r.production) == ("STOPPED", "FAILED", {"one": 95.0, "two": 5.0})
    r.step()
    assert (len(r.active(blue)), len(r.active(green))) == (2, 2)


def test_unhealthy_tasks_bring_it_back_and_no_traffic_has_shifted() -> None:
    r = settled(deploymentCircuitBreaker=BREAKER)
    blue, bad = r.service.primary, r.deploy()
    for _ in range(3):
        r.crash(r.active(bad)[0])
        r.step()
    rolled_back(r, blue, bad, "Service deployment rolled back because the circuit breaker threshold was exceeded.")
    assert r.traffic.moves == []


def test_the_breaker_may_not_look_at_them() -> None:
    """Then the stage's 24 hours have to pass."""
    r = settled(deploymentCircuitBreaker=BREAKER, breaker=False)
    blue, bad = r.service.primary, r.deploy()
    for _ in range(5):
        r.crash(r.active(bad)[0])
        r.step()
    assert r.record.stage == "SCALE_UP"
    r.wait(24 * 60)
    rolled_back(r, blue, bad, "Service deployment rolled back because the lifecycle stage SCALE_UP took 24 hours.")


def test_a_breaker_without_rollback_stops_where_it_is() -> None:
    r = settled(deploymentCircuitBreaker={"enable": True, "rollback": False})
    blue, bad = r.service.primary, r.deploy()
    for _ in range(3):
        r.crash(r.active(bad)[0])
        r.step()
    assert (r.record.status, r.service.primary, bad.rollout_state) == ("STOPPED", bad, "FAILED")
    r.step()
    assert (len(r.active(blue)), r.production["one"]) == (2, 100.0)
    good = r.deploy("td:3")
    assert r.until_ended().status == "SUCCESSFUL"
    assert (r.service.deployments, r.production) == ([good], {"one": 0.0, "two": 100.0})


def test_a_first_deployment_has_nothing_to_roll_back_to() -> None:
    r = native(deploymentCircuitBreaker=BREAKER)
    r.look()
    for _ in range(3):
        r.crash(r.active()[0])
        r.step()
    assert (r.record.status, r.record.reason) == (
        "ROLLBACK_FAILED",
        "No rollback candidate was found to run the rollback.",
    )
    assert r.state == "FAILED"


def test_a_user_stops_it() -> None:
    r = settled("CANARY")
    blue, bad = r.service.primary, r.deploy()
    r.ready()
    r.record.asked = "ROLLBACK"
    r.record.move("ROLLBACK_REQUESTED")
    r.look()
    rolled_back(r, blue, bad, "Service deployment rolled back because a user requested it.")


def test_one_that_is_stopped_while_blue_ends_starts_blue_again() -> None:
    r = settled()
    blue, bad = r.service.primary, r.deploy()
    r.ready()
    assert (r.record.stage, r.active(blue)) == ("CLEAN_UP", [])
    r.record.asked = "ROLLBACK"
    r.look()
    assert (len(r.active(blue)), r.production["two"]) == (2, 100.0), "not before blue is healthy"
    rolled_back(r, blue, bad, "Service deployment rolled back because a user requested it.")


def test_traffic_goes_back_at_once_to_what_of_blue_is_healthy() -> None:
    r = settled(bakeTimeInMinutes=5, alarms=ALARMS)
    blue, bad = r.service.primary, r.deploy()
    r.ready()
    r.crash(r.active(blue)[0])
    r.alarms["errors"] = "ALARM"
    r.now += 1
    r.look()
    assert r.production == {"one": 100.0, "two": 0.0}
    rolled_back(r, blue, bad, "Service deployment rolled back because an alarm went off.")


def test_a_blue_that_never_starts_holds_no_rollback_up() -> None:
    """As of a service whose first revision has no image yet, and whose count comes with the second one."""
    r = settled(desired=0, deploymentCircuitBreaker=BREAKER)
    blue = r.service.primary
    r.service.desired_count = 1
    bad = r.deploy()
    for _ in range(3):
        for task in [*r.active(blue), *r.active(bad)]:
            r.crash(task)
        r.step()
    for task in r.stopping():
        task.last_status = "STOPPED"
    r.look()
    assert (r.record.status, r.service.deployments) == ("ROLLBACK_SUCCESSFUL", [blue])


def test_rules_that_lack_a_group_fail_it_before_anything_starts() -> None:
    r = settled()
    r.traffic.invalid = "Target group two is not associated with either productionListenerRule or testListenerRule."
    blue, bad = r.service.primary, r.deploy()
    assert bad.scale == 0.0
    rolled_back(
        r, blue, bad, f"Service deployment rolled back because of invalid networking configuration. {r.traffic.invalid}"
    )


def test_a_rule_that_cannot_be_rewritten_fails_it() -> None:
    r = settled()
    blue, bad = r.service.primary, r.deploy()
    r.traffic.refuses["production"] = "User: role is not authorized to perform: elasticloadbalancing:ModifyRule"
    r.ready()
    rolled_back(
        r,
        blue,
        bad,
        f"Service deployment rolled back because PRODUCTION_TRAFFIC_SHIFT lifecycle hook(s) failed. {r.traffic.refuses['production']}",
    )


def test_a_rollback_that_cannot_shift_back_fails() -> None:
    r = settled("CANARY", alarms=ALARMS)
    r.deploy()
    r.ready()
    r.traffic.refuses["production"] = "no"
    r.alarms["errors"] = "ALARM"
    r.now += 1
    r.look()
    assert (r.record.status, r.production) == ("ROLLBACK_FAILED", {"one": 95.0, "two": 5.0})
    r.alarms["errors"] = "OK"
    r.step()
    assert len([task for task in r.service.tasks if task.active]) == 4, "both serve"


def test_another_update_takes_its_place_and_the_traffic_goes_back_first() -> None:
    r = settled("CANARY")
    blue, second = r.service.primary, r.deploy()
    r.ready()
    third = Deployment("td:3", dict(blue.inputs))
    begin(r.service, third)
    first, newest = r.service.service_deployments[-2:]
    assert (first.status, newest.status) == ("STOP_REQUESTED", "PENDING")
    r.look()
    assert (first.status, newest.status, newest.stage) == ("STOPPED", "IN_PROGRESS", "RECONCILE_SERVICE")
    assert (r.production, r.active(second), len(r.active(blue))) == ({"one": 100.0, "two": 0.0}, [], 2)
    assert newest.sources == [blue]
    r.ready()
    assert groups(r.active(third)) == {"two"}
    assert r.until_ended().status == "SUCCESSFUL"
    assert r.service.deployments == [third]


def test_another_update_while_blue_ends_goes_on_from_green() -> None:
    r = settled()
    second = r.deploy()
    r.ready()
    assert r.record.stage == "CLEAN_UP"
    third = r.deploy("td:3")
    assert r.record.sources == [second]
    assert r.until_ended().status == "SUCCESSFUL"
    assert (groups(r.active(third)), r.production["one"]) == ({"one"}, 100.0)


def test_both_revisions_follow_the_desired_count() -> None:
    r = settled(bakeTimeInMinutes=5)
    blue, green = r.service.primary, r.deploy()
    r.ready()
    r.service.desired_count = 3
    r.look()
    assert (len(r.active(blue)), len(r.active(green))) == (3, 3)
    r.service.desired_count = 1
    r.look()
    assert (len(r.active(blue)), len(r.active(green))) == (1, 1)


def test_a_service_without_tasks_goes_through_all_stages() -> None:
    r = settled(desired=0)
    r.deploy()
    assert (r.until_ended().status, r.production) == ("SUCCESSFUL", {"one": 0.0, "two": 100.0})


def test_without_load_balancers_blue_is_only_replaced() -> None:
    r = settled(balancers=[])
    blue, green = r.service.primary, r.deploy()
    assert r.until_ended().status == "SUCCESSFUL"
    assert (r.active(blue), len(r.active(green)), r.traffic.moves) == ([], 2, [])


def test_what_describe_services_says_meanwhile() -> None:
    r = settled(bakeTimeInMinutes=5)
    r.deploy()
    r.ready()
    shape = service_shape(r.service)
    assert [(d["status"], d["rolloutState"], d["desiredCount"], d["runningCount"]) for d in shape["deployments"]] == [
        ("PRIMARY", "IN_PROGRESS", 2, 2),
        ("ACTIVE", "COMPLETED", 2, 2),
    ]
    assert shape["currentServiceDeployment"] == r.record.arn
    assert [each["arn"] for each in shape["currentServiceRevisions"]] == [
        revision_arn(r.service.arn, deployment) for deployment in r.service.deployments
    ]


def test_from_rolling_to_each_strategy_and_back_the_traffic_meets_a_healthy_task() -> None:
    r = settled()
    served: list[float] = []
    order = ["ROLLING", "CANARY", "BLUE_GREEN", "LINEAR", "ROLLING", "ROLLING"]
    for number, strategy in enumerate(order):
        r.service.settings["deploymentConfiguration"] = completed(
            {"strategy": strategy, "bakeTimeInMinutes": 1, "minimumHealthyPercent": 100, "maximumPercent": 200}
        )
        begin(r.service, Deployment(f"td:{number + 3}", dict(r.service.primary.inputs)))
        for _ in range(200):
            r.look()
            if r.record.ended:
                break
            served.append(min(healthy(r, group) for group, share in r.production.items() if share))
            r.ready()
            served.append(min(healthy(r, group) for group, share in r.production.items() if share))
            r.wait(1)
        assert (r.record.status, r.state) == ("SUCCESSFUL", "COMPLETED"), strategy
        assert len(r.active()) == 2
    assert min(served) >= 2
    shares = [moves["two"] for rule, moves in r.traffic.moves if rule == "production"]
    assert all(a != b for a, b in pairwise(shares))


def healthy(r: NativeRig, group: str) -> int:
    return sum(task.ready for task in r.service.tasks if group in groups([task]) and task.active)


WHOLE = [
    {
        "targetGroupArn": "one",
        "advancedConfiguration": {
            "alternateTargetGroupArn": "two",
            "productionListenerRule": "arn:aws:elasticloadbalancing:r:a:listener-rule/app/lb/1/2/3",
            "roleArn": "role",
        },
    }
]


def changed(**advanced: Any) -> list[dict[str, Any]]:
    return [{**WHOLE[0], "advancedConfiguration": {**WHOLE[0]["advancedConfiguration"], **advanced}}]  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("configuration", "balancers", "words"),
    [
        ({"strategy": "BLUE_GREEN"}, WHOLE, "bakeTimeInMinutes is required"),
        ({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1441}, WHOLE, "bakeTimeInMinutes must be between 0 and 1440"),
        ({"strategy": "CANARY"}, [], "needs a load balancer"),
        ({"strategy": "CANARY"}, [{"targetGroupArn": "one"}], "advancedConfiguration field is required for all loadBalancers"),
        ({"strategy": "ROLLING"}, [{"targetGroupArn": "five"}, *WHOLE], "Either all or none of the provided loadBalancers must have advancedConfiguration"),
        ({"strategy": "CANARY"}, [*WHOLE, *WHOLE], "Duplicate targetGroupArn found: one"),
        ({"strategy": "CANARY"}, changed(productionListenerRule="arn:aws:elasticloadbalancing:r:a:listener/app/lb/1/2"), "productionListenerRule has an invalid ARN format. Must be RuleArn for ALB"),
        ({"strategy": "CANARY"}, changed(testListenerRule="arn:aws:elasticloadbalancing:r:a:listener-rule/app/lb/1/2/3"), "cannot be used as both production and test listener rules"),
        ({"strategy": "CANARY"}, changed(roleArn=None), "advancedConfiguration needs roleArn"),
        ({"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 0.05}}, WHOLE, "canaryPercent must be a multiple of 0.1"),
        ({"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 2.9}}, WHOLE, "stepPercent must be a multiple of 0.1 from 3.0"),
        ({"strategy": "LINEAR", "linearConfiguration": {"stepBakeTimeInMinutes": 1441}}, WHOLE, "stepBakeTimeInMinutes must be between"),
        ({"strategy": "LINEAR", "canaryConfiguration": {"canaryPercent": 5}}, WHOLE, "canaryConfiguration is only valid when the deployment strategy is CANARY"),
        ({"strategy": "CANARY", "lifecycleHooks": [{"targetType": "PAUSE", "lifecycleStages": ["TEST_TRAFFIC_SHIFT"]}]}, WHOLE, "Invalid lifecycle stage provided for Pause Hook"),
        ({"strategy": "CANARY", "lifecycleHooks": [{"lifecycleStages": ["PRE_SCALE_UP"], "roleArn": "r"}]}, WHOLE, "AWS_LAMBDA needs hookTargetArn"),
        ({"strategy": "CANARY", "lifecycleHooks": [{"targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"], "roleArn": "r"}]}, WHOLE, "PAUSE takes no roleArn"),
        ({"strategy": "CANARY", "lifecycleHooks": [{"targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"]}] * 11}, WHOLE, "10 lifecycle hooks of a type at most"),
        ({"strategy": "CANARY", "lifecycleHooks": [{"targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"], "timeoutConfiguration": {"timeoutInMinutes": 20161}}]}, WHOLE, "timeoutInMinutes must be between 1 and 20160"),
        ({"strategy": "ROLLING", "lifecycleHooks": [{"targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"]}]}, WHOLE, "not simulated by this sandbox"),
    ],
)  # fmt: skip
def test_what_is_refused(configuration: dict[str, Any], balancers: list[dict[str, Any]], words: str) -> None:
    found = list(problems(completed(configuration), configuration, balancers))
    assert any(words in problem for problem in found), found


@pytest.mark.parametrize("strategy", ["ROLLING", "BLUE_GREEN", "LINEAR", "CANARY"])
def test_what_is_taken(strategy: str) -> None:
    hooks = [{"targetType": "PAUSE", "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"]}]
    configuration = {
        "strategy": strategy,
        "bakeTimeInMinutes": 0,
        "lifecycleHooks": hooks if strategy != "ROLLING" else [],
    }
    assert list(problems(completed(configuration), configuration, WHOLE)) == []

"""A pull request's own stack on the real engine: beside another stack's services, and gone without a trace."""

import shutil

from tests.scenarios.conftest import REPOSITORY, Stack


def test_a_review_comes_serves_and_goes(dev: Stack) -> None:
    shutil.copy(dev.root / "Pulumi.pr.yaml", dev.root / "Pulumi.pr-7.yaml")
    review = Stack(dev.root, "pr-7")
    assert "is not up; run: sandbox up --stack local" in review.run("up", "--in", "local").err
    review.ok("up", "--in", "dev")
    assert review.outputs()["chuoi"]["hosts"] == ["chuoi-7.dev.example.com"]
    assert review.ship("chuoi", REPOSITORY / "examples/hello").code == 0
    status = review.status("chuoi")
    assert (status["running"], status["task_definition"].rpartition("/")[2].partition(":")[0]) == (1, "pr-7-chuoi")
    load = review.ok("load", "chuoi", "--seconds", "1").out
    assert ": 0 broken" in load, load
    assert dev.status("chuoi")["running"] == 0
    assert dev.changes() == review.changes() == {}

    rules = len(_rules(dev))
    review.ok("down")
    assert len(_rules(dev)) == rules - 1
    assert dev.changes() == {}
    review.ok("stop")
    assert dev.status("chuoi")["running"] == 0


def _rules(stack: Stack) -> list[object]:
    """The rules of all listeners, which the stacks share."""
    elbv2 = stack.client("elbv2")
    balancers = elbv2.describe_load_balancers()["LoadBalancers"]
    listeners = [
        listener
        for balancer in balancers
        for listener in elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    ]
    return [
        rule for listener in listeners for rule in elbv2.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
    ]

"""A pull request's own stack on the real engine: beside another stack's services, and gone without a trace."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.scenarios.conftest import REPOSITORY, Stack, bootstrapped

pytestmark = pytest.mark.nightly

ROLE = "dev-review"


@pytest.fixture(scope="module")
def account(dev: Stack) -> Stack:
    """What the bootstrap program made of the account that `dev` is in."""
    return bootstrapped(dev)


def test_a_review_comes_serves_and_goes_as_its_role(dev: Stack, account: Stack) -> None:
    assert account.outputs()["dev"]["review_role"].endswith(f"role/fargate-delivery/{ROLE}")
    shutil.copy(dev.root / "Pulumi.pr.yaml", dev.root / "Pulumi.pr-7.yaml")
    review = Stack(dev.root, "pr-7")
    assert "is not up; run: sandbox up --stack local" in review.run("up", "--in", "local").err
    review.ok("up", "--in", "dev", "--as", ROLE)
    assert review.outputs()["chuoi"]["hosts"] == ["chuoi-7.dev.example.com"]
    assert review.outputs()["chuoi"]["addresses"] == ["https://chuoi-7.dev.example.com/"]
    assert review.ship("chuoi", REPOSITORY / "examples/hello").code == 0
    status = review.status("chuoi")
    assert (status["running"], status["task_definition"].rpartition("/")[2].partition(":")[0]) == (1, "pr-7-chuoi")
    load = review.ok("load", "chuoi", "--seconds", "1").out
    assert ": 0 broken" in load, load
    assert dev.status("chuoi")["running"] == 0
    assert dev.changes() == review.changes() == {}

    rules = len(_rules(dev))
    review.ok("down", "--as", ROLE)
    assert len(_rules(dev)) == rules - 1
    assert dev.changes() == {}
    review.ok("stop")
    assert dev.status("chuoi")["running"] == 0


def test_its_role_keeps_reviews_states_and_reads_the_one_they_are_on(
    dev: Stack, account: Stack, tmp_path: Path
) -> None:
    """The real command line, in the bucket and with the keys that the bootstrap program made."""
    made = account.outputs()
    (tmp_path / "Pulumi.yaml").write_text("name: fargate-delivery\nruntime: python\n")
    (tmp_path / "Pulumi.pr.yaml").write_text(f"secretsprovider: {made['dev']['review_secrets_provider']}\n")

    def run(identity: list[str], command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        aws = dev.ok("env", *identity, "--json").json
        backend = f"{made['backend']}&endpoint={aws['AWS_ENDPOINT_URL']}&s3ForcePathStyle=true"
        path = f"{REPOSITORY}/.tools/bin:{REPOSITORY}/.venv/bin:{os.environ['PATH']}"
        more = {"PATH": path, "PULUMI_BACKEND_URL": backend, "PULUMI_HOME": str(tmp_path / "home")}
        variables = {**os.environ, **aws, **more, "PULUMI_SKIP_UPDATE_CHECK": "true"}
        return subprocess.run(
            [command, *arguments], cwd=tmp_path, env=variables, capture_output=True, text=True, check=False, timeout=120
        )

    create, by_role = ("pulumi", "stack", "select", "--non-interactive", "--create"), ["--as", ROLE]
    for identity, stack, key in (([], "dev", "secrets_provider"), (by_role, "pr-9", "review_secrets_provider")):
        created = run(identity, *create, stack, "--secrets-provider", made["dev"][key])
        assert created.returncode == 0, created.stderr
    assert run(by_role, "pulumi", "config", "set", "--secret", "a", "b", "--stack", "pr-9").returncode == 0
    assert run(by_role, "pulumi", "stack", "output", "--json", "--stack", "dev").stdout == "{}\n"
    assert "s3:PutObject" in run(by_role, "pulumi", "stack", "rm", "--yes", "--stack", "dev").stderr
    down = run(by_role, "delivery", "review", "down", "9")
    assert (down.returncode, "history and configuration removed" in down.stdout) == (0, True), down.stderr
    assert "no stack pr-9" in run(by_role, "delivery", "review", "down", "9").stderr


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

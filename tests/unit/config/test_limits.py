"""What a stack file may not ask for more of: the number, AWS's, and the way out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from mocked import ROOT

from components.service.task_reads import Mount, Reads
from config import settings
from config.limits import BUILDSPEC, check_limits
from config.stack_file import Stack

TASK = {"template": "web.json", "cpu": 256, "memory": 512, "port": 4000}
ZONE = "example.com"


def problems(
    *, buildspecs: Path = ROOT / "buildspecs", reads: Mapping[str, Reads] | None = None, **keys: Any
) -> list[str]:
    stack = Stack.model_validate({"domain": {"zone": ZONE}, **keys})
    return list(check_limits("dev", stack, buildspecs, reads or {}))


def redirected(count: int) -> list[dict[str, Any]]:
    hosts = [f"old-{number}.example.com" for number in range(count)]
    return [{"host": host, "to": "www.example.com", "priority": 900 + n} for n, host in enumerate(hosts)]


def routed(count: int, **service: Any) -> dict[str, Any]:
    return {
        f"s{number}": {"task": TASK, "routes": [{"host": f"s{number}.{ZONE}", "priority": number + 1}], **service}
        for number in range(count)
    }


def one(**keys: Any) -> dict[str, Any]:
    return {"services": {"app": {"task": TASK, **keys}}}


def networks(count: int, form: str = "203.0.{}.0/24") -> list[str]:
    return [form.format(number) for number in range(count)]


def zones(count: int) -> dict[str, Any]:
    return {"zone": ZONE, "more_zones": [{"zone": f"example-{number}.org"} for number in range(count)]}


BY_CODE_DEPLOY = {"strategy": "codedeploy", "test_port": 8443}
PARAMETER = {"value": "x", "for": ["build"]}
KEY = "arn:aws:kms:ap-northeast-1:123456789012:key/11111111-2222-3333-4444-555555555555"


def permissions(count: int, length: int) -> list[dict[str, Any]]:
    resources = [f"arn:aws:s3:::{'b' * length}/{number}" for number in range(count)]
    return [{"actions": ["s3:GetObject"], "resources": [resource]} for resource in resources]


def jobs(count: int) -> dict[str, Any]:
    return {f"job-{number:02}": {"command": ["bin/run", "--fast"]} for number in range(count)}


def external(count: int, **more: Any) -> dict[str, Any]:
    return {
        f"P{n}": {"external": {"name": f"/team/parameter-{n:02}", **more}, "for": ["runtime"]} for n in range(count)
    }


def secrets(count: int) -> dict[str, Any]:
    arns = [f"arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:team/{n:03}-AbCdEf" for n in range(count)]
    return {f"P{n}": {"secrets_manager": arn, "for": ["runtime"]} for n, arn in enumerate(arns)}


CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "networks": (
        {"services": routed(1), "cluster": {"allowed_cidrs": networks(30)}},
        {"services": routed(1), "cluster": {"allowed_cidrs": networks(31)}},
        "cluster.allowed_cidrs: 31 networks of IPv4 on 2 ports need 62 rules of the load balancer's security group, "
        "which can have 60; name fewer and larger ones, or have the quota raised and set "
        "cluster.rules_of_a_security_group to it",
    ),
    "networks and test ports": (
        {"services": routed(2, deploy=BY_CODE_DEPLOY), "cluster": {"allowed_cidrs": networks(20)}},
        {"services": routed(2, deploy=BY_CODE_DEPLOY), "cluster": {"allowed_cidrs": networks(21)}},
        "21 networks of IPv4 on 3 ports need 63 rules",
    ),
    "networks of IPv6": (
        {"services": {}, "cluster": {"allowed_cidrs": [*networks(30), *networks(30, "2001:db8:{}::/48")]}},
        {"services": {}, "cluster": {"allowed_cidrs": networks(31, "2001:db8:{}::/48")}},
        "31 networks of IPv6 on 2 ports need 62 rules",
    ),
    "networks under a raised quota": (
        {"services": {}, "cluster": {"allowed_cidrs": networks(60), "rules_of_a_security_group": 120}},
        {"services": {}, "cluster": {"allowed_cidrs": networks(61), "rules_of_a_security_group": 120}},
        "61 networks of IPv4 on 2 ports need 122 rules of the load balancer's security group, which can have 120",
    ),
    "certificates": (
        {"services": routed(1), "domain": zones(25)},
        {"services": routed(1), "domain": zones(26)},
        "domain.more_zones: need 26 more certificates, and a load balancer can have 25; move zones to another stack",
    ),
    "certificates of test ports too": (
        {"services": routed(1, deploy=BY_CODE_DEPLOY), "domain": zones(12)},
        {"services": routed(1, deploy=BY_CODE_DEPLOY), "domain": zones(13)},
        "domain.more_zones: need 26 more certificates, and a load balancer can have 25; move zones to another stack",
    ),
    "target groups": (
        {"services": routed(100)},
        {"services": routed(101)},
        "services: their routes need 101 target groups, two for each whose traffic shifts, and a load balancer "
        "can have 100; move services to another stack",
    ),
    "rules of routes and redirects": (
        {"services": routed(98), "domain": {"zone": "example.com", "redirects": redirected(2)}},
        {"services": routed(98), "domain": {"zone": "example.com", "redirects": redirected(3)}},
        "domain.redirects: with the routes they may need 101 rules, and a load balancer can have 100",
    ),
    "target groups of CodeDeploy's": (
        {"services": routed(50, deploy=BY_CODE_DEPLOY)},
        {"services": routed(51, deploy=BY_CODE_DEPLOY)},
        "services: their routes need 102 target groups",
    ),
    "a command": (
        one(migrate={"command": ["x" * 2090]}),
        one(migrate={"command": ["x" * 2091]}),
        "services.app.migrate.command: has 2097 characters as JSON within JSON, and the pipeline's function "
        "accepts 2096; put the command into a script in the image",
    ),
    "a command with quotes": (
        one(migrate={"command": ['"' * 522]}),
        one(migrate={"command": ['"' * 523]}),
        "services.app.migrate.command: has 2098 characters as JSON within JSON",
    ),
    "jobs": (
        one(jobs=jobs(26)),
        one(jobs=jobs(27)),
        "services.app.jobs: have 2134 characters as JSON within JSON, and the function that runs them accepts 2096; put "
        "long commands into scripts in the image",
    ),
    "permissions": (
        one(permissions=permissions(8, 1061)),
        one(permissions=permissions(8, 1062)),
        "services.app.permissions: with those for mounted file systems they have 9246 characters as a policy, and IAM "
        "accepts 9240; shorten them with a wildcard, which needs a reason",
    ),
    "external parameters": (
        one(parameters=external(114)),
        one(parameters=external(115)),
        "services.app: the execution role's policy would have 9088 characters, and IAM accepts 9040: it names each external "
        "parameter, secret of Secrets Manager, file in S3 and image of another repository that its tasks read; put several "
        "values into one secret and read each by its json_key, or use parameters of the service's own",
    ),
    "encrypted external parameters": (
        one(parameters=external(55, key=KEY)),
        one(parameters=external(56, key=KEY)),
        "the execution role's policy would have 9086 characters, and IAM accepts 9040",
    ),
    "secrets of Secrets Manager": (
        one(parameters=secrets(114)),
        one(parameters=secrets(115)),
        "the execution role's policy would have 9060 characters, and IAM accepts 9040",
    ),
    "parameters of the build": (
        one(parameters={f"PARAMETER_{number:02}": PARAMETER for number in range(45)}),
        one(parameters={f"PARAMETER_{number:02}": PARAMETER for number in range(55)}),
        "services.app.parameters: those that the build reads need 5665 characters",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_limit(case: str) -> None:
    within, beyond, words = CASES[case]
    assert problems(**within) == []
    (problem,) = problems(**beyond)
    assert words in problem


def test_what_a_template_names_counts_too() -> None:
    files = [f"arn:aws:s3:::settings/{'f' * 900}{number}.env" for number in range(10)]
    assert problems(reads={"app": Reads(files=files[:9])}, **one()) == []
    (problem,) = problems(reads={"app": Reads(files=files)}, **one())
    assert problem.startswith("services.app: the execution role's policy would have ")
    mounts = [Mount("fs-0123456789abcdef0", f"fsap-{number:017}", True) for number in range(30)]
    assert problems(reads={"app": Reads(mounts=mounts[:20])}, **one()) == []
    (problem,) = problems(reads={"app": Reads(mounts=mounts)}, **one())
    assert problem.startswith("services.app.permissions: with those for mounted file systems they have ")


def test_names_of_the_build_s_parameters() -> None:
    many = {f"P{number:0127}": PARAMETER for number in range(32)}
    assert any(
        "the 32 names that the build reads have 4127 characters" in found for found in problems(**one(parameters=many))
    )


def test_a_buildspec(tmp_path: Path) -> None:
    (tmp_path / "long.yaml").write_text("x" * BUILDSPEC)
    assert problems(services={}, buildspecs=tmp_path) == []
    (tmp_path / "long.yaml").write_text("x" * (BUILDSPEC + 1))
    (problem,) = problems(services={}, buildspecs=tmp_path)
    assert problem.endswith("long.yaml has 25601 characters, and CodeBuild accepts 25600; move a part of it "
                            "into the build's image")  # fmt: skip


def test_a_review_adds_no_rule_to_the_balancer_s_group() -> None:
    keys: dict[str, Any] = {
        "services": routed(1),
        "cluster": {"allowed_cidrs": networks(31)},
        "review": {"of": "dev", "days": 1},
    }
    assert problems(**keys) == []


def test_the_committed_buildspecs_are_what_is_counted() -> None:
    assert [path.name for path in settings.BUILDSPECS.glob("*.yaml")] == ["build.yaml"]

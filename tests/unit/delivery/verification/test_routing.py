"""Rules, certificates and hosts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from delivery_aws import RefusedError
from verified import Answers, arn, released, subject

from delivery.services.listener_rules import hosts
from delivery.verification.routing import certificates, covers, shares, target_groups, validity

NOW = datetime(2030, 1, 10, tzinfo=UTC)
ONE, OTHER = (arn("elasticloadbalancing", f"targetgroup/{name}/1") for name in ("one", "other"))
CERTIFICATE = arn("acm", "certificate/c")


@pytest.mark.parametrize(
    ("name", "host", "covered"),
    [
        ("a.example.com", "a.example.com", True),
        ("A.example.com", "a.Example.com", True),
        ("*.example.com", "a.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "b.a.example.com", False),
        ("*.example.com", "*.example.com", True),
        ("example.com", "a.example.com", False),
        ("*.other.com", "a.example.com", False),
    ],
)
def test_which_hosts_a_name_covers(name: str, host: str, covered: bool) -> None:
    assert covers(name, host) is covered


@pytest.mark.parametrize(
    ("action", "found"),
    [
        ({"Type": "forward", "TargetGroupArn": ONE}, {ONE: 1}),
        (
            {
                "Type": "forward",
                "ForwardConfig": {
                    "TargetGroups": [{"TargetGroupArn": ONE, "Weight": 0}, {"TargetGroupArn": OTHER, "Weight": 5}]
                },
            },
            {ONE: 0, OTHER: 5},
        ),
        ({"Type": "fixed-response"}, {}),
    ],
)
def test_where_a_rule_leads(action: dict[str, Any], found: dict[str, int]) -> None:
    assert shares({"Actions": [action]}) == found
    assert shares({"Actions": [{"Type": "authenticate-oidc"}, action]}) == found


def test_the_hosts_of_a_rule() -> None:
    conditions = [
        {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/c"]}},
        {"Field": "host-header", "HostHeaderConfig": {"Values": ["a", "b"]}},
    ]
    assert hosts({"Conditions": conditions}) == ["a", "b"]


@pytest.mark.parametrize(
    ("days", "fields", "what"),
    [
        (31, {}, []),
        (30, {}, ["the certificate of a, b ends on 2030-02-09"]),
        (-1, {}, ["the certificate of a, b has ended on 2030-01-09"]),
        (31, {"Status": "VALIDATION_TIMED_OUT"}, ["the certificate of a, b is VALIDATION_TIMED_OUT"]),
    ],
)
def test_how_long_a_certificate_is_valid(days: int, fields: dict[str, Any], what: list[str]) -> None:
    shown = {"CertificateArn": CERTIFICATE, "Status": "ISSUED", "NotAfter": NOW + timedelta(days=days), **fields}
    assert [problem.what for problem in validity(shown, ["a", "b"], NOW)] == what


def test_who_renews_a_certificate() -> None:
    shown = {"CertificateArn": CERTIFICATE, "Status": "ISSUED", "NotAfter": NOW}
    (acms,) = validity(shown, ["a"], NOW)
    assert acms.mend.startswith("ACM renews it as long as its validation record is in DNS")
    (imported,) = validity({**shown, "Type": "IMPORTED"}, ["a"], NOW)
    assert imported.mend == f"import its successor: `aws acm import-certificate --certificate-arn {CERTIFICATE} …`"


def shifting(weights: tuple[int, int], **answers: Any) -> Answers:
    """A service that ECS shifts between two target groups."""
    aws = released()
    advanced = {"alternateTargetGroupArn": OTHER}
    aws.services["dev-web"]["loadBalancers"] = [{"targetGroupArn": ONE, "advancedConfiguration": advanced}]
    groups = [{"TargetGroupArn": group, "Weight": weight} for group, weight in zip((ONE, OTHER), weights, strict=True)]
    rule = {"Actions": [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}], "Conditions": []}
    aws.answers |= {
        "ListServiceDeployments": {"serviceDeployments": []},
        "DescribeTargetGroups": lambda given: {
            "TargetGroups": [{"TargetGroupArn": given["TargetGroupArns"][0], "LoadBalancerArns": ["balancer"]}]
        },
        "DescribeListeners": {"Listeners": [{"ListenerArn": "listener", "Protocol": "HTTPS"}]},
        "DescribeRules": {"Rules": [rule]},
        "DescribeTargetHealth": {"TargetHealthDescriptions": [{"TargetHealth": {"State": "healthy"}}]},
        **answers,
    }
    return aws


def test_either_of_two_groups_may_have_the_traffic() -> None:
    for weights in ((1, 0), (0, 1)):
        assert list(target_groups(subject(shifting(weights)))) == []
    (found,) = target_groups(subject(shifting((0, 0))))
    assert found.what == "no listener rule gives the target group one a share of its requests: its weight is 0"


def test_a_group_that_is_gone() -> None:
    gone = RefusedError("TargetGroupNotFound", "One or more target groups not found")
    (found,) = target_groups(subject(shifting((1, 0), DescribeTargetGroups=gone)))
    assert found == ("the target group one of the service is gone", "`delivery up --stack dev` puts it back")


def test_no_target_is_healthy() -> None:
    health = {"State": "unhealthy", "Description": "Health checks failed with these codes: [500]"}
    answer = {"TargetHealthDescriptions": [{"TargetHealth": health}]}
    (found,) = target_groups(subject(shifting((1, 0), DescribeTargetHealth=answer)))
    assert found.what == "none of 2 target(s) of one is healthy: Health checks failed with these codes: [500]"


SERVER_CERTIFICATE = "arn:aws:iam::111111111111:server-certificate/x"


def test_a_server_certificate_of_iam_is_not_looked_at() -> None:
    """And may cover the hosts that ACM's do not."""
    condition = {"Field": "host-header", "HostHeaderConfig": {"Values": ["web.example.com"]}}
    rule = {"Actions": [{"Type": "forward", "TargetGroupArn": ONE}], "Conditions": [condition]}
    listed = [{"CertificateArn": arn} for arn in (CERTIFICATE, SERVER_CERTIFICATE)]
    shown = {"CertificateArn": CERTIFICATE, "DomainName": "other.example.com", "Status": "ISSUED"}
    aws = shifting(
        (1, 0),
        DescribeRules={"Rules": [rule]},
        DescribeListenerCertificates={"Certificates": listed},
        DescribeCertificate={"Certificate": shown},
    )
    assert list(certificates([subject(aws)])) == []
    assert [given for _, operation, given in aws.calls if operation == "DescribeCertificate"] == [
        {"CertificateArn": CERTIFICATE}
    ]
    del listed[1]
    (found,) = certificates([subject(aws)])
    assert found.what == "no certificate of the listener covers web.example.com: browsers warn of it"

"""Times, digests and addresses as a page writes them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from delivery.page import words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0 s"),
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (86399, "1 d"),
        (86400, "1 d"),
        (273600, "3 d 4 h"),
    ],
)
def test_spans(seconds: float, text: str) -> None:
    assert words.span(timedelta(seconds=seconds)) == text


def test_moments_are_in_utc() -> None:
    tokyo = datetime(2030, 1, 1, 9, 5, 7, tzinfo=timezone(timedelta(hours=9)))
    assert words.moment(tokyo) == "2030-01-01 00:05 UTC"
    assert words.stamp(tokyo) == '<time datetime="2030-01-01T00:05:07Z">2030-01-01 00:05 UTC</time>'
    assert words.age(tokyo, datetime(2030, 1, 1, 0, 10, 7, tzinfo=UTC)) == "5 min ago"


def test_counts() -> None:
    assert [words.counted(1, "alarm"), words.counted(0, "alarm"), words.counted(2, "delivery", "deliveries")] == [
        "1 alarm",
        "0 alarms",
        "2 deliveries",
    ]


def test_digests() -> None:
    assert words.short("sha256:" + "ab" * 32) == "abababababab"


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-west-1", "eu-west-1.console.aws.amazon.com"),
        ("cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ("us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
    ],
)
def test_a_console_is_of_its_partition(region: str, host: str) -> None:
    assert words.console(region, "x") == f"https://{host}/x"


def test_names_in_addresses_are_quoted() -> None:
    assert words.alarm_page("eu-west-1", "a b#c").endswith("#alarmsV2:alarm/a%20b%23c")
    assert words.service_page("eu-west-1", "dev", "dev-web").endswith(
        "/clusters/dev/services/dev-web/health?region=eu-west-1"
    )
    assert words.dashboard_page("eu-west-1", "dev").endswith("#dashboards/dashboard/dev")
    assert "/pipelines/dev-web/executions/run-1/" in words.execution_page("eu-west-1", "dev-web", "run-1")


@pytest.mark.parametrize(("seconds", "text"), [(42, "42 s"), (200, "3 min"), (3600, "1 h"), (273600, "3 d")])
def test_rough_spans(seconds: float, text: str) -> None:
    assert words.rough(timedelta(seconds=seconds)) == text


def test_arns_are_legible() -> None:
    text = (
        "the deployment of arn:aws-cn:ecs:cn-north-1:123456789012:task-definition/web:7 and arn:aws:s3:::b/k; arn: none"
    )
    assert words.legible(text) == "the deployment of task-definition/web:7 and b/k; arn: none"


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://web.example.com/", "web.<wbr>example.<wbr>com"),
        ("https://web.test/v1/<", "web.<wbr>test/<wbr>v1/<wbr>&lt;"),
        ("http://web:8080/", "http:/<wbr>/<wbr>web:8080"),
    ],
)
def test_addresses_go_without_what_is_usual(url: str, text: str) -> None:
    assert words.place(url) == text


def test_commands_are_code() -> None:
    assert words.coded("a <b> `c & d` or `e`") == "a &lt;b&gt; <code>c &amp; d</code> or <code>e</code>"
    assert words.coded("none") == "none"

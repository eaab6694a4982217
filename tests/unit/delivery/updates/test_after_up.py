"""What is said when an `up` is over: numbers by service, and where the services are."""

from typing import Any

import pytest

from delivery.output.text_table import text_table
from delivery.pull_request.preview import Action, Change
from delivery.updates.after_up import numbers, places


def change(action: Action, service: str | None = None, component: str = "Network") -> Change:
    of = "EcsService" if service else component
    urn = f"urn:pulumi:dev::p::fargate-delivery:index:{of}$aws:sqs/queue:Queue::{service}-{action}"
    return Change(urn, action, service)


def test_the_numbers_of_each_service_and_of_what_all_share() -> None:
    changes = [
        *[change("create", "web")] * 12,
        change("replace", "web"),
        change("delete", "mailer"),
        *[change("create")] * 3,
        Change("urn:pulumi:dev::p::aws:sqs/queue:Queue::jobs", "create"),
    ]
    assert numbers(changes) == [
        "             created  replaced  deleted",
        "mailer                          1",
        "web          12       1",
        "Network      3",
        "the program  1",
    ]


def test_nothing_changed_is_no_table() -> None:
    assert numbers([]) == []


WEB = {"pipeline": "dev-web", "hosts": ["api.example.com", "web.example.com"], "upload_to": "s3://b/web.zip"}
MAILER = {"pipeline": "dev-mailer", "hosts": [], "push_to": "1.dkr/inbox:release", "uploader": "dev-mailer-uploader"}


@pytest.mark.parametrize(
    ("outputs", "width", "lines"),
    [
        ({}, None, []),
        (
            {"web": WEB, "mailer": MAILER, "load_balancer": "lb.aws.com"},
            None,
            [
                "service  at                              upload to       push to",
                "mailer   no route                                        1.dkr/inbox:release",
                "web      http://web.here:80/ and 1 more  s3://b/web.zip",
                "load_balancer: lb.aws.com",
            ],
        ),
        (
            {"web": WEB, "mailer": MAILER},
            40,
            [
                "mailer",
                "  at         no route",
                "  push to    1.dkr/inbox:release",
                "web",
                "  at         http://web.here:80/ and 1 more",
                "  upload to  s3://b/web.zip",
            ],
        ),
        (
            {"dns_records": {"a.com": "lb", "b.com": "lb"}, "shared": {"network": {"vpc": "v"}, "name": "n"}},
            None,
            ["dns_records.a.com: lb", "dns_records.b.com: lb", "shared: network, name"],
        ),
    ],
)
def test_where_the_services_are(outputs: dict[str, Any], width: int | None, lines: list[str]) -> None:
    assert places(outputs, lambda host: f"http://{host.partition('.')[0]}.here:80/", width) == lines


def test_a_column_that_nobody_fills_is_left_out() -> None:
    assert text_table(("a", "b", "c"), [("1", "", "3")]) == ["a  c", "1  3"]

"""How EventBridge is connected with Slack and the host of the commits; nobody is told anything."""

from typing import Any

import pytest
from delivery_aws import RefusedError
from verified import Answers, released, subject

from delivery.verification.notifications import notifications

AGAIN = "set it anew: `pulumi config set --secret fargate-delivery:slack_webhook …`, then `up`"


def told(**answers: Any) -> Answers:
    """Slack is told, the commits are not."""
    aws = released()

    def describe_connection(given: dict[str, Any]) -> dict[str, Any]:
        if given["Name"] != "dev-slack":
            raise RefusedError("ResourceNotFoundException")
        return {"ConnectionState": "AUTHORIZED"}

    aws.answers |= {
        "DescribeConnection": describe_connection,
        "ListRules": {"Rules": [{"Name": "dev-slack-failed", "State": "ENABLED"}]},
        "DescribeAlarms": {"MetricAlarms": [{"AlarmName": "dev-slack-undelivered", "StateValue": "OK"}]},
        **answers,
    }
    return aws


def test_all_is_well() -> None:
    aws = told()
    assert list(notifications([subject(aws)])) == list(notifications([])) == []
    asked = [(operation, given) for _, operation, given in aws.calls]
    assert ("ListRules", {"NamePrefix": "dev-slack-"}) in asked
    assert ("DescribeAlarms", {"AlarmNames": ["dev-slack-undelivered"]}) in asked


def state(of: str) -> Any:
    return lambda given: {"ConnectionState": of if given["Name"] == "dev-slack" else "AUTHORIZED"}


@pytest.mark.parametrize("connection", ["DEAUTHORIZED", "DEAUTHORIZING", "AUTHORIZING", "FAILED_CONNECTIVITY"])
def test_a_connection_that_is_not_authorized(connection: str) -> None:
    found = list(notifications([subject(told(DescribeConnection=state(connection)))]))
    assert found == [(f"EventBridge's connection dev-slack is {connection}, so slack is told nothing", AGAIN)]


def test_messages_that_were_refused() -> None:
    alarm = {"MetricAlarms": [{"AlarmName": "dev-slack-undelivered", "StateValue": "ALARM"}]}
    ((what, mend),) = notifications([subject(told(DescribeAlarms=alarm))])
    assert what == "messages to slack were refused: the queue dev-slack-undelivered has them, each with why"
    assert mend == f"if it was for the secret, {AGAIN}"

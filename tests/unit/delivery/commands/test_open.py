"""Where `open` says that a service is."""

import json

import pytest
from click.testing import CliRunner, Result
from delivery_aws import FakeAws, digest

from delivery.__main__ import main
from delivery.command_line import Connection

HOME = "https://eu-west-1.console.aws.amazon.com"
CONSOLE = {
    "pipeline": f"{HOME}/codesuite/codepipeline/pipelines/dev-web/view?region=eu-west-1",
    "service": f"{HOME}/ecs/v2/clusters/dev/services/dev-web/health?region=eu-west-1",
    "log": f"{HOME}/cloudwatch/home?region=eu-west-1#logsV2:log-groups/log-group/$252Fecs$252Fdev-web",
    "dashboard": f"{HOME}/cloudwatch/home?region=eu-west-1#dashboards/dashboard/dev",
    "parameters": f"{HOME}/systems-manager/parameters?region=eu-west-1",
}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    aws = FakeAws()
    aws.service(aws.revision(1, "@x"), digest("a"))
    aws.services["dev-web"]["loadBalancers"] = [{"targetGroupArn": "group"}]
    host = {"Field": "host-header", "HostHeaderConfig": {"Values": ["web.example.com"]}}
    forward = {"Type": "forward", "TargetGroupArn": "group"}
    aws.listeners = {443: [{"Priority": "1", "Conditions": [host], "Actions": [forward]}]}
    monkeypatch.setattr(Connection, "session", property(lambda _: aws.session()))
    return aws


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["open", "web", "--stack", "dev", *arguments])


@pytest.mark.usefixtures("aws")
def test_where_a_service_is() -> None:
    lines = [line.split(None, 1) for line in call().output.splitlines()]
    assert lines == [["url", "https://web.example.com/"], *([label, url] for label, url in CONSOLE.items())]
    urls = ["https://web.example.com/"]
    assert json.loads(call("--json").output) == {"service": "web", "urls": urls, "console": CONSOLE}


def test_the_browser_opens_where_it_answers(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    call()
    call("--browser")
    aws.listeners = {}
    assert call("--browser").exit_code == 0
    assert opened == ["https://web.example.com/"]

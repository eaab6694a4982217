"""What a function knows of its service survives its way through the environment."""

import dataclasses
import json

import pytest

from pipeline_steps.settings import VARIABLE, Migration, Settings

WITHOUT = Settings(
    pipeline="dev-web", cluster="dev", service="dev-web", controller="ECS", containers=["web", "worker"],
    sidecars=["proxy"], minimum_tasks=1, deploy_minutes=15, repository="dev-web", record="/record",
    repository_uri="registry/dev-web",
)  # fmt: skip
MIGRATES = dataclasses.replace(WITHOUT, migration=Migration(["bin/migrate", "up"], 15, "dev-web-migrate"))


@pytest.mark.parametrize("settings", [WITHOUT, MIGRATES], ids=["without migrations", "with them"])
def test_settings_are_read_as_they_were_written(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setenv(VARIABLE, json.dumps(dataclasses.asdict(settings)))
    assert Settings.from_environment() == settings

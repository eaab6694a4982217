"""The task definition of a migration."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.session import Session
from task_definitions import EFS, PROXY_AT, ROUTER, WEB_AT, changed, mounted

from components.service.task_template import STAND_INS, TaskTemplate
from pipeline_steps.command_definition import ESSENTIAL_LABEL, command_definition, essential_sidecars
from pipeline_steps.job import StepError

ACCEPTED = Session().get_service_model("ecs").operation_model("RegisterTaskDefinition").input_shape.members


def rendered(changes: dict[str, Any]) -> dict[str, Any]:
    return dict(TaskTemplate("t", changed(changes)).rendered(STAND_INS))


def migration(changes: dict[str, Any], *containers: str) -> dict[str, Any]:
    """The migration's task definition, made of a service's as ECS describes it."""
    described = {**rendered(changes), "revision": 7, "status": "ACTIVE", "registeredAt": 1.0, "compatibilities": []}
    return command_definition(
        described,
        family="dev-web-migrate",
        containers=containers or ("web",),
        image="registry/web@sha256:new",
        command=("bin/migrate",),
        accepted=ACCEPTED,
    )


def test_a_migration_keeps_all_but_what_makes_it_a_service() -> None:
    changes = {
        **ROUTER,
        **mounted({"efsVolumeConfiguration": EFS}),
        WEB_AT + "readonlyRootFilesystem": True,
        WEB_AT + "linuxParameters.tmpfs": [{"containerPath": "/scratch", "size": 64}],
        WEB_AT + "healthCheck": {"command": ["CMD", "true"]},
        WEB_AT + "restartPolicy": {"enabled": True},
        WEB_AT + "dependsOn": [{"containerName": "proxy", "condition": "HEALTHY"}],
        PROXY_AT + "healthCheck": {"command": ["CMD", "true"]},
        "ephemeralStorage": {"sizeInGiB": 30},
    }
    service = rendered(changes)
    web, proxy = service["containerDefinitions"]
    registered = migration(changes)
    del web["healthCheck"], web["restartPolicy"]
    assert registered == {
        **service,
        "family": "dev-web-migrate",
        "containerDefinitions": [
            {**web, "image": "registry/web@sha256:new", "command": ["bin/migrate"], "essential": True},
            {**proxy, "essential": False, "dockerLabels": {**proxy["dockerLabels"], ESSENTIAL_LABEL: "true"}},
        ],
    }
    assert registered["containerDefinitions"][1]["firelensConfiguration"] == ROUTER[PROXY_AT + "firelensConfiguration"]
    assert essential_sidecars(registered) == {"proxy"}


def test_a_sidecar_that_is_not_essential_is_left_as_it_is() -> None:
    assert migration({})["containerDefinitions"][1] == rendered({})["containerDefinitions"][1]
    assert essential_sidecars(migration({})) == frozenset()


def test_what_another_container_of_the_service_needed_goes_with_it() -> None:
    worker = {"name": "worker", "image": "${image}", "logConfiguration": {"logDriver": "awsfirelens"}}
    document = changed({PROXY_AT + "firelensConfiguration": {"type": "fluentbit"}})["containerDefinitions"]
    proxy = {
        **document[1],
        "volumesFrom": [{"sourceContainer": "worker"}],
        "dependsOn": [{"containerName": "worker", "condition": "START"}],
    }
    registered = migration({"containerDefinitions": [document[0], proxy, worker]}, "web", "worker")
    assert [container["name"] for container in registered["containerDefinitions"]] == ["web", "proxy"]
    kept = registered["containerDefinitions"][1]
    assert "firelensConfiguration" not in kept, "ECS takes no log router that nobody uses"
    assert (kept["volumesFrom"], kept["dependsOn"]) == ([], [])


def test_nothing_waits_for_the_migration_as_for_the_app() -> None:
    """An app that a sidecar waits for is HEALTHY at some time; a migration has no health check."""
    waits = [{"containerName": "web", "condition": "HEALTHY"}]
    assert migration({PROXY_AT + "dependsOn": waits})["containerDefinitions"][1]["dependsOn"] == []


def test_a_sidecar_keeps_the_volumes_of_the_container_that_migrates() -> None:
    volumes = [{"sourceContainer": "web"}]
    assert migration({PROXY_AT + "volumesFrom": volumes})["containerDefinitions"][1]["volumesFrom"] == volumes


def test_a_container_that_the_service_has_not_is_named() -> None:
    with pytest.raises(StepError, match=r"^The service has no container app; it has: web, proxy$"):
        migration({}, "app")


def test_the_service_s_own_definition_is_not_changed() -> None:
    service = rendered({PROXY_AT + "essential": True})
    command_definition(service, family="f", containers=["web"], image="i", command=["c"], accepted=ACCEPTED)
    assert service == rendered({PROXY_AT + "essential": True})

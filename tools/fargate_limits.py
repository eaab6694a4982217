"""What Fargate offers, as AWS's linter of CloudFormation templates knows it: components/service/fargate_limits.json.

cfn-lint takes a second of processor time to import, more than a preview may cost, so the program reads what it says
from a file (docs/decisions/0008-task-templates.md). `python -m tools.fargate_limits` writes the file anew.
"""

import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

FILE = Path(__file__).parent.parent / "components" / "service" / "fargate_limits.json"
RULES = "cfnlint.data.schemas.extensions.aws_ecs_taskdefinition"


def document() -> dict[str, Any]:
    """The file's content.

    Raises:
        LookupError: cfn-lint has written its rules in another form.
    """
    properties = _rule("fargate_properties")["then"]["allOf"]
    awslogs = _rule("logging_configuration")["then"]["properties"]["Options"]
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", "AWS::ECS::TaskDefinition").schema
    environment = schema["definitions"]["ContainerDefinition"]["properties"]["Environment"]
    containers = properties[1]["properties"]["ContainerDefinitions"]["items"]["properties"]
    return {
        "source": "cfn-lint E3046, E3047, E3048 and the schema of AWS::ECS::TaskDefinition; written by `make docs`",
        "memory": dict(_sizes(pair["properties"]) for pair in _rule("fargate_cpu_memory")["then"]["anyOf"]),
        "network_modes": properties[0]["then"]["properties"]["NetworkMode"]["enum"],
        "log_drivers": containers["LogConfiguration"]["then"]["properties"]["LogDriver"]["enum"],
        "awslogs_options": awslogs["propertyNames"]["enum"],
        "awslogs_required": awslogs["required"],
        "environment_unique": [name.lower() for name in environment["uniqueKeys"]],
    }


def _rule(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(resources.files(RULES).joinpath(f"{name}.json").read_text(encoding="utf-8"))
    return found


def _sizes(pair: dict[str, Any]) -> tuple[str, list[int]]:
    """A number of CPU units, and the MiB that go with it."""
    (cpu,) = pair["Cpu"]["then"]["enum"]
    memory = pair["Memory"]["then"]
    if "enum" in memory:
        return cpu, memory["enum"]
    return cpu, list(range(memory["minimum"], memory["maximum"] + 1, memory["multipleOf"]))


def text() -> str:
    """The file as it is written: a line for each list."""
    return (
        re.sub(r"\[[^\]]*\]", lambda found: json.dumps(json.loads(found[0])), json.dumps(document(), indent=2)) + "\n"
    )


def main() -> None:
    """Write the file."""
    FILE.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()

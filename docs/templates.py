"""Writes the tables of what a task template may hold from the rules themselves, by `make docs`."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from components.service import task_rules

TABLE = Path(__file__).parent / "reference/task-templates.md"
FIRST = "## Sizes\n"
"""Where the tables begin; what is before it is written by hand."""


def table() -> str:
    """The whole page, with its tables written anew."""
    prose, found, _ = TABLE.read_text(encoding="utf-8").partition(FIRST)
    if not found:
        raise LookupError(f"{TABLE.name} has no line {FIRST.strip()}")
    return prose + "\n".join(_rows()) + "\n"


def _rows() -> Iterator[str]:
    yield FIRST + "\n| cpu | memory, MiB |\n|---|---|"
    for cpu, sizes in task_rules.MEMORY.items():
        yield f"| {cpu} | {_span(sizes)} |"
    yield "\n## Numbers\n\n| field | least | most |\n|---|---|---|"
    for path, (least, most) in task_rules.RANGES.items():
        yield f"| `containerDefinitions[].{path}` | {least} | {most} |"
    yield f"| `ephemeralStorage.sizeInGiB` | {task_rules.EPHEMERAL_GIB[0]} | {task_rules.EPHEMERAL_GIB[1]} |"
    yield f"| containers | 1 | {task_rules.MOST_CONTAINERS} |"
    yield f"| environment files of a container | 0 | {task_rules.MOST_ENVIRONMENT_FILES} |"
    yield "\n## What is refused\n\n| field | why, or what instead |\n|---|---|"
    tables = (
        ("", task_rules.NOT_A_TEMPLATE_S),
        ("volumes[].", task_rules.NOT_A_VOLUME_S),
        ("containerDefinitions[].", task_rules.NOT_FARGATE_S),
    )
    for prefix, rules in tables:
        yield from (f"| `{prefix}{path}` | {why} |" for path, why in rules.items())
    drivers, modes = (", ".join(task_rules.LIMITS[name]) for name in ("log_drivers", "network_modes"))
    yield f"| `containerDefinitions[].logConfiguration.logDriver` | other than {drivers} |"
    yield f"| `networkMode` | other than {modes} |"


def _span(sizes: list[int]) -> str:
    steps = {later - earlier for earlier, later in pairwise(sizes)}
    if len(sizes) < 4 or len(steps) > 1:
        return ", ".join(map(str, sizes))
    return f"{sizes[0]} to {sizes[-1]} by {steps.pop()}"


def main() -> None:
    """Write the page."""
    TABLE.write_text(table(), encoding="utf-8")


if __name__ == "__main__":
    main()

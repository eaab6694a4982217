"""How long a release takes by a model: the sum of a declared pipeline's actions, with no account to measure on.

pulumi stack export --stack dev | python -m bench.release_time
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

PIPELINE = "aws:codepipeline/pipeline:Pipeline"


@dataclass(frozen=True)
class Seconds:
    """From the shortest to the longest that is usual."""

    shortest: int = 0
    longest: int = 0

    def __add__(self, other: Self) -> Self:
        return type(self)(self.shortest + other.shortest, self.longest + other.longest)

    def __str__(self) -> str:
        return f"{self.shortest} to {self.longest} s"


EVENT = Seconds(1, 5)
"""From the upload to the start of the execution: EventBridge delivers within seconds."""
PROVIDERS: Mapping[str, Seconds] = {
    "S3": Seconds(3, 5),
    "ECR": Seconds(3, 5),
    "CodeBuild": Seconds(20, 60),
    "Lambda": Seconds(1, 2),
    "ECS": Seconds(60, 90),
    "CodeDeployToECS": Seconds(60, 120),
    "Manual": Seconds(),
}
"""What an action takes before and besides its own work.

CodeBuild: until a machine runs; AWS says only that Lambda "offers optimized start-up speeds" against it (CodeBuild user
guide, compute modes), users report up to a minute. ECS and CodeDeploy: two tasks that boot in seconds, with the health
check of this program (5 s, twice) and its deregistration delay. Manual: whoever approves is not counted.
"""
WORK: Mapping[str, Seconds] = {
    "Package": Seconds(60, 120),
    "Migrate": Seconds(30, 50),
    "Template": Seconds(2, 5),
    "Release": Seconds(2, 5),
}
"""What an action's own work takes: an image's build with its cache, a Fargate task that migrates, a few calls."""
SHIFT = PROVIDERS["ECS"]
"""Deploy, where a step starts a deployment that shifts the traffic: as any of ECS's. The minutes of the shift and of
the bake, which the stack file says, come on top."""
COPY = Seconds(5, 20)
"""Package of a pushed image: its changed layers, some hundred megabytes at most, go from one repository to another."""
WITHOUT_A_BUILD = Seconds(2, 5)
"""Package, when the image is there: an edit, a rollback."""


def release_time(stages: Sequence[Mapping[str, Any]], *, builds: bool) -> Seconds:
    """Of an execution that deploys; actions of one run order run at once, and this program has none.

    Args:
        stages: a pipeline's, as the program declares them.
        builds: whether the source is taken, and an image built or copied; an edit and a rollback do neither.
    """
    total = EVENT
    for action in (action for stage in stages for action in stage["actions"]):
        work = WORK.get(action["name"], Seconds())
        if action["name"] == "Package" and not builds:
            work = WITHOUT_A_BUILD
        elif action["provider"] == "Lambda":
            work = {"Package": COPY, "Deploy": SHIFT}.get(action["name"], work)
        total += PROVIDERS[action["provider"]] + work
    return total


def table(pipelines: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    """A line for each pipeline."""
    yield f"{'pipeline':24} {'machines':>8} {'of a source':>14} {'edit, rollback':>14}"
    for name, stages in pipelines.items():
        machines = sum(action["provider"] == "CodeBuild" for stage in stages for action in stage["actions"])
        zipped, edited = (release_time(stages, builds=builds) for builds in (True, False))
        yield f"{name:24} {machines:8} {zipped!s:>14} {edited!s:>14}"


def exported(state: Mapping[str, Any]) -> dict[str, Sequence[Mapping[str, Any]]]:
    """The pipelines of a stack, as `pulumi stack export` prints it."""
    resources = state["deployment"]["resources"]
    return {each["inputs"]["name"]: each["inputs"]["stages"] for each in resources if each["type"] == PIPELINE}


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in table(exported(json.load(sys.stdin))))

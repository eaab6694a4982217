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
check of this program (10 s, twice) and its deregistration delay. Manual: whoever approves is not counted.
"""
BUILD, WITHOUT_A_BUILD, COPY = Seconds(60, 120), Seconds(2, 5), Seconds(5, 20)
"""An image's build with its cache; finding the image of a source that has one; the copy of a pushed one, whose changed
layers, some hundred megabytes at most, go from one repository to another."""
SHIFT = PROVIDERS["ECS"]
"""Deploy, where a step starts a deployment that shifts the traffic: as any of ECS's. The minutes of the shift and of
the bake, which the stack file says, come on top."""
WORK: Mapping[tuple[str, str], Seconds] = {
    ("Build", "CodeBuild"): BUILD,
    ("Package", "CodeBuild"): BUILD,
    ("Package", "Lambda"): Seconds(2, 5),
    ("Migrate", "Lambda"): Seconds(30, 50),
    ("Migrate", "CodeBuild"): Seconds(30, 50),
    ("Template", "Lambda"): Seconds(2, 5),
    ("Template", "CodeBuild"): Seconds(2, 5),
    ("Deploy", "Lambda"): SHIFT,
    ("Release", "Lambda"): Seconds(2, 5),
    ("Release", "CodeBuild"): Seconds(2, 5),
}
"""What an action's own work takes, by its name and provider: a build, a Fargate task that migrates, a few calls. Those
by CodeBuild are of version 0.1.0."""
Stages = Sequence[Mapping[str, Any]]
"""A pipeline's, as the program declares them. Its actions run one after another."""


def of_a_source(stages: Stages, *, image_is_there: bool = False) -> Seconds:
    """From an upload or a push until it serves.

    Args:
        stages: the pipeline's.
        image_is_there: whether the image of an upload was built before, as by the CI of its pull request.
    """
    total = EVENT
    for action in _actions(stages):
        kind = action["name"], action["provider"]
        work = WORK.get(kind, Seconds())
        if work is BUILD and image_is_there:
            work = WITHOUT_A_BUILD
        if kind == ("Package", "Lambda") and _pushed(stages):
            work = COPY
        total += PROVIDERS[action["provider"]] + work
    return total


def of_a_rollback(stages: Stages) -> Seconds:
    """From the command until the other image serves: Build is skipped, and nothing is copied."""
    total = Seconds()
    for action in _actions(stages):
        work = WORK.get((action["name"], action["provider"]), Seconds())
        if action["name"] != "Build":
            total += PROVIDERS[action["provider"]] + (WITHOUT_A_BUILD if work is BUILD else work)
    return total


def of_an_edit(stages: Stages) -> Seconds:
    """From `up`'s change of the task until it serves: `up` deploys it itself, but CodeDeploy's pipeline is started."""
    if any(action["provider"] == "CodeDeployToECS" for action in _actions(stages)):
        return EVENT + of_a_rollback(stages)
    return PROVIDERS["ECS"]


def table(pipelines: Mapping[str, Stages]) -> Iterator[str]:
    """A line for each pipeline."""
    titles = "machines", "of a source", "its image is there", "rollback", "edit"
    yield f"{'pipeline':24}" + "".join(f" {title:>18}" for title in titles)
    for name, stages in pipelines.items():
        machines = sum(action["provider"] == "CodeBuild" for action in _actions(stages))
        there = of_a_source(stages, image_is_there=True)
        times = machines, of_a_source(stages), there, of_a_rollback(stages), of_an_edit(stages)
        yield f"{name:24}" + "".join(f" {time!s:>18}" for time in times)


def _actions(stages: Stages) -> Iterator[Mapping[str, Any]]:
    return (action for stage in stages for action in stage["actions"])


def _pushed(stages: Stages) -> bool:
    """Whether images are pushed: then nothing is built, and Source fetches the code of the pipeline's own steps."""
    return all(action["provider"] != "CodeBuild" for action in _actions(stages))


def exported(state: Mapping[str, Any]) -> dict[str, Stages]:
    """The pipelines of a stack, as `pulumi stack export` prints it."""
    resources = state["deployment"]["resources"]
    return {each["inputs"]["name"]: each["inputs"]["stages"] for each in resources if each["type"] == PIPELINE}


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in table(exported(json.load(sys.stdin))))

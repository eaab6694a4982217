"""Every order of what both writers do: none breaks the program's rules, and each simpler rule is broken as decision
0001 says. `tests/scenarios/test_two_writers.py` takes the same ways on the real engine.
"""

import pytest
from two_writers_model import (
    AFTER_A_RELEASE,
    AFTER_AN_EDIT,
    EDIT_GONE,
    EDIT_LOST,
    EDIT_NOT_DEPLOYED,
    FOR_NOTHING,
    RELEASE_UNDONE,
    VARIANTS,
    Rules,
    World,
    explore,
    outcomes,
)

BROKEN = {
    "max(own, released)": {
        FOR_NOTHING: "edit→2 | up: registers, killed | edit→1 | up: registers, killed",
        EDIT_GONE: "edit→2 | up: registers, killed | B: starts | B: deploys, killed | ECS: completed",
        EDIT_LOST: "edit→2 | up: registers, killed | B: starts | B: deploys | ECS: completed | B: deployed | "
        "B: moves live | B: writes the record | up: registers | up: green, nothing to do",
        EDIT_NOT_DEPLOYED: "edit→2 | up: registers | up: guard passes | B: starts | B: deploys | ECS: completed | "
        "B: deployed | B: moves live | up: UpdateService, killed | B: writes the record | ECS: completed | "
        "up: registers | up: guard passes | up: UpdateService | ECS: completed | up: green",
    },
    "own always": {FOR_NOTHING: ""},
    "without a look before": {
        EDIT_LOST: "edit→2 | up: registers | up: guard passes | up: UpdateService, killed | up: registers | "
        "up: green, nothing to do",
    },
    "without a look after": {
        RELEASE_UNDONE: "edit→2 | up: registers | up: guard passes | up: UpdateService | B: starts | B: deploys, killed | "
        "ECS: completed | up: green",
    },
}


@pytest.mark.parametrize("name", [name for name in VARIANTS if name.startswith("these rules")])
def test_no_order_breaks_the_program_s_rules(name: str) -> None:
    found = explore(VARIANTS[name])
    assert found.violations == {}
    assert found.states > 50_000


@pytest.mark.parametrize("start", [AFTER_A_RELEASE, AFTER_AN_EDIT], ids=["after a release", "after another edit"])
def test_a_release_within_an_edit_s_up_fails_it_only_where_it_does_not_wait(start: World) -> None:
    """What happens beside an edit and releases, with nothing that fails, is cut off or taken back."""
    ends = {waits: outcomes(Rules(waits=waits), start) for waits in (False, True)}
    assert ends[True] == {"up: green", "up: green, nothing to do"}
    assert ends[False] == {*ends[True], "up: fails, an edit waits", "up: refused"}


@pytest.mark.parametrize("name", BROKEN)
def test_a_simpler_rule_is_broken(name: str) -> None:
    found = explore(VARIANTS[name], kinds=len(BROKEN[name]))
    assert {kind: " | ".join(way) for kind, way in found.violations.items()} == BROKEN[name]


def test_each_simpler_rule_is_known_to_be_broken() -> None:
    others = VARIANTS.keys() - BROKEN.keys()
    assert {name.removeprefix("these rules") for name in others} == {
        "",
        ", and an edit waits",
        ", where ECS shifts traffic",
    }

"""Short histories of both writers over all strategies of ECS's; `make histories` takes more of them."""

import pytest

from tests.histories.__main__ import STRATEGIES, explore

pytestmark = pytest.mark.nightly


def test_no_history_breaks_the_contract() -> None:
    kinds, violation = explore(25, seed=2)
    assert violation is None
    assert kinds.keys() >= {*STRATEGIES, "ship", "up", "up beside a release", "a release beside an up"}

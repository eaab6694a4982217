"""Both writers at work for a few minutes, cut off and beside each other: one sequence, in which each such kind of step comes."""

import time
from pathlib import Path

import pytest

from tests.scenarios.conftest import new_stack
from tests.soak.declared import STACK, prepare
from tests.soak.kinds import DISTURBED, SERVICES
from tests.soak.machine import Soak, run
from tests.soak.world import SPEED, World

pytestmark = pytest.mark.nightly

SEED = 1


def test_neither_writer_undoes_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_SPEED", SPEED)
    with new_stack(tmp_path, STACK) as stack:
        prepare(stack.root)
        world = World(stack.root)
        for service in SERVICES:
            world.ship(service)
        soak = Soak(world, print, until=time.monotonic(), kinds=DISTURBED)
        run(soak, SEED)
    assert soak.missing() == []

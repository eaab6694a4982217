"""Hypothesis chooses the order of the steps and what each does."""

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, assume, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.soak.expected import Violation
from tests.soak.kinds import KINDS, Kind
from tests.soak.world import World


def one_sequence(kinds: Sequence[Kind] = KINDS) -> tuple[Kind, ...]:
    """The steps of one sequence."""
    return tuple(kind for kind in kinds for _ in range(kind.times))


class Enough(BaseException):
    """The time is up. It is no Exception, which Hypothesis would take for a failing example."""


@dataclass
class Soak:
    """A run of many sequences in one world.

    Attributes:
        world: what they work on; it comes to rest between two of them.
        tell: takes a line for each step.
        until: `time.monotonic()` when the run ends, if each kind was taken by then.
        most: after how many whole sequences it ends in any case.
        kinds: of which steps a sequence is made.
        sequences: how many are complete.
        taken: how many steps of each kind came to what they are for.
        steps: the present sequence's, in words.
    """

    world: World
    tell: Callable[[str], None]
    until: float = math.inf
    most: float = math.inf
    kinds: Sequence[Kind] = KINDS
    sequences: int = 0
    taken: Counter[str] = field(default_factory=Counter)
    steps: list[str] = field(default_factory=list)

    def missing(self) -> list[str]:
        """The kinds that were never taken."""
        return [kind.name for kind in self.kinds if not self.taken[kind.name]]

    def take(self, kind: Kind, arguments: tuple[object, ...]) -> None:
        """One step.

        Raises:
            Enough: the time is up, or there were sequences enough.
            Violation: the contract is broken.
        """
        if self.sequences >= self.most or (time.monotonic() > self.until and not self.missing()):
            raise Enough
        words = ", ".join([kind.name, *map(str, arguments)])
        self.steps.append(words)
        began = time.monotonic()
        try:
            came = kind.take(self.world, *arguments) is not False
        except Violation:
            raise
        except Exception as error:
            raise Violation(f"{type(error).__name__}: {error}") from error
        self.taken[kind.name] += came
        self.tell(
            f"{self.sequences + 1:>3} {time.monotonic() - began:5.1f} s  {words}{'' if came else ': not reached'}"
        )

    def end(self) -> None:
        """A sequence is complete: whatever it left, the world comes to rest.

        Raises:
            Violation: the contract is broken; or the time is up, and a kind of step was never taken.
        """
        self.world.rest()
        self.sequences += 1
        self.steps.clear()
        if time.monotonic() > self.until and (missing := self.missing()):
            raise Violation(f"never taken: {', '.join(missing)}")

    def report(self) -> str:
        """What was done."""
        rows = [f"{self.taken[kind.name]:>5}  {kind.name}" for kind in self.kinds]
        steps = len(one_sequence(self.kinds))
        return "\n".join([f"{self.sequences} whole sequences of {steps} steps; steps of each kind:", *rows])


class TwoWriters(RuleBasedStateMachine):
    """One sequence: each kind of step, in an order that Hypothesis chooses."""

    def __init__(self, soak: Soak) -> None:
        super().__init__()
        self.soak, self.hand, self.taken = soak, list(one_sequence(soak.kinds)), set[str]()

    @initialize(numbers=st.tuples(*[st.integers(1, 2**16)] * 4))
    def begin(self, numbers: tuple[int, ...]) -> None:
        """Hypothesis begins with the simplest examples, all in the table's order; this leaves them out."""
        assume(min(numbers) > 1)

    @rule(data=st.data())
    def step(self, data: st.DataObject) -> None:
        """Another kind of those that are left."""
        kind = data.draw(st.sampled_from([k for k in self.hand if not k.after or k.after in self.taken]))
        self.hand.remove(kind)
        self.taken.add(kind.name)
        self.soak.take(kind, tuple(data.draw(strategy) for strategy in kind.arguments))
        if not self.hand:
            self.soak.end()


def run(soak: Soak, number: int) -> None:
    """Sequences until the time is up.

    Args:
        soak: the world, and how long.
        number: the seed: the same one gives the same sequences.

    Raises:
        Violation: the contract is broken; `soak.steps` led there.
    """
    chosen = settings(
        max_examples=1_000_000,
        stateful_step_count=len(one_sequence(soak.kinds)) + 1,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )

    class Sequence(TwoWriters):
        def __init__(self) -> None:
            super().__init__(soak)

    try:
        run_state_machine_as_test(seed(number)(Sequence), settings=chosen)
    except Enough:
        soak.tell("Enough.")

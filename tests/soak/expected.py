"""What an observer who knows what was done expects of the services."""

from dataclasses import dataclass, field


class Violation(BaseException):
    """The contract is broken. It ends the run: no handler of Exception takes it for something to try again."""


def must(holds: bool, message: str) -> None:
    """Raises Violation unless it holds."""
    if not holds:
        raise Violation(message)


@dataclass(frozen=True)
class Variant:
    """What is declared of a service's task: the template's edit and the parameter's value."""

    template: str
    parameter: str


@dataclass
class Expected:
    """What a service should be like.

    Attributes:
        applied: of the last `up` that succeeded.
        attempted: what later ones that failed or were killed have tried.
        released: the digest that was released last; None before the first release.
        released_with: the variant that it was released with.
        candidates: digests that may run, or be live, until a repair: of pipelines that were cut off.
    """

    applied: Variant
    attempted: set[Variant] = field(default_factory=set)
    released: str | None = None
    released_with: Variant | None = None
    candidates: set[str] = field(default_factory=set)

    @property
    def images(self) -> set[str | None]:
        """The digests that the service may run."""
        return {self.released, *self.candidates}

    @property
    def variants(self) -> set[Variant]:
        """What its tasks may have been made of."""
        return {self.applied, *self.attempted}

"""Having a stack release what another one runs: what is started, and when it is refused."""

from typing import Any

import pytest
from click.testing import CliRunner
from delivery_aws import FakeAws, digest

from delivery.commands.live import live
from delivery.commands.promote import command, plan
from delivery.executions.start import Course
from releases.errors import DeliveryError

A, B = digest("a"), digest("b")


def stack(*images: str, live: str | None = None) -> FakeAws:
    """A stack whose service web has released these images; the last one is live."""
    aws = FakeAws()
    aws.record("none")
    for number, image in enumerate(images, 1):
        aws.release(number, image, aws.revision(number, f"@{image}"))
        aws.image(image, f"release-{number}")
    for image in images[-1:] if live is None else [live]:
        aws.image(image, "live")
    return aws


def test_the_image_that_the_other_stack_runs_is_named_by_stack_and_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = stack(A, B)
    monkeypatch.setattr("releases.pipeline.Pipeline.exists", True)
    monkeypatch.setattr("delivery.commands.promote.service_history", histories(aws, prd=[A]))
    chosen = plan(aws.session(), aws.session(), "dev", "prd", "web", None)
    assert (
        chosen.line() == f"prd is to release web as release-2 of dev, {B[:19]}, commit unknown, in place of release-1."
    )
    begun = chosen.start(Course(migrates=True))
    assert (begun.stack, begun.service, begun.image) == ("prd", "web", f"dev@{B}")
    assert begun.lines() == [chosen.line(), "The migration of its image runs first."]


def histories(aws: FakeAws, prd: list[str]) -> Any:
    """The releases of dev are those of the account; of prd these images."""
    from delivery.services.history import service_history
    from releases.history import History
    from releases.record import Release

    def read(session: Any, of: str, service: str) -> History:
        if of == "dev":
            return service_history(session, of, service)
        return History([Release(n, image, "arn", "f", "v", "e", "t") for n, image in enumerate(prd, 1)][::-1])

    return read


@pytest.mark.parametrize(
    ("images", "target", "prd", "words"),
    [
        ([A], "dev", [], "--from and --to are both dev; an image is promoted from one stack to another"),
        ([], "prd", [], "web has no live release in stack dev, so there is nothing to promote"),
        ([A, B], "prd", [A, B], "prd has released this image of web already, as release-2"),
    ],
)
def test_when_nothing_is_promoted(
    images: list[str], target: str, prd: list[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws = stack(*images)
    monkeypatch.setattr("releases.pipeline.Pipeline.exists", True)
    monkeypatch.setattr("delivery.commands.promote.service_history", histories(aws, prd))
    with pytest.raises(DeliveryError) as caught:
        plan(aws.session(), aws.session(), "dev", target, "web", None)
    assert str(caught.value) == words


def test_a_service_that_the_target_does_not_have() -> None:
    aws = stack(A)
    with pytest.raises(DeliveryError) as caught:
        plan(aws.session(), aws.session(), "dev", "prd", "web", None)
    assert str(caught.value) == "there is no service web in stack prd; `up` makes it, with source.promote_from"


def test_an_image_that_is_named_needs_no_look_at_the_other_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("releases.pipeline.Pipeline.exists", True)
    monkeypatch.setattr("delivery.commands.promote.service_history", histories(stack(), prd=[A]))
    other, here = FakeAws(), stack()
    chosen = plan(other.session(), here.session(), "dev", "prd", "web", B)
    assert chosen.line() == f"prd is to release web as {B[:19]} of dev, in place of release-1."
    assert chosen.start(Course()).image == f"dev@{B}"
    assert other.calls == []


def test_what_was_promoted_before_is_not_again_though_it_got_assets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The image that prd runs has a layer more, and so another digest."""
    from releases.history import History
    from releases.record import Release

    last = History([Release(4, A, "arn", "f", f"dev@{B}", "e", "t")])
    monkeypatch.setattr("releases.pipeline.Pipeline.exists", True)
    monkeypatch.setattr("delivery.commands.promote.service_history", lambda *_: last)
    with pytest.raises(DeliveryError, match="prd has released this image of web already, as release-4"):
        plan(FakeAws().session(), FakeAws().session(), "dev", "prd", "web", B)


@pytest.mark.parametrize("digest", ["latest", "sha256:abc", "sha256:" + "g" * 64])
def test_what_is_no_digest(digest: str) -> None:
    done = CliRunner().invoke(command, ["web", "--from", "dev", "--to", "prd", "--digest", digest])
    assert (done.exit_code, "must be sha256: and 64 digits of a hash" in done.output) == (2, True)


def test_what_is_live() -> None:
    assert live(stack(A, B).session(), "dev", "web") == B
    with pytest.raises(DeliveryError, match="no image of web is live in stack dev"):
        live(stack().session(), "dev", "web")

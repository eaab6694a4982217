"""The page: well-formed, for everybody to read, by itself, and with nothing in it that a value could have put there."""

import dataclasses
import itertools
import re

import pytest
from page_facts import Page, delivery, everything, marked, service, stack

from delivery.page.facts import Outcome, StackFacts
from delivery.page.render import FOLDER, render

EVIL = '</script><script>alert(1)</script><img src=x onerror=alert(1)>" onclick="x\' {{ 7 * 7 }} &amp; '
CONSOLE = re.compile(r"https://eu-west-1\.console\.aws\.amazon\.com/")


def evil(facts: StackFacts) -> StackFacts:
    """Each text begins with a page's elements; but for the Region, of which AWS's addresses are made."""
    changed: StackFacts = marked(facts, EVIL)
    return dataclasses.replace(changed, region=facts.region)


@pytest.fixture(scope="module", params=["everything", "compared", "one", "evil"])
def page(request: pytest.FixtureRequest) -> Page:
    facts: dict[str, tuple[StackFacts, StackFacts | None]] = {
        "everything": (everything(), None),
        "compared": (everything(), stack(service(), service("other", commit=""), stack="prd")),
        "one": (stack(service()), None),
        "evil": (evil(everything()), evil(stack(service()))),
    }
    return Page(render(*facts[request.param]))


def test_it_is_well_formed(page: Page) -> None:
    assert page.problems == []
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_its_headings_go_down_one_by_one(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below <= above + 1 for above, below in itertools.pairwise(levels))


def test_each_cell_has_a_header_and_each_picture_a_text(page: Page) -> None:
    assert all(each.get("scope") in ("col", "row", "rowgroup") for each in page.all("th"))
    assert all(each.get("aria-label") if each.get("role") == "img" else each["aria-hidden"] for each in page.all("svg"))
    labelled = {each["aria-labelledby"] for each in page.all("section")}
    assert labelled <= {each.get("id") for each in page.all("h2")}


def test_it_needs_nothing_else(page: Page) -> None:
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "img", "iframe", "object", "embed", "base", "form", "input"}
    links = [str(each["href"]) for each in (*page.all("a"), *page.all("link"))]
    ids = {attributes.get("id") for _, attributes in page.elements}
    assert [link for link in links if not CONSOLE.match(link) and link != "data:," and link[1:] not in ids] == []
    assert not any(
        name.startswith("on") or name in ("src", "srcset", "style") for _, each in page.elements for name in each
    )


def test_every_value_is_escaped_and_none_is_a_template() -> None:
    text = Page(render(evil(everything()))).text
    assert text.count("<script>alert(1)</script><img src=x onerror=alert(1)>") > 50
    assert "{{ 7 * 7 }}" in text
    assert "49" not in text


def test_its_style_asks_for_nothing() -> None:
    style = (FOLDER / "page.css").read_text()
    assert re.findall(r"url\(([^)]*)\)", style) == ["#hatch"]
    assert "@import" not in style
    assert "@font-face" not in style
    policy = next(each["content"] for each in Page(render(everything())).all("meta") if "http-equiv" in each)
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_what_it_says() -> None:
    text = Page(render(everything(), stack(service(commit=""), stack="prd"))).text
    for words in (
        "As of 2030-01-10 12:00 UTC",
        "account 111111111111 · eu-west-1 · cluster dev",
        "2 need attention: web, the stack",
        "3 of 5 alarms on",
        "4 min ago last release: web release-7",
        "1 of 3 of the last deliveries succeeded",
        "8 min usual time of a delivery",
        "what runs, is live and was released differ: running a, live b; delivery repair web --stack dev mends it",
        "execution run-5 waits for delivery approve web --stack dev",
        "The last 5 deliveries",
        "Deploy: it is ill",
        "approved by ann",
        "3 older releases forgotten",
        "Waits for its first upload, to s3://bucket/key",
        "What differs between dev and prd",
        "CANARY deployment of dev-web:7: SUCCESSFUL",
    ):
        assert words in text, words


@pytest.mark.parametrize(
    ("released", "words"),
    [
        ([7, 7], "All well 2 services"),
        ([7, None], "All well 2 services, 1 without a release"),
        ([None, None], "Nothing released 2 services, 2 without a release"),
    ],
)
def test_what_was_never_released_is_not_well(released: list[int | None], words: str) -> None:
    assert words in Page(render(stack(*(service(release=each) for each in released)))).text


def test_nothing_is_said_of_what_is_not_there() -> None:
    text = Page(render(stack(service()))).text
    assert "All well 1 service" in text
    assert "Nothing needs attention, and nothing is in flight." in text
    assert "differs" not in text
    assert "Timelines" not in text
    assert "usual time" not in text


def test_a_stack_that_has_released_nothing() -> None:
    waits = service(release=None, released=None, commit="", waits_for="s3://bucket/key")
    text = Page(render(stack(waits))).text
    assert "last release" not in text
    assert "none yet" in text


def test_the_newest_timelines_are_open() -> None:
    deliveries = [delivery(id=str(number)) for number in range(4)]
    opened = ["open" in each for each in Page(render(stack(service(deliveries=deliveries)))).all("details")]
    assert opened == [True, True, False, False]
    deliveries[2] = delivery(Outcome.FAILED)
    deliveries[3] = delivery(Outcome.FAILED, id="older")
    opened = ["open" in each for each in Page(render(stack(service(deliveries=deliveries)))).all("details")]
    assert opened == [True, True, True, False]


def test_two_pages_of_the_same_facts_are_one() -> None:
    assert render(everything()) == render(everything())


LIGHT, DARK = (
    dict(re.findall(r"(--[\w-]+): (#\w{6})", block))
    for block in re.findall(r":root \{(.*?)\}", (FOLDER / "page.css").read_text(), re.DOTALL)[:2]
)
READ = [
    *((text, ground) for text in ("text", "quiet", "link", "bad", "good", "busy", "wait") for ground in ("card", "page")),
    *((kind, f"{kind}-bg") for kind in ("good", "bad", "busy", "wait", "quiet")),
    ("text", "quiet-bg"), ("on-new", "new"), ("on-step", "step"), ("text", "old"), ("text", "bad-bg"), ("text", "wait-bg"), ("text", "busy-bg"),
]  # fmt: skip


def luminance(color: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), READ)
def test_text_stands_out(colors: dict[str, str], text: str, ground: str) -> None:
    """WCAG 2.2, 1.4.3: 4.5 to 1."""
    lighter, darker = sorted((luminance(colors[f"--{name}"]) for name in (text, ground)), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


@pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("shape", ["new", "step-edge", "failed", "edge", "busy", "wait"])
def test_shapes_stand_out(colors: dict[str, str], shape: str) -> None:
    """WCAG 2.2, 1.4.11: 3 to 1."""
    lighter, darker = sorted((luminance(colors[name]) for name in (f"--{shape}", "--card")), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 3

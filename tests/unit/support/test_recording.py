"""A recording as a picture that moves."""

import xml.etree.ElementTree as ET

from tests.support.recording import COLUMNS, LONGEST_PAUSE, ROWS, TYPING, Line, picture, shortened

SVG = "{http://www.w3.org/2000/svg}"


def test_pauses_are_shortened_and_typing_takes_its_time() -> None:
    lines = [Line(0, "$ a", typed=True), Line(0.3, "one"), Line(60, "two"), Line(60.1, "$ b", typed=True)]
    assert [line.at for line in shortened(lines)] == [0, 0.3, 0.3 + LONGEST_PAUSE, 0.3 + LONGEST_PAUSE + TYPING]


def test_the_picture_has_each_line_and_scrolls_what_does_not_fit() -> None:
    lines = [Line(0, "$ ls <a> & b", typed=True), *(Line(1 + n, f"line {n} {'x' * COLUMNS}") for n in range(ROWS + 1))]
    root = ET.fromstring(picture(lines))  # noqa: S314 - written here
    texts = [text.text or "" for text in root.iter(f"{SVG}text")]
    assert texts[0] == "$ ls <a> & b"
    assert len(texts) == len(lines)
    assert {len(text) for text in texts[1:]} == {COLUMNS}
    (scroll,) = root.iter(f"{SVG}animateTransform")
    assert scroll.attrib["values"] == "0 0;0 -18;0 -36"
    times = [float(each) for each in scroll.attrib["keyTimes"].split(";")]
    assert times == sorted(times)
    assert times[0] == 0
    assert max(times) < 1
    (title,) = root.iter(f"{SVG}title")
    assert title.text == "A terminal: ls <a> & b"


def test_what_fits_does_not_scroll() -> None:
    root = ET.fromstring(picture([Line(0, "$ a", typed=True)]))  # noqa: S314 - written here
    assert not list(root.iter(f"{SVG}animateTransform"))

"""The picture of who answered while the traffic shifted: the shares of what `sandbox load` has seen, and their outline."""

from tests.support.traffic_shares import MARGIN, PICTURE, STRATEGIES, Shift, drawn, shift, trimmed

SEEN = {
    "views": 40,
    "server_errors": 1,
    "shares": [
        {"second": 0, "pages": {"old": 10}},
        {"second": 2, "pages": {"old": 9, "new": 1}},
        {"second": 4, "pages": {"new": 10}},
    ],
}


def test_the_share_of_a_version_by_second() -> None:
    assert shift("canary", SEEN, "new") == Shift("canary", {0: 0.0, 2: 0.1, 4: 1.0}, 40, 1)


def test_what_is_long_before_and_after_a_shift_is_left_out() -> None:
    new = dict.fromkeys(range(20), 0.0) | {20: 0.5, 22: 1.0} | dict.fromkeys(range(23, 60), 1.0)
    minutes = list(trimmed(new))
    assert (minutes[0], trimmed(new)[0.0], minutes[-1]) == (-MARGIN, 0.5, MARGIN)


def test_each_strategy_has_its_panel() -> None:
    picture = drawn([Shift(name, {0: 0.0, 2: 0.1, 4: 1.0}, 1234, 0) for name in STRATEGIES])
    assert picture.count("<polygon") == len(STRATEGIES)
    assert "strategy: canary, percent: 10, interval: 10, bake: 5: 1,234 page views, 0 failed" in picture


def test_the_picture_in_the_documents_is_of_these_strategies_and_no_request_failed() -> None:
    text = PICTURE.read_text("utf-8")
    assert all(how.strip("{}") in text for how in STRATEGIES.values())
    assert text.count(" page views, 0 failed") == len(STRATEGIES)

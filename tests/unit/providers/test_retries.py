"""When to try again, and how long to wait."""

from __future__ import annotations

import pytest

from lambda_responses.providers.retries import Retries

NOW = 1_000_000_000.0


def retries(**options: float) -> Retries:
    return Retries(
        first_delay=0.5,
        longest_delay=8.0,
        clock=lambda: NOW,
        random=lambda: options.get("random", 0.0),
        limit=int(options.get("limit", 2)),
    )


def test_all_waits_are_over_before_a_streams_status_line_has_to_leave():
    patience = Retries(random=lambda: 0.0)
    assert (
        sum(patience.delay(attempt) or 0 for attempt in range(patience.limit)) < 0.16
    )  # and the attempts themselves take time


def test_waits_grow_and_end():
    assert [retries().delay(attempt) for attempt in range(4)] == [0.5, 1.0, None, None]


def test_waits_have_a_longest():
    assert retries(limit=20).delay(12) == 8.0


def test_chance_takes_off_up_to_a_quarter():
    assert retries(random=1.0).delay(0) == 0.375


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 301, 501 - 400])
def test_a_refusal_for_good_is_not_tried_again(status: int):
    assert retries().delay_after_status(0, status, {}) is None


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503, 529])
def test_a_transient_refusal_is(status: int):
    assert retries().delay_after_status(0, status, {}) == 0.5
    assert retries().delay_after_status(2, status, {}) is None


@pytest.mark.parametrize(
    ("headers", "delay"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "8"}, 8.0),
        ({"retry-after": "8.1"}, None),
        ({"retry-after": "86400"}, None),
        ({"retry-after-ms": "120", "retry-after": "60"}, 0.12),
        ({"retry-after": "Sun, 09 Sep 2001 01:46:43 GMT"}, 3.0),
        ({"retry-after": "Sun, 09 Sep 2001 01:46:00 GMT"}, 0.0),
        ({"retry-after": "Mon, 10 Sep 2001 01:46:40 GMT"}, None),
        ({"retry-after": ""}, 0.5),
        ({"retry-after": "soon"}, 0.5),
        ({"retry-after": "-1"}, 0.5),
        ({"retry-after-ms": "nan"}, 0.5),
        ({"retry-after-ms": "inf"}, None),
    ],
)
def test_the_upstreams_wish_counts_up_to_a_bound(headers: dict[str, str], delay: float | None):
    assert retries().delay_after_status(0, 429, headers) == delay


def test_openai_can_forbid_and_ask_for_a_retry():
    assert retries().delay_after_status(0, 429, {"x-should-retry": "false"}) is None
    assert retries().delay_after_status(0, 400, {"x-should-retry": "true"}) == 0.5

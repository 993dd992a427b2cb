"""Whose events count where."""

from __future__ import annotations

import pytest

from lambda_responses.storage.background.segments import Segment, Span, cut_of, segments_in, span_at


def test_a_control_row_tells_of_those_who_made_a_cut_and_of_the_last() -> None:
    assert segments_in({}) == ()
    assert segments_in({"fence": 0}) == ()
    assert segments_in({"fence": 1, cut_of(1): 0}) == (Segment(1, 0),)
    assert segments_in({"fence": 1}) == (Segment(1, None),)
    late = {"fence": 4, cut_of(1): 0, cut_of(3): 7}
    assert segments_in(late) == (Segment(1, 0), Segment(3, 7), Segment(4, None))


def test_many_take_overs_are_told_in_order() -> None:
    cuts = {cut_of(fence): fence for fence in range(1, 13)}
    assert [fence for fence, _ in segments_in({"fence": 12, **cuts})] == list(range(1, 13))


@pytest.mark.parametrize(
    ("number", "span"),
    [(0, Span(1, 0, 5)), (4, Span(1, 0, 5)), (5, Span(3, 5, None)), (99, Span(3, 5, None))],
)
def test_an_event_lies_with_whoever_made_the_last_cut_before_it(number: int, span: Span) -> None:
    assert span_at([Segment(1, 0), Segment(2, 5), Segment(3, 5)], number) == span


def test_nothing_is_said_of_where_an_open_cut_may_come() -> None:
    segments = [Segment(1, 0), Segment(2, 5), Segment(3, None)]
    assert span_at(segments, 4) == Span(1, 0, 5)
    assert span_at(segments, 5) is None
    assert span_at([Segment(1, None)], 0) is None
    assert span_at([], 0) is None

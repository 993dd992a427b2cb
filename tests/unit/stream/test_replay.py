"""A finished response, told again."""

from __future__ import annotations

import pytest

from lambda_responses.stream import sse
from lambda_responses.stream.deltas import (
    Annotation,
    BlockEnded,
    Failed,
    ItemOpened,
    Reasoning,
    Refusal,
    Stopped,
    Text,
    ToolArguments,
    ToolCall,
)
from lambda_responses.stream.replay import events_of
from lambda_responses.wire.errors import OverloadedError
from tests.kit import check, emit, names

SAID = [
    *[Reasoning(0, "hm", summary=True), Reasoning(0, "h"), BlockEnded(0)],
    *[Text(1, "Hi"), Annotation(1, {"type": "url_citation", "url": "u", "start_index": 0, "end_index": 1})],
    *[Refusal(1, "no"), ItemOpened(2, {"type": "web_search_call", "status": "in_progress"}), BlockEnded(2)],
    *[ToolCall(3, "c", "f"), ToolArguments(3, '{"a":1}')],
]


@pytest.mark.parametrize(
    "end",
    [Stopped("end"), Stopped("max_output_tokens"), Stopped("content_filter"), Failed(OverloadedError("No."))],
)
def test_a_replay_is_a_stream_that_ends_with_the_stored_object(end: Stopped | Failed) -> None:
    told = emit([*SAID, end])
    stored = told[-1]["response"]
    events = events_of(stored)
    check(events)
    assert events[-1]["response"] == stored
    assert names(events) == names(told)


def test_an_item_that_was_cut_is_replayed_as_it_was_kept() -> None:
    for cut in (
        [ToolCall(0, "c", "f")],
        [ToolCall(0, "c", "f"), ToolArguments(0, '{"a"')],
        [Reasoning(0, "h")],
    ):
        stored = emit([*cut, Stopped("max_output_tokens")])[-1]["response"]
        check(events_of(stored))


def test_every_replay_is_equal_to_the_byte() -> None:
    stored = emit([*SAID, Stopped("end")])[-1]["response"]
    once, again = (
        b"".join(sse.encode(event, obfuscated_for=stored["id"]) for event in events_of(stored))
        for _ in range(2)
    )
    assert once == again

"""How a response ends: one golden for each way, and never twice."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from lambda_responses.stream.deltas import (
    BlockEnded,
    Envelope,
    Failed,
    ItemOpened,
    Reasoning,
    Stopped,
    StopReason,
    Text,
    ToolArguments,
    ToolCall,
    Usage,
)
from lambda_responses.stream.grammar import TERMINAL
from lambda_responses.wire.errors import APIError, InvalidRequestError, OverloadedError, RateLimitError
from tests.kit import blank_response, check, emit, emitter, names, output_of

TEXT = [Text(0, "Hello")]
TWO_ITEMS = [Reasoning(0, "hm"), BlockEnded(0), *[Text(1, "Hello"), BlockEnded(1)]]


def test_a_proper_end_completes_the_response() -> None:
    *_, done, last = emit([*TEXT, Usage({"total_tokens": 3}), Stopped("end")])
    assert last == {
        "type": "response.completed",
        "sequence_number": 8,
        "response": blank_response(
            status="completed",
            completed_at=2,
            output=[done["item"]],
            usage={"total_tokens": 3},
            service_tier="default",
        ),
    }


def test_a_response_may_end_without_having_said_anything() -> None:
    assert names(emit([Stopped("end")])) == ["created", "in_progress", "completed"]


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        ("max_output_tokens", "max_output_tokens"),
        ("content_filter", "content_filter"),
        ("max_messages", "max_messages"),
        ("steered", "steered"),
        ("pause", "max_output_tokens"),
    ],
)
def test_an_upstream_that_stopped_early_makes_the_response_incomplete(stop: Any, reason: str) -> None:
    events = emit([*TWO_ITEMS, Stopped(stop)])
    assert names(events)[-4:] == [
        "output_text.done 1",
        "content_part.done 1",
        "output_item.done 1",
        "incomplete",
    ]
    response = events[-1]["response"]
    assert response["status"] == "incomplete"
    assert response["incomplete_details"] == {"reason": reason}
    assert "completed_at" not in response
    reasoning, message = response["output"]
    assert "status" not in reasoning
    assert message["status"] == "incomplete"


def test_every_stop_reason_is_an_end() -> None:
    ends = {emit([*TEXT, Stopped(reason)])[-1]["type"] for reason in get_args(StopReason)}
    assert ends == {"response.completed", "response.incomplete"}


def test_reasoning_that_used_up_the_budget_is_the_incomplete_item() -> None:
    (reasoning,) = output_of(emit([Reasoning(0, "hm"), Stopped("max_output_tokens")]))
    assert reasoning["status"] == "incomplete"


def test_of_parallel_calls_the_last_and_the_broken_are_incomplete() -> None:
    deltas = [
        *[ToolCall(0, "a", "f"), ToolArguments(0, '{"x":')],
        *[ToolCall(1, "b", "f"), ToolArguments(1, "{}")],
        *[ToolCall(2, "c", "f"), ToolArguments(2, "{}"), Stopped("max_output_tokens")],
    ]
    statuses = [call["status"] for call in output_of(emit(deltas))]
    assert statuses == ["incomplete", "completed", "incomplete"]


def test_a_call_that_was_over_before_the_cut_is_completed() -> None:
    deltas = [ToolCall(0, "a", "f"), ToolArguments(0, "{}"), BlockEnded(0), Stopped("max_output_tokens")]
    response = emit(deltas)[-1]["response"]
    assert response["status"] == "incomplete"
    assert [call["status"] for call in response["output"]] == ["completed"]


@pytest.mark.parametrize(
    ("type", "status"),
    [
        ("mcp_call", "incomplete"),
        ("web_search_call", "incomplete"),
        ("image_generation_call", "failed"),
        ("apply_patch_call_output", "failed"),
    ],
)
def test_a_hosted_item_that_was_cut_says_so_in_a_word_of_its_type(type: str, status: str) -> None:
    deltas = [ItemOpened(0, {"type": type, "status": "in_progress"}), Stopped("max_output_tokens")]
    assert [item["status"] for item in output_of(emit(deltas))] == [status]


def test_a_stream_without_a_stop_reason_was_cut_and_fails() -> None:
    message = "The model's answer was cut off before its end."
    events = emit(TEXT)
    assert names(events)[-5:] == [
        "output_text.done 0",
        "content_part.done 0",
        "output_item.done 0",
        "error",
        "failed",
    ]
    assert events[-2] == {
        "type": "error",
        "sequence_number": 8,
        "error": {"message": message, "type": "server_error", "param": None, "code": "server_error"},
        "code": "server_error",
        "message": message,
        "param": None,
    }
    response = events[-1]["response"]
    assert response["status"] == "failed"
    assert response["error"] == {"code": "server_error", "message": message}
    assert [item["status"] for item in response["output"]] == ["incomplete"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OverloadedError("No room."), "server_is_overloaded"),
        (RateLimitError("Slow down."), "rate_limit_exceeded"),
        (InvalidRequestError("Too long.", code="context_length_exceeded"), "context_length_exceeded"),
        (InvalidRequestError("Not like this.", param="input"), "invalid_prompt"),
        (APIError("Oh."), "server_error"),
    ],
)
def test_a_failure_tells_its_code_wherever_readers_look(error: APIError, code: str) -> None:
    events = emit([Failed(error)])
    assert names(events) == ["created", "in_progress", "error", "failed"]
    assert [events[2]["code"], events[2]["error"]["code"], events[3]["response"]["error"]["code"]] == [
        code
    ] * 3
    assert events[2]["param"] == events[2]["error"]["param"] == error.param
    assert events[2]["error"]["type"] == error.type


def test_a_failure_in_the_middle_closes_what_is_open() -> None:
    events = emit([*TWO_ITEMS, Failed(OverloadedError("No room."))])
    assert names(events)[-4:] == ["content_part.done 1", "output_item.done 1", "error", "failed"]
    assert "status" not in output_of(events)[0]
    assert output_of(events)[1]["status"] == "incomplete"


def test_a_failure_after_the_stop_reason_is_a_failure() -> None:
    assert emit([*TEXT, Stopped("end"), Failed(OverloadedError("No room."))])[-1]["type"] == "response.failed"


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ("end", "tool_calls", "tool_calls"),
        ("tool_calls", "end", "tool_calls"),
        ("max_output_tokens", "end", "max_output_tokens"),
        ("tool_calls", "content_filter", "content_filter"),
        ("end", "pause", "pause"),
        ("content_filter", "max_output_tokens", "content_filter"),
    ],
)
def test_of_two_stop_reasons_the_one_that_says_more_stands(first: Any, second: Any, kept: str) -> None:
    making = emitter()
    making.start()
    making.apply(Stopped(first))
    making.apply(Stopped(second))
    assert making.stop == kept


def test_usage_may_follow_the_stop_reason() -> None:
    events = emit([Usage({"total_tokens": 1}), Stopped("end"), Usage({"total_tokens": 2})])
    assert events[-1]["response"]["usage"] == {"total_tokens": 2}


def test_nothing_follows_the_end() -> None:
    for end in ([Stopped("end")], [Failed(OverloadedError("No room."))]):
        making = emitter()
        events = making.start()
        for delta in end:
            events += making.apply(delta)
        events += making.finish(at=2)
        assert making.ended
        number = making.next_sequence_number
        late = [
            Text(0, "more"),
            Stopped("end"),
            Failed(OverloadedError("No room.")),
            Usage({}),
            Envelope({"model": "m"}),
        ]
        assert [making.apply(delta) for delta in late] == [[]] * len(late)
        assert making.finish(at=3) == making.fail(OverloadedError("No room.")) == making.end_step() == []
        assert making.next_sequence_number == number
        assert sum(event["type"] in TERMINAL for event in events) == 1


def test_an_end_that_was_not_sent_can_still_become_a_failure() -> None:
    making = emitter()
    events = [*making.start(), *making.apply(Text(0, "Hi")), *making.apply(Stopped("end"))]
    closing = making.finish(at=2)
    instead = making.fail_instead(closing, OverloadedError("No room."))
    check([*events, *instead])
    assert names(instead)[-3:] == ["output_item.done 0", "error", "failed"]
    assert instead[-1]["response"]["completed_at"] is None
    assert making.response["status"] == "failed"


def test_a_failure_that_was_not_sent_stays_the_failure_it_is() -> None:
    making = emitter()
    making.start()
    closing = making.finish(at=2)
    assert making.fail_instead(closing, OverloadedError("No room.")) == closing


def test_the_terminal_event_does_not_change_with_the_emitter() -> None:
    making = emitter()
    making.start()
    making.apply(Stopped("end"))
    last = making.finish(at=2)[-1]
    making.response["status"] = "something else"
    assert last["response"]["status"] == "completed"

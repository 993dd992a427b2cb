"""How a stream ends whose maker was stopped by somebody else."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.stream.cut_log import CutLog
from lambda_responses.stream.deltas import (
    Delta,
    ItemOpened,
    Reasoning,
    Stopped,
    Text,
    ToolArguments,
    ToolCall,
)
from lambda_responses.stream.grammar import StreamChecker
from lambda_responses.stream.replay import events_of
from tests.kit import blank_response, check, emit, emitter, names
from tests.turns import STEP, TURNS

Json = dict[str, Any]

SAID: list[Delta] = [
    Reasoning(0, "Well", summary=True),
    Text(1, "Hello"),
    Text(1, " there"),
    ToolCall(2, "call_1", "f"),
    ToolArguments(2, '{"a":'),
    ToolArguments(2, "1}"),
    Stopped("tool_calls"),
]


def ending_of(told: list[Json], response: Json) -> list[Json]:
    log = CutLog()
    log.hear(told)
    return log.ending(response)


def cancelled(**fields: Any) -> Json:
    return blank_response(status="cancelled", error=None, completed_at=None, **fields)


def failed() -> Json:
    return blank_response(status="failed", error={"code": "server_error", "message": "Too late."})


@pytest.mark.parametrize("response", [cancelled(), failed()], ids=["cancelled", "failed"])
def test_a_stream_that_was_stopped_anywhere_ends_as_every_stream_does(response: Json) -> None:
    events = emit(SAID)
    for cut in range(len(events)):
        told = events[:cut]
        ending = ending_of(deepcopy(told), response)
        whole = [*told, *ending]
        assert [event["sequence_number"] for event in whole] == list(range(len(whole)))
        assert whole[-1]["type"] == "response.failed"
        assert whole[-1]["response"] is response
        assert (whole[-2]["type"] == "error") == (response["status"] == "failed")
        done = [event["item"] for event in whole if event["type"] == "response.output_item.done"]
        check([*whole[:-1], {**whole[-1], "response": {**response, "output": done}}])
        assert ending_of(deepcopy(told), response) == ending


def test_what_was_being_said_is_closed_as_incomplete() -> None:
    events = emit(SAID)
    half = next(place for place, event in enumerate(events) if event["type"].endswith("arguments.delta"))
    ending = ending_of(events[: half + 1], cancelled())
    assert names(ending) == ["function_call_arguments.done 2", "output_item.done 2", "failed"]
    assert ending[1]["item"]["status"] == "incomplete"
    assert ending[1]["item"]["arguments"] == '{"a":'


def test_what_was_said_in_full_is_not_said_again() -> None:
    events = emit(SAID)
    assert names(ending_of(events[:-1], cancelled())) == ["failed"]


def test_a_hosted_item_ends_with_what_was_announced_of_it() -> None:
    making = emitter()
    item = {"type": "image_generation_call", "status": "in_progress", "result": None}
    told = [*making.start(), *making.apply(ItemOpened(0, item))]
    done, _ = ending_of(told, cancelled())
    assert done["item"] == {**told[-1]["item"], "status": "failed"}


def test_a_stream_that_had_not_begun_begins_and_ends() -> None:
    response = cancelled(output=[{"type": "message", "id": "msg_1"}])
    events = ending_of([], {**response, "output": []})
    assert names(events) == ["created", "queued", "failed"]
    check(events)
    assert events[0]["response"]["status"] == "queued"


def test_a_cancelled_response_may_have_said_more_than_was_saved() -> None:
    checker = StreamChecker()
    told = emit(SAID)[:-1]
    saved = [event["item"] for event in told if event["type"] == "response.output_item.done"][:1]
    for event in [*told, *ending_of(told, cancelled(output=saved))]:
        checker.feed(event)
    checker.end()


def test_a_cancelled_response_is_told_again_without_a_fault() -> None:
    events = events_of(cancelled())
    check(events)
    assert names(events) == ["created", "in_progress", "failed"]


@given(TURNS, st.data())
def test_whatever_was_being_said_the_end_adds_up(turn: list[Any], data: st.DataObject) -> None:
    making = emitter()
    told = making.start()
    for said in turn:
        told += making.end_step() if said is STEP else making.apply(said)
    told += making.finish(at=2)
    told = told[: data.draw(st.integers(1, len(told) - 1))]
    whole = [*told, *ending_of(told, cancelled())]
    if told[-1]["type"] == "error":  # never without what follows it: both are one write
        return
    done = {event["output_index"]: event["item"] for event in whole if event["type"].endswith("item.done")}
    output = [done[index] for index in sorted(done)]
    check([*whole[:-1], {**whole[-1], "response": cancelled(output=output)}])

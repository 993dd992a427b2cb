"""Whatever an upstream says, in whatever order: the stream is legal, lossless, and can be rebuilt."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.stream.deltas import Stopped, StopReason
from lambda_responses.stream.grammar import ITEMS, TERMINAL
from lambda_responses.stream.replay import events_of
from tests.cuts import check_cuts, stream
from tests.kit import check, emitter, output_of, rebuild
from tests.turns import IMPLIED_TURNS, STEP, TURNS

Json = dict[str, Any]


def run(turn: list[Any]) -> list[Json]:
    """The events of that turn, checked against the grammar."""
    making = emitter(taken_call_ids=["call_b"])
    events = making.start()
    for said in turn:
        events += making.end_step() if said is STEP else making.apply(said)
    events += making.finish(at=2)
    check(events)
    return events


def without_status(items: list[Json]) -> list[Json]:
    return [{key: value for key, value in item.items() if key != "status"} for item in items]


def spoken(item: Json) -> Json:
    """What deltas make of an item; members that only the upstream knows are left out."""
    said: Json = {key: item.get(key) for key in ("type", "id", "call_id", "arguments", "input")}
    for member in ("summary", "content"):
        if item["type"] in ("message", "reasoning") and isinstance(item.get(member), list):
            said[member] = [spoken_part(part) for part in item[member]]
    return said


def spoken_part(part: Json) -> tuple[Any, ...]:
    kind = part["type"]
    return (
        kind,
        part["refusal" if kind == "refusal" else "text"],
        kind == "output_text" and part["annotations"],
    )


@given(TURNS)
def test_every_stream_obeys_the_grammar_and_ends_once(turn: list[Any]) -> None:
    events = run(turn)
    assert [event["type"] in TERMINAL for event in events].count(True) == 1
    assert events[-1]["type"] in TERMINAL


@given(IMPLIED_TURNS)
def test_a_client_can_rebuild_from_deltas_what_is_stored(turn: list[Any]) -> None:
    events = run(turn)
    assert rebuild(events) == without_status(output_of(events))


@given(TURNS)
def test_deltas_add_up_to_native_items_as_well(turn: list[Any]) -> None:
    events = run(turn)
    assert [spoken(item) for item in rebuild(events)] == [spoken(item) for item in output_of(events)]


@given(TURNS)
def test_every_done_event_says_what_its_deltas_said(turn: list[Any]) -> None:
    said: dict[tuple[Any, ...], str] = {}
    for event in run(turn):
        name = event["type"].rpartition(".")
        place = (name[0], *(event.get(key) for key in ("item_id", "content_index", "summary_index")))
        if name[2] == "delta":
            said[place] = said.get(place, "") + event["delta"]
        elif name[2] == "done" and "item" not in event and "part" not in event:
            whole = next(event[key] for key in ("text", "refusal", "arguments", "input") if key in event)
            assert said.get(place, "") == whole


@given(TURNS)
def test_a_done_event_and_the_finished_item_agree(turn: list[Any]) -> None:
    parts_done: dict[int, list[Json]] = {}
    for event in run(turn):
        if event["type"].endswith("_part.done"):
            parts_done.setdefault(event["output_index"], []).append(event["part"])
        elif event["type"] == "response.output_item.done" and event["item"]["type"] in (
            "message",
            "reasoning",
        ):
            item = event["item"]
            made = [
                part
                for member in ("summary", "content")
                if isinstance(item.get(member), list)
                for part in item[member]
            ]
            done = parts_done.get(event["output_index"], [])
            assert sorted(map(str, made)) == sorted(map(str, done))


@given(IMPLIED_TURNS)
def test_an_implied_message_says_something(turn: list[Any]) -> None:
    for item in output_of(run(turn)):
        if item["type"] == "message":
            assert any(part.get("text") or part.get("refusal") for part in item["content"])


@given(TURNS)
def test_ids_are_unique_and_call_ids_too_and_not_empty(turn: list[Any]) -> None:
    output = output_of(run(turn))
    ids = [item["id"] for item in output]
    call_ids = [item["call_id"] for item in output if item["type"] in ("function_call", "custom_tool_call")]
    assert len({*ids}) == len(ids)
    assert len({*call_ids, "call_b", ""}) == len(call_ids) + 2
    assert all(len(call_id) <= 64 for call_id in call_ids)


@given(TURNS)
def test_the_output_is_in_the_order_in_which_it_was_announced(turn: list[Any]) -> None:
    events = run(turn)
    announced = [event["item"]["id"] for event in events if event["type"] == "response.output_item.added"]
    assert [item["id"] for item in output_of(events)] == announced


@given(TURNS)
def test_finished_items_of_known_types_have_ended(turn: list[Any]) -> None:
    response = run(turn)[-1]["response"]
    for item in response["output"]:
        if item["type"] in ITEMS:
            assert item.get("status", "completed") in ("completed", "incomplete")
        if item["type"] in ITEMS and item["type"] != "reasoning":
            assert "status" in item


@given(IMPLIED_TURNS)
def test_an_item_is_incomplete_only_in_a_response_that_is_not_completed(turn: list[Any]) -> None:
    response = run(turn)[-1]["response"]
    cut = [item.get("status") == "incomplete" for item in response["output"]]
    assert response["status"] != "completed" or not any(cut)


@given(TURNS)
def test_no_seal_is_ever_shown(turn: list[Any]) -> None:
    assert "secret" not in str(run(turn))


@given(TURNS)
def test_what_was_shown_once_never_changes(turn: list[Any]) -> None:
    making = emitter()
    shown = [(event, str(event)) for event in making.start()]
    for said in turn:
        made = making.end_step() if said is STEP else making.apply(said)
        shown += [(event, str(event)) for event in made]
    shown += [(event, str(event)) for event in making.finish(at=2)]
    assert [str(event) for event, _ in shown] == [before for _, before in shown]


@given(TURNS, st.data())
def test_a_stream_that_is_cut_anywhere_still_ends(turn: list[Any], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(turn)))
    assert run(turn[:cut])[-1]["type"] in TERMINAL


@given(TURNS, st.data())
def test_what_dies_anywhere_and_is_taken_up_is_the_same_beside_what_was_cut(
    turn: list[Any], data: st.DataObject
) -> None:
    whole = stream(turn)
    cuts = data.draw(st.lists(st.integers(0, len(whole.events) + 9), max_size=3).map(sorted))
    check_cuts(turn, whole, *cuts)


@given(TURNS)
def test_a_stored_response_can_be_told_again(turn: list[Any]) -> None:
    stored = run(turn)[-1]["response"]
    events = events_of(stored)
    check(events)
    assert [spoken(item) for item in rebuild(events)] == [spoken(item) for item in stored["output"]]


@pytest.mark.parametrize("reason", get_args(StopReason))
def test_every_stop_reason_alone_is_an_end(reason: StopReason) -> None:
    assert run([Stopped(reason)])[-1]["type"] in TERMINAL

"""The grammar refuses what breaks it: each rule, broken once."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.stream.deltas import (
    BlockEnded,
    Failed,
    ItemEvent,
    ItemOpened,
    Reasoning,
    Stopped,
    Text,
    ToolCall,
)
from lambda_responses.stream.grammar import ITEMS, RESPONSE, STATUSES, TERMINAL, OutOfOrder, StreamChecker
from lambda_responses.wire.errors import OverloadedError
from tests.kit import check, emit

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]

EVENTS = emit(
    [
        *[Reasoning(0, "hm", summary=True), Reasoning(0, "h"), Text(1, "Hi"), ToolCall(2, "c", "f")],
        *[ItemOpened(3, {"type": "web_search_call", "status": "in_progress"}), BlockEnded(3), Stopped("end")],
    ]
)


def broken(change: Callable[[list[Json]], None]) -> list[Json]:
    """The same events with one thing wrong, and numbered as if nothing were."""
    events = deepcopy(EVENTS)
    change(events)
    for number, event in enumerate(events):
        event["sequence_number"] = number
    return events


def place(name: str) -> int:
    return next(n for n, event in enumerate(EVENTS) if event["type"] == f"response.{name}")


@pytest.mark.parametrize("left_out", range(len(EVENTS)))
def test_no_event_but_a_delta_can_be_left_out(left_out: int) -> None:
    events = broken(lambda events: events.__delitem__(left_out))
    if EVENTS[left_out]["type"].endswith(".delta"):
        check(events)
    else:
        with pytest.raises(OutOfOrder):
            check(events)


@pytest.mark.parametrize("twice", range(len(EVENTS)))
def test_no_event_but_a_delta_can_come_twice(twice: int) -> None:
    events = broken(lambda events: events.insert(twice, deepcopy(events[twice])))
    if EVENTS[twice]["type"].endswith(".delta") or EVENTS[twice]["type"] == "response.in_progress":
        check(events)
    else:
        with pytest.raises(OutOfOrder):
            check(events)


@pytest.mark.parametrize(
    ("name", "member", "value"),
    [
        ("output_item.added", "output_index", 1),
        ("output_text.delta", "item_id", "msg_9"),
        ("output_text.delta", "output_index", 9),
        ("output_text.delta", "output_index", 0),
        ("output_text.delta", "content_index", 1),
        ("content_part.added", "content_index", 1),
        ("reasoning_summary_text.done", "summary_index", 1),
    ],
)
def test_an_event_is_about_the_open_part_of_its_own_item(name: str, member: str, value: Any) -> None:
    with pytest.raises(OutOfOrder):
        check(broken(lambda events: events[place(name)].__setitem__(member, value)))


@pytest.mark.parametrize(
    ("member", "value"),
    [("id", "fc_9"), ("type", "custom_tool_call"), ("call_id", "c_9"), ("status", "in_progress")],
)
def test_a_finished_item_is_the_one_that_was_announced(member: str, value: str) -> None:
    def change(events: list[Json]) -> None:
        (done,) = [e for e in events if e["type"] == "response.output_item.done" and e["output_index"] == 2]
        events[-1]["response"]["output"][2][member] = done["item"][member] = value

    with pytest.raises(OutOfOrder):
        check(broken(change))


@pytest.mark.parametrize("name", ["created", "in_progress", "completed"])
@pytest.mark.parametrize(("member", "value"), [("status", "cancelled"), ("id", "resp_9")])
def test_the_response_is_one_and_its_status_is_the_events(name: str, member: str, value: str) -> None:
    with pytest.raises(OutOfOrder):
        check(broken(lambda events: events[place(name)]["response"].__setitem__(member, value)))


def test_the_output_is_what_the_items_make() -> None:
    with pytest.raises(OutOfOrder):
        check(broken(lambda events: events[-1]["response"]["output"].reverse()))
    with pytest.raises(OutOfOrder):
        check(broken(lambda events: events[-1]["response"]["output"].pop()))


@pytest.mark.parametrize("number", [1, 5, None])
def test_events_are_numbered_from_nought_without_a_gap(number: int | None) -> None:
    events = deepcopy(EVENTS)
    events[0]["sequence_number"] = number
    with pytest.raises(OutOfOrder):
        check(events)


def test_an_error_is_followed_by_the_failure_alone() -> None:
    events = emit([Failed(OverloadedError("No room."))])
    with pytest.raises(OutOfOrder):
        check(events[:-1])
    with pytest.raises(OutOfOrder):
        check([*events[:2], {**events[3], "sequence_number": 2}])


def test_nothing_comes_before_the_response_has_begun() -> None:
    with pytest.raises(OutOfOrder):
        StreamChecker().feed({**EVENTS[2], "sequence_number": 0})


def test_a_hosted_item_says_nothing_after_its_end() -> None:
    event = {"type": "response.web_search_call.searching", "item_id": "x", "output_index": 0}
    search = {"type": "web_search_call", "status": "in_progress"}
    events = emit([ItemOpened(0, search), ItemEvent(0, event), Stopped("end")])
    events[3], events[4] = events[4], events[3]
    for number, each in enumerate(events):
        each["sequence_number"] = number
    with pytest.raises(OutOfOrder):
        check(events)


@pytest.mark.parametrize("table", [RESPONSE, *ITEMS.values()])
def test_every_state_of_a_table_can_be_reached_and_left(table: dict[str, dict[str, str]]) -> None:
    targets = {target for arrows in table.values() for target in arrows.values()}
    assert targets | {"new"} == table.keys()
    assert [state for state, arrows in table.items() if not arrows] in (["closed"], ["ended"])


def test_every_lifecycle_event_has_a_status() -> None:
    lifecycle = {name for arrows in RESPONSE.values() for name in arrows} - {"error"}
    assert lifecycle == STATUSES.keys()
    assert {
        name for state in RESPONSE.values() for name, target in state.items() if target == "ended"
    } == TERMINAL

"""An emitter that takes up what another one was interrupted at."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.stream.deltas import (
    Annotation,
    BlockEnded,
    Delta,
    Envelope,
    ItemEvent,
    ItemOpened,
    Opaque,
    Reasoning,
    Refusal,
    Stopped,
    Text,
    ToolArguments,
    ToolCall,
    Usage,
)
from lambda_responses.wire.origins import SUPERSEDED
from tests.kit import blank_response, check, emitter, names, output_of

if TYPE_CHECKING:
    from lambda_responses.stream.emitter import ResponseEmitter

Json = dict[str, Any]

STEP = [
    Reasoning(0, "hm", summary=True),
    Opaque(0, {"signature": "s"}),
    Text(1, "Let me "),
    Text(1, "look."),
    ToolCall(2, "call_a", "look"),
    ToolCall(3, "call_b", "look"),
    ToolArguments(2, '{"at":'),
    ToolArguments(3, '{"at":2}'),
    ToolArguments(2, "1}"),
    BlockEnded(2),
    BlockEnded(3),
    ItemOpened(4, {"type": "web_search_call", "status": "in_progress"}),
    ItemEvent(4, {"type": "response.web_search_call.searching", "output_index": 9, "item_id": "x"}),
    BlockEnded(4, {"type": "web_search_call", "status": "completed", "action": {"type": "search"}}),
    Refusal(5, "No "),
    Refusal(5, "more."),
    Usage({"input_tokens": 1, "total_tokens": 2}),
    Stopped("tool_calls"),
]


def said(deltas: list[Delta], making: ResponseEmitter) -> list[Json]:
    return [event for delta in deltas for event in making.apply(delta)]


def restored(told: list[Json], at: ResponseEmitter, response: Json, origins: Json) -> ResponseEmitter:
    """An emitter at the bookmark of another one, whose response and origins were stored then."""
    return emitter(deepcopy(response), bookmark=at.bookmark, origins=origins)


def content(items: list[Json]) -> list[Json]:
    """What items say, whatever they are called."""
    return [{name: value for name, value in item.items() if name not in ("id", "call_id")} for item in items]


def uncut() -> tuple[list[Json], list[Json]]:
    making = emitter()
    events = [*making.take_up(), *said(STEP, making), *making.finish(at=2)]
    check(events)
    return events, output_of(events)


EVENTS, WHOLE = uncut()


def test_a_promise_shows_a_response_that_waits_for_its_turn() -> None:
    assert names(EVENTS)[:3] == ["created", "queued", "in_progress"]
    assert [event["response"]["status"] for event in EVENTS[:3]] == ["queued", "queued", "in_progress"]


@pytest.mark.parametrize("cut", range(len(EVENTS)))
def test_a_step_cut_anywhere_and_taken_again_is_the_uncut_one_and_what_was_half_told(cut: int) -> None:
    told = deepcopy(EVENTS[:cut])
    stands = "output_item.done 0" in names(told)
    again = emitter(origins={"rs_0": {"signature": "s"}} if stands else {})
    again._ids.issued = 20  # type: ignore[reportPrivateUsage, attr-defined]
    events = [*told, *again.take_up(told), *said(deepcopy(STEP), again), *again.finish(at=2)]
    check(events)
    halves = [id for id, origin in again.origins.items() if SUPERSEDED in origin]
    output = output_of(events)
    assert {item["status"] for item in output if item["id"] in halves} <= {"incomplete"}
    assert content([item for item in output if item["id"] not in halves]) == content(WHOLE)
    assert events[-1]["response"]["usage"] == EVENTS[-1]["response"]["usage"]
    standing = {item["id"] for item in output}
    assert again.origins.keys() <= standing
    call_ids = [item["call_id"] for item in output if "call_id" in item]
    assert len(call_ids) == len(set(call_ids))


def test_what_was_told_without_being_said_again_stands() -> None:
    told = EVENTS[: names(EVENTS).index("output_item.done 1") + 1]
    again = emitter()
    again._ids.issued = 20  # type: ignore[reportPrivateUsage, attr-defined]
    events = [*told, *again.take_up(told), *said([Text(0, "Sorry."), Stopped("end")], again)]
    events += again.finish(at=2)
    check(events)
    assert [item["type"] for item in output_of(events)] == ["reasoning", "message"]


def test_a_call_with_other_arguments_is_another_call_and_waits_until_that_is_known() -> None:
    told = EVENTS[: names(EVENTS).index("output_item.done 2") + 1]
    again = emitter()
    again._ids.issued = 20  # type: ignore[reportPrivateUsage, attr-defined]
    events = [*told, *again.take_up(told)]
    begun = [ToolCall(0, "call_a", "look"), ToolArguments(0, '{"at":'), ToolCall(1, "call_b", "see")]
    assert said(begun, again) == []
    waiting = said([ToolArguments(0, "3}"), BlockEnded(0)], again)
    assert names(waiting)[0] == "output_item.added 4"
    events += [*waiting, *said([Stopped("tool_calls")], again), *again.finish(at=2)]
    check(events)
    assert [item["arguments"] for item in output_of(events)[-2:]] == ['{"at":3}', "{}"]


def test_nothing_but_the_closing_of_a_half_told_part_is_left_to_say_of_it() -> None:
    making = emitter()
    native = {"type": "message", "role": "assistant", "content": [], "status": "in_progress"}
    events = [*making.take_up(), *said([ItemOpened(0, native), Text(0, "Hi")], making)]
    events += making.apply(Annotation(0, {"type": "url_citation", "start_index": 0, "end_index": 2}))
    ending = making.finish(at=2)
    for more in range(4):
        told = [*events, *ending[:more]]
        closing = emitter().take_up(told)
        assert names(closing) == ["output_text.done 0", "content_part.done 0", "output_item.done 0"][more:]
        if closing:
            item = closing[-1]["item"]
            assert (item["status"], item["content"]) == ("incomplete", ending[2]["item"]["content"])


def test_of_a_second_interruption_too_only_the_half_told_is_superseded() -> None:
    cut = names(EVENTS).index("output_text.delta 1") + 1
    told = EVENTS[:cut]
    second = emitter(origins={"rs_0": {"signature": "s"}})
    second._ids.issued = 20  # type: ignore[reportPrivateUsage, attr-defined]
    told = [*told, *second.take_up(told), *said(STEP[:9], second)]
    third = emitter(origins=second.origins)
    third._ids.issued = 40  # type: ignore[reportPrivateUsage, attr-defined]
    events = [*told, *third.take_up(told), *said(STEP, third), *third.finish(at=2)]
    check(events)
    standing = [item for item in output_of(events) if SUPERSEDED not in third.origins.get(item["id"], {})]
    assert content(standing) == content(WHOLE)


def test_a_bookmark_is_all_that_a_later_step_needs() -> None:
    first = emitter()
    steps: list[list[Delta]] = [
        [Envelope({"model": "m-1"}), Text(0, "one"), Usage({"total_tokens": 3}), Stopped("pause")],
        [Text(0, "two"), Usage({"total_tokens": 4}), Stopped("end")],
    ]
    events = [*first.take_up(), *said(steps[0], first), *first.end_step()]
    second = emitter(deepcopy(first.response), bookmark=first.bookmark, origins=first.origins)
    second._ids.issued = 1  # type: ignore[reportPrivateUsage, attr-defined]
    assert second.take_up() == []
    rest = [*said(steps[1], second), *second.finish(at=2)]
    assert rest == [*said(steps[1], first), *first.finish(at=2)]
    check([*events, *rest])


def test_what_an_upstream_decided_before_a_bookmark_is_taken_back_with_it() -> None:
    first = emitter(blank_response(model="m"))
    said([Envelope({"model": "m-1", "extra": 1}), Text(0, "one"), Stopped("pause")], first)
    first.end_step()
    second = emitter(deepcopy(first.response), bookmark=first.bookmark)
    for making in (first, second):
        making.forget_upstream()
        assert making.response["model"] == "m"
        assert "extra" not in making.response


def test_a_response_cut_within_its_promise_is_promised_to_its_end() -> None:
    for cut in range(4):
        assert emitter().take_up(EVENTS[:cut]) == EVENTS[cut:3]


def test_a_failure_after_a_take_up_closes_what_waits() -> None:
    from lambda_responses.wire.errors import ServerError

    told = EVENTS[: names(EVENTS).index("output_item.done 2") + 1]
    again = emitter()
    again._ids.issued = 20  # type: ignore[reportPrivateUsage, attr-defined]
    events = [*told, *again.take_up(told), *said(STEP[:7], again), *again.fail(ServerError("Broken."))]
    check(events)
    assert events[-1]["response"]["status"] == "failed"

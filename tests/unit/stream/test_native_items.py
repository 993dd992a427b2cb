"""Items in the API's own words: what a native upstream says, and what it leaves out."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_responses.stream.deltas import (
    Annotation,
    BlockEnded,
    Delta,
    ItemEvent,
    ItemOpened,
    Reasoning,
    Refusal,
    Stopped,
    Text,
    ToolArguments,
)
from tests.kit import between, emit, names, output_of, rebuild, timeline

Json = dict[str, Any]

END = Stopped("end")
MESSAGE: Json = {
    "id": "msg_theirs",
    "type": "message",
    "role": "assistant",
    "status": "in_progress",
    "content": [],
}
REASONING: Json = {"id": "rs_theirs", "type": "reasoning", "summary": []}
CALL: Json = {"id": "fc_theirs", "type": "function_call", "call_id": "c", "name": "f", "arguments": ""}
SEARCH: Json = {"id": "ws_theirs", "type": "web_search_call", "status": "in_progress"}


def text_part(text: str, **members: Any) -> Json:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text, **members}


def said(*deltas: Delta) -> list[str]:
    return names(between(emit([*deltas, END])))


def only(*deltas: Delta) -> Json:
    (item,) = output_of(emit([*deltas, END]))
    return item


def test_a_hosted_tool_speaks_in_its_own_events_under_our_ids() -> None:
    finished = {**SEARCH, "status": "completed", "action": {"type": "search", "query": "q"}}
    searching = {"type": "response.web_search_call.searching", "item_id": "ws_theirs", "output_index": 7}
    deltas = [
        *[Text(0, "Let me see."), ItemOpened(1, SEARCH)],
        *[ItemEvent(1, {**searching, "sequence_number": 99}), BlockEnded(1, finished), END],
    ]
    assert between(emit(deltas))[-3:] == [
        {"type": "response.output_item.added", "output_index": 1, "item": {**SEARCH, "id": "ws_1"}},
        {"type": "response.web_search_call.searching", "output_index": 1, "item_id": "ws_1"},
        {"type": "response.output_item.done", "output_index": 1, "item": {**finished, "id": "ws_1"}},
    ]
    assert timeline(deltas) == [
        ["output_item.added 0", "content_part.added 0", "output_text.delta 0"],
        ["output_text.done 0", "content_part.done 0", "output_item.done 0", "output_item.added 1"],
        ["web_search_call.searching 1"],
        ["output_item.done 1"],
        [],
        ["completed"],
    ]


def test_an_event_without_an_item_id_gets_none_and_padding_is_left_to_the_edge() -> None:
    shell = {"id": "sh", "type": "shell_call", "status": "in_progress", "call_id": "c"}
    event = {
        "type": "response.shell_call_command.delta",
        "output_index": 4,
        "command_index": 0,
        "delta": "ls",
    }
    events = between(emit([ItemOpened(0, shell), ItemEvent(0, {**event, "obfuscation": "abc"}), END]))
    assert events[1] == {**event, "output_index": 0}


def test_events_about_what_is_not_open_are_left_out() -> None:
    event = {"type": "response.web_search_call.searching", "item_id": "x", "output_index": 0}
    assert said(ItemEvent(0, event)) == []
    assert said(ItemOpened(0, SEARCH), BlockEnded(0, SEARCH), ItemEvent(0, event)) == [
        "output_item.added 0",
        "output_item.done 0",
    ]


@pytest.mark.parametrize(
    ("type", "theirs", "ours"),
    [
        ("web_search_call", "completed", "completed"),
        ("web_search_call", "failed", "failed"),
        ("image_generation_call", "generating", "generating"),
        ("web_search_call", "in_progress", "completed"),
        ("web_search_call", None, "completed"),
        ("message", "incomplete", "incomplete"),
        ("message", "in_progress", "completed"),
        ("message", "finished", "completed"),
        ("message", 7, "completed"),
        ("reasoning", "incomplete", "incomplete"),
        ("reasoning", None, "completed"),
        ("function_call", "in_progress", "completed"),
        ("function_call", "incomplete", "incomplete"),
    ],
)
def test_the_upstreams_word_for_an_end_stands_where_it_is_one(type: str, theirs: Any, ours: str) -> None:
    announced = {"type": type, "status": "in_progress"}
    assert only(ItemOpened(0, announced), BlockEnded(0, {**announced, "status": theirs}))["status"] == ours


def test_an_item_without_a_status_gets_none_but_where_clients_need_one() -> None:
    listed = {"type": "mcp_list_tools", "server_label": "s", "tools": []}
    assert "status" not in only(ItemOpened(0, listed), BlockEnded(0, listed))
    assert "status" not in only(ItemOpened(0, REASONING), BlockEnded(0, REASONING))
    assert only(ItemOpened(0, CALL), BlockEnded(0, CALL))["status"] == "completed"
    bare = {"type": "message", "role": "assistant", "content": [text_part("a")]}
    assert only(ItemOpened(0, bare), BlockEnded(0, bare))["status"] == "completed"


def test_type_and_ids_are_those_that_were_announced() -> None:
    final = {**CALL, "id": "other", "type": "custom_tool_call", "call_id": "other"}
    item = only(ItemOpened(0, CALL), BlockEnded(0, final))
    assert [item["id"], item["type"], item["call_id"]] == ["fc_0", "function_call", "c"]


def test_members_that_only_the_upstream_knows_are_kept() -> None:
    announced = {**MESSAGE, "phase": "commentary"}
    final = {**announced, "content": [text_part("Hi", source="x")], "rating": 5}
    item = only(ItemOpened(0, announced), Text(0, "Hi"), BlockEnded(0, final))
    assert item == {**final, "id": "msg_0", "status": "completed"}
    sealed = {**REASONING, "encrypted_content": "sealed"}
    assert only(ItemOpened(0, REASONING), BlockEnded(0, sealed)) == {**sealed, "id": "rs_0"}


def test_a_finished_message_without_deltas_is_told_whole() -> None:
    logprobs = [{"token": "Hi", "logprob": -0.5, "bytes": [], "top_logprobs": []}]
    citation = {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 2}
    content = [
        text_part("Hi", annotations=[citation], logprobs=logprobs),
        {"type": "refusal", "refusal": "no"},
        text_part(""),
    ]
    final = {**MESSAGE, "status": "completed", "content": content}
    events = emit([ItemOpened(0, MESSAGE), BlockEnded(0, final), END])
    assert names(between(events)) == [
        "output_item.added 0",
        *["content_part.added 0", "output_text.delta 0", "output_text.annotation.added 0"],
        *["output_text.done 0", "content_part.done 0"],
        *["content_part.added 0", "refusal.delta 0", "refusal.done 0", "content_part.done 0"],
        *["content_part.added 0", "output_text.done 0", "content_part.done 0"],
        "output_item.done 0",
    ]
    assert output_of(events) == [{**final, "id": "msg_0"}]
    assert rebuild(events)[0]["content"] == content


def test_what_the_deltas_left_out_is_said_before_the_end() -> None:
    final = {**MESSAGE, "content": [text_part("Hello"), text_part("World")]}
    events = emit([ItemOpened(0, MESSAGE), Text(0, "Hel"), BlockEnded(0, final), END])
    assert [event["delta"] for event in events if "delta" in event] == ["Hel", "lo", "World"]
    assert output_of(events)[0]["content"] == final["content"]


def test_a_part_that_came_late_is_not_said_twice() -> None:
    final = {**MESSAGE, "content": [text_part("first"), text_part("second")]}
    events = emit([ItemOpened(0, MESSAGE), Text(0, "second", part=1), BlockEnded(0, final), END])
    assert [event["delta"] for event in events if "delta" in event] == ["second", "first"]


def test_parts_in_odd_order_lose_nothing() -> None:
    parts = [Text(0, "a", part=0), Text(0, "b", part=1), Text(0, "c", part=0)]
    final = {**MESSAGE, "content": [text_part("acd"), text_part("b!")]}
    events = emit([ItemOpened(0, MESSAGE), *parts, BlockEnded(0, final), END])
    assert [event["delta"] for event in events if "delta" in event] == ["a", "b", "c", "d", "!"]
    assert rebuild(events)[0]["content"] == output_of(events)[0]["content"]


def test_parts_of_a_native_message_stay_apart() -> None:
    item = only(ItemOpened(0, MESSAGE), Text(0, "a"), Text(0, "b", part=1), Refusal(0, "c", part=2))
    assert [part.get("text", part.get("refusal")) for part in item["content"]] == ["a", "b", "c"]


def test_where_deltas_and_end_disagree_what_was_said_stands() -> None:
    final = {**MESSAGE, "content": [text_part("Something else")]}
    assert only(ItemOpened(0, MESSAGE), Text(0, "Hello"), BlockEnded(0, final))["content"] == [
        text_part("Hello")
    ]
    call = only(ItemOpened(0, CALL), ToolArguments(0, '{"a":1}'), BlockEnded(0, {**CALL, "arguments": "{}"}))
    assert call["arguments"] == '{"a":1}'


def test_citations_that_no_event_told_are_told() -> None:
    one, two = ({"type": "url_citation", "url": url, "start_index": 0, "end_index": 1} for url in "ab")
    final = {**MESSAGE, "content": [text_part("Hi", annotations=[one, two])]}
    events = emit([ItemOpened(0, MESSAGE), Text(0, "Hi"), Annotation(0, one), BlockEnded(0, final), END])
    assert [event["annotation"] for event in events if "annotation" in event] == [one, two]
    assert output_of(events)[0]["content"] == final["content"]


def test_a_citation_before_the_text_opens_its_part() -> None:
    cited = {"type": "url_citation", "url": "u", "start_index": 0, "end_index": 1}
    item = only(ItemOpened(0, MESSAGE), Annotation(0, cited), Text(0, "Hi"))
    assert item["content"] == [text_part("Hi", annotations=[cited])]


def test_log_probabilities_that_came_at_the_end_are_in_the_finished_part() -> None:
    logprobs = [{"token": "Hi", "logprob": -0.5, "bytes": [], "top_logprobs": []}]
    final = {**MESSAGE, "content": [text_part("Hi", logprobs=logprobs)]}
    assert only(ItemOpened(0, MESSAGE), Text(0, "Hi"), BlockEnded(0, final))["content"] == final["content"]


def test_finished_reasoning_without_deltas_is_told_whole() -> None:
    final = {
        **REASONING,
        "summary": [{"type": "summary_text", "text": "s"}],
        "content": [{"type": "reasoning_text", "text": "r"}],
    }
    events = emit([ItemOpened(0, REASONING), BlockEnded(0, final), END])
    assert names(between(events)) == [
        "output_item.added 0",
        *["reasoning_summary_part.added 0", "reasoning_summary_text.delta 0"],
        *["reasoning_summary_text.done 0", "reasoning_summary_part.done 0"],
        *["content_part.added 0", "reasoning_text.delta 0", "reasoning_text.done 0", "content_part.done 0"],
        "output_item.done 0",
    ]
    assert output_of(events) == [{**final, "id": "rs_0"}]


def test_reasoning_goes_on_where_its_deltas_stopped() -> None:
    final = {**REASONING, "summary": [{"type": "summary_text", "text": text} for text in ("abc", "d")]}
    deltas = [ItemOpened(0, REASONING), Reasoning(0, "ab", summary=True), BlockEnded(0, final), END]
    assert [event["delta"] for event in emit(deltas) if "delta" in event] == ["ab", "c", "d"]


@pytest.mark.parametrize("content", [None, "text", [None, 3], [{"type": "something_new", "x": 1}]])
def test_content_of_another_shape_is_no_text(content: Any) -> None:
    item = only(
        ItemOpened(0, {**MESSAGE, "content": content}), BlockEnded(0, {**MESSAGE, "content": content})
    )
    assert item["content"] == []


@pytest.mark.parametrize("member", ["summary", "content"])
def test_reasoning_without_a_list_is_taken_as_it_is(member: str) -> None:
    final = {**REASONING, member: None}
    assert only(ItemOpened(0, final), BlockEnded(0, final))["summary"] == []


def test_a_part_of_a_new_kind_does_not_move_the_others() -> None:
    final = {**MESSAGE, "content": [{"type": "something_new"}, text_part("Hi")]}
    item = only(ItemOpened(0, MESSAGE), Text(0, "H", part=1), BlockEnded(0, final))
    assert item["content"] == [text_part("Hi")]


def test_an_item_that_was_announced_full_opens_empty_and_is_told_in_deltas() -> None:
    full = {**CALL, "arguments": '{"a":1}', "status": "completed"}
    events = emit([ItemOpened(0, full), BlockEnded(0), END])
    assert events[2]["item"] == {**full, "id": "fc_0", "status": "in_progress", "arguments": ""}
    assert [event["delta"] for event in events if "delta" in event] == ['{"a":1}']
    spoken = {**MESSAGE, "status": "completed", "content": [text_part("Hi")]}
    events = emit([ItemOpened(0, spoken), END])
    assert events[2]["item"]["content"] == []
    assert output_of(events) == [{**spoken, "id": "msg_0"}]


def test_an_announced_item_may_be_said_again_in_deltas() -> None:
    full = {**CALL, "arguments": '{"a":1}'}
    events = emit([ItemOpened(0, full), ToolArguments(0, '{"a":1}'), BlockEnded(0, full), END])
    assert [event["delta"] for event in events if "delta" in event] == ['{"a":1}']


def test_raw_reasoning_is_announced_with_an_empty_list_where_the_upstream_does() -> None:
    announced = {**REASONING, "content": [], "status": "in_progress"}
    events = emit([ItemOpened(0, announced), BlockEnded(0, {**announced, "status": "completed"}), END])
    assert events[2]["item"] == {**announced, "id": "rs_0"}
    assert output_of(events) == [{**announced, "id": "rs_0", "status": "completed"}]


def test_a_native_item_is_closed_by_nothing_but_its_end() -> None:
    deltas = [ItemOpened(0, MESSAGE), Text(0, "a"), ItemOpened(1, SEARCH), Text(0, "b"), Text(2, "c"), END]
    native, _, implied = output_of(emit(deltas))
    assert [part["text"] for part in native["content"]] == ["ab"]
    assert [part["text"] for part in implied["content"]] == ["c"]


def test_items_that_end_out_of_order_are_in_output_order_at_the_end() -> None:
    deltas = [ItemOpened(0, SEARCH), ItemOpened(1, SEARCH), ItemOpened(2, SEARCH)]
    deltas += [BlockEnded(2, SEARCH), BlockEnded(0, SEARCH), BlockEnded(1, SEARCH)]
    assert timeline([*deltas, END])[3:6] == [[f"output_item.done {index}"] for index in (2, 0, 1)]
    assert [item["id"] for item in output_of(emit([*deltas, END]))] == ["ws_0", "ws_1", "ws_2"]


def test_a_finished_item_for_an_implied_one_says_nothing_new() -> None:
    final = {**MESSAGE, "content": [text_part("Hello World")]}
    (message,) = output_of(emit([Text(0, "Hello"), BlockEnded(0, final), Text(1, "!"), END]))
    assert message["content"] == [text_part("Hello!")]

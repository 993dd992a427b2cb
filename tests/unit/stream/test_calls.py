"""Calls of a client's tools: exactly these events for these deltas, in whatever order they come."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from lambda_responses.stream.deltas import BlockEnded, ItemOpened, Stopped, Text, ToolArguments, ToolCall
from tests.kit import between, emit, emitter, names, output_of, rebuild, timeline

CALLED = Stopped("tool_calls")


def test_a_function_call_grows_by_its_arguments() -> None:
    place = {"item_id": "fc_0", "output_index": 0}
    call = {"id": "fc_0", "type": "function_call", "call_id": "call_a", "name": "look"}
    deltas = [ToolCall(0, "call_a", "look"), ToolArguments(0, '{"a":'), ToolArguments(0, "1}"), CALLED]
    assert between(emit(deltas)) == [
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {**call, "status": "in_progress", "arguments": ""},
        },
        {"type": "response.function_call_arguments.delta", **place, "delta": '{"a":'},
        {"type": "response.function_call_arguments.delta", **place, "delta": "1}"},
        {"type": "response.function_call_arguments.done", **place, "arguments": '{"a":1}'},
        {
            "type": "response.output_item.done",
            "output_index": 0,
            "item": {**call, "status": "completed", "arguments": '{"a":1}'},
        },
    ]


def test_a_custom_tool_call_grows_by_its_input() -> None:
    place = {"item_id": "ctc_0", "output_index": 0}
    call = {"id": "ctc_0", "type": "custom_tool_call", "call_id": "call_a", "name": "sh"}
    deltas = [ToolCall(0, "call_a", "sh", kind="custom_tool_call"), ToolArguments(0, "ls {"), CALLED]
    assert between(emit(deltas)) == [
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {**call, "status": "in_progress", "input": ""},
        },
        {"type": "response.custom_tool_call_input.delta", **place, "delta": "ls {"},
        {"type": "response.custom_tool_call_input.done", **place, "input": "ls {"},
        {
            "type": "response.output_item.done",
            "output_index": 0,
            "item": {**call, "status": "completed", "input": "ls {"},
        },
    ]


def test_a_namespace_is_a_member_of_the_call() -> None:
    (call,) = output_of(emit([ToolCall(0, "c", "look", namespace="files"), CALLED]))
    assert call["namespace"] == "files"
    (call,) = output_of(emit([ToolCall(0, "c", "look"), CALLED]))
    assert "namespace" not in call


def test_a_call_without_arguments_says_an_empty_object() -> None:
    events = emit([ToolCall(0, "c", "now"), BlockEnded(0), CALLED])
    assert names(events)[2:-1] == [
        "output_item.added 0",
        "function_call_arguments.delta 0",
        "function_call_arguments.done 0",
        "output_item.done 0",
    ]
    assert output_of(events)[0]["arguments"] == "{}"
    assert rebuild(events)[0]["arguments"] == "{}"


def test_a_custom_call_without_input_has_none() -> None:
    events = emit([ToolCall(0, "c", "now", kind="custom_tool_call"), CALLED])
    assert names(events)[3:-1] == ["custom_tool_call_input.done 0", "output_item.done 0"]
    assert output_of(events)[0]["input"] == ""


def test_a_call_is_over_when_its_block_is() -> None:
    deltas = [
        *[ToolCall(0, "a", "f"), ToolArguments(0, '{"x":1}'), BlockEnded(0)],
        *[ToolCall(1, "b", "f"), ToolArguments(1, "{}"), BlockEnded(1), CALLED],
    ]
    assert timeline(deltas) == [
        ["output_item.added 0"],
        ["function_call_arguments.delta 0"],
        ["function_call_arguments.done 0", "output_item.done 0"],
        ["output_item.added 1"],
        ["function_call_arguments.delta 1"],
        ["function_call_arguments.done 1", "output_item.done 1"],
        [],
        ["completed"],
    ]


def test_a_call_is_over_when_another_takes_its_block() -> None:
    deltas = [ToolCall(0, "a", "f"), ToolArguments(0, '{"x":1}'), ToolCall(0, "b", "f"), CALLED]
    assert timeline(deltas)[2] == [
        "function_call_arguments.done 0",
        "output_item.done 0",
        "output_item.added 1",
    ]
    assert [call["arguments"] for call in output_of(emit(deltas))] == ['{"x":1}', "{}"]


@pytest.mark.parametrize("order", sorted(set(permutations("aaabbb"))))
def test_parallel_calls_are_told_apart_in_any_interleaving(order: tuple[str, ...]) -> None:
    said = {
        "a": [ToolCall("a", "call_a", "f"), ToolArguments("a", '{"a"'), ToolArguments("a", ":1}")],
        "b": [ToolCall("b", "call_b", "g"), ToolArguments("b", '{"b"'), ToolArguments("b", ":2}")],
    }
    events = emit([*(said[block].pop(0) for block in order), CALLED])
    calls = {call["call_id"]: (call["name"], call["arguments"]) for call in output_of(events)}
    assert calls == {"call_a": ("f", '{"a":1}'), "call_b": ("g", '{"b":2}')}
    assert [call["call_id"][-1] for call in output_of(events)] == sorted("ab", key=order.index)


def test_arguments_for_no_call_are_left_out() -> None:
    deltas = [ToolArguments(0, "{"), ToolCall(0, "c", "f"), BlockEnded(0), ToolArguments(0, "}"), CALLED]
    assert [names for names in timeline(deltas) if names] == [
        ["output_item.added 0"],
        ["function_call_arguments.delta 0", "function_call_arguments.done 0", "output_item.done 0"],
        ["completed"],
    ]
    (message,) = output_of(emit([Text(0, "a"), ToolArguments(0, "{}"), Stopped("end")]))
    assert message["content"][0]["text"] == "a"


@pytest.mark.parametrize("unusable", ["", "call_taken", "c" * 65])
def test_a_call_id_is_new_where_the_upstream_gave_no_usable_one(unusable: str) -> None:
    (call,) = output_of(emit([ToolCall(0, unusable, "f"), CALLED], taken_call_ids=["call_taken"]))
    assert call["call_id"] == "call_new_1"


def test_two_calls_of_one_id_are_two_calls() -> None:
    deltas = [ToolCall(0, "call_0", "f"), ToolCall(1, "call_0", "f"), CALLED]
    assert [call["call_id"] for call in output_of(emit(deltas))] == ["call_0", "call_new_1"]


def test_a_call_id_of_an_earlier_run_is_taken() -> None:
    earlier = {"id": "fc_0", "type": "function_call", "call_id": "call_0", "name": "f", "arguments": "{}"}
    making = emitter({"id": "resp_1", "status": "in_progress", "output": [earlier]})
    making.start()
    (added,) = making.apply(ToolCall(0, "call_0", "f"))
    assert added["item"]["call_id"] == "call_new_1"


def test_a_native_call_keeps_one_call_id_whatever_its_end_says() -> None:
    announced = {"type": "function_call", "id": "theirs", "call_id": None, "name": "f", "arguments": ""}
    deltas = [ItemOpened(0, announced), BlockEnded(0, {**announced, "call_id": "late"}), CALLED]
    assert [call["call_id"] for call in output_of(emit(deltas))] == ["call_new_1"]


@pytest.mark.parametrize("stop", ["tool_calls", "end"])
def test_a_call_that_does_not_parse_makes_the_response_incomplete(stop: Any) -> None:
    deltas = [ToolCall(0, "a", "f"), ToolArguments(0, '{"x":'), BlockEnded(0), Stopped(stop)]
    assert timeline(deltas)[2:] == [
        [],
        [],
        ["function_call_arguments.done 0", "output_item.done 0", "incomplete"],
    ]
    response = emit(deltas)[-1]["response"]
    assert response["incomplete_details"] == {"reason": "max_output_tokens"}
    assert [(call["status"], call["arguments"]) for call in response["output"]] == [("incomplete", '{"x":')]


def test_a_broken_call_is_not_lost_when_another_takes_its_block() -> None:
    deltas = [ToolCall(0, "a", "f"), ToolArguments(0, '{"x":'), ToolCall(0, "b", "f"), BlockEnded(0), CALLED]
    events = emit(deltas)
    assert events[-1]["type"] == "response.incomplete"
    assert [(call["status"], call["arguments"]) for call in output_of(events)] == [
        ("incomplete", '{"x":'),
        ("completed", "{}"),
    ]


def test_text_in_a_calls_block_loses_neither() -> None:
    deltas = [ToolCall(0, "a", "f"), ToolArguments(0, '{"x":1}'), Text(0, "hm"), Stopped("end")]
    assert [item["id"] for item in output_of(emit(deltas))] == ["fc_0", "msg_1"]
    deltas = [ToolCall(0, "a", "f"), Text(1, "hm"), Text(0, "m"), Stopped("end")]
    call, message = output_of(emit(deltas))
    assert call["arguments"] == "{}"
    assert message["content"][0]["text"] == "hmm"


def test_a_custom_call_is_whole_whatever_it_says() -> None:
    deltas = [
        ToolCall(0, "a", "sh", kind="custom_tool_call"),
        ToolArguments(0, '{"x":'),
        BlockEnded(0),
        CALLED,
    ]
    assert timeline(deltas)[2] == ["custom_tool_call_input.done 0", "output_item.done 0"]
    assert emit(deltas)[-1]["type"] == "response.completed"


def test_a_call_that_was_cut_before_its_arguments_says_none() -> None:
    events = emit([ToolCall(0, "a", "f"), Stopped("max_output_tokens")])
    assert names(events)[3:] == ["function_call_arguments.done 0", "output_item.done 0", "incomplete"]
    assert output_of(events)[0]["arguments"] == ""
    assert output_of(events)[0]["status"] == "incomplete"


def test_a_lone_surrogate_in_arguments_does_not_make_them_broken() -> None:
    deltas = [ToolCall(0, "a", "f"), ToolArguments(0, '{"x":"\\ud83d"}'), CALLED]
    assert emit(deltas)[-1]["type"] == "response.completed"

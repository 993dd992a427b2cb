"""What passes between a model's step and its telling, and what is held."""

from __future__ import annotations

from lambda_responses.stream.deltas import (
    BlockEnded,
    Delta,
    Envelope,
    ItemOpened,
    Opaque,
    Reasoning,
    Stopped,
    Text,
    ToolArguments,
    ToolCall,
)
from lambda_responses.tools.gate import Gate


def ours(name: str) -> bool:
    return name.startswith("dice__")


def test_calls_of_ours_are_held_and_all_else_passes() -> None:
    gate = Gate(ours)
    live: list[Delta] = [
        Reasoning(0, "hm"),
        Opaque(0, {"signature": "r"}),
        Text(1, "I roll."),
        ToolCall(3, "x", "theirs"),
        ToolArguments(3, "{}"),
        BlockEnded(3),
        Stopped("tool_calls"),
    ]
    held: list[Delta] = [
        ToolCall(2, "c", "dice__roll"),
        ToolArguments(2, '{"a"'),
        Opaque(2, {"signature": "c"}),
        ToolArguments(2, ":1}"),
        BlockEnded(2),
    ]
    mixed = [*live[:3], held[0], live[3], held[1], live[4], *held[2:], *live[5:]]
    assert [*gate.passed(mixed)] == live
    [call] = gate.calls
    assert (call.name, call.call_id, call.arguments, call.origin) == (
        *("dice__roll", "c", '{"a":1}', {"signature": "c"}),
    )


def test_a_call_in_the_apis_own_words_is_completed_by_its_finished_item() -> None:
    gate = Gate(ours)
    item = {"type": "function_call", "call_id": "c", "name": "dice__roll", "arguments": ""}
    final = {**item, "arguments": '{"a":1}'}
    assert not gate.passed([ItemOpened(0, item), ToolArguments(0, '{"a'), BlockEnded(0, final)])
    assert [call.arguments for call in gate.calls] == ['{"a":1}']


def test_a_block_that_stands_for_another_item_later_is_that_items() -> None:
    gate = Gate(ours)
    later = [ToolCall(0, "x", "theirs"), ToolArguments(0, "{}"), Opaque(0, {"id": "fc"}), BlockEnded(0)]
    assert [*gate.passed([ToolCall(0, "c", "dice__roll"), BlockEnded(0), *later])] == later
    assert [call.origin for call in gate.calls] == [{}]


def test_what_was_held_of_a_step_that_is_taken_anew_is_forgotten() -> None:
    gate = Gate(ours)
    gate.passed([ToolCall(0, "c", "dice__roll")])
    gate.forget()
    assert not gate.calls
    assert [*gate.passed([ToolArguments(0, "{}")])] == [ToolArguments(0, "{}")]


def test_no_arguments_are_an_empty_object() -> None:
    gate = Gate(ours)
    gate.passed([ToolCall(0, "c", "dice__roll"), ToolArguments(0, " ")])
    assert [call.arguments for call in gate.calls] == ["{}"]


def test_what_an_upstream_repeats_of_its_tools_does_not_pass() -> None:
    told = Gate(ours).passed([Envelope({"tools": [], "tool_choice": "none", "model": "m"})])
    assert [*told] == [Envelope({"model": "m"})]

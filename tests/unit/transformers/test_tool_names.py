"""Flat names, wrapped inputs, and the way back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.transformers.tool_names import (
    NAME_LIMIT,
    InputUnwrapper,
    ToolName,
    custom_tool_description,
    names_of,
    tools_of,
    wrap_input,
)

FUNCTION = {"type": "function", "name": "roll", "parameters": {}}
DICE = {"type": "namespace", "name": "mcp__dice", "description": "Dice.", "tools": [FUNCTION]}
EXEC = {"type": "custom", "name": "exec"}


def names(*tools: dict[str, Any]) -> Any:
    return names_of((f"tools[{index}]", tool) for index, tool in enumerate(tools))


def test_a_tool_in_a_namespace_is_flattened_and_restored() -> None:
    known, offered = names(DICE)
    assert [(tool.path, tool.flat) for tool in offered] == [("tools[0].tools[0]", "mcp__dice__roll")]
    assert known.restore("mcp__dice__roll") == ToolName("roll", "mcp__dice")


def test_a_tool_outside_keeps_its_name_even_when_a_namespace_would_take_it() -> None:
    outside = {**FUNCTION, "name": "mcp__dice__roll"}
    known, offered = names(DICE, outside)
    inside, plain = offered
    assert plain.flat == "mcp__dice__roll"
    assert inside.flat != plain.flat
    assert known.restore(inside.flat) == ToolName("roll", "mcp__dice")
    assert known.restore(plain.flat) == ToolName("mcp__dice__roll")


def test_long_names_are_cut_without_meeting_each_other() -> None:
    long = [{**DICE, "tools": [{**FUNCTION, "name": "x" * 70 + end}]} for end in ("a", "b")]
    known, offered = names(*long)
    one, other = (tool.flat for tool in offered)
    assert one != other
    assert len(one) == len(other) == NAME_LIMIT
    assert known.restore(one).name == "x" * 70 + "a"


def test_a_custom_tool_is_told_from_a_function_on_the_way_back() -> None:
    known, _ = names({"type": "namespace", "name": "functions", "tools": [EXEC]})
    assert known.restore("functions__exec") == ToolName("exec", "functions", "custom_tool_call")


def test_a_name_that_nobody_offered_stands_for_itself() -> None:
    known, _ = names()
    assert known.restore("surprise") == ToolName("surprise")


def test_a_call_of_a_tool_that_is_gone_has_the_name_it_had() -> None:
    known, _ = names()
    assert known.flat("roll", "mcp__dice") == "mcp__dice__roll"


def test_the_later_of_two_definitions_counts() -> None:
    _, offered = names(FUNCTION, {**FUNCTION, "description": "new"})
    assert [tool.tool.get("description") for tool in offered] == ["new"]


def test_tools_that_arrive_in_the_input_are_tools_of_the_turn() -> None:
    items = [
        {"type": "additional_tools", "role": "developer", "tools": [DICE]},
        {"type": "message", "role": "user", "content": "hi"},
        {"type": "tool_search_output", "tools": [EXEC]},
    ]
    found = list(tools_of({"tools": [FUNCTION]}, items))
    assert [path for path, _ in found] == ["tools[0]", "input[0].tools[0]", "input[2].tools[0]"]


def test_what_a_search_of_ours_has_found_is_offered_by_the_request_alone() -> None:
    found = {"type": "tool_search_output", "execution": "server", "tools": [EXEC]}
    assert list(tools_of({}, [found])) == []
    assert list(tools_of({}, [{**found, "execution": "client"}])) == [("input[0].tools[0]", EXEC)]


def test_a_grammar_is_told_in_the_description() -> None:
    tool = {
        **EXEC,
        "description": "Runs.",
        "format": {"type": "grammar", "syntax": "lark", "definition": "start: /x/"},
    }
    assert custom_tool_description(tool) == "Runs.\n\n`input` must match this lark grammar:\nstart: /x/"
    assert custom_tool_description(EXEC) == ""


@given(st.text(), st.data())
def test_a_wrapped_input_is_unwrapped_wherever_it_is_cut(text: str, data: st.DataObject) -> None:
    wrapped = data.draw(st.sampled_from([wrap_input(text), json.dumps({"input": text})]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wrapped)), max_size=6)))
    unwrapper = InputUnwrapper()
    pieces = [wrapped[start:end] for start, end in zip([0, *cuts], [*cuts, len(wrapped)], strict=True)]
    assert "".join([unwrapper.feed(piece) for piece in pieces] + [unwrapper.end()]) == text


def test_an_input_is_passed_on_as_it_comes() -> None:
    unwrapper = InputUnwrapper()
    assert [unwrapper.feed(piece) for piece in ('{"inp', 'ut": "ab', "c\\", 'nd"', "}")] == [
        "",
        "ab",
        "c",
        "\nd",
        "",
    ]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("ls -l", "ls -l"),
        ('{"command": "ls"}', '{"command": "ls"}'),
        ('{"other": 1, "input": "ls"}', "ls"),
        ("{}", ""),
        ("", ""),
    ],
)
def test_a_model_that_does_not_keep_to_the_form_is_understood(said: str, meant: str) -> None:
    unwrapper = InputUnwrapper()
    assert unwrapper.feed(said) + unwrapper.end() == meant

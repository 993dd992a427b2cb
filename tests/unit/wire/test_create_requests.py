"""The one form of a request: what is filled in, what is left out, what is left alone."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.requests import check_create_request

Json = dict[str, Any]


def read(**body: Any) -> Json:
    return check_create_request({"model": "m", "input": "hi", **body})


def items(*given: Json, native: bool = False) -> list[Json]:
    return check_create_request({"model": "m", "input": list(given)}, native=native)["input"]


def test_a_string_is_one_user_message():
    text = {"type": "input_text", "text": "hi"}
    assert read()["input"] == [{"type": "message", "role": "user", "content": [text]}]


@pytest.mark.parametrize("role", ["user", "system", "developer"])
def test_a_short_message_gets_its_type_and_parts(role: str):
    assert items({"role": role, "content": "hi"}) == [
        {"type": "message", "role": role, "content": [{"type": "input_text", "text": "hi"}]}
    ]


def test_a_short_assistant_message_gets_output_text():
    assert items({"role": "assistant", "content": "hi", "phase": "commentary"}) == [
        {
            "type": "message",
            "role": "assistant",
            "phase": "commentary",
            "content": [{"type": "output_text", "text": "hi", "annotations": []}],
        }
    ]


def test_an_item_reference_needs_no_type():
    assert items({"id": "msg_1"}, {"id": "msg_2", "type": None}) == [
        {"type": "item_reference", "id": "msg_1"},
        {"type": "item_reference", "id": "msg_2"},
    ]


def test_null_means_omitted():
    request = read(temperature=None, tools=None, metadata=None, conversation=None, text=None, stream=None)
    assert request.keys() == {"model", "input"}


def test_null_members_of_items_are_left_out():
    (item,) = items({"type": "reasoning", "id": "rs_1", "summary": [], "content": None, "status": None})
    assert item == {"type": "reasoning", "id": "rs_1", "summary": []}


def test_sound_is_taken_although_the_live_api_takes_it_no_more():
    part = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}
    request = check_create_request(
        {"model": "m", "input": [{"role": "user", "content": [part]}]}, native=False
    )
    assert request["input"][0]["content"] == [part]


def test_everything_else_is_as_it_was_sent():
    schema = {"type": "object", "properties": {"a": {"default": None, "enum": ["x", None]}}}
    tool = {"type": "function", "name": "f", "parameters": schema, "strict": False}
    body = {
        "tools": [tool],
        "text": {"verbosity": "low"},
        "reasoning": {"effort": "low", "summary": None},
        "metadata": {"a": "b"},
        "temperature": 1,
    }
    request = read(**body)
    assert {name: request[name] for name in body} == body


def test_the_body_itself_is_not_changed():
    body: Json = {"model": "m", "input": [{"role": "user", "content": "hi"}], "tools": None}
    check_create_request(body)
    assert body == {"model": "m", "input": [{"role": "user", "content": "hi"}], "tools": None}


def test_reading_a_read_request_changes_nothing():
    once = read(
        input=[{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}], store=False
    )
    assert check_create_request(once) == once


def test_a_native_request_keeps_what_is_not_known_here():
    (item,) = items({"type": "future_item", "payload": {"a": 1}}, native=True)
    assert item == {"type": "future_item", "payload": {"a": 1}}


@pytest.mark.parametrize("name", ["previous_response_id", "conversation", "prompt"])
def test_a_choice_among_tools_of_the_history_is_not_judged(name: str):
    value = {"id": "x"} if name == "prompt" else "x"
    request = read(**{name: value}, tool_choice={"type": "function", "name": "f"})
    assert request["tool_choice"]["name"] == "f"


def test_a_tool_may_be_chosen_that_came_as_an_item():
    tools = [{"type": "namespace", "name": "n", "tools": [{"type": "custom", "name": "exec"}]}]
    given = [
        {"type": "additional_tools", "role": "developer", "tools": tools},
        {"role": "user", "content": "x"},
    ]
    assert read(input=given, tool_choice={"type": "custom", "name": "exec"})


@pytest.mark.parametrize("choice", ["web_search", "web_search_preview", "web_search_preview_2025_03_11"])
def test_one_hosted_tool_has_several_spellings(choice: str):
    assert read(tools=[{"type": "web_search_2025_08_26"}], tool_choice={"type": choice})


@pytest.mark.parametrize("said", ["as JSON", "a JsonSchema", "json"])
def test_a_json_object_is_given_to_those_who_ask_for_it(said: str):
    assert read(input=[{"role": "user", "content": said}], text={"format": {"type": "json_object"}})


@pytest.mark.parametrize("native", [False, True])
def test_a_request_may_have_bounds_of_its_own(native: bool):
    bounds = {"max_steps": 1, "max_tool_calls": 2, "max_seconds": 0.5, "max_tokens": 10, "max_cost": 0.01}
    checked = check_create_request({"model": "m", "input": "Hi", "bounds": bounds}, native=native)
    assert checked["bounds"] == bounds


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize(
    ("bounds", "param"),
    [
        (3, "bounds"),
        ({"max_steps": 0}, "bounds.max_steps"),
        ({"max_steps": "many"}, "bounds.max_steps"),
        ({"max_tool_calls": 1.5}, "bounds.max_tool_calls"),
        ({"max_seconds": -1}, "bounds.max_seconds"),
        ({"max_tokens": True}, "bounds.max_tokens"),
        ({"max_cost": "1"}, "bounds.max_cost"),
        ({"max_dollars": 1}, "bounds.max_dollars"),
    ],
)
def test_bounds_that_are_none_are_named(native: bool, bounds: object, param: str):
    with pytest.raises(InvalidRequestError) as raised:
        check_create_request({"model": "m", "input": "Hi", "bounds": bounds}, native=native)
    assert raised.value.param == param

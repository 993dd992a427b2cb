"""What models see of calls that this server has run."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_responses.transformers.plain_items import restate
from lambda_responses.transformers.server_calls import with_plain_calls
from lambda_responses.wire.mcp_names import function_name

type_of = {"function_call": "call", "function_call_output": "output"}


def ran(id: str, name: str = "roll", **more: Any) -> dict[str, Any]:
    item = {"type": "mcp_call", "id": id, "server_label": "dice", "name": name, "arguments": '{"a":1}'}
    return {**item, "output": f"{id} came", "error": None, "approval_request_id": None, **more}


def asked(id: str) -> dict[str, Any]:
    item = {"type": "mcp_approval_request", "id": id, "server_label": "dice", "name": "roll"}
    return {**item, "arguments": "{}"}


def answered(id: str, *, approve: bool, reason: str | None = None) -> dict[str, Any]:
    item = {"type": "mcp_approval_response", "id": f"a_{id}", "approval_request_id": id}
    return {**item, "approve": approve, "reason": reason}


def made(step: int, call_id: str = "") -> dict[str, Any]:
    return {"maker": "acme", "call_id": call_id, "step": step}


USER = {"type": "message", "id": "m", "role": "user", "content": "Hi"}
THOUGHT = {"type": "reasoning", "id": "rs", "summary": []}
LIST = {"type": "mcp_list_tools", "id": "l", "server_label": "dice", "tools": []}


def shape(*items: dict[str, Any], **origins: dict[str, Any]) -> list[str]:
    """`call X`, `output X` and other kinds, in order."""
    told = [item for _, item in with_plain_calls(items, origins)]
    return [f"{type_of[i['type']]} {i['call_id']}" if i["type"] in type_of else i["type"] for i in told]


def test_a_call_is_one_of_a_function_and_its_output_follows():
    assert [item for _, item in with_plain_calls([ran("x")], {})] == [
        {
            "id": "x",
            "type": "function_call",
            "call_id": "x",
            "name": "dice__roll",
            "arguments": '{"a":1}',
        },
        {"type": "function_call_output", "call_id": "x", "output": "x came"},
    ]


def test_calls_of_one_step_come_before_their_outputs():
    origins = {"x": made(0), "y": made(0), "z": made(1)}
    assert shape(THOUGHT, ran("x"), ran("y"), ran("z"), **origins) == [
        "reasoning", "call x", "call y", "output x", "output y", "call z", "output z"
    ]  # fmt: skip


def test_calls_of_which_nobody_knows_the_step_have_their_outputs_at_once():
    assert shape(ran("x"), ran("y")) == ["call x", "output x", "call y", "output y"]


def test_calls_of_one_step_are_told_in_the_order_in_which_they_were_made():
    """One that had to be approved of was made last, whatever its place."""
    origins = {"y": {**made(0), "place": 1}, "r": made(0), "x": {**made(0), "place": 0}}
    items = [ran("y"), asked("r"), answered("r", approve=True), ran("x", approval_request_id="r")]
    assert shape(*items, **origins) == ["call x", "call y", "output x", "output y"]


def test_whatever_else_is_said_ends_a_step():
    origins = {"x": made(0), "y": made(0)}
    assert shape(ran("x"), THOUGHT, ran("y"), **origins) == [
        "call x", "output x", "reasoning", "call y", "output y"
    ]  # fmt: skip


def test_a_call_that_was_approved_is_of_the_step_that_asked():
    items = [ran("x"), asked("r"), answered("r", approve=True), ran("y", approval_request_id="r")]
    assert shape(*items, x=made(0), r=made(0), y=made(0)) == ["call x", "call y", "output x", "output y"]


def test_a_call_that_was_declined_is_of_the_step_that_asked():
    items = [ran("x"), asked("r"), answered("r", approve=False, reason="Not now.")]
    assert shape(*items, x=made(0), r=made(0)) == ["call x", "call r", "output x", "output r"]
    told = [item for _, item in with_plain_calls(items, {"x": made(0), "r": made(0)})]
    assert told[-1]["output"] == "The user declined this call. Not now."


def test_the_first_step_of_the_next_response_is_another_step():
    items = [asked("r"), answered("r", approve=True), ran("y", approval_request_id="r"), ran("z"), ran("u")]
    assert shape(*items, r=made(0), y=made(0), z=made(0), u=made(0)) == [
        "call y", "output y", "call z", "call u", "output z", "output u"
    ]  # fmt: skip
    items = [ran("x"), asked("r"), answered("r", approve=False), ran("z")]
    assert shape(*items, x=made(0), r=made(0), z=made(0))[-2:] == ["call z", "output z"]


def test_a_call_goes_back_under_the_id_that_its_maker_gave_it():
    assert shape(ran("x"), x=made(0, "call_abc")) == ["call call_abc", "output call_abc"]


def test_a_call_is_one_of_the_function_that_was_offered():
    call, _ = (item for _, item in with_plain_calls([ran("x")], {"x": {**made(0), "function": "dice_x"}}))
    assert call["name"] == "dice_x"
    call, _ = (item for _, item in with_plain_calls([ran("x", "roll it!")], {}))
    assert call["name"] == function_name("dice", "roll it!")


def test_a_search_is_a_call_of_the_function_that_was_offered():
    search = {"type": "tool_search_call", "id": "t", "call_id": "c", "arguments": {"query": "dice"}}
    for origins, name in ({}, "tool_search"), ({"t": {"function": "tool_search_1"}}, "tool_search_1"):
        [(_, call)] = with_plain_calls([search], origins)
        assert (call["type"], call["name"]) == ("function_call", name)


@pytest.mark.parametrize("call_id", ["call_0", "x" * 65, ""])
def test_an_id_that_does_not_last_is_left_out(call_id: str):
    assert shape(ran("x"), x=made(0, call_id)) == ["call x", "output x"]


def test_no_two_calls_have_one_id():
    own = {"type": "function_call", "id": "f", "call_id": "same", "name": "g", "arguments": "{}"}
    told = shape(own, ran("x"), ran("y"), x=made(0, "same"), y=made(1, "other"))
    assert told == ["call same", "call x", "output x", "call other", "output other"]
    assert shape(ran("x"), ran("y"), x=made(0, "same"), y=made(1, "same"))[2:] == ["call y", "output y"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ({"type": "mcp_protocol_error", "code": -32602, "message": "No such tool"}, "Error: No such tool"),
        ({"type": "http_error", "code": 502, "message": "Bad Gateway"}, "Error: HTTP 502: Bad Gateway"),
        (
            {
                "type": "mcp_tool_execution_error",
                "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
            },
            "Error: a\nb",
        ),
        ({"type": "mcp_tool_execution_error", "content": []}, "Error: The call did not finish."),
        ("broke", "Error: broke"),
        (None, "Error: The call did not finish."),
    ],
)
def test_what_failed_is_told_in_words(error: Any, told: str):
    _, output = (item for _, item in with_plain_calls([ran("x", output=None, error=error)], {}))
    assert (output["output"], output["status"]) == (told, "incomplete")


def test_an_empty_output_is_no_failure():
    _, output = (item for _, item in with_plain_calls([ran("x", output="")], {}))
    assert output == {"type": "function_call_output", "call_id": "x", "output": ""}


def test_lists_and_open_requests_say_nothing():
    assert shape(LIST, asked("r"), USER) == ["message"]


def test_a_list_between_two_calls_does_not_part_them():
    assert shape(ran("x"), LIST, ran("y"), x=made(0), y=made(0))[:2] == ["call x", "call y"]


def test_a_search_that_this_server_ran_is_a_call_with_what_it_found():
    search = {"type": "tool_search_call", "id": "t", "call_id": None, "execution": "server"}
    found = {"type": "tool_search_output", "id": "o", "call_id": None, "tools": [{"name": "dice__roll"}]}
    items = [{**search, "arguments": {"query": "dice"}}, found]
    call, output = (item for _, item in restate(items))
    assert (call["call_id"], call["name"], call["arguments"]) == ("t", "tool_search", '{"query": "dice"}')
    assert (output["call_id"], output["output"]) == ("t", "Tools found: dice__roll")


def test_items_keep_their_places():
    items = [USER, ran("x"), ran("y"), USER]
    told = with_plain_calls(items, {"x": made(0), "y": made(0)})
    assert [place for place, _ in told] == [0, 1, 2, 1, 2, 3]

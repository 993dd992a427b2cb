"""The faults of operations beside creating a response: status, code and param as the live API has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    import httpx

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

NOBODYS_RESPONSE = "resp_" + "0" * 48
NOBODYS_CONVERSATION = "conv_" + "0" * 48
NOBODYS_ITEM = "msg_" + "0" * 48
FUNCTION: Json = {"type": "function", "name": "a b", "parameters": {}}


class Fault(NamedTuple):
    """What a body, or a member of it, is answered."""

    body: Json
    code: str | None
    param: str | None
    status: int = 400


ON_A_CONTEXT: dict[str, Fault] = {
    "no input": Fault({"input": None}, "missing_required_parameter", None),
    "an empty input": Fault({"input": []}, "missing_required_parameter", None),
    "input of a wrong type": Fault({"input": 7}, "invalid_type", "input"),
    "an item of no type": Fault({"input": [{"type": "bogus"}]}, "invalid_value", "input[0]"),
    "a message without content": Fault(
        {"input": [{"role": "user"}]}, "missing_required_parameter", "input[0].content"
    ),
    "an unknown key": Fault({"inptu": "x"}, "unknown_parameter", "inptu"),
    "a key of another operation": Fault({"stream": True}, "unknown_parameter", "stream"),
    "instructions of a wrong type": Fault({"instructions": 7}, "invalid_type", "instructions"),
    "nobody's response": Fault(
        {"previous_response_id": NOBODYS_RESPONSE}, "previous_response_not_found", "previous_response_id"
    ),
    "a response's id of a wrong type": Fault(
        {"previous_response_id": 7}, "invalid_type", "previous_response_id"
    ),
    "nobody's item": Fault({"input": [{"type": "item_reference", "id": NOBODYS_ITEM}]}, None, "input", 404),
    "an item referred to by id alone": Fault({"input": [{"id": NOBODYS_ITEM}]}, None, "input", 404),
}
"""Faults that compacting and counting share."""

OF_COUNTS: dict[str, Fault] = {
    **ON_A_CONTEXT,
    "an output without its call": Fault(
        {"input": [{"type": "function_call_output", "call_id": "call_1", "output": "x"}]}, None, "input"
    ),
    "tools of a wrong type": Fault({"tools": "x"}, "invalid_type", "tools"),
    "a tool's bad name": Fault({"tools": [FUNCTION]}, "invalid_value", "tools[0].name"),
    "a choice of no tool": Fault({"tool_choice": {"type": "function", "name": "f"}}, None, "tool_choice"),
    "truncation of no kind": Fault({"truncation": "some"}, "invalid_value", "truncation"),
    "an effort of no kind": Fault({"reasoning": {"effort": "huge"}}, "invalid_value", "reasoning.effort"),
    "a format of no kind": Fault({"text": {"format": {"type": "xml"}}}, "invalid_value", "text.format.type"),
    "personality of a wrong type": Fault({"personality": 7}, "invalid_type", "personality"),
    "a long personality": Fault({"personality": "x" * 65}, "string_above_max_length", "personality"),
    "nobody's conversation": Fault({"conversation": NOBODYS_CONVERSATION}, None, None, 404),
    "a conversation of a wrong type": Fault({"conversation": 7}, "invalid_type", "conversation"),
    "two histories": Fault(
        {"conversation": NOBODYS_CONVERSATION, "previous_response_id": NOBODYS_RESPONSE},
        "mutually_exclusive_parameters",
        None,
    ),
}

OF_COMPACTIONS: dict[str, Fault] = {
    **ON_A_CONTEXT,
    "a tier of no kind": Fault({"service_tier": "huge"}, "invalid_value", "service_tier"),
    "tools": Fault({"tools": []}, "unknown_parameter", "tools"),
}

OPERATIONS = {"input_tokens": OF_COUNTS, "compact": OF_COMPACTIONS}
CASES = [
    pytest.param(operation, fault, id=f"{operation}: {name}")
    for operation, faults in OPERATIONS.items()
    for name, fault in faults.items()
]


async def told(http: httpx.AsyncClient, method: str, path: str, body: Any) -> tuple[int, Any, Any]:
    """Status, code and param."""
    answer = await http.request(method, path, json=body)
    error = answer.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert error["message"]
    return answer.status_code, error["code"], error["param"]


@pytest.mark.parametrize(("operation", "fault"), CASES)
async def test_a_fault_is_told_whoever_would_answer(
    http: httpx.AsyncClient, model: str, operation: str, fault: Fault
) -> None:
    body = {name: v for name, v in {"model": model, "input": "x", **fault.body}.items() if v is not None}
    found = await told(http, "POST", f"/responses/{operation}", body)

    assert found == (fault.status, fault.code, fault.param)


MODELS_OF_NOBODY: dict[str, Fault] = {
    "none": Fault({}, "missing_required_parameter", "model"),
    "null": Fault({"model": None}, "invalid_type", "model"),
    "a number": Fault({"model": 7}, "invalid_type", "model"),
    "empty": Fault({"model": ""}, "model_not_found", "model"),
    "unknown": Fault({"model": "nobody/nothing"}, "model_not_found", "model"),
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("fault", MODELS_OF_NOBODY.values(), ids=MODELS_OF_NOBODY)
async def test_a_model_must_be_named(http: httpx.AsyncClient, operation: str, fault: Fault) -> None:
    found = await told(http, "POST", f"/responses/{operation}", {"input": "x", **fault.body})

    assert found == (fault.status, fault.code, fault.param)


OF_CONVERSATIONS: dict[str, tuple[str, str, Fault]] = {
    "an unknown key": ("POST", "", Fault({"name": "x"}, "unknown_parameter", "name")),
    "metadata of a wrong type": ("POST", "", Fault({"metadata": "x"}, "invalid_type", "metadata")),
    "too much metadata": (
        "POST",
        "",
        Fault({"metadata": {f"k{n}": "v" for n in range(17)}}, "object_above_max_properties", "metadata"),
    ),
    "items of a wrong type": ("POST", "", Fault({"items": "x"}, "invalid_type", "items")),
    "an item of no type": ("POST", "", Fault({"items": [{"type": "bogus"}]}, "invalid_value", "items[0]")),
    "an item without content": (
        "POST",
        "",
        Fault({"items": [{"role": "user"}]}, "missing_required_parameter", "items[0].content"),
    ),
    "too many items": (
        "POST",
        "",
        Fault({"items": [{"role": "user", "content": "x"}] * 21}, "array_above_max_length", "items"),
    ),
    "nobody's, read": ("GET", f"/{NOBODYS_CONVERSATION}", Fault({}, None, None, 404)),
    "nobody's, changed": ("POST", f"/{NOBODYS_CONVERSATION}", Fault({"metadata": {}}, None, None, 404)),
    "nobody's, deleted": ("DELETE", f"/{NOBODYS_CONVERSATION}", Fault({}, None, None, 404)),
    "nobody's, listed": ("GET", f"/{NOBODYS_CONVERSATION}/items", Fault({}, None, None, 404)),
    "nobody's, added to": (
        "POST",
        f"/{NOBODYS_CONVERSATION}/items",
        Fault({"items": [{"role": "user", "content": "x"}]}, None, None, 404),
    ),
    "no id": ("GET", "/resp_1", Fault({}, None, None, 404)),
}


@pytest.mark.parametrize(("method", "path", "fault"), OF_CONVERSATIONS.values(), ids=OF_CONVERSATIONS)
async def test_a_fault_of_a_request_on_conversations_is_told(
    http: httpx.AsyncClient, method: str, path: str, fault: Fault
) -> None:
    found = await told(http, method, f"/conversations{path}", fault.body)

    assert found == (fault.status, fault.code, fault.param)


INSIDE_A_CONVERSATION: dict[str, tuple[str, str, Fault]] = {
    "metadata missing": ("POST", "", Fault({}, "missing_required_parameter", "metadata")),
    "an unknown key": ("POST", "", Fault({"metadata": {}, "x": 1}, "unknown_parameter", "x")),
    "items missing": ("POST", "/items", Fault({}, "missing_required_parameter", "items")),
    "nobody's item, read": ("GET", f"/items/{NOBODYS_ITEM}", Fault({}, None, None, 404)),
    "nobody's item, deleted": ("DELETE", f"/items/{NOBODYS_ITEM}", Fault({}, None, None, 404)),
    "a limit of nothing": ("GET", "/items?limit=0", Fault({}, "integer_below_min_value", "limit")),
    "an include of nothing": ("GET", "/items?include[]=bogus", Fault({}, "invalid_value", "include[0]")),
}


@pytest.mark.parametrize(
    ("method", "path", "fault"), INSIDE_A_CONVERSATION.values(), ids=INSIDE_A_CONVERSATION
)
async def test_a_fault_of_a_request_in_a_conversation_is_told(
    http: httpx.AsyncClient, method: str, path: str, fault: Fault
) -> None:
    made = (await http.post("/conversations", json={})).json()
    found = await told(http, method, f"/conversations/{made['id']}{path}", fault.body)

    assert found == (fault.status, fault.code, fault.param)


@pytest.mark.parametrize("path", ["/responses/input_tokens", "/responses/compact", "/conversations"])
@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b'"x"', b"\xff", b"{" * 1_000])
async def test_a_body_that_is_no_object_is_a_400(http: httpx.AsyncClient, path: str, body: bytes) -> None:
    answer = await http.post(path, content=body, headers={"content-type": "application/json"})

    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert "Traceback" not in answer.text

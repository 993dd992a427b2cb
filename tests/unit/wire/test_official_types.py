"""The official SDK's types as judges: nothing of the API is missing, and what is made is valid."""

from __future__ import annotations

import typing
from typing import Any, Literal, Required, get_args, get_origin

import pytest
from openai.types.responses import Response, ResponseStreamEvent
from openai.types.responses.response_create_params import ResponseCreateParamsBase
from openai.types.responses.response_includable import ResponseIncludable
from openai.types.responses.response_input_item_param import ResponseInputItemParam
from openai.types.responses.response_item import ResponseItem
from openai.types.responses.response_output_item import ResponseOutputItem
from openai.types.responses.tool_param import ToolParam
from pydantic import BaseModel, TypeAdapter

from lambda_responses.wire import events, items
from lambda_responses.wire.includes import INCLUDABLE
from lambda_responses.wire.input_items import (
    CLIENT_TOOL_ITEMS,
    CONTEXT_ITEMS,
    HOSTED_TOOL_ITEMS,
    ITEM_TYPES,
    ROLES,
)
from lambda_responses.wire.requests import check_create_request
from lambda_responses.wire.responses import new_response
from lambda_responses.wire.settings import KNOWN_KEYS
from lambda_responses.wire.tools import TOOLS

Json = dict[str, Any]


def members(union: Any) -> list[Any]:
    """The classes of a union, annotations and nested unions unwrapped."""
    if isinstance(union, type):
        return [union]
    return [one for argument in get_args(union) for one in members(argument)]


def literals(hint: Any) -> list[str]:
    if get_origin(hint) is Literal:
        return list(get_args(hint))
    return [value for argument in get_args(hint) for value in literals(argument)]


def type_names(cls: Any) -> list[str]:
    if issubclass(cls, BaseModel):
        field = cls.model_fields.get("type")
        return literals(field.annotation) if field else []
    hints = typing.get_type_hints(cls)
    return literals(hints["type"]) if "type" in hints else []


SHAPES = {**CLIENT_TOOL_ITEMS, **HOSTED_TOOL_ITEMS, **CONTEXT_ITEMS}
MESSAGE_SHAPES = tuple(ROLES.values())

LENIENT = {
    ("message", "id"),  # assistant messages come back from clients that keep no ids
    ("message", "status"),
    ("reasoning", "id"),
    ("file_search_call", "id"),
    ("file_search_call", "status"),
    ("web_search_call", "id"),
    ("web_search_call", "action"),
    ("web_search_call", "status"),
    ("computer_call", "id"),
    ("computer_call", "pending_safety_checks"),
    ("computer_call", "status"),
    ("image_generation_call", "id"),
    ("image_generation_call", "status"),
    ("image_generation_call", "result"),
    ("code_interpreter_call", "id"),
    ("code_interpreter_call", "code"),
    ("code_interpreter_call", "outputs"),
    ("code_interpreter_call", "status"),
    ("local_shell_call", "id"),
    ("local_shell_call", "status"),
    ("local_shell_call_output", "id"),
    ("apply_patch_call", "status"),
    ("mcp_list_tools", "id"),
    ("mcp_call", "id"),
    ("mcp_approval_request", "id"),
    ("program", "id"),
    ("program_output", "id"),
    ("program_output", "status"),
    ("namespace", "description"),
    ("function", "parameters"),
    ("function", "strict"),
    ("mcp", "server_label"),  # not where the server is one of the operator's, which have names
}
"""Members that the SDK's types require and this server does not: clients leave them out."""


def compare(name: str, shape: Json, cls: Any) -> None:
    fields = shape["fields"]
    hints = typing.get_type_hints(cls, include_extras=True)
    unknown = set(hints) - set(fields)
    assert not unknown
    required = {member for member, hint in hints.items() if get_origin(hint) is Required} - {"type"}
    required -= {member for kind, member in LENIENT if kind == name}
    assert {member for member, field in fields.items() if field["required"]} == required


@pytest.mark.parametrize("cls", get_args(ResponseInputItemParam), ids=lambda cls: cls.__name__)
def test_every_input_item_of_the_sdk_is_known(cls: Any):
    for name in type_names(cls):
        assert name in ITEM_TYPES
        for shape in MESSAGE_SHAPES if name == "message" else [SHAPES[name]]:
            compare(name, shape, cls)


@pytest.mark.parametrize("cls", get_args(ToolParam), ids=lambda cls: cls.__name__)
def test_every_tool_of_the_sdk_is_known(cls: Any):
    for name in type_names(cls):
        compare(name, TOOLS[name], cls)


def test_every_setting_of_the_sdk_is_known():
    assert set(typing.get_type_hints(ResponseCreateParamsBase)) | {"stream"} <= set(KNOWN_KEYS)


def test_everything_that_can_be_included_is_known():
    assert set(INCLUDABLE) == set(get_args(ResponseIncludable))


def typed(union: Any) -> dict[str, list[Any]]:
    by_name: dict[str, list[Any]] = {}
    for cls in members(union):
        for name in type_names(cls):
            by_name.setdefault(name, []).append(cls)
    return by_name


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (items.OutputItem, ResponseOutputItem),
        (items.ListedItem, ResponseItem),
        (events.StreamEvent, ResponseStreamEvent),
    ],
    ids=["output items", "listed items", "stream events"],
)
def test_what_goes_out_has_the_types_and_members_of_the_sdk(ours: Any, theirs: Any):
    mine, official = typed(ours), typed(theirs)
    assert mine.keys() == official.keys()
    for name, classes in official.items():
        for cls in classes:
            assert any(covers(candidate, cls, name) for candidate in mine[name]), (name, cls)


BEYOND = {"obfuscation", "created_by", "status", "name", "error"}
"""Members that the API sends and some of the SDK's types lack."""


def covers(mine: Any, cls: type[BaseModel], name: str) -> bool:
    known = {field.alias or member for member, field in cls.model_fields.items()}
    required = {field.alias or member for member, field in cls.model_fields.items() if field.is_required()}
    if name == "error":
        required = {"type", "sequence_number"}  # the live API nests the rest
    return required <= mine.__required_keys__ and typing.get_type_hints(mine).keys() - known <= BEYOND


FULL: Json = {
    "model": "m",
    "input": "as json",
    "instructions": "be brief",
    "metadata": {"a": "b"},
    "tools": [
        {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}},
        {"type": "custom", "name": "c"},
        {"type": "web_search"},
        {"type": "namespace", "name": "n", "description": "d", "tools": [{"type": "function", "name": "g"}]},
    ],
    "tool_choice": {"type": "function", "name": "f"},
    "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}},
    "reasoning": {"effort": "low", "generate_summary": "auto", "context": "all_turns"},
    "temperature": 0,
    "top_p": 0.5,
    "max_output_tokens": 16,
    "max_tool_calls": 1,
    "truncation": "auto",
    "service_tier": "fast",
    "prompt_cache_options": {"prewarm": True},
    "prompt_cache_key": "k",
    "safety_identifier": "s",
    "conversation": "conv_1",
    "store": False,
}

RESPONSE = TypeAdapter(Response)


@pytest.mark.parametrize("body", [{"model": "m", "input": "x"}, FULL], ids=["least", "most"])
def test_a_new_response_is_valid_by_the_sdk(body: Json):
    response = new_response(check_create_request(body), response_id="resp_1", created_at=1, model="m")
    read = RESPONSE.validate_python(response)
    beyond = {"store", "presence_penalty", "frequency_penalty"}
    assert set(read.model_extra or {}) == beyond

"""The items of a request's `input`: their shapes, and the one form that everything behind reads.

Shapes after https://platform.openai.com/docs/api-reference/responses/create and the official SDK's types.
What a response put out is taken back as it was: ids, statuses and log probabilities may be there or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from lambda_responses.wire.content import INPUT_CONTENT, OUTPUT_CONTENT
from lambda_responses.wire.shapes import (
    ANY,
    FLAG,
    OBJECT,
    TEXT,
    WHOLE,
    Shape,
    by_key,
    by_kind,
    by_type,
    list_of,
    need,
    one_of,
    record,
    text,
)
from lambda_responses.wire.tools import TOOL_LIST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambda_responses.wire.json import Json

CALL_ID = text(least=1, most=256)
"""OpenAI makes ids of at most 64 characters; other vendors' clients replay longer ones."""

PROGRESS = one_of("in_progress", "completed", "incomplete")
SEARCH_PROGRESS = one_of("in_progress", "searching", "completed", "incomplete", "failed")
CALLER = by_type({"direct": record(), "program": record(caller_id=need(TEXT))})

EVERY_ITEM: dict[str, Shape] = {
    "id": TEXT,
    "created_by": TEXT,
    "agent": OBJECT,
    "internal_chat_message_metadata_passthrough": OBJECT,
}
"""Members that any item may have: the last two come from the beta API and from Codex."""


def item(members: Mapping[str, Shape] | None = None, /, *, status: Shape = PROGRESS, **more: Shape) -> Shape:
    """The shape of one item type."""
    return record({**(members or {}), **more, "status": status, **EVERY_ITEM})


def message(role: str, content: Shape) -> Shape:
    """The shape of a message with that role, short or full."""
    return item(role=need(one_of(role)), content=need(content), phase=one_of("commentary", "final_answer"))


ROLES: dict[str, Shape] = {
    "user": message("user", INPUT_CONTENT),
    "system": message("system", INPUT_CONTENT),
    "developer": message("developer", INPUT_CONTENT),
    "assistant": message("assistant", OUTPUT_CONTENT),
}

CALL: dict[str, Shape] = {
    "call_id": need(CALL_ID),
    "name": need(TEXT),
    "namespace": TEXT,
    "async": FLAG,
    "caller": CALLER,
}
SAFETY_CHECKS = list_of(record(id=need(TEXT), code=TEXT, message=TEXT))
SCREENSHOT = by_type(
    {"computer_screenshot": record(image_url=TEXT, file_id=TEXT, detail=TEXT, prompt_cache_breakpoint=OBJECT)}
)
PATCH_OPERATION = by_type(
    {
        "create_file": record(path=need(TEXT), diff=need(TEXT)),
        "update_file": record(path=need(TEXT), diff=need(TEXT)),
        "delete_file": record(path=need(TEXT)),
    }
)
SHELL_ENVIRONMENT = by_type(
    {"local": record(skills=list_of(OBJECT)), "container_reference": record(container_id=need(TEXT))}
)
SHELL_OUTPUT = record(
    stdout=need(TEXT),
    stderr=need(TEXT),
    outcome=need(by_type({"timeout": record(), "exit": record(exit_code=need(WHOLE))})),
    created_by=TEXT,
)
EXECUTION = one_of("server", "client")

CLIENT_TOOL_ITEMS: dict[str, Shape] = {
    "function_call": item(CALL, arguments=need(TEXT)),
    "function_call_output": item(
        call_id=CALL_ID, output=need(INPUT_CONTENT), name=TEXT, namespace=TEXT, caller=CALLER
    ),
    "custom_tool_call": item(CALL, input=need(TEXT)),
    "custom_tool_call_output": item(call_id=need(CALL_ID), output=need(INPUT_CONTENT), caller=CALLER),
    "tool_search_call": item(call_id=CALL_ID, arguments=need(ANY), execution=EXECUTION),
    "tool_search_output": item(call_id=CALL_ID, tools=need(TOOL_LIST), execution=EXECUTION),
    "local_shell_call": item(call_id=need(CALL_ID), action=need(OBJECT)),
    "local_shell_call_output": item(call_id=CALL_ID, output=need(TEXT)),
    "shell_call": item(
        call_id=need(CALL_ID),
        action=need(record(commands=need(list_of(TEXT)), max_output_length=WHOLE, timeout_ms=WHOLE)),
        environment=SHELL_ENVIRONMENT,
        caller=CALLER,
    ),
    "shell_call_output": item(
        call_id=need(CALL_ID), output=need(list_of(SHELL_OUTPUT)), max_output_length=WHOLE, caller=CALLER
    ),
    "apply_patch_call": item(call_id=need(CALL_ID), operation=need(PATCH_OPERATION), caller=CALLER),
    "apply_patch_call_output": item(
        call_id=need(CALL_ID), output=TEXT, caller=CALLER, status=need(one_of("completed", "failed"))
    ),
    "computer_call": item(
        call_id=need(CALL_ID),
        pending_safety_checks=SAFETY_CHECKS,
        action=OBJECT,
        actions=list_of(OBJECT),
    ),
    "computer_call_output": item(
        call_id=need(CALL_ID),
        output=need(SCREENSHOT),
        acknowledged_safety_checks=SAFETY_CHECKS,
        status=one_of("in_progress", "completed", "incomplete", "failed"),
    ),
}

HOSTED_TOOL_ITEMS: dict[str, Shape] = {
    "web_search_call": item(action=OBJECT, status=SEARCH_PROGRESS),
    "file_search_call": item(queries=need(list_of(TEXT)), results=list_of(OBJECT), status=SEARCH_PROGRESS),
    "code_interpreter_call": item(
        code=TEXT,
        container_id=need(TEXT),
        outputs=list_of(OBJECT),
        status=one_of("in_progress", "completed", "incomplete", "interpreting", "failed"),
    ),
    "image_generation_call": item(
        result=TEXT,
        action=TEXT,
        background=TEXT,
        error=OBJECT,
        output_format=TEXT,
        quality=TEXT,
        revised_prompt=TEXT,
        size=TEXT,
        svg_usage=OBJECT,
        status=one_of("in_progress", "completed", "generating", "failed"),
    ),
    "mcp_list_tools": item(server_label=need(TEXT), tools=need(list_of(OBJECT)), error=ANY),
    "mcp_call": item(
        server_label=need(TEXT),
        name=need(TEXT),
        arguments=need(TEXT),
        approval_request_id=TEXT,
        output=TEXT,
        error=by_kind({str: TEXT, dict: OBJECT}),
        status=one_of("in_progress", "completed", "incomplete", "calling", "failed"),
    ),
    "mcp_approval_request": item(server_label=need(TEXT), name=need(TEXT), arguments=need(TEXT)),
    "mcp_approval_response": item(approval_request_id=need(TEXT), approve=need(FLAG), reason=TEXT),
    "program": item(call_id=need(CALL_ID), code=need(TEXT), fingerprint=need(TEXT)),
    "program_output": item(call_id=need(CALL_ID), result=need(TEXT)),
}

CONTEXT_ITEMS: dict[str, Shape] = {
    "reasoning": item(
        summary=need(list_of(by_type({"summary_text": record(text=need(TEXT))}, at=""))),
        content=list_of(by_type({"reasoning_text": record(text=need(TEXT))}, at="")),
        encrypted_content=TEXT,
    ),
    "compaction": item(encrypted_content=need(TEXT)),
    "compaction_trigger": item(),
    "additional_tools": item(role=need(TEXT), tools=need(TOOL_LIST)),
    "configuration_update": item(
        reasoning=record(effort=TEXT),
        text=record(format=need(OBJECT)),
    ),
    "item_reference": record(EVERY_ITEM, id=need(TEXT)),
}

ITEM_TYPES = ("message", *CLIENT_TOOL_ITEMS, *HOSTED_TOOL_ITEMS, *CONTEXT_ITEMS)

MESSAGE_WITHOUT_ROLE = "message without a known role"

ITEM = by_key(
    {
        **ROLES,
        MESSAGE_WITHOUT_ROLE: item(role=need(one_of(*ROLES)), content=need(ANY), phase=TEXT),
        **CLIENT_TOOL_ITEMS,
        **HOSTED_TOOL_ITEMS,
        **CONTEXT_ITEMS,
    },
    lambda value: shape_name(value),
    expected=ITEM_TYPES,
)

INPUT = by_kind({str: TEXT | {"max_length": 10_485_760}, list: list_of(ITEM)})


def item_type(value: Json) -> str | None:
    """The type of an item, also where a client may leave it out; None where it cannot be told."""
    kind = value.get("type")
    if kind is not None:
        return kind if isinstance(kind, str) else None
    if "role" in value:
        return "message"
    return "item_reference" if value.keys() <= {"type", "id"} and "id" in value else None


def shape_name(value: Json) -> str | None:
    """Which shape an item must have: its type's, and for a message its role's."""
    kind = item_type(value)
    if kind != "message":
        return kind if kind in ITEM_TYPES else None
    role = value.get("role")
    return role if isinstance(role, str) and role in ROLES else MESSAGE_WITHOUT_ROLE


def input_list(given: str | list[Json]) -> list[Json]:
    """Input as a list of items in their full form; "" and [] give none."""
    if isinstance(given, str):
        return [user_message(given)] if given else []
    return [full_item(one) for one in given]


def user_message(said: str) -> Json:
    """What a bare string of input stands for."""
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": said}]}


def full_item(given: Json) -> Json:
    """An item with its type, a message with its content as parts, and nothing that is null."""
    kind = item_type(given)
    filled: Json = {"type": kind, **{key: value for key, value in given.items() if value is not None}}
    content: Any = filled.get("content")
    if kind == "message" and isinstance(content, str):
        filled["content"] = [text_part(content, assistant=filled.get("role") == "assistant")]
    return filled


def text_part(said: str, *, assistant: bool) -> Json:
    """A text as the content part of a message."""
    if assistant:
        return {"type": "output_text", "text": said, "annotations": []}
    return {"type": "input_text", "text": said}


def items_of_type(items: list[Json], kind: str) -> list[Json]:
    """The items of one type, in order."""
    return [one for one in items if one.get("type") == kind]


def tools_in(items: list[Json]) -> list[Json]:
    """Tools that came as items rather than in `tools`."""
    return [
        tool
        for one in items
        if one.get("type") in ("additional_tools", "tool_search_output")
        for tool in cast("list[Json]", one.get("tools") or [])
    ]

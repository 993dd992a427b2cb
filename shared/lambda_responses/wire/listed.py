"""Items as lists show them: what clients may leave out on the way in is there on the way out.

Types of `GET /v1/responses/{id}/input_items` and of `GET /v1/conversations/{id}/items`:
https://platform.openai.com/docs/api-reference/responses/list and .../conversations/list-items-object
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json

_DONE: Json = {"status": "completed"}
_FILLED: dict[str, Json] = {
    "message": _DONE,
    "function_call": _DONE,
    "function_call_output": _DONE,
    "custom_tool_call": _DONE,
    "custom_tool_call_output": _DONE,
    "computer_call": _DONE | {"pending_safety_checks": []},
    "computer_call_output": _DONE,
    "local_shell_call": _DONE,
    "local_shell_call_output": _DONE,
    "shell_call": _DONE,
    "shell_call_output": _DONE,
    "tool_search_call": _DONE | {"execution": "client"},
    "tool_search_output": _DONE | {"execution": "client"},
    "web_search_call": _DONE | {"action": {"type": "search", "query": ""}},
    "file_search_call": _DONE,
    "code_interpreter_call": _DONE,
    "image_generation_call": _DONE,
    "program_output": _DONE,
}
"""By type: what an item says that left it out."""
_WITH_PARTS = ("content", "output")


def listed_item(item: Json) -> Json:
    """The same item with the members that its listed type requires; the one given is not changed."""
    shown = dict(item)
    for member, value in _FILLED.get(shown["type"], {}).items():
        if shown.get(member) is None:
            shown[member] = value
    for member in _WITH_PARTS:
        parts: Any = shown.get(member)
        if isinstance(parts, list) and shown["type"] != "reasoning":
            shown[member] = [_listed_part(part) for part in cast("list[Any]", parts)]
    return shown


def _listed_part(part: Any) -> Any:
    match part:
        case {"type": "output_text"}:
            return {"annotations": [], **part}
        case {"type": "input_image"}:
            given = {name: value for name, value in cast("Json", part).items() if value is not None}
            return {"detail": "auto", **given}
        case _:
            return part

"""Items as lists show them: what clients may leave out on the way in is there on the way out.

Types of `GET /v1/responses/{id}/input_items`: https://platform.openai.com/docs/api-reference/responses/list
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json

_WITH_STATUS = frozenset(
    {
        "message",
        "function_call",
        "function_call_output",
        "custom_tool_call",
        "custom_tool_call_output",
        "computer_call_output",
        "local_shell_call_output",
        "shell_call",
        "shell_call_output",
        "tool_search_call",
        "tool_search_output",
    }
)
_WITH_PARTS = ("content", "output")


def listed_item(item: Json) -> Json:
    """The same item with the members that its listed type requires; the one given is not changed."""
    shown = dict(item)
    if shown["type"] in _WITH_STATUS and shown.get("status") is None:
        shown["status"] = "completed"
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

"""What must hold of the whole context that a model is given: history and new input together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.faults import clip

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lambda_responses.wire.json import Json

ANSWERS: dict[str, str] = {
    "function_call_output": "function_call",
    "custom_tool_call_output": "custom_tool_call",
    "computer_call_output": "computer_call",
    "local_shell_call_output": "local_shell_call",
    "shell_call_output": "shell_call",
    "apply_patch_call_output": "apply_patch_call",
    "tool_search_output": "tool_search_call",
}
"""Which call each kind of output answers."""

SPOKEN: dict[str, str] = {
    "function_call": "function call",
    "custom_tool_call": "custom tool call",
    "computer_call": "computer call",
    "local_shell_call": "local shell call",
    "shell_call": "shell call",
    "apply_patch_call": "apply patch call",
    "tool_search_call": "tool search call",
}


def check_whole_context(request: Json, items: Sequence[Json]) -> None:
    """What only the whole context of a request shows. Raises `InvalidRequestError`."""
    check_calls_answered(items)
    text: Json = request.get("text") or {}
    format: Json = text.get("format") or {}
    if format.get("type") == "json_object":
        check_json_mentioned(items)


def check_calls_answered(items: Iterable[Json]) -> None:
    """Every output answers an earlier call of its kind, and every client's call has its output.

    Raises `InvalidRequestError` (param `input`), outputs without a call first.
    """
    open_calls: dict[tuple[str, str], None] = {}
    answered: set[tuple[str, str]] = set()
    for item in items:
        kind, call_id = item.get("type", ""), _call_id(item)
        if call_id is None:
            continue
        if kind in SPOKEN:
            open_calls[kind, call_id] = None
        elif kind in ANSWERS:
            call = ANSWERS[kind], call_id
            if call not in open_calls and call not in answered:
                message = f"No tool call found for {SPOKEN[call[0]]} output with call_id {clip(call_id)}."
                raise InvalidRequestError(message, param="input")
            open_calls.pop(call, None)
            answered.add(call)
    for kind, call_id in open_calls:
        raise InvalidRequestError(f"No tool output found for {SPOKEN[kind]} {clip(call_id)}.", param="input")


def without_cut_calls(items: Sequence[Json], *, continued: Sequence[Json] = ()) -> list[Json]:
    """What a model can go on from, where an earlier answer was cut off in the middle.

    A call that was never said to its end is left out unless something answers it, here or in what the items
    are `continued` with; so are thoughts that were cut, or that led to nothing but such a call.
    """
    answers = (item for item in (*items, *continued) if item.get("type") in ANSWERS)
    answered = {(ANSWERS[item["type"]], _call_id(item)) for item in answers}
    kept: list[Json] = []
    leads_nowhere = False
    for item in reversed(items):
        kind = item.get("type", "")
        cut = item.get("status") == "incomplete"
        if cut and kind in SPOKEN and (kind, _call_id(item)) not in answered:
            leads_nowhere = True
        elif kind != "reasoning" or not (cut or leads_nowhere):
            leads_nowhere = False
            kept.append(item)
    kept.reverse()
    return kept


def without_torn_calls(items: Sequence[Json], *, settled: int) -> list[Json]:
    """What stays valid where whole turns were taken out of a history.

    An output whose call is missing is left out, and so is a call among the first `settled` items that nothing
    answers any more, with the thoughts that led to it; a later call may be answered yet.
    """
    kept: list[Json] = []
    called: set[tuple[str, str]] = set()
    answers = (item for item in items if item.get("type") in ANSWERS)
    answered = {(ANSWERS[item["type"]], _call_id(item)) for item in answers}
    asked = {item.get("id") for item in items if item.get("type") == "mcp_approval_request"}
    for place, item in enumerate(items):
        kind, call_id = item.get("type", ""), _call_id(item)
        if kind == "mcp_approval_response" and item.get("approval_request_id") not in asked:
            continue
        if call_id is not None and kind in ANSWERS and (ANSWERS[kind], call_id) not in called:
            continue
        if call_id is not None and kind in SPOKEN:
            if place < settled and (kind, call_id) not in answered:
                while kept and kept[-1].get("type") == "reasoning":
                    kept.pop()
                continue
            called.add((kind, call_id))
        kept.append(item)
    return kept


def call_made_by(item: Json) -> tuple[str, str] | None:
    """The call that an item is, by kind and id, if its client answers it."""
    kind, call_id = item.get("type", ""), _call_id(item)
    return (kind, call_id) if call_id is not None and kind in SPOKEN else None


def call_answered_by(item: Json) -> tuple[str, str] | None:
    """The call that an item answers, by kind and id, if it is an answer."""
    kind, call_id = item.get("type", ""), _call_id(item)
    return (ANSWERS[kind], call_id) if call_id is not None and kind in ANSWERS else None


def _call_id(item: Json) -> str | None:
    """The call that an item is about, None where the server itself answers it.

    A local shell's output carries it in `id` alone.
    """
    if item.get("execution") == "server":
        return None
    call_id: Any = item.get("call_id")
    if call_id is None and item.get("type") == "local_shell_call_output":
        call_id = item.get("id")
    return call_id if isinstance(call_id, str) else None


def check_json_mentioned(items: Iterable[Json]) -> None:
    """`json_object` works only for a model that was told to write JSON. Raises `InvalidRequestError`."""
    if any("json" in said.lower() for item in items for said in _texts(item)):
        return
    message = (
        "Response input messages must contain the word 'json' in some form "
        "to use 'text.format' of type 'json_object'."
    )
    raise InvalidRequestError(message, param="input")


def _texts(item: Json) -> Iterable[str]:
    for part in item.get("content") or ():
        if isinstance(part.get("text"), str):
            yield part["text"]

"""How a response tells of servers, of their tools' calls, and of what somebody has to approve: as deltas.

The events and their order are the API's:
https://platform.openai.com/docs/api-reference/responses-streaming/response/mcp_call
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.stream.deltas import BlockEnded, ItemEvent, ItemOpened, Opaque

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.stream.deltas import Delta
    from lambda_responses.tools.calls import PendingCall
    from lambda_responses.wire.json import Event, Json
    from lambda_responses.wire.tool_outcomes import Outcome

LISTED = "mcp_list_tools"
CALLED = "mcp_call"
ASKED = "mcp_approval_request"


def list_begun(label: str) -> Sequence[Delta]:
    """A server's tools are being listed."""
    block = (LISTED, label)
    item: Json = {"type": LISTED, "server_label": label, "tools": []}
    return (ItemOpened(block, item), ItemEvent(block, _event(f"{LISTED}.in_progress")))


def list_ended(label: str, item: Json, origin: Json) -> Sequence[Delta]:
    """They are, or cannot be: the `item` says which by its `error`."""
    block = (LISTED, label)
    ending = "failed" if item.get("error") is not None else "completed"
    return (
        ItemEvent(block, _event(f"{LISTED}.{ending}")),
        Opaque(block, origin),
        BlockEnded(block, item),
    )


def call_begun(call: PendingCall) -> Sequence[Delta]:
    """A call is being made."""
    block, arguments = (CALLED, call.call_id), call.arguments
    return (
        ItemOpened(block, _item(call, arguments="", status="in_progress")),
        ItemEvent(block, _event(f"{CALLED}.in_progress")),
        ItemEvent(block, {**_event(f"{CALLED}_arguments.delta"), "delta": arguments}),
        ItemEvent(block, {**_event(f"{CALLED}_arguments.done"), "arguments": arguments}),
    )


def call_ended(call: PendingCall, outcome: Outcome) -> Sequence[Delta]:
    """It was made, and this is what came of it."""
    block, status = (CALLED, call.call_id), "failed" if outcome.failed else "completed"
    item = _item(call, arguments=call.arguments, status=status)
    return (
        ItemEvent(block, _event(f"{CALLED}.{status}")),
        Opaque(block, call.origin),
        BlockEnded(block, {**item, "output": outcome.output, "error": outcome.error}),
    )


def approval_asked(call: PendingCall, request_id: str | None = None) -> Sequence[Delta]:
    """A call waits for somebody's approval. `request_id` is an id that proves what was asked, if one does."""
    block = (ASKED, call.call_id)
    item: Json = {
        "type": ASKED,
        "arguments": call.arguments,
        "name": call.name,
        "server_label": call.server_label,
    }
    return (ItemOpened(block, item, request_id), Opaque(block, call.origin), BlockEnded(block, item))


def _event(name: str) -> Event:
    return {"type": f"response.{name}", "item_id": "", "output_index": 0}


def _item(call: PendingCall, *, arguments: str, status: str) -> Json:
    return {
        "type": CALLED,
        "approval_request_id": call.approval_request_id,
        "arguments": arguments,
        "error": None,
        "name": call.name,
        "output": None,
        "server_label": call.server_label,
        "status": status,
    }

"""Which fields of the upstream's response object are the upstream's to decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambda_responses.stream.parts import json_objects
from lambda_responses.transformers.readings import members, read_count
from lambda_responses.wire.tool_secrets import public_tool
from lambda_responses.wire.tools import echoed_tool

if TYPE_CHECKING:
    from collections.abc import Iterable, Set

    from lambda_responses.wire.json import Json

OWNED = frozenset(
    {
        # Identity and time: a response is ours, made here.
        "id",
        "object",
        "created_at",
        "completed_at",
        # State: the emitter makes it from deltas.
        "status",
        "output",
        "usage",
        "error",
        "incomplete_details",
        # What the upstream was told differently, because the conversation is kept here.
        "previous_response_id",
        "conversation",
        "store",
        "background",
        # Echoes of the request that upstreams shorten, resolve or refuse.
        "instructions",
        "metadata",
        "text",
        # Not of the API: a convenience of clients, and debugging aids that show the rendered prompt.
        "output_text",
        "input_messages",
        "output_messages",
    }
)
"""Fields that are never taken from an upstream."""

ECHOES: dict[str, type | tuple[type, ...]] = {
    "frequency_penalty": (int, float),
    "max_output_tokens": int,
    "max_tool_calls": int,
    "model": str,
    "parallel_tool_calls": bool,
    "presence_penalty": (int, float),
    "prompt": dict,
    "prompt_cache_key": str,
    "prompt_cache_options": dict,
    "prompt_cache_retention": str,
    "reasoning": dict,
    "safety_identifier": str,
    "service_tier": str,
    "temperature": (int, float),
    "tool_choice": (str, dict),
    "tools": list,
    "top_logprobs": int,
    "top_p": (int, float),
    "truncation": str,
    "user": str,
}
"""Fields that repeat the request, as the upstream settled them: taken where they have their type.

Servers that do not know a setting answer null, which strict clients refuse in most of these fields.
"""

SERVICE_TIERS = frozenset({"auto", "default", "flex", "scale", "priority", "fast", "ultrafast"})
"""Tiers that clients know; vendors have names of their own for how they serve."""

_TOTALS = ("input_tokens", "output_tokens", "total_tokens")
_DETAILS = {
    "input_tokens_details": ("cached_tokens", "cache_write_tokens"),
    "output_tokens_details": ("reasoning_tokens",),
}


def read_envelope(response: Any, misreported: Set[str]) -> Json:
    """The fields to take over. Those that the API does not know yet are taken as they are.

    MCP tools are shown as we show them, and no tool with its secrets: some servers would repeat them.
    """
    taken = {
        key: value
        for key, value in members(response).items()
        if key not in OWNED and key not in misreported and isinstance(value, ECHOES.get(key, object))
    }
    if taken.get("service_tier") not in SERVICE_TIERS:
        taken.pop("service_tier", None)
    if "reasoning" in taken:
        taken["reasoning"] = {"effort": None, "summary": None, **taken["reasoning"]}
    if "tools" in taken:
        taken["tools"] = [
            echoed_tool(tool) if tool.get("type") == "mcp" else public_tool(tool)
            for tool in json_objects(taken["tools"])
        ]
    return taken


def read_usage(usage: Any) -> Json | None:
    """Token counts verbatim, with the details that the API always has; None where nothing was counted."""
    told = members(usage)
    if "output_tokens" not in told:
        return None
    details = {name: _counted(members(told.get(name)), counts) for name, counts in _DETAILS.items()}
    return {**_counted(told, _TOTALS), **details}


def _counted(told: Json, names: Iterable[str]) -> Json:
    """The counts that the API always has, as numbers, beside whatever else was told."""
    return {**told, **{name: read_count(told.get(name)) for name in names}}

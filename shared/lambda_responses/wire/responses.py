"""The response object as it looks at its start.

https://platform.openai.com/docs/api-reference/responses/object. Every member is always there, also those that
are null: clients in other languages, and the Open Responses specification, require them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.wire.tools import echoed_tool

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json

DEFAULTS: Json = {
    "background": False,
    "frequency_penalty": 0.0,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "prompt_cache_key": None,
    "prompt_cache_retention": None,
    "safety_identifier": None,
    "service_tier": "auto",
    "store": True,
    "temperature": 1.0,
    "tool_choice": "auto",
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""Settings that a response repeats, and what it shows where the request did not say."""

RESOLVED_TIERS: dict[str, str] = {"fast": "priority"}
"""Service tiers that are shown under another name; `auto` is resolved when the response ends."""


def new_response(
    request: Json,
    *,
    response_id: str,
    created_at: int,
    model: str,
    previous_response_id: str | None = None,
) -> Json:
    """The response to a checked request, at `in_progress`; `created_at` in seconds since 1970.

    The settings of the request are shown in it, what it left out with its default. Nothing secret is.
    """
    response: Json = {
        "id": response_id,
        "object": "response",
        "created_at": created_at,
        "status": "in_progress",
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "model": model,
        "previous_response_id": previous_response_id,
        "output": [],
        "usage": None,
        **{name: request.get(name, default) for name, default in DEFAULTS.items()},
        "metadata": request.get("metadata") or {},
        "reasoning": _reasoning(request.get("reasoning") or {}),
        "text": _text(request.get("text") or {}),
        "tools": [echoed_tool(tool) for tool in request.get("tools") or ()],
    }
    tier = response["service_tier"]
    response["service_tier"] = RESOLVED_TIERS.get(tier, tier)
    return {**response, **_if_given(request)}


def _if_given(request: Json) -> Json:
    """What only the response to a request with it shows."""
    shown: Json = {}
    conversation = request.get("conversation")
    if conversation is not None:
        shown["conversation"] = {"id": conversation} if isinstance(conversation, str) else conversation
    if request.get("prompt") is not None:
        shown["prompt"] = request["prompt"]
    if request.get("prompt_cache_options") is not None:
        asked: Json = {"mode": "implicit", "ttl": "30m", **request["prompt_cache_options"]}
        shown["prompt_cache_options"] = {key: value for key, value in asked.items() if key != "prewarm"}
    return shown


def _reasoning(asked: Json) -> Json:
    summary = asked.get("summary") or asked.get("generate_summary")
    others = {name: value for name, value in asked.items() if name not in ("generate_summary", "summary")}
    return {"effort": None, **others, "summary": summary}


def _text(asked: Json) -> Json:
    form: Json = asked.get("format") or {"type": "text"}
    if form.get("type") == "json_schema":
        form = {"description": None, "strict": False, **form}
    return {**asked, "format": form, "verbosity": asked.get("verbosity") or "medium"}

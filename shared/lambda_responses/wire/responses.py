"""The response object: how it looks at its start, and how tokens are counted in it.

https://platform.openai.com/docs/api-reference/responses/object. Every member is always there, also those that
are null: clients in other languages, and the Open Responses specification, require them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from lambda_responses.wire.tools import echoed_tool

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lambda_responses.wire.json import Json

DEFAULTS: Json = {
    "background": False,
    "frequency_penalty": 0.0,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "previous_response_id": None,
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

REPEATED_IF_GIVEN = ("image", "moderation", "prompt", "prompt_cache_options")
"""Settings that only a response to a request with them shows."""


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
        "output": [],
        "usage": None,
        **{name: request.get(name, default) for name, default in DEFAULTS.items()},
        **{name: request[name] for name in REPEATED_IF_GIVEN if name in request},
        "reasoning": _reasoning(request.get("reasoning") or {}),
        "text": _text(request.get("text") or {}),
        "tools": [echoed_tool(tool) for tool in request.get("tools") or ()],
    }
    if previous_response_id is not None:
        response["previous_response_id"] = previous_response_id
    conversation = request.get("conversation")
    if conversation is not None:
        response["conversation"] = {"id": conversation} if isinstance(conversation, str) else conversation
    return response


def _reasoning(asked: Json) -> Json:
    summary = asked.get("summary") or asked.get("generate_summary")
    others = {name: value for name, value in asked.items() if name not in ("generate_summary", "summary")}
    return {"effort": None, **others, "summary": summary}


def _text(asked: Json) -> Json:
    form: Json = asked.get("format") or {"type": "text"}
    if form.get("type") == "json_schema":
        form = {"description": None, "strict": False, **form}
    return {**asked, "format": form, "verbosity": asked.get("verbosity") or "medium"}


def usage(
    *,
    input_tokens: int,
    output_tokens: int,
    cached_tokens: int = 0,
    cache_write_tokens: int = 0,
    reasoning_tokens: int = 0,
    total_tokens: int | None = None,
) -> Json:
    """Tokens in the wire's shape. Cached tokens are part of the input, reasoning tokens of the output."""
    return {
        "input_tokens": input_tokens,
        "input_tokens_details": {"cached_tokens": cached_tokens, "cache_write_tokens": cache_write_tokens},
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": reasoning_tokens},
        "total_tokens": input_tokens + output_tokens if total_tokens is None else total_tokens,
    }


def add_usage(counts: Iterable[Json | None]) -> Json | None:
    """The sum of several steps' tokens, member by member; None where no step counted any."""
    total: Json | None = None
    for count in counts:
        if count is not None:
            total = count if total is None else _sum(total, count)
    return total


def _sum(left: Json, right: Json) -> Json:
    total: Json = {**left}
    for name, value in right.items():
        known = total.get(name)
        if isinstance(value, dict):
            total[name] = _sum(known or {}, cast("Json", value))
        elif value is not None:
            total[name] = (known or 0) + value
    return total

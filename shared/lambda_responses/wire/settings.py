"""The settings of a create request: their shapes, in the order in which the live API judges them.

https://platform.openai.com/docs/api-reference/responses/create, the official SDK's types, the two penalties
of Open Responses, and what official clients send besides.
"""

from __future__ import annotations

from lambda_responses.wire.includes import INCLUDABLE
from lambda_responses.wire.input_items import INPUT
from lambda_responses.wire.shapes import (
    FLAG,
    NUMBER,
    OBJECT,
    TEXT,
    Shape,
    by_kind,
    by_type,
    list_of,
    loose,
    map_of,
    need,
    number,
    one_of,
    record,
    text,
    whole,
)
from lambda_responses.wire.tools import TOOL_CHOICE, TOOL_LIST

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
SUMMARIES = one_of("auto", "concise", "detailed")

FORMAT_NAME = text(least=1, most=64, pattern="^[a-zA-Z0-9_-]+$")
FORMAT = by_type(
    {
        "text": record(),
        "json_object": record(),
        "json_schema": record(name=need(FORMAT_NAME), schema=need(OBJECT), description=TEXT, strict=FLAG),
    }
)
PROMPT = record(id=need(TEXT), version=TEXT, variables=map_of(by_kind({str: TEXT, dict: OBJECT})))
MODERATION_MODE = record(mode=one_of("score", "block"))
BACKGROUND_OPTIONS = record(completion_window=one_of("soonest", "2h", "8h"), continuation_id=TEXT)
BOUNDS = record(
    max_steps=whole(least=1),
    max_tool_calls=whole(least=1),
    max_seconds=number(least=0),
    max_tokens=whole(least=1),
    max_cost=number(least=0),
)
"""A member of this server's own: what the response to this very request may use. See `tools.bounds`."""
METADATA = map_of(text(most=512), keys=text(most=64), most=16)

SETTINGS: dict[str, Shape] = {
    "input": INPUT,
    "previous_response_id": TEXT,
    "prompt": PROMPT,
    "moderation": record(model=need(TEXT), policy=record(input=MODERATION_MODE, output=MODERATION_MODE)),
    "include": list_of(one_of(*INCLUDABLE)),
    "tools": TOOL_LIST,
    "tool_choice": TOOL_CHOICE,
    "metadata": METADATA,
    "text": record(format=FORMAT, verbosity=one_of("low", "medium", "high")),
    "temperature": number(least=0, most=2),
    "top_p": number(least=0, most=1),
    "presence_penalty": number(least=-2, most=2),
    "frequency_penalty": number(least=-2, most=2),
    "parallel_tool_calls": FLAG,
    "stream": FLAG,
    "stream_options": record(include_obfuscation=FLAG),
    "background": FLAG,
    "background_options": BACKGROUND_OPTIONS,
    "max_output_tokens": whole(least=16),
    "max_tool_calls": whole(least=1),
    "reasoning": record(
        effort=one_of(*EFFORTS),
        summary=SUMMARIES,
        generate_summary=SUMMARIES,
        context=one_of("auto", "current_turn", "all_turns"),
        mode=TEXT,
    ),
    "user": TEXT,
    "safety_identifier": text(most=128),
    "prompt_cache_options": record(
        mode=one_of("implicit", "explicit"),
        ttl=one_of("30m", "12h"),
        prewarm=FLAG,
        comparison_response_id=TEXT,
    ),
    "prompt_cache_key": TEXT,
    "prompt_cache_retention": one_of("in_memory", "24h"),
    "truncation": one_of("auto", "disabled"),
    "instructions": TEXT,
    "store": FLAG,
    "service_tier": one_of("auto", "default", "flex", "scale", "priority", "fast", "ultrafast"),
    "top_logprobs": whole(least=0, most=20),
    "context_management": list_of(
        by_type({"compaction": record(compact_threshold=whole(least=1000))}), least=1
    ),
    "conversation": by_kind({str: TEXT, dict: record(id=need(TEXT))}),
    "image": record(context_compression=one_of("auto", "enabled", "disabled")),
    "access_programs": OBJECT,
    "multi_agent": OBJECT,
    "client_metadata": OBJECT,
    "bounds": BOUNDS,
}

NATIVE_CONTENT = by_kind({str: TEXT, list: list_of(OBJECT)})
NATIVE_ITEM = loose(id=TEXT, call_id=TEXT, role=TEXT, content=NATIVE_CONTENT)

NATIVE_SETTINGS: dict[str, Shape] = {
    "input": by_kind({str: TEXT, list: list_of(NATIVE_ITEM)}),
    "previous_response_id": TEXT,
    "prompt": loose(id=need(TEXT)),
    "include": list_of(TEXT),
    "tools": list_of(loose(name=TEXT, parameters=OBJECT, strict=FLAG, tools=list_of(OBJECT))),
    "tool_choice": by_kind({str: TEXT, dict: OBJECT}),
    "metadata": METADATA,
    "text": loose(format=OBJECT),
    "temperature": NUMBER,
    "top_p": NUMBER,
    "presence_penalty": NUMBER,
    "frequency_penalty": NUMBER,
    "parallel_tool_calls": FLAG,
    "stream": FLAG,
    "stream_options": loose(include_obfuscation=FLAG),
    "background": FLAG,
    "background_options": BACKGROUND_OPTIONS,
    "max_output_tokens": whole(),
    "max_tool_calls": whole(),
    "reasoning": OBJECT,
    "user": TEXT,
    "safety_identifier": TEXT,
    "prompt_cache_options": OBJECT,
    "prompt_cache_key": TEXT,
    "prompt_cache_retention": TEXT,
    "truncation": TEXT,
    "instructions": by_kind({str: TEXT, list: list_of(OBJECT)}),
    "store": FLAG,
    "service_tier": TEXT,
    "top_logprobs": whole(),
    "bounds": BOUNDS,
    "conversation": SETTINGS["conversation"],
}
"""What is judged although the upstream judges too: what is acted on, stored, or shown in the response."""

COMPACTION_SETTINGS = (
    "input",
    "previous_response_id",
    "prompt_cache_options",
    "prompt_cache_key",
    "prompt_cache_retention",
    "instructions",
    "service_tier",
    "image",
)
"""What a request to compact may say besides its model."""

KNOWN_KEYS: tuple[str, ...] = ("model", *SETTINGS)

"""Content parts: what messages and tool outputs are made of.

Shapes after https://platform.openai.com/docs/api-reference/responses/create and the official SDK's types.
"""

from __future__ import annotations

from lambda_responses.wire.shapes import (
    ANY,
    TEXT,
    Shape,
    by_key,
    by_kind,
    by_type,
    list_of,
    need,
    one_of,
    record,
)

CACHE_BREAKPOINT = record(mode=need(one_of("explicit")), ttl=TEXT)
IMAGE_DETAIL = one_of("low", "high", "auto", "original")

INPUT_TEXT = record(text=need(TEXT), prompt_cache_breakpoint=CACHE_BREAKPOINT)
INPUT_IMAGE = record(
    image_url=TEXT, file_id=TEXT, detail=IMAGE_DETAIL, prompt_cache_breakpoint=CACHE_BREAKPOINT
)
INPUT_FILE = record(
    file_id=TEXT,
    file_url=TEXT,
    file_data=TEXT,
    filename=TEXT,
    detail=one_of("auto", "low", "high"),
    prompt_cache_breakpoint=CACHE_BREAKPOINT,
)
INPUT_AUDIO = record(input_audio=need(record(data=need(TEXT), format=need(TEXT))))
OUTPUT_TEXT = record(text=need(TEXT), annotations=list_of(ANY), logprobs=list_of(ANY))
REFUSAL = record(refusal=need(TEXT))

INPUT_PARTS: dict[str, Shape] = {
    "input_text": INPUT_TEXT,
    "input_image": INPUT_IMAGE,
    "input_file": INPUT_FILE,
    "input_audio": INPUT_AUDIO,
}
NAMED = ("input_text", "input_image", "input_file")
"""What faults name: the live API takes audio no more, but models of other providers hear."""
OUTPUT_PARTS: dict[str, Shape] = {"output_text": OUTPUT_TEXT, "refusal": REFUSAL}

_INPUT_PART = by_key(INPUT_PARTS, lambda value: value.get("type"), expected=NAMED)
INPUT_CONTENT = by_kind({str: TEXT, list: list_of(_INPUT_PART)})
"""What a user, system or developer says, or a tool answers: a string or parts."""

OUTPUT_CONTENT = by_kind({str: TEXT, list: list_of(by_type(OUTPUT_PARTS, at=""))})
"""What an assistant said: a string or parts."""

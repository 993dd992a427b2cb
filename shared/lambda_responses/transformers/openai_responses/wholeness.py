"""What the API promises of an item, put right where a server did not keep it, for typed clients' sake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from lambda_responses.stream.parts import json_objects
from lambda_responses.transformers.readings import read_text
from lambda_responses.wire.json import to_bytes

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json

ITEM_DEFAULTS: dict[str, Json] = {
    "web_search_call": {"action": {"type": "search"}},
    "reasoning": {"summary": []},
}
ANNOTATION_DEFAULTS: dict[str, Json] = {
    "url_citation": {"title": "", "start_index": 0, "end_index": 0},
}
PARTS: dict[str, dict[str, str]] = {
    "message": {"content": "output_text"},
    "reasoning": {"summary": "summary_text", "content": "reasoning_text"},
}
"""By type of item, the lists of parts that it has, and the type that bare text has among them."""

_STRINGS = ("id", "call_id", "name", "namespace", "status", "encrypted_content", "approval_request_id")
"""Members that name something: of any other type they name nothing."""


def whole_item(item: Json) -> Json:
    """A copy of the item with the members of its type, and whole annotations on its text."""
    kind: str = item["type"]
    whole = {**ITEM_DEFAULTS.get(kind, {}), **item}
    for name in _STRINGS:
        if not isinstance(whole.get(name, ""), str | None):
            del whole[name]
    for name, text_type in PARTS.get(kind, {}).items():
        if whole.get(name) is not None or (name == "content" and kind == "message"):
            whole[name] = [_whole_part(part) for part in _parts_of(whole.get(name), text_type)]
    said = whole.get("arguments")
    if kind == "function_call" and said is not None and not isinstance(said, str):
        whole["arguments"] = to_bytes(said).decode()
    return whole


def whole_annotation(annotation: Json) -> Json:
    """The annotation with the members of its type."""
    kind = annotation.get("type")
    return {**(ANNOTATION_DEFAULTS.get(kind, {}) if isinstance(kind, str) else {}), **annotation}


def _parts_of(given: Any, text_type: str) -> list[Json]:
    """The parts of a list, each with a type; bare text, in or in place of the list, is a part."""
    parts: list[Json] = []
    for part in cast("list[Any]", given) if isinstance(given, list) else [given]:
        if isinstance(part, dict):
            told = cast("Json", part)
            parts.append(told if isinstance(told.get("type"), str) else {**told, "type": text_type})
        elif text := read_text(part, "openai_responses", "content"):
            parts.append({"type": text_type, "text": text})
    return parts


def _whole_part(part: Json) -> Json:
    if not part.get("annotations"):
        return part
    return {**part, "annotations": [whole_annotation(each) for each in json_objects(part["annotations"])]}

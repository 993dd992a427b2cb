"""Members that the API promises, put in where a server left them out: typed clients fail without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.transformers.openai_responses.items import members

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json

ITEM_DEFAULTS: dict[str, Json] = {
    "web_search_call": {"action": {"type": "search"}},
    "reasoning": {"summary": []},
}
ANNOTATION_DEFAULTS: dict[str, Json] = {
    "url_citation": {"title": "", "start_index": 0, "end_index": 0},
}


def whole_item(item: Json) -> Json:
    """A copy of the item with the members of its type, and whole annotations on its text."""
    whole = {**ITEM_DEFAULTS.get(item.get("type", ""), {}), **item}
    if item.get("type") == "message":
        whole["content"] = [_whole_part(members(part)) for part in item.get("content") or ()]
    return whole


def whole_annotation(annotation: Json) -> Json:
    """The annotation with the members of its type."""
    return {**ANNOTATION_DEFAULTS.get(annotation.get("type", ""), {}), **annotation}


def _whole_part(part: Json) -> Json:
    if not part.get("annotations"):
        return part
    return {**part, "annotations": [whole_annotation(annotation) for annotation in part["annotations"]]}

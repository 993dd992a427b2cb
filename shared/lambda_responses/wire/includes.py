"""What a response shows only to those who ask for it.

https://platform.openai.com/docs/api-reference/responses/create#responses-create-include
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from lambda_responses.wire.json import Json

INCLUDABLE = (
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
)

SEEN_TO = ("reasoning.encrypted_content", "message.output_text.logprobs")
"""What nobody says who was not asked for it: nothing of the kind need be taken from an answer."""


def apply_include(shown: Json, include: Collection[str]) -> Json:
    """A response, or one item, as a client sees it who asked for `include`.

    What was not asked for is left out. The object given is not changed; one that loses nothing is passed on.
    """
    if shown.get("object") != "response":
        return _item(shown, include)
    return {**shown, "output": [_item(item, include) for item in shown["output"]]}


def apart(item: Json, include: Collection[str]) -> tuple[Json, Json]:
    """An item as it is shown to those who asked for `include`, and the members, whole, that it shows less of.

    An item that says nothing which was not asked for is passed on.
    """
    shown = _item(item, include)
    unshown = {name: value for name, value in item.items() if shown.get(name) is not value}
    return (shown, unshown) if unshown else (item, unshown)


def _item(item: Json, include: Collection[str]) -> Json:
    for name, strip in STRIPPERS.get(item.get("type", ""), ()):
        if name not in include:
            item = strip(item)
    return item


def _emptied(*keys: str) -> Callable[[Json], Json]:
    """Takes members away; the SDK's types read an absent one as null."""

    def strip(item: Json) -> Json:
        return _without(item, keys)

    return strip


def _without(value: Json, keys: Collection[str]) -> Json:
    if value.keys().isdisjoint(keys):
        return value
    return {name: member for name, member in value.items() if name not in keys}


def _inner(member: str, *keys: str) -> Callable[[Json], Json]:
    """Takes members away from an object inside an item."""

    def strip(item: Json) -> Json:
        inner: Any = item.get(member)
        if not isinstance(inner, dict):
            return item
        held = cast("Json", inner)
        kept = _without(held, keys)
        return item if kept is held else {**item, member: kept}

    return strip


def _parts(part_type: str, change: Callable[[Json], Json]) -> Callable[[Json], Json]:
    """Changes the content parts of one type."""

    def strip(item: Json) -> Json:
        content: Any = item.get("content")
        if not isinstance(content, list):
            return item
        parts = cast("list[Json]", content)
        changed = [change(part) if part.get("type") == part_type else part for part in parts]
        same = all(new is old for new, old in zip(changed, parts, strict=True))
        return item if same else {**item, "content": changed}

    return strip


def _no_logprobs(part: Json) -> Json:
    return {**part, "logprobs": []} if part.get("logprobs") else part


def _no_image_url(part: Json) -> Json:
    return {**part, "image_url": None} if part.get("image_url") else part


STRIPPERS: dict[str, tuple[tuple[str, Callable[[Json], Json]], ...]] = {
    "reasoning": (("reasoning.encrypted_content", _emptied("encrypted_content")),),
    "message": (
        ("message.output_text.logprobs", _parts("output_text", _no_logprobs)),
        ("message.input_image.image_url", _parts("input_image", _no_image_url)),
    ),
    "web_search_call": (
        ("web_search_call.results", _emptied("results")),
        ("web_search_call.action.sources", _inner("action", "sources")),
    ),
    "file_search_call": (("file_search_call.results", _emptied("results")),),
    "code_interpreter_call": (("code_interpreter_call.outputs", _emptied("outputs")),),
    "computer_call_output": (("computer_call_output.output.image_url", _inner("output", "image_url")),),
}
"""By item type: what may be asked for, and how an item looks without it."""

"""Compaction items: what they stand for, what of a context they make superfluous, and how they are told.

A client sees an opaque item. What is in its envelope lies beside it as the item's origin:

    summary          what was said, in a model's words, where this server had it summarized
    before, after    messages that stay as they were, told before the summary and after it
    items            what the item stands for, where its maker alone reads the compacted form
    whole            whether the item stands for everything before it, so that nothing else is needed

and, where a maker compacted by itself, what that maker wants back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from lambda_responses.wire.context import without_torn_calls
from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.tool_secrets import public_item

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from lambda_responses.wire.json import Json

COMPACTION = "compaction"
TRIGGER = "compaction_trigger"
"""Types of the item, and of the one by which a client asks for it."""

INSTRUCTING = frozenset({"system", "developer"})
"""Roles of those who say how to answer, rather than what to."""

MOST_KEPT = 80_000
"""Characters of users' messages that a compaction keeps as they were: about 20,000 tokens."""
MOST_TOLD_AGAIN = 1_000_000
"""Characters of items that are kept so that another maker can go on where one compacted by itself."""

_ONLY_SEEN = frozenset({"reasoning", "computer_call", "computer_call_output", TRIGGER})
"""Types of items that say nothing to another maker without what is not kept of them."""

_OURS = frozenset({"summary", "before", "after", "items", "whole", "maker", "id"})

_PREFACE = (
    "The conversation so far has become long and was replaced by this summary of it. It was written from the "
    "full record, for you to go on from. Build on it as if you had been there, do not repeat work that is "
    "done, and do not speak of the summary unless you are asked about it.\n\n"
)

_MEDIA = {
    "input_image": "image",
    "input_file": "file",
    "input_audio": "audio",
    "input_video": "video",
}


def asks_to_compact(request: Json) -> bool:
    """Whether a checked request asks for nothing but a compaction."""
    return bool(request["input"]) and request["input"][-1]["type"] == TRIGGER


def check_trigger_is_last(items: Sequence[Json]) -> None:
    """Nothing may follow what asks for a compaction. Raises `InvalidRequestError`."""
    for index, item in enumerate(items[:-1]):
        if item["type"] == TRIGGER:
            message = (
                f"Invalid 'input[{index}]': an item of type '{TRIGGER}' must be the last one of the input."
            )
            raise InvalidRequestError(message, code="invalid_value", param=f"input[{index}]")


def is_compaction(item: Json) -> bool:
    """Whether the item is what a compaction left."""
    return item.get("type") == COMPACTION


def stands_for_all(item: Json, origins: Mapping[str, Json]) -> bool:
    """Whether an item stands for everything before it."""
    return is_compaction(item) and bool(origins.get(item.get("id") or "", {}).get("whole"))


def beginning(items: Sequence[Json], origins: Mapping[str, Json]) -> int:
    """The first place that a model still has to see: that of the newest item that stands for all before."""
    for index in range(len(items) - 1, -1, -1):
        if stands_for_all(items[index], origins):
            return index
    return 0


def pruned(items: Sequence[Json], origins: Mapping[str, Json]) -> list[Json]:
    """The items from the newest on that stands for all before it."""
    return list(items[beginning(items, origins) :])


def summarized(items: Sequence[Json], summary: str, *, whole: bool, waiting: int = 0) -> Json:
    """The origin of an item that tells of these items by a summary.

    Where it stands for all of them (`whole`) it keeps the users' messages, the newest first while there is
    room, the last of them after the summary if they are `waiting`. It always keeps the instructions among
    the items: nobody may sum those up.
    """
    split = len(items) - (waiting if whole else 0)
    return {
        "summary": summary,
        "before": _kept(items[:split], room=MOST_KEPT if whole else 0),
        "after": [without_media(item) for item in items[split:]],
        "whole": whole,
    }


def told_otherwise(items: Sequence[Json], *, whole: bool) -> Json:
    """The part of an origin that lets another maker go on: the newest items while there is room."""
    kept: list[Json] = []
    room = MOST_TOLD_AGAIN
    for item in reversed(items):
        if item.get("type") in _ONLY_SEEN:
            continue
        named = public_item(without_media(item))
        room -= len(str(named))
        if room < 0:
            break
        kept.append(named)
    answered = {item.get("call_id") for item in kept if "call_id" in item and not _is_output(item)}
    kept = [item for item in kept if not _is_output(item) or item.get("call_id") in answered]
    return {"items": kept[::-1], "whole": whole}


def told(item: Json, origin: Json, *, native: bool, live: Mapping[str, Json] | None = None) -> Iterator[Json]:
    """What a model is shown in an item's place; the item itself where its maker is asked (`native`).

    `live` are messages as they were in full, by id, where they are still at hand.
    """
    if native and origin.keys() - _OURS:
        yield item
    elif "summary" in origin:
        yield from (_live(each, live) for each in origin.get("before", ()))
        yield {"type": "message", "role": "user", "content": [_text(f"{_PREFACE}{origin['summary']}")]}
        yield from (_live(each, live) for each in origin.get("after", ()))
    elif "items" in origin:
        yield from (_live(each, live) for each in origin["items"])
    else:
        yield item


def kept_messages(item: Json, origin: Json) -> list[Json]:
    """The messages that an item keeps as they were."""
    if "summary" in origin:
        return [*origin.get("before", ()), *origin.get("after", ())]
    return [each for each in origin.get("items", ()) if each.get("type") == "message"]


def without_items(origin: Json, gone: Collection[str]) -> Json:
    """The origin of a compaction without the items of these ids; the same object where it keeps none.

    A summary stays as it is: nobody can tell what in it comes from where.
    """
    changed: Json = {}
    for member in ("before", "after", "items") if "whole" in origin else ():
        held: list[Json] = origin.get(member, [])
        kept = [item for item in held if item.get("id") not in gone]
        if len(kept) < len(held):
            changed[member] = without_torn_calls(kept, settled=len(kept))
    return {**origin, **changed} if changed else origin


def said_again(items: Iterable[Json], origins: Mapping[str, Json]) -> list[Json]:
    """The items with, in the place of every compaction, the messages that it keeps; no summaries."""
    flat: list[Json] = []
    for item in items:
        if is_compaction(item):
            flat += kept_messages(item, origins.get(item.get("id") or "", {}))
        else:
            flat.append(item)
    return flat


def unanswered(items: Sequence[Json], origins: Mapping[str, Json]) -> int:
    """How many users' messages the items end with, once said again: what the next answer is for.

    Of a compaction those that it tells after its summary: the others had been answered by then.
    """
    count = 0
    for item in reversed(items):
        if is_compaction(item):
            origin = origins.get(item.get("id") or "", {})
            after = origin.get("after", ()) if "summary" in origin else kept_messages(item, origin)
            return count + _trailing_messages(after)
        if not _says(item, "user"):
            break
        count += 1
    return count


def without_media(item: Json) -> Json:
    """The item with a line of text for each picture, file and sound in it; the same object without any."""
    changed: Json = {}
    for member in ("content", "output"):
        held: Any = item.get(member)
        if isinstance(held, list):
            parts = cast("list[Any]", held)
            named = [_named(part) for part in parts]
            if any(one is not other for one, other in zip(named, parts, strict=True)):
                changed[member] = named
    return {**item, **changed} if changed else item


def _named(part: Any) -> Any:
    if not isinstance(part, dict):
        return part
    given = cast("Json", part)
    kind = _MEDIA.get(given.get("type", ""))
    if kind is None:
        return given
    address = given.get("image_url") or given.get("file_url")
    if not isinstance(address, str) or address.startswith("data:"):
        address = None
    name = given.get("filename") or address or given.get("file_id")
    return _text(f"[{kind}: {name}]" if name else f"[{kind}]")


def _text(said: str) -> Json:
    return {"type": "input_text", "text": said}


def _live(message: Json, live: Mapping[str, Json] | None) -> Json:
    return message if live is None else live.get(message.get("id") or "", message)


def _is_output(item: Json) -> bool:
    return str(item.get("type", "")).endswith("_output")


def _says(item: Json, *roles: str) -> bool:
    return item.get("type", "message") == "message" and item.get("role") in roles


def _trailing_messages(items: Sequence[Json]) -> int:
    """How many users' messages the items end with: what the next answer is for."""
    count = 0
    for item in reversed(items):
        if not _says(item, "user"):
            break
        count += 1
    return count


def _kept(items: Sequence[Json], *, room: int) -> list[Json]:
    kept: list[Json] = []
    for item in reversed(items):
        if _says(item, *INSTRUCTING):
            kept.append(without_media(item))
        elif _says(item, "user") and room > 0:
            message = without_media(item)
            room -= len(str(message.get("content")))
            if room >= 0:
                kept.append(message)
    return kept[::-1]

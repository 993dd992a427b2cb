"""What Gemini wants back verbatim, and where it is kept.

By kind of item, what is kept of it:

    message, reasoning    {"signed": [[start, end, signature], …]}   runs of its text that were signed parts
    function_call, …      {"id": …, "signature": …}                  its part's own id and signature
    image_generation_call {"mime_type": …, "signature": …}
    other hosted items    {"parts": […]}                             the parts that it was made of

A client that keeps the conversation itself brings back what is kept of reasoning items alone. What belongs
to other items then rides on one of these, as `{"next": [type, kept]}` before the item, or as `{"before":
[[type, kept], …]}` after the last of several. A call of a tool that this server runs is one of a function
there. A part that makes no item is kept whole in the `parts` of a
reasoning item.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from lambda_responses.stream.parts import json_objects
from lambda_responses.transformers.readings import members

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lambda_responses.wire.json import Json

Signed: TypeAlias = "list[Any]"
"""Start and end of a run of an item's text, in characters, and its signature."""


def kept_of(items: Sequence[Json], origins: Mapping[str, Json]) -> dict[int, Json]:
    """By place in the context, what is kept of an item, wherever it is kept."""
    kept: dict[int, Json] = {
        place: dict(origins[item["id"]]) for place, item in enumerate(items) if item.get("id") in origins
    }
    said: list[int] = []
    latest: Any = None
    awaited: list[Any] = []
    for place, item in enumerate(items):
        if item.get("type") in _UNSAID:
            continue
        if item.get("type") != "reasoning":
            said.append(place)
            if item.get("type") in _TOLD_LATE:
                latest = awaited.pop(0) if awaited else None
            else:
                awaited.clear()
            if latest is not None:
                _give(kept, items, [place], [latest])
                latest = None
        elif place in kept:
            before = kept[place].get("before") or ()
            _give(kept, items, said[len(said) - len(before) :], before)
            latest = kept[place].get("next")
            awaited += [] if latest is None else [latest]
    return kept


_UNSAID = frozenset({"mcp_list_tools", "mcp_approval_request", "mcp_approval_response", "tool_search_output"})
"""Items that no model has said."""
_TOLD_LATE = frozenset({"mcp_call", "tool_search_call"})
"""Calls that this server ran: they are told when all else has been that their step said."""


def _give(kept: dict[int, Json], items: Sequence[Json], places: list[int], brought: Sequence[Any]) -> None:
    """What rode on another item, to the items that it belongs to; nothing where the client changed them."""
    if [_type_of(items[place]) for place in places] != [kind for kind, _ in brought]:
        return
    for place, (_, data) in zip(places, brought, strict=True):
        own = kept.setdefault(place, {})
        signed = [*own.get("signed", ()), *data.get("signed", ())]
        kept[place] = {**own, **data, **({"signed": signed} if signed else {})}


def _type_of(item: Json) -> str:
    kind = str(item.get("type") or "message")
    return "function_call" if kind in _TOLD_LATE else kind


def split_signed(text: str, kept: Json) -> Iterator[Json]:
    """A text as the parts it came in, so far as signatures tell them apart; without any it is one part."""
    at = 0
    runs: list[Signed] = kept.get("signed") or []
    for start, end, signature in sorted(runs):
        if start > at:
            yield {"text": text[at:start]}
        yield {"text": text[max(start, at) : end], "thoughtSignature": signature}
        at = max(at, end)
    if text[at:]:
        yield {"text": text[at:]}


def signature_of(part: Json) -> str:
    """A part's signature; empty where it has none."""
    signature = part.get("thoughtSignature")
    return signature if isinstance(signature, str) else ""


def text_of(item: Json, member: str = "content") -> str:
    """All text of a message, or of a summary of reasoning."""
    content = item.get(member)
    if isinstance(content, str):
        return content
    return "".join(str(part.get("text") or part.get("refusal") or "") for part in json_objects(content))


def parts_kept(kept: Json | None) -> list[Json] | None:
    """The parts that an item was made of, where these are what is kept of it."""
    return json_objects(kept["parts"]) if kept and "parts" in members(kept) else None

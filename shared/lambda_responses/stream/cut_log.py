"""How a stream ends whose maker was stopped by somebody else, and so has not ended it.

A pure function of what was told and of the response as it is stored: whoever needs the end makes it, and
everybody makes the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.stream.emitter import ending_as
from lambda_responses.stream.open_items import KINDS, OpenCall, OpenHostedItem, OpenMessage, OpenProse
from lambda_responses.stream.parts import OUTPUT_TEXT, REASONING_TEXT, REFUSAL, SUMMARY_TEXT
from lambda_responses.stream.replay import at_the_start

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lambda_responses.stream.open_items import OpenItem
    from lambda_responses.stream.parts import PartKind
    from lambda_responses.wire.json import Event, Json

_PARTS = {kind.type: kind for kind in (OUTPUT_TEXT, REFUSAL, REASONING_TEXT, SUMMARY_TEXT)}
_SPEECH = {f"{kind.speech}.delta": kind for kind in _PARTS.values()}


def ending_of(told: Sequence[Event], response: Json) -> list[Event]:
    """The events that follow on all that was `told`, if no end was among it: what is open is closed as
    incomplete, and the response has ended as the object that is stored of it.
    """
    items = _open_after(told)
    events = [] if told else _beginning(response)
    for place, item in enumerate(items, start=1):
        is_cut = place == len(items) or not item.whole
        events += item.closed("incomplete" if is_cut else "completed", None)
    events += ending_as(response)
    first = told[-1]["sequence_number"] + 1 if told else 0
    return [{**event, "sequence_number": first + place} for place, event in enumerate(events)]


def _beginning(response: Json) -> list[Event]:
    """What a client is told first of a response that it has been told nothing of."""
    queued = at_the_start(response, status="queued")
    return [{"type": name, "response": queued} for name in ("response.created", "response.queued")]


def _open_after(told: Iterable[Event]) -> Sequence[OpenItem]:
    """The items that were begun and not finished, as far as they had come, in output order."""
    items: dict[int, OpenItem] = {}
    for event in told:
        index: int | None = event.get("output_index")
        match event["type"]:
            case "response.output_item.added" if index is not None:
                announced: Json = event["item"]
                kind = KINDS.get(announced["type"], OpenHostedItem)
                items[index] = kind(announced["id"], index, index, announced, True)
            case "response.output_item.done" if index is not None:
                del items[index]
            case _ if index in items:
                _grow(items[index], event)
            case _:
                pass
    return [items[index] for index in sorted(items)]


def _grow(item: OpenItem, event: Event) -> None:
    """Let an item have said what that event told of it."""
    match item, event:
        case OpenCall(), {"delta": str(piece)}:
            item.add(piece)
        case OpenMessage(), {"annotation": dict(annotation)}:
            list(item.annotate(event["content_index"], annotation))
        case OpenProse(), {"type": str(name), "part": dict(part)} if name.endswith(".added"):
            _say(item, _PARTS.get(part["type"]), event, "")
        case OpenProse(), {"type": str(name), "delta": str(piece)}:
            _say(item, _SPEECH.get(name), event, piece)
        case _:
            pass


def _say(item: OpenProse, kind: PartKind | None, event: Event, piece: str) -> None:
    if kind is not None:
        list(item.say(kind, event[kind.index], piece, event.get("logprobs") or ()))

"""A finished response, told again as the events it could have been made by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambda_responses.stream.deltas import BlockEnded, ItemOpened
from lambda_responses.stream.emitter import ResponseEmitter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambda_responses.wire.json import Event, Json

_UNDECIDED: Json = {"completed_at": None, "error": None, "incomplete_details": None, "usage": None}


def events_of(response: Json) -> list[Event]:
    """The stream that ends with this very object: one delta for each part, the same at every call."""
    emitter = ResponseEmitter(
        at_the_start(response, status="in_progress"), _StoredIds(iter(response["output"]))
    )
    events = emitter.start()
    for block, item in enumerate(response["output"]):
        events += emitter.apply(ItemOpened(block, item))
        events += emitter.apply(BlockEnded(block, item))
    return [*events, *emitter.end_as(response)]


def at_the_start(response: Json, *, status: str) -> Json:
    """The object of a response that has ended, as it was before anything was said."""
    return {**response, "status": status, **_UNDECIDED, "output": []}


@dataclass(slots=True)
class _StoredIds:
    """Gives the items the ids they have."""

    items: Iterator[Json]

    def next(self, item_type: str) -> str:
        return next(self.items)["id"]

    def next_call_id(self) -> str:
        return ""

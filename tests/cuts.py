"""Streams whose makers die on the way, each taken up by the next one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambda_responses.stream.emitter import SUPERSEDED, ResponseEmitter
from lambda_responses.stream.grammar import TERMINAL
from tests.kit import CountedIds, blank_response, check, output_of
from tests.turns import STEP

if TYPE_CHECKING:
    from collections.abc import Sequence

Json = dict[str, Any]


@dataclass
class Saved:
    """Where a step ended, and all that is kept of it."""

    place: int = 0
    """How much of the turn had been said."""
    told: int = 0
    bookmark: Json | None = None
    response: Json = field(default_factory=blank_response)
    origins: Json = field(default_factory=dict)


@dataclass
class Stream:
    """All events of a response, and its last maker."""

    events: list[Json]
    maker: ResponseEmitter

    @property
    def standing(self) -> list[Json]:
        """The output without what was cut and said anew."""
        origins = self.maker.origins
        return [item for item in output_of(self.events) if SUPERSEDED not in origins.get(item["id"], {})]


def stream(turn: Sequence[Any], *cuts: int) -> Stream:
    """The events of a turn whose first maker dies when so many have been told, and so on with the next.

    A `STEP` in the turn ends a step, which is saved. Deaths after the last event but the ending are none.
    """
    told: list[Json] = []
    origins: Json = {}
    saved = Saved()
    for attempt, cut in enumerate((*cuts, None)):
        maker = ResponseEmitter(
            {**saved.response, "output": [*saved.response["output"]]},
            CountedIds(1_000 * attempt, 1_000 * attempt),
            bookmark=saved.bookmark,
            origins=saved.origins
            | {id: origins[id] for id in _finished(told[saved.told :]) & origins.keys()},
            taken_call_ids=["call_b"],
        )
        events = [*told, *maker.take_up(told[saved.told :])]
        for place, said in enumerate(turn[saved.place :], saved.place + 1):
            events += maker.end_step() if said is STEP else maker.apply(said)
            if said is STEP and not maker.ended and (cut is None or len(events) <= cut):
                response = {**maker.response, "output": [*maker.response["output"]]}
                saved = Saved(place, len(events), maker.bookmark, response, {**maker.origins})
        events += maker.finish(at=2)
        if cut is None:
            check(events)
            return Stream(events, maker)
        end = next(n for n, event in enumerate(events) if event["type"] in {*TERMINAL, "error"})
        told, origins = events[: max(len(told), min(cut, end))], maker.origins
    raise AssertionError("unreachable")


def _finished(events: Sequence[Json]) -> set[str]:
    return {event["item"]["id"] for event in events if event["type"] == "response.output_item.done"}


def said_in(items: Sequence[Json], origins: Json) -> list[str]:
    """What items say, whatever they are called, with what is kept beside them; in no order."""
    bare = [{key: value for key, value in item.items() if key not in ("id", "call_id")} for item in items]
    return sorted(str((each, origins.get(item["id"]))) for each, item in zip(bare, items, strict=True))


def check_cuts(turn: Sequence[Any], whole: Stream, *cuts: int) -> None:
    """What is interrupted and taken again is the same, beside what was cut."""
    joined = stream(turn, *cuts)
    assert said_in(joined.standing, joined.maker.origins) == said_in(whole.standing, whole.maker.origins)
    assert joined.maker.origins.keys() <= {item["id"] for item in output_of(joined.events)}
    for member in ("status", "usage", "error", "incomplete_details", "model"):
        assert joined.maker.response.get(member) == whole.maker.response.get(member)

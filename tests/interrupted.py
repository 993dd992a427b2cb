"""Runs of one response that die and are taken up, around what outlives them."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambda_responses.lifecycle.beginning import TakenUp, begin
from lambda_responses.lifecycle.bounds import RunBounds
from lambda_responses.lifecycle.create import Asked, check_request
from lambda_responses.lifecycle.known import Known
from lambda_responses.lifecycle.placement import Placement
from lambda_responses.lifecycle.run import ResponseRun
from lambda_responses.lifecycle.steps import compaction_plan
from lambda_responses.lifecycle.waiting import Interrupted
from lambda_responses.wire.ids import new_response_id
from lambda_responses.wire.origins import SUPERSEDED
from tests.played import ME, PlayedServices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.storage.responses import StoredResponse

Json = dict[str, Any]

SEARCH: Json = {"type": "function", "name": "search", "parameters": {"type": "object"}}


@dataclass
class Kept:
    """What outlives the runs of one response."""

    asked: Asked
    at: TakenUp
    events: list[Json] = field(default_factory=list)
    origins: Json = field(default_factory=dict)
    saves: list[tuple[int, TakenUp]] = field(default_factory=list)
    """With the number of events that were there by then."""
    ended: StoredResponse | None = None
    dies_at: int | None = None
    """The event that a run does not survive."""

    async def keep(self, events: Sequence[Json], origins: Json | None = None) -> None:
        for event in events:
            if len(self.events) == self.dies_at:
                raise Interrupted
            self.events.append(deepcopy(event))
            if event["type"] == "response.output_item.done":
                self.origins.update(deepcopy(origins or {}))

    async def save(self, stored: StoredResponse, progress: Json) -> None:
        taken_up = TakenUp(stored.response, stored.input, stored.origins, progress, pending=stored.pending)
        self.at = deepcopy(taken_up)
        self.saves.append((len(self.events), self.at))

    async def commit(self, stored: StoredResponse, ending: Sequence[Json]) -> None:
        self.ended = deepcopy(stored)
        self.events += deepcopy(list(ending))

    def taken_up(self, *, streamed: bool = True) -> TakenUp:
        """Where a next run would begin."""
        at, after = self.at, self.at.progress["told"] if self.at.progress else -1
        if not streamed:
            return deepcopy(at)
        origins = {**at.origins, **self.origins}
        told = [*self.events[after + 1 :]]
        return deepcopy(TakenUp(at.response, at.input, origins, at.progress, told, at.pending))

    def run(self, using: PlayedServices, *, streamed: bool = True, **bounds: Any) -> ResponseRun:
        asked, taken_up = self.asked, self.taken_up(streamed=streamed)
        known = Known(None, None, asked.known.history, asked.request["input"], asked.known.origins, {}, None)
        sink = {"sink": self._told()} if streamed else {}
        return ResponseRun(
            asked.request,
            using.resolve("m"),
            ME.tenant,
            known,
            using,
            RunBounds(checkpoints=self, **sink, **bounds),
            servers=asked.servers,
            place=Placement(taken_up.response["id"], self.commit),
            taken_up=taken_up,
        )

    def _told(self) -> Any:
        return _NotTheEnd(self)


@dataclass
class _NotTheEnd:
    """A sink that leaves the end to the commit."""

    kept: Kept

    async def keep(self, events: Sequence[Json], origins: Json | None = None) -> None:
        if self.kept.ended is None:
            await self.kept.keep(events, origins)


async def queued(using: PlayedServices, **body: Any) -> Kept:
    body = {"model": "m", "input": "hi", "tools": [SEARCH], "background": True, "stream": True, **body}
    asked = await check_request(body, principal=ME, using=using)
    beginning = begin(
        asked.request,
        compaction_plan(asked.request, asked.targets).given(asked.request),
        asked.known,
        response_id=new_response_id(epoch=7, thread=None, entropy=using.entropy),
        created_at=7,
        entropy=using.entropy,
    )
    return Kept(asked, beginning.taken_up())


async def drained(run: ResponseRun) -> None:
    async for _ in run.events():
        pass


async def made(using: PlayedServices, **options: Any) -> Kept:
    kept = await queued(using)
    await drained(kept.run(using, **options))
    return kept


def content(items: Sequence[Json]) -> list[Json]:
    return [{key: value for key, value in item.items() if key not in ("id", "call_id")} for item in items]


def standing(stored: StoredResponse) -> list[Json]:
    """The output of a response without what was cut and said anew."""
    return [
        item for item in stored.response["output"] if SUPERSEDED not in stored.origins.get(item["id"], {})
    ]

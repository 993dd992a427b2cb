"""The log of a streamed background response: what its client was told or will be, to be read from anywhere.

Rows are chunks: some events in a row, deflated, put once under the fence of whoever made them, and keyed by
the number of the last one, so that one range query from N + 1 begins with the chunk in which that lies.
`segments` says which chunks count. Attributes: `log` the events and the origins of the items that they
finish, packed, in pieces as `parcels` cuts them; `ttl`. A terminal event's response object is not kept a
second time: `told_in_full` fills it in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

from lambda_responses.storage.background.job import UNKEPT, LeaseLost, key_of
from lambda_responses.storage.background.segments import cut_of, segments_in, span_at
from lambda_responses.storage.chains import is_deleted
from lambda_responses.storage.codec import pack, unpack
from lambda_responses.storage.keyed.conditions import ROW, Absent, equals
from lambda_responses.storage.keyed.port import ConditionFailed, Put
from lambda_responses.storage.parcels import from_rows, into_rows
from lambda_responses.storage.scheduling import at_once, off_the_loop, weight_of
from lambda_responses.storage.table import MAX_SEQUENCE_NUMBER, TenantTable, sequence_of
from lambda_responses.stream.grammar import TERMINAL

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

    from lambda_responses.storage.background.job import Job
    from lambda_responses.storage.keyed.port import KeyedStore
    from lambda_responses.wire.json import Event, Json

KEPT = 86_400
"""Seconds for which events can be read after the last moment at which their response may end."""
_PAGE = 100
"""Rows that are read or removed at once: no chunk takes more."""
_NOTHING: Mapping[str, Json] = {}


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some events in a row, at least one."""

    fence: int
    events: Sequence[Event]
    origins: Mapping[str, Json]
    """By id of the items that the events finish, what is kept beside them."""

    @property
    def last(self) -> int:
        """The number of its last event."""
        return self.events[-1]["sequence_number"]

    @property
    def is_end(self) -> bool:
        """Whether the response ends with it."""
        return self.events[-1]["type"] in TERMINAL


class EventLog:
    """The logs of all responses. Every method may raise `StoreUnavailable`."""

    def __init__(self, store: KeyedStore, *, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now

    async def append(self, job: Job, events: Sequence[Event], origins: Mapping[str, Json] = _NOTHING) -> None:
        """Keep the events that follow on the last ones, under the fence of `job`; readers find them from here
        on, unless the job is somebody else's by now: then they find none of them, ever.
        """
        last = await self.prepare(job, events, origins)
        try:
            await self._store.put(last.key, last.values, last.when)
        except ConditionFailed as fact:
            # A store may repeat a write whose answer was lost, and then meet its own first try.
            if fact.old is None or fact.old.values != last.values:
                raise

    async def prepare(self, job: Job, events: Sequence[Event], origins: Mapping[str, Json] = _NOTHING) -> Put:
        """Write all of a chunk but the row by which it is there, and give that: for the transaction that ends
        the response.
        """
        weight = weight_of(events)
        first, *more = await off_the_loop(weight, self.chunk_rows, job, events, origins)
        await at_once(self._store.put(row.key, row.values) for row in more)
        return first

    def chunk_rows(
        self, job: Job, events: Sequence[Event], origins: Mapping[str, Json] = _NOTHING
    ) -> Sequence[Put]:
        """The rows of a chunk; it is there once the first of them is, which has to be written last."""
        table, last = TenantTable(job.tenant), events[-1]["sequence_number"]
        expires = math.ceil(max(self._now(), job.deadline) + (KEPT if job.kept else UNKEPT))
        packed = pack([[_without_response(event) for event in events], origins])
        return [
            Put(
                table.event_chunk(job.response_id, job.fence, last, part),
                {**values, "ttl": expires},
                () if part else (Absent(ROW),),
            )
            for part, values in enumerate(into_rows({"log": packed}))
        ]

    async def read(
        self, tenant: str, response_id: str, *, fence: int, first: int, end: int | None = None
    ) -> Sequence[Chunk]:
        """What was logged under that fence from event `first` on, and before `end`; not all of it if that is
        much. The first chunk may begin with events before `first`.

        Who reads while somebody may still log asks for the job afterwards: it says which chunks count.
        """
        table = TenantTable(tenant)
        high = {} if end is None else {"high": end - 1}
        found = await self._store.query(table.event_chunks(response_id, fence, first, **high), limit=_PAGE)
        chunks: list[Chunk] = []
        for _, rows in groupby(found, key=lambda row: sequence_of(row.key)[0]):
            parts = from_rows([row.values for row in rows])
            if parts is None:  # It is still being written, or its rest is on the next page.
                break
            events, origins = await off_the_loop(len(parts["log"]), unpack, parts["log"])
            chunks.append(Chunk(fence, events, origins))
        return chunks

    async def pages(self, job: Job, *, after: int = -1) -> AsyncGenerator[Sequence[Chunk]]:
        """All that counts of a log after event number `after`, little by little, for who holds its fence or
        finds it ended.
        """
        while (span := span_at(job.segments, after + 1)) is not None:
            page = await self.read(
                job.tenant, job.response_id, fence=span.fence, first=after + 1, end=span.end
            )
            if not page:
                return
            yield page
            after = page[-1].last

    async def told(self, job: Job, *, after: int = -1) -> Sequence[Chunk]:
        """The same, all at once."""
        return [chunk async for page in self.pages(job, after=after) for chunk in page]

    async def counts(self, job: Job) -> bool:
        """Whether what was logged under that fence by now counts for good: only then may anybody be told."""
        row = await self._store.get(key_of(job))
        return row is not None and row.values.get("fence") == job.fence

    async def holds(self, job: Job) -> bool:
        """Whether there is anything in a log."""
        whole = TenantTable(job.tenant).all_event_chunks(job.response_id)
        return bool(await self._store.query(whole, limit=1))

    async def remove(self, tenant: str, response_id: str) -> None:
        """Keep nothing of a log, be it what counted or not."""
        whole = TenantTable(tenant).all_event_chunks(response_id)
        while rows := await self._store.query(whole, limit=_PAGE):
            await at_once(self._store.delete(row.key) for row in rows)

    async def remove_deleted(self, job: Job) -> None:
        """Keep nothing of a log whose response was deleted: its maker has gone on until it noticed that."""
        if is_deleted(await self._store.get(key_of(job))):
            await self.remove(job.tenant, job.response_id)

    async def seal(self, job: Job) -> Job:
        """The job with a cut made in its log: what others logged counts up to there, and nothing beyond.

        Whoever has taken a job calls this before it logs or reads anything; for an ended one anybody may. The
        first one decides. Raises `LeaseLost` where somebody else has taken it meanwhile.
        """
        if not job.open_cut:
            return job
        start, cut = await self._next_number(job), cut_of(job.fence)
        first = (equals("fence", job.fence), Absent(cut))
        idle = [cut_of(fence) for fence, its_start in job.segments[:-1] if its_start == start]
        try:
            row = await self._store.update(key_of(job), set={cut: start}, remove=idle, when=first)
        except ConditionFailed as fact:
            if fact.old is None or fact.old.values.get("fence") != job.fence:
                raise LeaseLost from None
            row = fact.old
        return replace(job, segments=segments_in(row.values))

    async def _next_number(self, job: Job) -> int:
        """The number after the last event that is in the log and counts."""
        if len(job.segments) == 1:
            return 0
        fence, start = job.segments[-2]
        assert start is not None  # `segments_in` tells of no other but the last
        table, high, limit = TenantTable(job.tenant), MAX_SEQUENCE_NUMBER, 1
        while rows := await self._store.query(
            table.event_chunks(job.response_id, fence, start, high), descending=True, limit=limit
        ):
            places = [sequence_of(row.key) for row in rows]
            whole = [last for last, part in places if part == 0]  # in all others the first row is missing
            if whole:
                return whole[0] + 1
            if len(rows) < limit:
                break
            (high, _), limit = places[-1], _PAGE
        return start


def told_in_full(event: Event, response: Json) -> Event:
    """An event out of the log as it was told, of a response that has ended as `response`."""
    if event["type"] not in TERMINAL:
        return event
    return {"type": event["type"], "response": response, "sequence_number": event["sequence_number"]}


def _without_response(event: Event) -> Event:
    if event["type"] not in TERMINAL:
        return event
    return {name: value for name, value in event.items() if name != "response"}

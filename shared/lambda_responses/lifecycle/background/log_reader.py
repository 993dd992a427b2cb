"""One reader of one log: what there is to be told after an event, and when there is no more.

It goes by the log and the job alone. Events are read first and the job after them, which says which of them
count; nothing is told while a cut is being made. So what one reader was told no other is ever told otherwise,
whoever makes the response, and however often that is taken over.

The job says when it is over, too, and with which event. The write that ends a response puts its last events
and its job, but a query may see those before the job can be seen to have ended, or after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.lifecycle.ports import Principal
from lambda_responses.lifecycle.retrieve import as_asked, get_response
from lambda_responses.lifecycle.seals import asked_for
from lambda_responses.storage.background.event_log import told_in_full
from lambda_responses.storage.background.job import CANCELLED
from lambda_responses.storage.background.segments import span_at
from lambda_responses.storage.chains import ResponseNotFound
from lambda_responses.stream.cut_log import CutLog
from lambda_responses.stream.grammar import TERMINAL
from lambda_responses.wire.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from lambda_responses.lifecycle.ports import Services
    from lambda_responses.storage.background.event_log import Chunk
    from lambda_responses.storage.background.job import Job
    from lambda_responses.wire.json import Event, Json


class LogReader:
    """Reads on after event number `after`, adding to items what `include` asks for."""

    def __init__(
        self,
        tenant: str,
        response_id: str,
        *,
        after: int,
        using: Services,
        include: Collection[str] = (),
        job: Job | None = None,
    ) -> None:
        self.over = False
        """Whether there is nothing left to be told: the response has ended, or is gone."""
        self._tenant = tenant
        self._response_id = response_id
        self._next = max(after + 1, 0)
        self._using = using
        self._include = include
        self._job = job
        """As last seen; None where it is to be looked at again."""

    def look_again(self) -> None:
        """Take nothing for granted that the job said: its log has not grown for a while."""
        self._job = None

    async def read(self) -> Sequence[Event]:
        """What is there now of what follows; nothing where there is nothing yet, or where it is `over`.

        May raise `StoreUnavailable`.
        """
        try:
            events = await self._read()
        except (ResponseNotFound, NotFoundError):  # deleted
            self.over = True
            return ()
        if events:
            self._next = events[-1]["sequence_number"] + 1
            self.over = events[-1]["type"] in TERMINAL
        return events

    async def _read(self) -> Sequence[Event]:
        job = self._job = self._job or await self._using.jobs.find(self._tenant, self._response_id)
        if chunks := await self._chunks(job):
            return await self._told_by(chunks)
        if job.running or job.open_cut:
            return ()
        if job.last is not None and self._next <= job.last:  # and will be there in a moment
            return ()
        self.over = True
        return await self._ending(job)

    async def _chunks(self, job: Job) -> Sequence[Chunk]:
        """The chunks that come next, as far as they count."""
        span = span_at(job.segments, self._next)
        if span is None:
            self.look_again()
            return ()
        chunks = await self._using.events.read(
            self._tenant, self._response_id, fence=span.fence, first=self._next, end=span.end
        )
        if not chunks or span.end is not None or not job.running:
            return chunks
        # Only what the job says after they were found is about them.
        self._job = await self._using.jobs.find(self._tenant, self._response_id)
        now = span_at(self._job.segments, self._next)
        if now is None:
            self.look_again()
            return ()
        if now.fence != span.fence:
            return ()
        if now.end is not None:
            return [chunk for chunk in chunks if chunk.last < now.end]
        return [chunk for chunk in chunks if not (chunk.is_end and self._job.running)]

    async def _told_by(self, chunks: Sequence[Chunk]) -> Sequence[Event]:
        sealer = await self._using.sealer(self._tenant) if asked_for(self._include) else None
        told: list[Event] = []
        for chunk in chunks:
            for event in chunk.events:
                if event["sequence_number"] < self._next:
                    continue
                if event["type"] in TERMINAL:
                    event = told_in_full(event, await self._response())
                elif self._include and event["type"] == "response.output_item.done":
                    shown = as_asked(event["item"], chunk.origins, self._include, sealer)
                    event = {**event, "item": shown}
                told.append(event)
        return told

    async def _ending(self, job: Job) -> Sequence[Event]:
        """What the log does not say of a response that was ended by somebody who was not making it."""
        if job.status != CANCELLED and job.error is None:
            return ()
        told = CutLog()
        async for page in self._using.events.pages(job):
            for chunk in page:
                told.hear(chunk.events)
        if not told.next and job.segments[-1].start:  # the log has expired
            return ()
        ending = told.ending(await self._response())
        return [event for event in ending if event["sequence_number"] >= self._next]

    async def _response(self) -> Json:
        """The response as it ended."""
        return await get_response(
            self._response_id,
            include=self._include,
            principal=Principal(self._tenant),
            using=self._using,
        )

"""The mistakes that protocols like this one are known for, to be planted one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambda_responses.lifecycle.background import log_reader
from lambda_responses.lifecycle.background.log_reader import LogReader
from lambda_responses.lifecycle.background.sweep import Swept
from lambda_responses.storage.background import ends, event_log, jobs, saves, tool_journal
from lambda_responses.storage.background.segments import Span, span_at
from lambda_responses.storage.keyed.conditions import equals
from tests import protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pytest


def no_fence(plant: pytest.MonkeyPatch) -> None:
    """A worker writes as long as the response is being made, be it by another."""

    def still_made(_lease: Any) -> Any:
        return (equals("st", "in_progress"),)

    for room in (jobs, saves, tool_journal):
        plant.setattr(room, "mine", still_made)


def no_intent(plant: pytest.MonkeyPatch) -> None:
    """A tool is called without a note beforehand."""

    async def intend(_self: Any, _call_id: str) -> None:
        return None

    plant.setattr(tool_journal.LeasedToolJournal, "intend", intend)


def unconditional_cancel(plant: pytest.MonkeyPatch) -> None:
    """What is cancelled is so whatever it has become since somebody looked."""
    running = ends.Ends._ending

    def ending(self: Any, job: Any, values: Any, *, when: Any) -> Any:
        update = running(self, job, values, when=when)
        return type(update)(update.key, set=update.set, remove=update.remove)

    plant.setattr(ends.Ends, "_ending", ending)


def no_sweeper(plant: pytest.MonkeyPatch) -> None:
    """Nobody looks after what nobody works at."""

    async def sweep(_using: Any, _queue: Any) -> Swept:
        return Swept()

    plant.setattr(protocol, "sweep", sweep)


def reader_without_second_look(plant: pytest.MonkeyPatch) -> None:
    """A reader goes by what it knew of the job before it read the events."""

    async def chunks(self: Any, job: Any) -> Sequence[Any]:
        span = span_at(job.segments, self._next)
        if span is None:
            self.look_again()
            return ()
        return await self._using.events.read(
            self._tenant, self._response_id, fence=span.fence, first=self._next, end=span.end
        )

    plant.setattr(LogReader, "_chunks", chunks)


def reader_before_cut(plant: pytest.MonkeyPatch) -> None:
    """A reader goes on while it is being found out where a log is to be cut."""

    def decided(segments: Sequence[Any], number: int) -> Span | None:
        known = [each for each in segments if each.start is not None]
        return span_at(known, number)

    plant.setattr(log_reader, "span_at", decided)


def cut_without_look(plant: pytest.MonkeyPatch) -> None:
    """Who takes over cuts the log where the one before began, whatever is in it."""

    async def next_number(_self: Any, job: Any) -> int:
        return job.segments[-2].start if len(job.segments) > 1 else 0

    plant.setattr(event_log.EventLog, "_next_number", next_number)


def no_announcement(plant: pytest.MonkeyPatch) -> None:
    """An end is announced when somebody comes to it, and not in the write that ends the response."""
    plant.setattr(ends.Ends, "beside", lambda *_: [])


MISTAKES: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    each.__name__: each
    for each in (
        no_fence,
        no_intent,
        unconditional_cancel,
        no_sweeper,
        reader_without_second_look,
        reader_before_cut,
        cut_without_look,
        no_announcement,
    )
}

"""The debug switch: every stream is held against the grammar while it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.lifecycle.ports import NO_ORIGINS
from lambda_responses.stream.grammar import OutOfOrder, StreamChecker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lambda_responses.lifecycle.ports import EventSink
    from lambda_responses.wire.json import Event, Json


class CheckedEvents:
    """An `EventSink` that reports the first event that is out of order, and hands all of them on."""

    def __init__(self, report: Callable[[BaseException], None], *, onward: EventSink) -> None:
        self._report = report
        self._onward = onward
        self._checker: StreamChecker | None = StreamChecker()

    async def keep(self, events: Sequence[Event], origins: Mapping[str, Json] = NO_ORIGINS) -> None:
        """See `EventSink`."""
        if self._checker is not None:
            self._check(self._checker, events)
        await self._onward.keep(events, origins)

    def _check(self, checker: StreamChecker, events: Sequence[Event]) -> None:
        try:
            for event in events:
                checker.feed(event)
        except OutOfOrder as error:
            self._checker = None
            self._report(error)

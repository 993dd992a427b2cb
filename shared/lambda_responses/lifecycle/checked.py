"""The debug switch: every stream is held against the grammar while it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.stream.grammar import OutOfOrder, StreamChecker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lambda_responses.wire.json import Event


class CheckedEvents:
    """An `EventSink` that reports the first event that is out of order, and keeps nothing."""

    def __init__(self, report: Callable[[BaseException], None]) -> None:
        self._report = report
        self._checker: StreamChecker | None = StreamChecker()

    async def keep(self, events: Sequence[Event]) -> None:
        """See `EventSink`."""
        if self._checker is None:
            return
        try:
            for event in events:
                self._checker.feed(event)
        except OutOfOrder as error:
            self._checker = None
            self._report(error)

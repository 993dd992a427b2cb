"""When a request is sent again, and how long to wait before."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping


@dataclass(frozen=True, slots=True)
class Retries:
    """At most `limit` further attempts, exponentially further apart, never all at the same moment.

    They are over before a stream's status line has to leave (250 ms), so that a fault which stays is told as
    a real status. A longer wait is the client's: official ones heed `retry-after`, and a function that waits
    is paid for.
    """

    limit: int = 2
    first_delay: float = 0.05
    longest_delay: float = 0.1
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = time.time
    random: Callable[[], float] = random.random

    def delay(self, attempt: int) -> float | None:
        """Seconds to wait after failed attempt number `attempt` (from 0); None when that was the last."""
        if attempt >= self.limit:
            return None
        return min(self.first_delay * 2**attempt, self.longest_delay) * (1 - self.random() / 4)

    def delay_after_status(self, attempt: int, status: int, headers: Mapping[str, str]) -> float | None:
        """The same, where the upstream answered: its wish counts, unless it asks for too much patience.

        `headers` have lower-case names. `x-should-retry`, which OpenAI sends, overrules the status.
        """
        wished = headers.get("x-should-retry")
        transient = status in (408, 409, 429) or status >= 500
        if wished == "false" or (wished != "true" and not transient):
            return None
        ours = self.delay(attempt)
        theirs = seconds_to_wait(headers, self.clock())
        if ours is None or theirs is None:
            return ours
        return theirs if theirs <= self.longest_delay else None


def seconds_to_wait(headers: Mapping[str, str], now: float) -> float | None:
    """What an upstream wishes, in milliseconds, in seconds or as a date; None where nobody can read a wish.

    `headers` have lower-case names; `now` is in seconds since 1970.
    """
    try:
        if "retry-after-ms" in headers:
            seconds = float(headers["retry-after-ms"]) / 1000
        elif (value := headers.get("retry-after", "")).replace(".", "", 1).isdecimal():
            seconds = float(value)
        elif value:
            from email.utils import parsedate_to_datetime  # rare, and costly to import

            seconds = parsedate_to_datetime(value).timestamp() - now
        else:
            return None
    except (ValueError, OverflowError):
        return None
    return max(seconds, 0.0) if seconds == seconds else None  # NaN is a float that someone will send

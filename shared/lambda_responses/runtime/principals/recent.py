"""What was found out a moment ago."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Recent(Generic[T]):
    """Values by name, each for so many seconds, at most so many of them: the oldest give way.

    `now` has to be a clock that goes on while a process is frozen between two requests: that of the wall.
    Where it was set back, what was kept under the later time is forgotten.
    """

    def __init__(self, *, seconds: float, most: int, now: Callable[[], float]) -> None:
        self._seconds = seconds
        self._most = most
        self._now = now
        self._kept: dict[str, tuple[float, T]] = {}

    def get(self, name: str) -> T | None:
        """The value, if it is still fresh."""
        kept = self._kept.get(name)
        return kept[1] if kept is not None and 0 <= self._now() - kept[0] < self._seconds else None

    def keep(self, name: str, value: T) -> None:
        """Remember a value from now on."""
        self._kept.pop(name, None)
        if len(self._kept) >= self._most:
            del self._kept[next(iter(self._kept))]
        self._kept[name] = (self._now(), value)

"""What the contract tests of the stores share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Clock:
    """A clock that moves when told to."""

    seconds: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds

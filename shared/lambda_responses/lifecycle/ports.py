"""What the use cases need from outside, as promises; `runtime.services` says who keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lambda_responses.providers.base import Router
    from lambda_responses.storage.responses import ResponseStore
    from lambda_responses.wire.ids import Entropy
    from lambda_responses.wire.json import Event


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, as the credential says. The tenant is part of every key that is read or written."""

    tenant: str
    key_id: str | None = None


class Deadline(Protocol):
    """How long this run may still take."""

    def remaining(self) -> float:
        """Seconds; zero or less when the time is up."""
        ...


class Cancellation(Protocol):
    """Whether somebody wants this run to stop."""

    def requested(self) -> bool:
        """Cheap: asked after every batch of events."""
        ...


class EventSink(Protocol):
    """Stands between the emitter and the wire: what must be kept is kept before it leaves."""

    async def keep(self, events: Sequence[Event]) -> None:
        """Called once for each batch, in order, before the batch is sent."""
        ...


class Unbounded:
    """No deadline: a server that stays up."""

    def remaining(self) -> float:
        """For ever."""
        return float("inf")


class Uncancelled:
    """Nobody can ask: foreground runs end with their connection."""

    def requested(self) -> bool:
        """Never."""
        return False


class Unkept:
    """Keeps no events: a foreground run leaves its record and no log."""

    async def keep(self, events: Sequence[Event]) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that a use case may reach."""

    router: Router
    responses: ResponseStore
    now: Callable[[], float]
    """Seconds since 1970."""
    entropy: Entropy
    first_event_wait: float = 0.25
    """Seconds that a stream's status line waits for the upstream's first event."""
    max_steps: int = 16
    """Upstream steps of one response, the first included."""

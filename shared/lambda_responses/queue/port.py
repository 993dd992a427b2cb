"""What is asked of a queue: messages in, each handed out at least once, in no order that anybody may rely on.

A message only says where to look; what is to be done stands in the store. So it does no harm that one comes
twice, late, or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lambda_responses.wire.json import Json

    Message: TypeAlias = Json | str
    """An object, which is written as JSON; or a text, which goes as it is."""


class QueueUnavailable(Exception):
    """The queue did not answer, or refused. A message may or may not have been taken."""


class Queue(Protocol):
    """Takes messages."""

    async def send(
        self, message: Message, *, group: str, delay: float = 0, attributes: Mapping[str, str] | None = None
    ) -> None:
        """Put a message in, to be handed out after `delay` seconds at the earliest.

        Groups share those who work fairly: one with a thousand messages does not keep another's first one
        waiting. `attributes` lie beside the message, for whoever looks at the queue. Raises
        `QueueUnavailable`.
        """
        ...

    async def extend(self, receipt: str, seconds: float) -> None:
        """Keep a message from others for so long, from now on. A receipt that no longer counts does nothing.

        Raises `QueueUnavailable`.
        """
        ...

    def close(self) -> None:
        """Finish what was begun."""
        ...


@dataclass(frozen=True, slots=True)
class Received:
    """A message that was handed out, and is kept from others for a while."""

    id: str
    """Stands for the message, however often it is handed out; no other one ever has it."""
    message: Message
    group: str
    receipt: str
    """Stands for this handing out; it counts until the message is handed out again."""
    count: int
    """How often it has been handed out, this time included."""
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    """What lies beside it."""


class PolledQueue(Queue, Protocol):
    """A queue that is asked for messages. Where AWS hands them to a function, nobody asks."""

    on_send: Callable[[], object]
    """Called when this process has put a message in that may be handed out at once."""

    async def receive(self, most: int, *, visible_after: float) -> Sequence[Received]:
        """Up to so many messages, at once: none where none is due.

        Others get them after `visible_after` seconds, unless they are acknowledged or extended by then.
        Raises `QueueUnavailable`.
        """
        ...

    async def put_back(self, receipt: str, delay: float) -> None:
        """Let a message be handed out again after `delay` seconds, as if that were the first time.

        So how often one has been handed out counts what came to nothing, and nothing else. A receipt that no
        longer counts does nothing. Raises `QueueUnavailable`.
        """
        ...

    async def acknowledge(self, receipt: str) -> None:
        """Take a message out for good. A receipt that no longer counts does nothing.

        Raises `QueueUnavailable`.
        """
        ...

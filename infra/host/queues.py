"""Queues as SQS keeps them: what was received is hidden for a while, and moved aside when that helps nobody.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/
"""

from __future__ import annotations

import asyncio
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from math import isinf
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from infra.host.deployment import DeclaredQueue

Json = dict[str, Any]


class NoSuchReceipt(Exception):
    """Nobody received a message by that handle, or it is gone."""


@dataclass(eq=False, slots=True)
class Message:
    """One message. Times are in seconds since 1970."""

    body: str
    group: str | None
    attributes: Json
    """Of the sender, by name, as the wire has them."""
    sent_at: float
    visible_at: float
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    received: int = 0
    """How often."""
    first_received_at: float = 0.0
    receipt: str = ""
    """The handle of whoever received it last."""


class Queue:
    """One queue, in memory: it is empty again when its host starts again."""

    def __init__(self, told: DeclaredQueue, now: Callable[[], float] = time.time) -> None:
        self.told = told
        self._now = now
        self._messages: list[Message] = []
        self._aside: Queue | None = None
        self._changed = asyncio.Event()

    def redrive_to(self, aside: Queue | None) -> None:
        """Where messages go that were received as often as they may be."""
        self._aside = aside

    def send(
        self,
        body: str,
        *,
        delay: float = 0,
        group: str | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> Message:
        """Add a message, which nobody sees for `delay` seconds."""
        now = self._now()
        message = Message(body, group, dict(attributes or {}), now, now + delay)
        self._add(message)
        return message

    def receive(self, most: int, hidden: float | None = None) -> Sequence[Message]:
        """Up to that many messages, the oldest first, that nobody else sees for a while."""
        now, found = self._now(), list[Message]()
        for message in [each for each in self._messages if each.visible_at <= now]:
            if len(found) == most:
                break
            if self._aside is not None and message.received >= self.told.receives:
                self._messages.remove(message)
                message.receipt, message.visible_at = "", now
                self._aside._add(message)
                continue
            message.received += 1
            message.first_received_at = message.first_received_at or now
            message.receipt = str(uuid.uuid4())
            message.visible_at = now + (self.told.visibility if hidden is None else hidden)
            found.append(message)
        return found

    async def received(
        self, most: int, hidden: float | None = None, *, within: float = float("inf")
    ) -> Sequence[Message]:
        """As `receive`, as soon as there are any; none where there are none in time."""
        deadline = self._now() + within
        while not (found := self.receive(most, hidden)) and (now := self._now()) < deadline:
            soonest = min((deadline, *(each.visible_at for each in self._messages)))
            self._changed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), None if isinf(soonest) else soonest - now)
        return found

    async def hide(self, receipt: str, seconds: float) -> None:
        """Let nobody see a message for that long from now. Raises `NoSuchReceipt`."""
        self._message(receipt).visible_at = self._now() + seconds
        self._changed.set()

    async def delete(self, receipt: str) -> None:
        """Take a message away; one that is gone stays so."""
        self._messages = [each for each in self._messages if not receipt or each.receipt != receipt]

    @property
    def counts(self) -> tuple[int, int, int]:
        """Messages that may be received, that somebody received, and that are delayed."""
        now = self._now()
        waiting = [each for each in self._messages if each.visible_at > now]
        hidden = sum(bool(each.receipt) for each in waiting)
        return len(self._messages) - len(waiting), hidden, len(waiting) - hidden

    def _message(self, receipt: str) -> Message:
        for message in self._messages:
            if receipt and message.receipt == receipt:
                return message
        raise NoSuchReceipt

    def _add(self, message: Message) -> None:
        self._messages.append(message)
        self._changed.set()


class Queues:
    """The queues of a deployment, by logical id."""

    def __init__(self, declared: Mapping[str, DeclaredQueue], now: Callable[[], float] = time.time) -> None:
        self._queues = {name: Queue(each, now) for name, each in declared.items()}
        for queue in self._queues.values():
            queue.redrive_to(self._queues.get(queue.told.aside or ""))

    def __getitem__(self, logical_id: str) -> Queue:
        return self._queues[logical_id]

    def named(self, url: str) -> Queue | None:
        """The queue of that URL, of which the last part counts, as it is its name."""
        name = url.rpartition("/")[2]
        return next((each for each in self._queues.values() if each.told.name == name), None)

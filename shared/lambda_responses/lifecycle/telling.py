"""What a run has to tell: events as they are made of deltas, from the first ones on."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from lambda_responses.stream.deltas import Envelope, ItemOpened

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from lambda_responses.stream.deltas import Delta
    from lambda_responses.stream.emitter import ResponseEmitter
    from lambda_responses.wire.json import Event


class Telling:
    """The events of one run that have not left yet.

    The first ones wait for an upstream's first word, which may say more of the response, or be a fault that
    is better told by a status. What is told before that waits with them.
    """

    def __init__(self, emitter: ResponseEmitter) -> None:
        self.made: list[Event] = []
        """Whoever sends them takes them away."""
        self.started = False
        """Whether the first events have been made."""
        self._emitter = emitter
        self._withheld: list[Delta] = []

    @property
    def items(self) -> int:
        """How many items there are, those that wait included."""
        return self._emitter.items_begun + sum(isinstance(each, ItemOpened) for each in self._withheld)

    def take_up(self, told: Sequence[Event]) -> None:
        """Go on after another run, of whose step `told` has left."""
        self.started = True
        self.made += self._emitter.take_up(told)

    def start(self, deltas: Sequence[Delta] = ()) -> None:
        """Make the first events, with what the upstream says of itself in its first words in them."""
        if self.started:
            return
        for delta in deltas:
            if isinstance(delta, Envelope):
                self._emitter.apply(delta)
        self.started = True
        self.made += self._emitter.start()
        self.tell(self._withheld)

    def tell(self, deltas: Sequence[Delta]) -> None:
        """Make the events of these, now or right after the first ones."""
        if not self.started:
            self._withheld += deltas
            return
        for delta in deltas:
            self.made += self._emitter.apply(delta)

    async def of(self, batches: AsyncGenerator[Sequence[Delta], None]) -> AsyncGenerator[None, None]:
        """Tell all of that; yields whenever there are events."""
        async with aclosing(batches):
            async for deltas in batches:
                self.tell(deltas)
                if self.made:
                    yield

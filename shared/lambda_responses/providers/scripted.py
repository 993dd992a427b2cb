"""The provider `scripted`: plays what the request asks for, with its waits and its faults. No network."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from lambda_responses.providers.base import UpstreamCutShort, UpstreamRefused
from lambda_responses.transformers.scripted.script import Cut, Script, Wait

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence

    from lambda_responses.providers.base import Marker
    from lambda_responses.stream.deltas import Delta
    from lambda_responses.transformers.base import Rendered
    from lambda_responses.wire.json import Json

_TOGETHER = 64
"""Deltas that arrive at once where nothing is waited for."""


class ScriptedProvider:
    """See `Provider`. `sleep` takes seconds."""

    name = "scripted"

    def __init__(self, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._sleep = sleep

    @asynccontextmanager
    async def open(self, rendered: Rendered) -> AsyncGenerator[ScriptedAnswer]:
        """See `Provider.open`. There is nothing that a retry would change."""
        script: Script = rendered.body["script"]
        if script.failure is not None:
            raise UpstreamRefused(script.failure)
        yield ScriptedAnswer(script, self._sleep)


class ScriptedAnswer:
    """See `Answer`."""

    def __init__(self, script: Script, sleep: Callable[[float], Awaitable[None]]) -> None:
        self.plain = script.plain
        self._parts = self._play(script, sleep)

    def redacted(self, text: str) -> str:
        """See `Answer.redacted`: a script knows no keys."""
        return text

    def __aiter__(self) -> AsyncIterator[Sequence[Json | Marker]]:
        return self._parts

    async def _play(
        self, script: Script, sleep: Callable[[float], Awaitable[None]]
    ) -> AsyncGenerator[Sequence[Json | Marker]]:
        ready: list[Delta] = []
        for step in script.steps:
            match step:
                case Wait(milliseconds):
                    if ready and not script.plain:
                        yield [{"deltas": ready}]
                        ready = []
                    await sleep(milliseconds / 1000)
                case Cut():
                    if ready and not script.plain:
                        yield [{"deltas": ready}]
                    raise UpstreamCutShort("scripted: cut in mid-answer, by request")
                case _:
                    ready.append(step)
                    if len(ready) == _TOGETHER and not script.plain:
                        yield [{"deltas": ready}]
                        ready = []
                        await sleep(0)  # others want to run as well
        if ready:
            yield [{"deltas": ready}]

"""Processes that die: at a chosen moment, before or after any of their calls, and without another word."""

from __future__ import annotations

import asyncio
import inspect
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine


class Killed(BaseException):
    """Nothing catches this but what would also run on."""


class Mortal:
    """A process that lives for so many moments: each call of what it shares with others has one before its
    effect, and one after it, when the answer is lost. Without a number it does not die.
    """

    def __init__(self, moments: int | None = None) -> None:
        self.moments = 0
        """That have passed."""
        self._left = moments
        self._died = asyncio.Event()

    @property
    def dead(self) -> bool:
        return self._died.is_set()

    def sharing(self, target: Any) -> Any:
        """What others have too, as this process reaches it."""
        return _Shared(target, self)

    def pass_moment(self) -> None:
        """Raises `Killed` at the last one, and for ever after."""
        if self._left is not None and self.moments >= self._left:
            self._died.set()
            raise Killed
        self.moments += 1

    async def do(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do that until it ends or the process dies; whatever it still holds it holds for nobody."""
        working, dying = asyncio.ensure_future(work), asyncio.ensure_future(self._died.wait())
        await asyncio.wait({working, dying}, return_when=asyncio.FIRST_COMPLETED)
        dying.cancel()
        if self.dead:
            working.cancel()
            with suppress(Killed, asyncio.CancelledError):
                await working
        else:
            await working


class _Shared:
    """Lets its process die at the moments of its calls."""

    def __init__(self, target: Any, mortal: Mortal) -> None:
        self._target = target
        self._mortal = mortal

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if not inspect.iscoroutinefunction(found):
            return found

        async def call(*arguments: Any, **options: Any) -> Any:
            self._mortal.pass_moment()
            result = await found(*arguments, **options)
            self._mortal.pass_moment()
            return result

        return call

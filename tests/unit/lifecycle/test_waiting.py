"""Waiting within a deadline, where nobody else can interrupt."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from lambda_responses.lifecycle.waiting import OutOfTime, heard

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

pytestmark = pytest.mark.anyio


class Left:
    """A deadline with a fixed rest."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def remaining(self) -> float:
        return self._seconds


class Saying:
    """Says what it was given, then raises or falls silent; knows whether it was closed."""

    def __init__(self, *batches: list[int], then: Exception | None = None, silent: bool = False) -> None:
        self._batches, self._then, self._silent = batches, then, silent
        self.closed = False

    async def said(self) -> AsyncGenerator[list[int], None]:
        try:
            for batch in self._batches:
                yield batch
            if self._then is not None:
                raise self._then
            if self._silent:
                await asyncio.Event().wait()
        finally:
            self.closed = True


async def all_heard(saying: Saying, seconds: float) -> list[list[int]]:
    got: list[list[int]] = []
    async with aclosing(heard(saying.said(), patience=None, deadline=Left(seconds), stop=None)) as batches:
        async for batch in batches:
            got.append(batch)
    return got


@pytest.mark.parametrize("seconds", [60, float("inf")])
async def test_all_is_heard_that_is_said_in_time(seconds: float) -> None:
    assert await all_heard(Saying([1], [], [2, 3]), seconds) == [[1], [], [2, 3]]


@pytest.mark.parametrize("seconds", [0.01, 0.0, -1.0])
async def test_silence_ends_with_the_deadline_and_lets_go_of_the_upstream(seconds: float) -> None:
    saying = Saying(silent=True)
    with pytest.raises(OutOfTime):
        await all_heard(saying, seconds)
    assert saying.closed


@pytest.mark.parametrize("seconds", [60, float("inf")])
async def test_a_timeout_of_the_upstream_is_not_the_deadline(seconds: float) -> None:
    fault = TimeoutError("the upstream's own")
    with pytest.raises(TimeoutError) as caught:
        await all_heard(Saying([1], then=fault), seconds)
    assert caught.value is fault

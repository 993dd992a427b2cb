"""How a script is played: pieces, waits and faults."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_responses.providers.base import UpstreamCutShort, UpstreamRefused
from lambda_responses.providers.scripted import ScriptedProvider
from lambda_responses.stream.deltas import Stopped, Text
from lambda_responses.transformers.base import Rendered, Turn, UpstreamFailure
from lambda_responses.transformers.scripted import SCRIPTED
from lambda_responses.transformers.scripted.script import Cut, Script, Wait

pytestmark = pytest.mark.anyio

A, B, END = Text(0, "a"), Text(0, "b"), Stopped("end")


class Stage:
    """Plays a script and notes what happened in which order: deltas, and waits in seconds."""

    def __init__(self) -> None:
        self.happened: list[Any] = []
        self.plain: bool | None = None

    async def sleep(self, seconds: float) -> None:
        if seconds:
            self.happened.append(seconds)

    async def play(self, script: Script) -> list[Any]:
        rendered = Rendered("scripted", {"script": script})
        async with ScriptedProvider(sleep=self.sleep).open(rendered) as answer:
            self.plain = answer.plain
            async for chunks in answer:
                self.happened.append([delta for chunk in chunks for delta in chunk["deltas"]])
        return self.happened


async def test_what_is_not_waited_for_comes_at_once():
    assert await Stage().play(Script((A, B, END))) == [[A, B, END]]


async def test_a_wait_parts_what_is_before_from_what_is_after():
    assert await Stage().play(Script((Wait(200), A, Wait(50), B, END))) == [0.2, [A], 0.05, [B, END]]


async def test_a_long_answer_lets_others_run():
    played = await Stage().play(Script((*[A] * 1000, END)))
    assert [delta for batch in played for delta in batch] == [*[A] * 1000, END]
    assert max(map(len, played)) == 64


async def test_a_cut_comes_after_what_was_said():
    stage = Stage()
    with pytest.raises(UpstreamCutShort):
        await stage.play(Script((A, Cut())))
    assert stage.happened == [[A]]


async def test_a_refusal_comes_before_anything():
    stage, failure = Stage(), UpstreamFailure(429, {"retry-after": "1"}, "{}")
    with pytest.raises(UpstreamRefused) as raised:
        await stage.play(Script(failure=failure))
    assert (raised.value.failure, stage.happened) == (failure, [])


async def test_a_plain_answer_is_one_chunk_however_long_it_takes():
    stage = Stage()
    assert await stage.play(Script((A, Wait(10), B, END), plain=True)) == [0.01, [A, B, END]]
    assert stage.plain
    assert list(SCRIPTED.as_chunks({"deltas": [A, B]})) == [{"deltas": [A]}, {"deltas": [B]}]


async def test_a_plain_answer_that_is_cut_says_nothing():
    stage = Stage()
    with pytest.raises(UpstreamCutShort):
        await stage.play(Script((A, Cut()), plain=True))
    assert stage.happened == []


async def test_whoever_peeks_may_go_on_later():
    rendered = Rendered("scripted", {"script": Script((A, Wait(1), B, END))})
    async with ScriptedProvider(sleep=Stage().sleep).open(rendered) as answer:
        first = await anext(aiter(answer))
        rest = [chunk async for chunks in answer for chunk in chunks]
    assert [*first, *rest] == [{"deltas": [A]}, {"deltas": [B, END]}]


async def test_the_decoder_adds_nothing():
    decoder = SCRIPTED.decoder(Turn("echo", {}, []), None)
    assert list(decoder.feed({"deltas": [A, B]})) == [A, B]
    assert list(decoder.end(marked=True)) == []

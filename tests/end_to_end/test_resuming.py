"""Background streams over HTTP whose connections break anywhere: their pieces are the stream, to the byte."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.corpus import (
    anthropic_recordings,
    chat_recordings,
    cohere_recordings,
    converse_recordings,
    gemini_recordings,
    responses_recordings,
)
from tests.fakes.events import obey
from tests.fakes.replay import model_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.fakes.server import Server

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

ALONG = "one two three four five [[reason]] [[pause:60]]"
"""A prompt that is answered for long enough for every cut to come while it is."""
ASKED_AGAIN = ('"pause_turn"', '"rate_limit_exceeded"')
"""In an answer after which a background response asks once more, and is played the same for hours."""
AT_ONCE = 8
OF_EACH = 12
"""Recordings of each API; of all of them in the slow run."""


def client_of(server: Server) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=None)
    return httpx.AsyncClient(base_url=server.base_url, timeout=60, trust_env=False, limits=limits)


async def frames_of(answer: httpx.Response) -> AsyncIterator[bytes]:
    """The frames of a stream as they come, without comments."""
    assert answer.status_code == 200, await answer.aread()
    rest = b""
    async for piece in answer.aiter_raw():
        *whole, rest = (rest + piece).split(b"\n\n")
        for frame in whole:
            if frame and not frame.startswith(b":"):
                yield frame + b"\n\n"
    assert rest == b""


def event_in(frame: bytes) -> Json:
    return httpx.Response(200, content=frame.partition(b"data: ")[2]).json()


async def begin(
    http: httpx.AsyncClient, model: str, prompt: str, *, frames: int | None = None
) -> list[bytes]:
    """The first frames of a new response, after which the connection is closed; or all of them."""
    body = {"model": model, "input": prompt, "background": True, "stream": True}
    heard: list[bytes] = []
    async with http.stream("POST", "/responses", json=body) as answer:
        async for frame in frames_of(answer):
            heard.append(frame)
            if len(heard) == frames:
                break
    return heard


async def go_on(http: httpx.AsyncClient, id: str, after: int | None = None) -> list[bytes]:
    """The frames after that event, or all of them."""
    query = {"stream": "true"} | ({} if after is None else {"starting_after": str(after)})
    async with http.stream("GET", f"/responses/{id}", params=query) as answer:
        return [frame async for frame in frames_of(answer)]


async def test_a_connection_may_break_after_any_event_while_the_response_is_made(
    working_server: Server,
) -> None:
    async with client_of(working_server) as http:
        uncut = await begin(http, "scripted/echo", ALONG)

        async def cut(after: int) -> bool:
            heard = await begin(http, "scripted/echo", ALONG, frames=after + 1)
            id = event_in(heard[0])["response"]["id"]
            was_running = (await http.get(f"/responses/{id}")).json()["status"] == "in_progress"
            rest = await go_on(http, id, after)
            whole = await go_on(http, id)
            assert b"".join(heard + rest) == b"".join(whole)
            assert len(whole) == len(uncut)
            obey(map(event_in, whole))
            return was_running

        were_running = await asyncio.gather(*map(cut, range(len(uncut) - 1)))
    assert were_running.count(True) > len(uncut) / 2


async def test_a_connection_may_break_time_and_again(working_server: Server) -> None:
    async with client_of(working_server) as http:
        heard = await begin(http, "scripted/echo", ALONG, frames=1)
        id = event_in(heard[0])["response"]["id"]
        while event_in(heard[-1])["type"] != "response.completed":
            query = {"stream": "true", "starting_after": str(len(heard) - 1)}
            async with http.stream("GET", f"/responses/{id}", params=query) as answer:
                async for frame in frames_of(answer):
                    heard.append(frame)
                    break
        assert heard == await go_on(http, id)


def recorded_streams(most: int | None) -> list[Any]:
    """Of each API, streams that were recorded; those that say most first."""
    found: list[tuple[str, Any]] = [
        *(("chat", each) for each in chat_recordings.recordings()),
        *(("responses", each) for each in responses_recordings.recordings()),
        *((each.api, each) for each in anthropic_recordings.recordings()),
        *(("generate_content", each) for each in gemini_recordings.recordings()),
        *(("converse", each) for each in converse_recordings.recordings()),
        *(("chat_v2", each) for each in cohere_recordings.recordings()),
    ]
    by_api: dict[str, list[Any]] = {}
    for api, each in sorted(found, key=lambda one: -len(one[1].body)):
        if each.status < 400 and each.streamed and not any(word in each.body for word in ASKED_AGAIN):
            by_api.setdefault(api, []).append(each)
    return [(api, each) for api, each_of in by_api.items() for each in each_of[:most]]


async def tell_all(server: Server, recordings: list[Any]) -> None:
    places = asyncio.Semaphore(AT_ONCE)
    async with client_of(server) as http:

        async def tell(api: str, recording: Any) -> None:
            async with places:
                whole = await begin(http, model_of(recording, api), "x")
                id = event_in(whole[0])["response"]["id"]
                assert await go_on(http, id) == whole, recording.file
                for after in sorted({0, 1, 2, len(whole) // 3, len(whole) // 2, len(whole) - 2}):
                    assert await go_on(http, id, after) == whole[after + 1 :], (recording.file, after)

        await asyncio.gather(*(tell(*each) for each in recordings))


async def test_what_any_provider_says_can_be_gone_on_with(working_replaying_server: Server) -> None:
    recordings = recorded_streams(OF_EACH)
    if not recordings:
        pytest.skip("needs ../shared/corpus/dev")
    await tell_all(working_replaying_server, recordings)


@pytest.mark.slow
async def test_all_that_any_provider_says_can_be_gone_on_with(working_replaying_server: Server) -> None:
    recordings = recorded_streams(None)
    if not recordings:
        pytest.skip("needs ../shared/corpus/dev")
    await tell_all(working_replaying_server, recordings)

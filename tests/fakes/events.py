"""Streams of ours as a client reads them, by a reader that shares no code with the writer."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from lambda_responses.stream.grammar import StreamChecker

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable

    import httpx

Json = dict[str, Any]


@asynccontextmanager
async def streamed(
    client: httpx.AsyncClient, body: Json, *, path: str = "/responses"
) -> AsyncGenerator[AsyncIterator[Json]]:
    """The events of a streamed answer, as they come."""
    async with client.stream("POST", path, json={**body, "stream": True}) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield events_of(response.aiter_lines())


async def events_of(lines: AsyncIterator[str]) -> AsyncIterator[Json]:
    """The events in these lines; each must be named as it names itself."""
    name = ""
    async for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            event = json.loads(line.removeprefix("data: "))
            assert event["type"] == name
            yield event


async def stream(client: httpx.AsyncClient, **body: Any) -> list[Json]:
    """All events of a streamed answer, which must obey the grammar."""
    async with streamed(client, body) as events:
        received = [event async for event in events]
    obey(received)
    return received


def obey(events: Iterable[Json], *, failed_by_others: bool = False) -> None:
    """Raise `OutOfOrder` unless these are the events of one whole response."""
    checker = StreamChecker(failed_by_others=failed_by_others)
    for event in events:
        checker.feed(event)
    checker.end()


def text_of(response: Json) -> str:
    """Everything that a response says as text."""
    return "".join(
        part.get("text", "")
        for item in response["output"]
        if item["type"] == "message"
        for part in item["content"]
    )

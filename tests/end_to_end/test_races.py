"""Two clients continue one response at the same instant: two clean forks, whichever process each asked."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.fakes.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio

LONGEST = 20
"""Turns of a chain before another one is begun."""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    """Two processes on one file."""
    folder = tmp_path_factory.mktemp("shared")
    running = [Server(folder).started() for _ in range(2)]
    yield running
    for server in running:
        server.stop()
    assert [server.complaints for server in running] == [[], []]


async def say(client: httpx.AsyncClient, text: str, after: str | None) -> dict[str, Any]:
    body = {"model": "scripted/echo", "input": text, "previous_response_id": after}
    answer = await client.post("responses", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "completed"
    return answer.json()


async def shown(client: httpx.AsyncClient, response_id: str) -> list[str]:
    """The texts that a response's model saw, oldest first."""
    answer = await client.get(f"responses/{response_id}/input_items", params={"limit": 100, "order": "asc"})
    assert not answer.json()["has_more"]
    return [part["text"] for item in answer.json()["data"] for part in item["content"]]


async def test_two_clients_at_the_same_instant_make_two_clean_forks(servers: list[Server]) -> None:
    await raced(servers, 40)


@pytest.mark.slow
async def test_two_clients_at_the_same_instant_make_two_clean_forks_200_times(servers: list[Server]) -> None:
    await raced(servers, 200)


async def raced(servers: list[Server], races: int) -> None:
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=server.base_url, timeout=60, trust_env=False, verify=False)
            )
            for server in servers
        ]
        last: str | None = None
        said: list[str] = []
        for race in range(races):
            if race % LONGEST == 0:
                last, said = (await say(clients[0], f"root {race}", None))["id"], [f"root {race}"] * 2
            texts = [f"{race} {side}" for side in ("left", "right")]
            answers = await asyncio.gather(
                *(say(client, text, last) for client, text in zip(clients, texts, strict=True))
            )
            assert last is not None
            threads = [answer["id"][13:37] for answer in answers]
            assert threads.count(last[13:37]) == 1
            assert len(set(threads)) == 2
            # Each is looked at through the process that did not make it.
            seen = await asyncio.gather(
                *(shown(client, answer["id"]) for client, answer in zip(clients[::-1], answers, strict=True))
            )
            assert seen == [[*said, text] for text in texts]
            assert [answer["output"][0]["content"][0]["text"] for answer in answers] == texts
            on = race % 3 == 0
            last, said = answers[on]["id"], [*said, texts[on], texts[on]]

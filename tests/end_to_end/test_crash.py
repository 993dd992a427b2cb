"""`kill -9` in mid-stream: what was told as done is there afterwards, and never half a record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.fakes.events import stream, streamed, text_of
from tests.fakes.official import judge_response
from tests.fakes.server import Server

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

MODEL = "scripted/echo"
CUT_AFTER = (1, 4, 9)
"""Events of a stream after which the server is killed: from `created` to the middle of the text."""


def client_of(server: Server) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=server.base_url, timeout=30, trust_env=False, verify=False)


async def leave_traces(server: Server, earlier: list[Json]) -> None:
    """A chain that goes on from before, one plain answer and one streamed."""
    previous = {"previous_response_id": earlier[-1]["id"]} if earlier else {}
    async with client_of(server) as http:
        body = {"model": MODEL, "input": f"number {len(earlier)}", **previous}
        earlier.append((await http.post("/responses", json=body)).json())
        events = await stream(http, **body | {"previous_response_id": earlier[-1]["id"]})
        earlier.append(events[-1]["response"])


async def kill_in_mid_stream(server: Server, *, after: int, previous: str) -> str:
    """The id of the response that was being made."""
    body = {"model": MODEL, "input": "[[words:60]] [[pause:50]]", "previous_response_id": previous}
    async with client_of(server) as http, streamed(http, body) as events:
        seen = [await anext(events) for _ in range(after)]
        server.kill()
    return seen[0]["response"]["id"]


async def check(server: Server, earlier: list[Json], cut: list[str]) -> None:
    async with client_of(server) as http:
        for response in earlier:
            assert (await http.get(f"/responses/{response['id']}")).json() == response
        listed = (await http.get(f"/responses/{earlier[-1]['id']}/input_items?limit=100")).json()
        assert len(listed["data"]) == 2 * len(earlier) - 1
        for id in cut:
            answer = await http.get(f"/responses/{id}")
            if answer.status_code == 200:
                judge_response(answer.json())
                assert answer.json()["status"] == "failed"
            else:
                assert answer.status_code == 404
                items = await http.get(f"/responses/{id}/input_items")
                assert items.status_code == 404
                onwards = {"model": MODEL, "input": "x", "previous_response_id": id}
                refused = await http.post("/responses", json=onwards)
                assert refused.json()["error"]["code"] == "previous_response_not_found"


async def test_a_killed_server_comes_back_with_everything_it_had_told(tmp_path: Path):
    earlier: list[Json] = []
    cut: list[str] = []
    for after in CUT_AFTER:
        server = Server(tmp_path).started()
        await leave_traces(server, earlier)
        cut.append(await kill_in_mid_stream(server, after=after, previous=earlier[-1]["id"]))
    server = Server(tmp_path).started()
    try:
        await check(server, earlier, cut)
        await leave_traces(server, earlier)
        await check(server, earlier, cut)
    finally:
        server.stop()
    assert server.complaints == []


async def test_what_a_stream_told_as_completed_survives_a_kill_at_that_moment(tmp_path: Path):
    told: list[Json] = []
    for _ in range(2):
        server = Server(tmp_path).started()
        async with (
            client_of(server) as http,
            streamed(http, {"model": MODEL, "input": "Keep this"}) as events,
        ):
            async for event in events:
                if event["type"] == "response.completed":
                    server.kill()
                    told.append(event["response"])
                    break
    server = Server(tmp_path).started()
    try:
        async with client_of(server) as http:
            for response in told:
                assert text_of(response) == "Keep this"
                assert (await http.get(f"/responses/{response['id']}")).json() == response
    finally:
        server.stop()

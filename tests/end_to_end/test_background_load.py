"""Many background responses at once, and long ones, on real worker processes."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.fakes.official import judge_response
from tests.fakes.operator import Operator
from tests.fakes.server import WORKING, Server

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

Json = dict[str, Any]

MODEL = "scripted/echo"
LOUD, QUIET = 400, 25
"""Responses that each kind of tenant asks for; there is one of the first and four of the others."""
TENANTS = {"loud": LOUD, **{f"quiet-{n}": QUIET for n in range(4)}}
SECONDS = 1
SLOTS = 10
IDEAL = sum(TENANTS.values()) * SECONDS / SLOTS
MOST = 1.3 * IDEAL
ENDED = {"completed", "incomplete", "failed", "cancelled"}


def client_of(server: Server, key: str = "none") -> httpx.AsyncClient:
    headers = {"authorization": f"Bearer {key}"}
    limits = httpx.Limits(max_connections=20)
    return httpx.AsyncClient(
        base_url=server.base_url, headers=headers, timeout=60, limits=limits, trust_env=False, verify=False
    )


async def ask(http: httpx.AsyncClient, said: str) -> str:
    body = {"model": MODEL, "input": said, "background": True}
    answer = await http.post("/responses", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["id"]


async def ended(http: httpx.AsyncClient, response_id: str, pause: float = 0.25) -> Json:
    while True:
        answer = await http.get(f"/responses/{response_id}")
        assert answer.status_code == 200, answer.text
        if answer.json()["status"] in ENDED:
            return answer.json()
        await asyncio.sleep(pause)  # Between two looks, as the API has them.


async def asked_for(server: Server, name: str, key: str, began: float) -> tuple[list[Json], float]:
    """All that a tenant asks for at once, when it has ended, and how many seconds that took."""
    async with client_of(server, key) as http:
        words = [f"{name} {n}" for n in range(TENANTS[name])]
        prompts = [f"[[slow:{SECONDS * 1000}]] {said}" for said in words]
        ids = await asyncio.gather(*(ask(http, prompt) for prompt in prompts))
        responses = [await ended(http, response_id) for response_id in ids]
        took = time.monotonic() - began
    for response, said in zip(responses, words, strict=True):
        judge_response(response)
        assert response["status"] == "completed", response
        assert said in response["output"][0]["content"][0]["text"]
    return responses, took


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    """A key for each tenant."""
    operator = Operator(tmp_path / "responses.db")
    made = {name: operator.key(name) for name in TENANTS}
    operator.close()
    return made


async def test_five_hundred_responses_of_five_tenants_share_ten_places(tmp_path: Path, keys: dict[str, str]):
    with Server(tmp_path, RESPONSES_AUTH="keys", RESPONSES_LOG_LEVEL="ERROR", **WORKING) as server:
        began = time.monotonic()
        async with asyncio.timeout(3 * IDEAL):
            of_each = await asyncio.gather(*(asked_for(server, name, keys[name], began) for name in TENANTS))
    took = {name: seconds for name, (_, seconds) in zip(TENANTS, of_each, strict=True)}
    print(took)
    ids = [response["id"] for responses, _ in of_each for response in responses]
    assert len(set(ids)) == sum(TENANTS.values())
    assert took["loud"] <= MOST
    # All five have two places each while the quiet ones want them: 25 responses take 12.5 seconds.
    fair = QUIET * SECONDS / (SLOTS / len(TENANTS))
    assert max(took[name] for name in TENANTS if name != "loud") <= 1.6 * fair
    assert server.complaints == []


STEPS, RUN_SECONDS = 120, 3


async def test_a_run_of_many_steps_goes_on_from_one_worker_to_the_next(tmp_path: Path):
    with Server(tmp_path, RESPONSES_WORKER_SECONDS=str(RUN_SECONDS), **WORKING) as server:
        async with client_of(server) as http, asyncio.timeout(240):
            response_id = await ask(http, f"[[steps:{STEPS}]] [[words:5]] [[slow:80]] [[pause:10]]")
            response = await ended(http, response_id)
        judge_response(response)
        assert response["status"] == "completed"
        assert len(response["output"]) == STEPS
        assert fence_of(tmp_path / "responses.db", response_id) >= 4
    assert server.complaints == []


def fence_of(file: Path, response_id: str) -> int:
    """How many runs it took: each took the response under a fence of its own."""
    with closing(sqlite3.connect(file)) as connection:
        (doc,) = connection.execute("SELECT doc FROM rows WHERE sk = ?", [f"R#{response_id}"]).fetchone()
    return httpx.Response(200, content=doc).json()[0]["fence"]

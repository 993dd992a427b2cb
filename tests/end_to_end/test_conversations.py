"""Conversations over HTTP: every format answers in them, and a server that is killed leaves them whole."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from lambda_responses.storage.keyed.sqlite import SQLiteStore
from lambda_responses.storage.table import TenantTable
from lambda_responses.wire.ids import conversation_key_of
from tests.fakes.events import stream, streamed, text_of
from tests.fakes.formats.base import Words, answer, served
from tests.fakes.formats.every import FORMATS
from tests.fakes.server import Server

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.formats.base import Asked, Format
    from tests.fakes.upstream import Exchange, Upstream

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

MODEL = "scripted/echo"


class Model:
    """Says what it is called and how often it was asked, and keeps what it was asked."""

    def __init__(self, format: Format) -> None:
        self.format = format
        self.bodies: list[Json] = []

    async def __call__(self, exchange: Exchange) -> None:
        self.bodies.append(exchange.body)
        await answer(self.format, exchange, [Words(f"{self.format.provider} {len(self.bodies)}")])

    def heard(self) -> list[str]:
        """The texts of the last request, in order."""
        asked: Asked = self.format.asked(self.bodies[-1])
        return [each.text for each in asked.of("user", "assistant") if each.text]


async def made(http: httpx.AsyncClient, *texts: str) -> str:
    items = [{"role": "user", "content": text} for text in texts]
    answered = await http.post("/conversations", json={"items": items})
    assert answered.status_code == 200, answered.text
    return answered.json()["id"]


async def respond(http: httpx.AsyncClient, model: str, text: str, conversation: str, **more: Any) -> Json:
    body = {"model": model, "input": text, "conversation": conversation, **more}
    if more.get("stream"):
        return (await stream(http, **body))[-1]["response"]
    answered = await http.post("/responses", json=body)
    assert answered.status_code == 200, answered.text
    return answered.json()


async def said(http: httpx.AsyncClient, conversation: str) -> list[str]:
    listed = await http.get(f"/conversations/{conversation}/items?order=asc&limit=100")
    assert listed.status_code == 200, listed.text
    return [item["content"][0]["text"] for item in listed.json()["data"]]


async def test_a_model_is_shown_the_conversation_and_not_its_name(
    http: httpx.AsyncClient, upstream: Upstream, format: Format
):
    model = Model(format)
    name = served(upstream, format, model)
    conversation = await made(http, "one")
    await respond(http, name, "two", conversation)
    await http.post(
        f"/conversations/{conversation}/items", json={"items": [{"role": "assistant", "content": "aside"}]}
    )
    last = await respond(http, name, "three", conversation, stream=True)
    assert last["conversation"] == {"id": conversation}
    expected = ["one", "two", f"{format.provider} 1", "aside", "three"]
    assert " ".join(" ".join(model.heard()).split()) == " ".join(expected)
    assert conversation not in json.dumps(model.bodies)
    assert all("conversation" not in body for body in model.bodies)
    assert await said(http, conversation) == [*expected, f"{format.provider} 2"]


async def test_a_conversation_goes_from_format_to_format(http: httpx.AsyncClient, upstream: Upstream):
    models = [Model(each) for each in FORMATS.values()]
    names = [served(upstream, each.format, each) for each in models]
    conversation = await made(http)
    expected: list[str] = []
    for turn, (model, name) in enumerate(zip(models * 2, names * 2, strict=True)):
        await respond(http, name, f"turn {turn}", conversation, stream=turn % 2 == 0)
        expected.append(f"turn {turn}")
        assert model.heard() == expected
        expected.append(f"{model.format.provider} {len(model.bodies)}")
    assert await said(http, conversation) == expected


async def test_clients_that_add_at_the_same_time_lose_nothing(http: httpx.AsyncClient):
    conversation = await made(http)

    async def add(number: int) -> None:
        items = [{"role": "user", "content": f"{number} {part}"} for part in "ab"]
        while True:
            answered = await http.post(f"/conversations/{conversation}/items", json={"items": items})
            if answered.status_code == 200:
                return
            assert answered.json()["error"]["code"] == "conversation_locked"

    await asyncio.gather(*map(add, range(8)))
    there = await said(http, conversation)
    assert sorted(there) == sorted(f"{number} {part}" for number in range(8) for part in "ab")
    assert [text[0] for text in there[::2]] == [text[0] for text in there[1::2]]


async def test_responses_at_the_same_time_are_one_after_the_other(http: httpx.AsyncClient):
    conversation = await made(http)

    async def ask(number: int) -> None:
        while True:
            body = {"model": MODEL, "input": f"turn {number}", "conversation": conversation}
            answered = await http.post("/responses", json=body)
            if answered.status_code == 200:
                return
            assert answered.json()["error"]["code"] == "conversation_locked"

    await asyncio.gather(*map(ask, range(6)))
    there = await said(http, conversation)
    assert there[::2] == there[1::2]
    assert sorted(there[::2]) == [f"turn {number}" for number in range(6)]


async def test_a_client_that_goes_lets_others_in(http: httpx.AsyncClient):
    conversation = await made(http, "one")
    body = {"model": MODEL, "input": "[[words:60]] [[pause:50]]", "conversation": conversation}
    async with streamed(http, body) as events:
        await anext(events)
    for _ in range(200):
        answered = await http.post(
            "/responses", json={"model": MODEL, "input": "now", "conversation": conversation}
        )
        if answered.status_code == 200:
            break
        await asyncio.sleep(0.05)
    assert text_of(answered.json()) == "now"
    assert (await said(http, conversation))[-2:] == ["now", "now"]


async def test_a_body_that_is_no_object_and_none_at_all(http: httpx.AsyncClient):
    conversation = await made(http)
    assert (await http.post("/conversations")).json()["metadata"] == {}
    for path in ("/conversations", f"/conversations/{conversation}", f"/conversations/{conversation}/items"):
        for content in (b"[]", b"{", b"null"):
            assert (await http.post(path, content=content)).status_code == 400
    assert (await http.post(f"/conversations/{conversation}/items")).status_code == 400


async def test_a_killed_server_leaves_whole_conversations_that_can_be_used_when_the_lease_is_over(
    tmp_path: Path,
):
    server = Server(tmp_path).started()
    async with client_of(server) as http:
        conversation = await made(http, "one")
        kept = await respond(http, MODEL, "two", conversation)
        body = {"model": MODEL, "input": "[[words:60]] [[pause:50]]", "conversation": conversation}
        async with streamed(http, body) as events:
            cut = (await anext(events))["response"]["id"]
            await anext(events)
            server.kill()
    server = Server(tmp_path).started()
    try:
        async with client_of(server) as http:
            assert await said(http, conversation) == ["one", "two", "two"]
            assert (await http.get(f"/responses/{kept['id']}")).json() == kept
            assert (await http.get(f"/responses/{cut}")).status_code == 404
            ask = {"model": MODEL, "input": "three", "conversation": conversation}
            refused = await http.post("/responses", json=ask)
            assert refused.json()["error"]["code"] == "conversation_locked"
            await let_lease_lapse(tmp_path, conversation)
            assert (await http.post("/responses", json=ask)).status_code == 200
            assert await said(http, conversation) == ["one", "two", "two", "three", "three"]
    finally:
        server.stop()
    assert server.complaints == []


def client_of(server: Server) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=server.base_url, timeout=30, trust_env=False, verify=False)


async def let_lease_lapse(folder: Path, conversation: str) -> None:
    """As if a minute had passed."""
    store = SQLiteStore(database_in(folder))
    key = conversation_key_of(conversation)
    assert key is not None
    row = await store.update(TenantTable("default").conversation(key), set={"until": 0})
    assert row.values["owner"]
    store.close()


def database_in(folder: Path) -> Path:
    [file] = folder.rglob("responses.db")
    return file

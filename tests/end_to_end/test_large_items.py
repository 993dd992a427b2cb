"""Pictures, long texts and large tool outputs, through a chain and back: to the byte, and gone when deleted.

The same on both kinds of store, in a server of its own, under an upstream that keeps what it was sent. Bodies
stay below the six megabytes that a function is given.
"""

from __future__ import annotations

import random
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from lambda_responses.runtime.principals.anybody import TENANT
from lambda_responses.storage.blobs.s3 import connect_s3
from lambda_responses.storage.keyed.dynamodb import connect, create_table
from tests.contracts.stores.emulator import emulator
from tests.contracts.stores.holdings import blobs_among, in_aws, in_files
from tests.fakes.fixtures import KEY
from tests.fakes.formats.base import Call, Words, answer
from tests.fakes.formats.every import FORMATS
from tests.fakes.server import Server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.contracts.stores.holdings import Holdings
    from tests.fakes.upstream import Exchange, Upstream

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

NATIVE = FORMATS["native"]
TOOL: Json = {"type": "function", "name": "read", "parameters": {"type": "object", "properties": {}}}
TABLE, BUCKET = "large-items", "large-items-blobs"
WAYS = ["sqlite", "dynamodb", "dynamodb without a bucket"]


class Site:
    """A server, what its upstream was sent, and what it holds."""

    def __init__(self, server: Server, upstream: Upstream, held: Holdings) -> None:
        self.base_url = server.base_url
        self._held = held
        self.sent: list[Json] = []
        self.says: list[Any] = []
        self.model = f"openai/{upstream.serve(self._answer, like='gpt-4.1-large')}"

    def held(self) -> list[str]:
        return self._held(TENANT)

    async def _answer(self, exchange: Exchange) -> None:
        self.sent.append(exchange.body)
        await answer(NATIVE, exchange, [self.says.pop(0) if self.says else Words("Seen.")])


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An emulator with the table and the bucket, by the environment of whoever uses it."""
    environment = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with emulator(tmp_path_factory.mktemp("aws")) as address, pytest.MonkeyPatch.context() as ours:
        for name, value in environment.items():
            ours.setenv(name, value)
        clients = connect(endpoint_url=address), connect_s3(endpoint_url=address)
        create_table(clients[0], TABLE)
        clients[1].create_bucket(Bucket=BUCKET)
        for client in clients:
            client.close()
        yield {**environment, "AWS_ENDPOINT_URL": address}


@pytest.fixture(scope="module", params=WAYS)
def site(
    request: pytest.FixtureRequest, upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Each kind of store in turn."""
    folder = tmp_path_factory.mktemp("large")
    environment = {"OPENAI_BASE_URL": upstream.base_url, "OPENAI_API_KEY": KEY}
    held = in_files(folder / "responses.db", folder / "responses.db.blobs")
    if request.param != "sqlite":
        aws: dict[str, str] = request.getfixturevalue("aws")
        environment |= {**aws, "RESPONSES_STORE": f"dynamodb://{TABLE}"}
        address = aws["AWS_ENDPOINT_URL"]
        clients = connect(endpoint_url=address), connect_s3(endpoint_url=address)
        held = in_aws(clients[0], TABLE, clients[1], BUCKET)
        if request.param == "dynamodb":
            environment["RESPONSES_BUCKET"] = BUCKET
    with Server(folder, **environment) as server:
        yield Site(server, upstream, held)
    assert server.complaints == []


@pytest.fixture
def with_blobs(request: pytest.FixtureRequest, site: Site) -> bool:
    return "without" not in request.node.name


@pytest.fixture
async def client(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    site.sent.clear()
    async with httpx.AsyncClient(base_url=site.base_url, timeout=120, trust_env=False) as client:
        yield client


def picture(seed: int, size: int) -> Json:
    data = b64encode(random.Random(seed).randbytes(size)).decode()
    return {"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{data}"}


def asking(text: str, *parts: Json) -> list[Json]:
    return [{"role": "user", "content": [{"type": "input_text", "text": text}, *parts]}]


async def made(client: httpx.AsyncClient, site: Site, input: Any, **settings: Any) -> Json:
    answer = await client.post("/responses", json={"model": site.model, "input": input, **settings})
    assert answer.status_code == 200, answer.text[:500]
    return answer.json()


async def input_items(client: httpx.AsyncClient, response_id: str) -> list[Json]:
    """All of them, oldest first, page after page."""
    items: list[Json] = []
    after: dict[str, str] = {}
    while True:
        path = f"/responses/{response_id}/input_items"
        query = {"order": "asc", "limit": 3, "include[]": "message.input_image.image_url", **after}
        page = (await client.get(path, params=query)).json()
        items += page["data"]
        if not page["has_more"]:
            return items
        after = {"after": page["last_id"]}


def media(items: Any) -> list[str]:
    """What was shown in these items."""
    parts = [part for item in items for part in item.get("content") or [] if isinstance(part, dict)]
    return [part["image_url"] for part in parts if part.get("type") == "input_image"]


async def gone(client: httpx.AsyncClient, site: Site, ids: list[str]) -> None:
    """Delete them; nothing of them is left anywhere."""
    for response_id in ids:
        answer = await client.delete(f"/responses/{response_id}")
        assert (answer.status_code, answer.json()["deleted"]) == (200, True)
    for response_id in ids:
        assert (await client.get(f"/responses/{response_id}")).status_code == 404
    assert site.held() == []


async def test_five_megabytes_of_pictures_go_through_a_chain(
    client: httpx.AsyncClient, site: Site, with_blobs: bool
):
    """Some of them again and again, as clients do that send everything with every turn."""
    if not with_blobs:
        pytest.skip("that many pictures need a bucket")
    one, two, three = picture(1, 1_700_000), picture(2, 1_700_000), picture(3, 1_600_000)
    turns = [(one, two), (three,), (one,), (two, three), (one, one)]
    shown: list[str] = []
    ids: list[str] = []
    for index, parts in enumerate(turns):
        after = {"previous_response_id": ids[-1]} if ids else {}
        response = await made(client, site, asking(f"{index}", *parts), **after)
        ids.append(response["id"])
        shown += [part["image_url"] for part in parts]
        assert media(site.sent[-1]["input"]) == shown
        assert (await client.get(f"/responses/{response['id']}")).json() == response
    assert media(await input_items(client, ids[-1])) == shown
    assert len(blobs_among(site.held())) == 3
    await gone(client, site, [ids[index] for index in (2, 0, 4, 1, 3)])


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
async def test_a_text_of_one_and_a_half_megabytes_fits_into_one_turn(
    client: httpx.AsyncClient, site: Site, streamed: bool
):
    text = b64encode(random.Random(4).randbytes(1_125_000)).decode() + " end"
    if streamed:
        body = {"model": site.model, "input": asking(text), "stream": True}
        answer = await client.post("/responses", json=body)
        assert answer.status_code == 200
        first = answer.text.partition('"id":"')[2].partition('"')[0]
    else:
        first = (await made(client, site, asking(text)))["id"]
    response = await made(client, site, asking("And?"), previous_response_id=first)
    assert site.sent[-1]["input"][0]["content"][0]["text"] == text
    [item, *_] = await input_items(client, response["id"])
    assert item["content"][0]["text"] == text
    fork = await made(client, site, asking("Or?"), previous_response_id=first)
    assert site.sent[-1]["input"][0]["content"][0]["text"] == text
    await gone(client, site, [first, fork["id"], response["id"]])


async def test_a_tool_may_answer_three_hundred_kilobytes(client: httpx.AsyncClient, site: Site):
    output = b64encode(random.Random(5).randbytes(225_000)).decode() + " end"
    site.says = [Call("call_1", "read", "{}")]
    first = await made(client, site, asking("Read it"), tools=[TOOL])
    [call] = [item for item in first["output"] if item["type"] == "function_call"]
    answered = [{"type": "function_call_output", "call_id": call["call_id"], "output": output}]
    second = await made(client, site, answered, previous_response_id=first["id"], tools=[TOOL])
    assert site.sent[-1]["input"][-1]["output"] == output
    third = await made(client, site, asking("Go on"), previous_response_id=second["id"])
    assert [item["output"] for item in site.sent[-1]["input"] if "output" in item] == [output]
    assert [item["output"] for item in await input_items(client, third["id"]) if "output" in item] == [output]
    await gone(client, site, [third["id"], first["id"], second["id"]])


async def test_pictures_in_a_tools_answer_come_back_as_they_were(client: httpx.AsyncClient, site: Site):
    shot = picture(6, 200_000)
    site.says = [Call("call_1", "read", "{}")]
    first = await made(client, site, asking("Look"), tools=[TOOL])
    [call] = [item for item in first["output"] if item["type"] == "function_call"]
    answered = [{"type": "function_call_output", "call_id": call["call_id"], "output": [shot]}]
    second = await made(client, site, answered, previous_response_id=first["id"], tools=[TOOL])
    third = await made(client, site, asking("Go on"), previous_response_id=second["id"])
    [seen] = [item["output"] for item in site.sent[-1]["input"] if "output" in item]
    assert seen == [shot]
    await gone(client, site, [first["id"], second["id"], third["id"]])


async def test_what_cannot_be_stored_is_refused_before_a_model_is_asked(
    client: httpx.AsyncClient, site: Site, with_blobs: bool
):
    parts = [picture(7, 2_000_000), picture(8, 2_000_000)]
    body: Json = {"model": site.model, "input": asking("Look", *parts)}
    refused = await client.post("/responses", json=body)
    if with_blobs:
        assert refused.status_code == 200
        await gone(client, site, [refused.json()["id"]])
        return
    assert refused.status_code == 400
    error = refused.json()["error"]
    assert (error["code"], error["param"]) == ("input_too_large_to_store", "input")
    assert site.sent == []
    assert site.held() == []
    assert (await client.post("/responses", json={**body, "store": False})).status_code == 200

"""Settings that the documentation promises something of, asked for with the official SDK on every format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from openai import AsyncOpenAI, BadRequestError, NotFoundError

from lambda_responses.wire.includes import INCLUDABLE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from tests.fakes.server import Server

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

ECHOED: Json = {
    "metadata": {"team": "a", "k" * 64: "v" * 512},
    "safety_identifier": "user-1",
    "prompt_cache_key": "key-1",
    "prompt_cache_retention": "24h",
    "user": "somebody",
}


@pytest.fixture
async def client(server: Server) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=server.base_url, api_key="x", max_retries=0) as made:
        yield made


async def test_settings_are_echoed_whether_they_are_passed_on_or_dropped(
    client: AsyncOpenAI, model: str
) -> None:
    raw = await client.responses.with_raw_response.create(model=model, input="hi", **ECHOED)
    response = raw.parse()
    dropped = raw.headers.get("x-responses-dropped", "")

    told = response.model_dump()
    assert {name: told[name] for name in ECHOED} == ECHOED
    assert (await client.responses.retrieve(response.id)).model_dump() == told
    assert "metadata" not in dropped  # it is for the client alone
    assert set(dropped.split(", ") if dropped else ()) <= ECHOED.keys()


@pytest.mark.parametrize(
    ("asked", "at_first", "at_last"),
    [
        (None, "auto", "default"),
        ("auto", "auto", "default"),
        ("default", "default", "default"),
        ("fast", "priority", "priority"),
        ("flex", "flex", "flex"),
    ],
)
async def test_the_tier_is_told_as_it_was_served(
    client: AsyncOpenAI, asked: Any, at_first: str, at_last: str
) -> None:
    stream = await client.responses.create(model="groq/demo", input="hi", service_tier=asked, stream=True)
    told = [event.response.service_tier async for event in stream if hasattr(event, "response")]

    assert (told[0], told[-1]) == (at_first, at_last)


TOO_MUCH: dict[str, tuple[Json, str, str]] = {
    "17 pairs": ({"metadata": {str(n): "v" for n in range(17)}}, "object_above_max_properties", "metadata"),
    "a long value": ({"metadata": {"k": "v" * 513}}, "string_above_max_length", "metadata.k"),
    "a long key": ({"metadata": {"k" * 65: "v"}}, "property_name_above_max_length", "metadata"),
    "a value that is no text": ({"metadata": {"k": 1}}, "invalid_type", "metadata.k"),
    "a long identifier": (
        {"safety_identifier": "x" * 129},
        "string_above_max_length",
        "safety_identifier",
    ),
    "a key that is no text": ({"prompt_cache_key": 1}, "invalid_type", "prompt_cache_key"),
    "retention of no kind": ({"prompt_cache_retention": "1h"}, "invalid_value", "prompt_cache_retention"),
    "a mode of no kind": (
        {"prompt_cache_options": {"mode": "x"}},
        "invalid_value",
        "prompt_cache_options.mode",
    ),
    "a tier of no kind": ({"service_tier": "huge"}, "invalid_value", "service_tier"),
    "an include of no kind": ({"include": ["all"]}, "invalid_value", "include[0]"),
}


@pytest.mark.parametrize(("body", "code", "param"), TOO_MUCH.values(), ids=TOO_MUCH)
async def test_limits_are_those_of_the_live_api(
    client: AsyncOpenAI, model: str, body: Json, code: str, param: str
) -> None:
    with pytest.raises(BadRequestError) as caught:
        await client.responses.create(model=model, input="hi", extra_body=body)

    assert (caught.value.code, caught.value.param) == (code, param)


async def test_every_include_may_be_asked_for_when_creating(client: AsyncOpenAI) -> None:
    response = await client.responses.create(model="scripted/echo", input="hi", include=[*INCLUDABLE])

    assert response.status == "completed"
    assert "include" not in response.model_dump()


SPELLINGS = {
    "brackets": "&".join(f"include[]={name}" for name in INCLUDABLE),
    "numbers": "&".join(f"include[{n}]={name}" for n, name in enumerate(INCLUDABLE)),
    "repeated": "&".join(f"include={name}" for name in INCLUDABLE),
    "a list": f"include={','.join(INCLUDABLE)}",
}


@pytest.mark.parametrize("query", SPELLINGS.values(), ids=SPELLINGS)
async def test_include_is_understood_in_every_spelling(http: httpx.AsyncClient, query: str) -> None:
    """A reasoning item whose seal, and a picture whose address, are shown to who asks."""
    picture = {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}
    conversation = (await http.post("/conversations", json={})).json()["id"]
    body = {
        "model": "scripted/echo",
        "conversation": conversation,
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "[[reason]] hi"}, picture]}],
    }
    made = (await http.post("/responses", json=body)).json()

    for path, listed in (
        (f"/responses/{made['id']}", False),
        (f"/responses/{made['id']}/input_items", True),
        (f"/conversations/{conversation}/items", True),
    ):
        bare, full = (await http.get(path)).json(), (await http.get(f"{path}?{query}")).json()
        shown = [(each["data"] if listed else each["output"]) for each in (bare, full)]
        sealed = [[item for item in items if item.get("encrypted_content")] for items in shown]
        pictures = [
            [part for item in items for part in item.get("content") or () if part.get("image_url")]
            for items in shown
        ]
        assert not sealed[0]
        assert bool(sealed[1]) == ("input_items" not in path)
        assert not pictures[0]
        assert bool(pictures[1]) == listed
        wrong = await http.get(f"{path}?{query.replace(INCLUDABLE[0], 'bogus')}")
        assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "include[0]")


async def test_an_item_is_referred_to_from_anywhere_while_it_is_there(
    client: AsyncOpenAI, model: str
) -> None:
    first = await client.responses.create(model=model, input="remember the milk")
    said = first.output[-1]
    references: list[Any] = [{"type": "item_reference", "id": said.id}, {"id": said.id}]
    for reference in references:
        again = await client.responses.create(
            model=model, input=[reference, {"role": "user", "content": "thanks"}]
        )
        listed = [item async for item in client.responses.input_items.list(again.id, order="asc")]
        assert [item.type for item in listed] == ["message", "message"]
        assert listed[0].model_dump()["content"][0]["text"] == first.output_text
    after = await client.responses.create(
        model=model, previous_response_id=first.id, input=[*references, {"role": "user", "content": "x"}]
    )
    listed = [item async for item in client.responses.input_items.list(after.id, order="asc")]
    assert [item.type for item in listed].count(
        "message"
    ) == 3  # what is in the chain already is not there twice

    await client.responses.delete(first.id)
    for reference in references:
        with pytest.raises(NotFoundError) as caught:
            await client.responses.create(model=model, input=[reference])
        assert caught.value.param == "input"

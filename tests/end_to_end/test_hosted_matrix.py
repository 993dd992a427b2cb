"""A search that one maker ran by itself: every other hears of it, and the first has it back as it was."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.formats.base import Words, answer, served
from tests.fakes.formats.every import ANTHROPIC, FORMATS, GEMINI, NATIVE
from tests.fakes.vendor_types import judged

if TYPE_CHECKING:
    import httpx

    from tests.fakes.formats.base import Chunk, Format
    from tests.fakes.upstream import Exchange, Upstream

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

SEARCH: Json = {"type": "web_search"}
PAGE = "https://bern.example/weather"

CALLED: Json = {
    "type": "server_tool_use",
    "id": "srvtoolu_1",
    "name": "web_search",
    "input": {"query": "Bern"},
}
FOUND: Json = {
    "type": "web_search_tool_result",
    "tool_use_id": "srvtoolu_1",
    "content": [
        {
            "type": "web_search_result",
            "url": PAGE,
            "title": "Bern",
            "encrypted_content": "c2VhcmNo",
            "page_age": None,
        }
    ],
}
CITED: Json = {
    "type": "web_search_result_location",
    "url": PAGE,
    "title": "Bern",
    "encrypted_index": "aW5kZXg=",
    "cited_text": "Rain",
}


def anthropic_search() -> list[Chunk]:
    voice = ANTHROPIC.voice()

    def block(index: int, content: Json, *deltas: Json) -> list[Chunk]:
        return [
            {"type": "content_block_start", "index": index, "content_block": content},
            *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
            {"type": "content_block_stop", "index": index},
        ]

    asked = {"type": "input_json_delta", "partial_json": json.dumps(CALLED["input"])}
    return [
        *voice.begin(),
        *block(0, {**CALLED, "input": {}}, asked),
        *block(1, FOUND),
        *block(
            2,
            {"type": "text", "text": "", "citations": []},
            {"type": "citations_delta", "citation": CITED},
            {"type": "text_delta", "text": "It rains"},
        ),
        *voice.stop(),
    ]


def gemini_search() -> list[Chunk]:
    voice = GEMINI.voice()
    [said] = voice.say("It rains")
    [end] = voice.stop()
    assert isinstance(end, dict)
    end["candidates"][0]["groundingMetadata"] = {
        "webSearchQueries": ["Bern"],
        "groundingChunks": [{"web": {"uri": PAGE, "title": "Bern"}}],
        "groundingSupports": [
            {"segment": {"startIndex": 0, "endIndex": 8, "text": "It rains"}, "groundingChunkIndices": [0]}
        ],
    }
    return [said, end]


def native_search() -> list[Chunk]:
    item = {
        "type": "web_search_call",
        "id": "ws_up",
        "status": "completed",
        "action": {"type": "search", "query": "Bern", "queries": ["Bern"]},
    }
    part = {
        "type": "output_text",
        "text": "It rains",
        "logprobs": [],
        "annotations": [
            {"type": "url_citation", "url": PAGE, "title": "Bern", "start_index": 0, "end_index": 8}
        ],
    }
    message = {
        "type": "message",
        "id": "msg_up",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }
    whole = {**NATIVE.plain([]), "output": [item, message]}
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    return [
        {"type": "response.created", "response": begun},
        *(
            {"type": f"response.output_item.{what}", "output_index": index, "item": each}
            for index, each in enumerate(whole["output"])
            for what in ("added", "done")
        ),
        {"type": "response.completed", "response": whole},
    ]


SEARCHES = {"anthropic": anthropic_search, "gemini": gemini_search, "native": native_search}


def first_of(name: str, heard: list[Exchange]) -> Any:
    """A maker that searches at first, and then answers."""
    format = FORMATS[name]

    async def behave(exchange: Exchange) -> None:
        heard.append(exchange)
        if len(heard) > 1:
            await answer(format, exchange, [Words("Indeed")])
            return
        await exchange.begin(format.kind)
        for chunk in SEARCHES[name]():
            await exchange.send(format.frame(chunk))
        await exchange.end()

    return behave


def then(format: Format, heard: list[Exchange]) -> Any:
    async def behave(exchange: Exchange) -> None:
        heard.append(exchange)
        await answer(format, exchange, [Words("So it does")])

    return behave


@pytest.mark.parametrize("stored", [True, False], ids=["stored", "carried by the client"])
@pytest.mark.parametrize("second", FORMATS)
@pytest.mark.parametrize("first", SEARCHES)
async def test_a_search_is_told_to_others_and_given_back_to_its_maker(
    http: httpx.AsyncClient, upstream: Upstream, first: str, second: str, stored: bool
):
    one: list[Exchange] = []
    other: list[Exchange] = []
    models = [
        served(upstream, FORMATS[first], first_of(first, one)),
        served(upstream, FORMATS[second], then(FORMATS[second], other)),
    ]
    items: list[Json] = []
    previous: str | None = None
    for model, text in ((models[0], "What weather?"), (models[1], "Really?"), (models[0], "Thanks")):
        asked: Json = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        items.append(asked)
        state: Json = {"input": [asked], "previous_response_id": previous}
        if not stored:
            state = {"input": items, "store": False, "include": ["reasoning.encrypted_content"]}
        answered = await http.post("/responses", json={"model": model, "tools": [SEARCH], **state})
        assert answered.status_code == 200, answered.text
        items += answered.json()["output"]
        previous = answered.json()["id"]

    check_items(items[1:3])
    judged(second, other[0].body)
    judged(first, one[1].body)
    for name, exchange in ((second, other[0]), (first, one[1])):
        said = "".join(each.text for each in FORMATS[name].asked(exchange.body).of("assistant"))
        assert "It rains" in said
    if first != second:
        assert "c2VhcmNo" not in json.dumps(other[0].body)
        assert "Bern" in json.dumps(other[0].body)
    if first == "anthropic" and stored:
        [_, turn, *_] = one[1].body["messages"]
        assert turn["content"][:2] == [CALLED, FOUND]
        assert turn["content"][2] == {"type": "text", "text": "It rains", "citations": [CITED]}


def check_items(output: list[Json]) -> None:
    """The search, and the message that cites what was found."""
    [search] = [item for item in output if item["type"] == "web_search_call"]
    [message] = [item for item in output if item["type"] == "message"]
    assert search["status"] == "completed"
    assert search["action"]["query"] == "Bern"
    [part] = message["content"]
    [note] = part["annotations"]
    assert (part["text"], note["type"], note["url"]) == ("It rains", "url_citation", PAGE)
    assert part["text"][note["start_index"] : note["end_index"]] == "It rains"

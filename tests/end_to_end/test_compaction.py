"""A long conversation that one provider compacts goes on at any other, and nothing that matters is lost.

The upstream sums up what its prompt says and nothing else: a fact that is known afterwards was in the prompt.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from openai import AsyncOpenAI, BadRequestError

from tests.fakes.formats.base import Words, answer, served
from tests.fakes.formats.every import FORMATS
from tests.fakes.vendor_types import judged
from tests.kit import check

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from tests.fakes.formats.base import Asked, Format
    from tests.fakes.server import Server
    from tests.fakes.upstream import Exchange, Upstream

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

FACTS = {"FACT_user_4711", "FACT_model_0815", "FACT_tool_1234"}
TRIGGER: Json = {"type": "compaction_trigger"}
BLOB = "only the upstream reads this"


@dataclass
class Forgetful:
    """A model that sums up the facts of a prompt that holds a transcript, and answers anything else."""

    format: Format
    asked: list[Asked] = field(default_factory=list)
    bodies: list[Json] = field(default_factory=list)

    async def __call__(self, exchange: Exchange) -> None:
        self.bodies.append(exchange.body)
        self.asked.append(self.format.asked(exchange.body))
        prompt = "\n".join(each.text for each in self.asked[-1].context)
        facts = sorted(set(re.findall(r"FACT_\w+", prompt)))
        said = f"Known: {', '.join(facts)}." if "<transcript>" in prompt else "Indeed."
        await answer(self.format, exchange, [Words(said)])

    def known(self) -> set[str]:
        """The facts in what it was last asked."""
        return set(re.findall(r"FACT_\w+", "\n".join(each.text for each in self.asked[-1].context)))


def user(text: str) -> Json:
    return {"type": "message", "role": "user", "content": text}


def conversation(turns: int = 100) -> list[Json]:
    """A hundred turns; in the third, a fact each from the user, the model and a tool."""
    items: list[Json] = [{"role": "developer", "content": "Be exact."}]
    for turn in range(1, turns + 1):
        if turn == 3:
            items += [
                user("Remember FACT_user_4711, please."),
                {"type": "function_call", "call_id": "c3", "name": "look_up", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c3", "output": "found FACT_tool_1234"},
                {"role": "assistant", "content": "I decided on FACT_model_0815."},
            ]
        else:
            items += [user(f"Question {turn}?"), {"role": "assistant", "content": f"Answer {turn}."}]
    return items


@pytest.fixture
async def client(server: Server) -> AsyncIterator[AsyncOpenAI]:
    """The official SDK."""
    async with AsyncOpenAI(base_url=server.base_url, api_key="none", max_retries=0) as sdk:
        yield sdk


@pytest.mark.parametrize("second", FORMATS)
@pytest.mark.parametrize("first", FORMATS)
async def test_what_one_provider_compacts_another_goes_on_from(
    client: AsyncOpenAI, upstream: Upstream, first: str, second: str
):
    one, other = Forgetful(FORMATS[first]), Forgetful(FORMATS[second])
    compacted = await client.responses.compact(
        model=served(upstream, one.format, one), input=conversation(), instructions="Be kind."
    )
    output = [item.model_dump(exclude_unset=True, warnings=False) for item in compacted.output]
    assert [item["type"] for item in output] == [*["message"] * 100, "compaction"]
    assert output[0]["content"] == [{"type": "input_text", "text": "Question 1?"}]
    assert all(item["id"].startswith("msg_") for item in output[:-1])
    assert compacted.usage.total_tokens == 12
    assert "FACT_model" not in str(output)
    response = await client.responses.create(
        model=served(upstream, other.format, other), input=[*output, user("What do you know?")]
    )
    assert response.output_text == "Indeed."
    assert other.known() == FACTS
    assert other.asked[-1].last.text.endswith("What do you know?")
    for name, maker in ((first, one), (second, other)):
        for body in maker.bodies:
            judged(name, body)


@pytest.mark.parametrize("store", [True, False], ids=["stored", "carried by the client"])
@pytest.mark.parametrize("second", FORMATS)
@pytest.mark.parametrize("first", FORMATS)
async def test_a_trigger_does_it_as_well(
    client: AsyncOpenAI, upstream: Upstream, first: str, second: str, store: bool
):
    """As Codex does it: one item, told once, and sent back without its id."""
    one, other = Forgetful(FORMATS[first]), Forgetful(FORMATS[second])
    items, previous = conversation(), None
    if store:
        begun = await client.responses.create(model=served(upstream, one.format, one), input=items)
        items, previous = [], begun.id
    stream = await client.responses.create(
        model=served(upstream, one.format, one),
        input=[*items, TRIGGER],  # type: ignore[list-item]
        previous_response_id=previous,
        store=store,
        stream=True,
    )
    events = [json.loads(event.model_dump_json(exclude_unset=True)) async for event in stream]
    check(events)
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert [item["type"] for item in done] == ["compaction"]
    assert done == events[-1]["response"]["output"]
    model = served(upstream, other.format, other)
    if store:
        id = events[-1]["response"]["id"]
        await client.responses.create(model=model, input="And?", previous_response_id=id)
    else:
        item = {"type": "compaction", "encrypted_content": done[0]["encrypted_content"]}
        await client.responses.create(model=model, input=[item, user("And?")], store=False)  # type: ignore[list-item]
    assert other.known() == FACTS
    texts = [each.text for each in other.asked[-1].of("user", "assistant")]
    assert not any(text.startswith("Answer ") for text in texts)
    judged(second, other.bodies[-1])


@pytest.mark.parametrize("name", FORMATS)
async def test_a_threshold_compacts_before_the_answer(http: httpx.AsyncClient, upstream: Upstream, name: str):
    maker = Forgetful(FORMATS[name])
    body = {
        "model": served(upstream, maker.format, maker),
        "input": [*conversation(300), user("And?")],
        "context_management": [{"type": "compaction", "compact_threshold": 1000}],
    }
    answered = await http.post("/responses", json=body)
    response = answered.json()
    assert [item["type"] for item in response["output"]] == ["compaction", "message"], response
    assert response["usage"]["total_tokens"] == 24
    assert "context_management" not in answered.headers.get("x-responses-dropped", "")
    assert maker.known() == FACTS
    assert maker.asked[-1].last.text.endswith("And?")
    assert len(maker.bodies) == 2


@pytest.mark.parametrize("name", FORMATS)
async def test_a_context_that_an_upstream_finds_too_long_is_shortened(
    http: httpx.AsyncClient, upstream: Upstream, name: str
):
    format = FORMATS[name]
    sizes: list[int] = []

    async def narrow(exchange: Exchange) -> None:
        sizes.append(len(format.asked(exchange.body).context))
        if sizes[-1] <= 60:
            await answer(format, exchange, [Words("Indeed.")])
            return
        status, body, headers = format.troubles["too long"]
        await exchange.answer(status, body, **headers)

    body = {"model": served(upstream, format, narrow), "input": [*conversation(), user("And?")]}
    refused = await http.post("/responses", json={**body, "truncation": "disabled"})
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["param"]) == (400, "context_length_exceeded", "input")
    sizes.clear()
    answered = await http.post("/responses", json={**body, "truncation": "auto"})
    assert answered.status_code == 200, answered.text
    assert answered.json()["truncation"] == "auto"
    assert "truncation" not in answered.headers.get("x-responses-dropped", "")
    assert len(sizes) > 1
    assert sizes == sorted(sizes, reverse=True)


@dataclass
class Endpoint:
    """An upstream of the Responses API that compacts by itself, or says that it does not."""

    status: int = 200
    paths: list[str] = field(default_factory=list)
    bodies: list[Json] = field(default_factory=list)

    async def __call__(self, exchange: Exchange) -> None:
        self.paths.append(exchange.path)
        self.bodies.append(exchange.body)
        if not exchange.path.endswith("/compact"):
            await answer(FORMATS["native"], exchange, [Words("Known: FACT_model_0815.")])
        elif self.status != 200:
            await exchange.answer(
                self.status, {"error": {"message": "Not here", "type": "invalid_request_error"}}
            )
        else:
            item = {"type": "compaction", "id": "cmp_up", "encrypted_content": BLOB}
            usage = {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13}
            output = [{"type": "message", "id": "msg_up", "role": "user", "content": []}, item]
            compacted = {"id": "resp_up", "object": "response.compaction", "created_at": 1}
            await exchange.answer(200, {**compacted, "output": output, "usage": usage})


async def test_an_upstream_that_compacts_by_itself_is_asked_to(client: AsyncOpenAI, upstream: Upstream):
    maker, other = Endpoint(), Forgetful(FORMATS["anthropic"])
    model = f"openai-native/{upstream.serve(maker)}"
    compacted = await client.responses.compact(
        model=model, input=conversation(), instructions="Be kind.", prompt_cache_key="k"
    )
    assert maker.paths == ["/v1/responses/compact"]
    assert (maker.bodies[0]["instructions"], maker.bodies[0]["prompt_cache_key"]) == ("Be kind.", "k")
    assert compacted.usage.total_tokens == 13
    output = [item.model_dump(exclude_unset=True, warnings=False) for item in compacted.output]
    assert BLOB not in str(output)
    await client.responses.create(model=model, input=[*output, user("And?")])
    (sent,) = [item for item in maker.bodies[-1]["input"] if item["type"] == "compaction"]
    assert (sent["id"], sent["encrypted_content"]) == ("cmp_up", BLOB)
    elsewhere = served(upstream, other.format, other)
    await client.responses.create(model=elsewhere, input=[*output, user("And?")])
    assert other.known() == FACTS
    assert BLOB not in str(other.bodies)


@pytest.mark.parametrize("status", [404, 405])
async def test_one_that_says_it_does_not_is_asked_for_a_summary(
    client: AsyncOpenAI, upstream: Upstream, status: int
):
    maker = Endpoint(status)
    compacted = await client.responses.compact(
        model=f"openai-native/{upstream.serve(maker)}", input=conversation()
    )
    assert maker.paths == ["/v1/responses/compact", "/v1/responses"]
    assert compacted.output[-1].type == "compaction"


async def test_triggers_and_thresholds_are_passed_on_to_whom_they_are_for(
    http: httpx.AsyncClient, upstream: Upstream
):
    maker = Endpoint()
    management = [{"type": "compaction", "compact_threshold": 1000}]
    body = {"model": f"openai-native/{upstream.serve(maker)}", "context_management": management}
    answered = await http.post("/responses", json={**body, "input": [user("Hi"), TRIGGER]})
    assert answered.status_code == 200
    (sent,) = maker.bodies
    assert sent["context_management"] == management
    assert sent["input"][-1]["type"] == "compaction_trigger"
    listed = await http.get(f"/responses/{answered.json()['id']}/input_items")
    assert [item["type"] for item in listed.json()["data"]] == ["message"]


async def test_a_summary_that_fails_is_the_fault_that_it_is(client: AsyncOpenAI, upstream: Upstream):
    format = FORMATS["chat"]

    async def refusing(exchange: Exchange) -> None:
        status, body, headers = format.troubles["invalid"]
        await exchange.answer(status, body, **headers)

    model = served(upstream, format, refusing)
    with pytest.raises(BadRequestError, match="No such thing"):
        await client.responses.compact(model=model, input=conversation())
    with pytest.raises(BadRequestError, match="No such thing"):
        await client.responses.create(model=model, input=[user("Hi"), TRIGGER])  # type: ignore[list-item]


async def test_every_kind_of_provider_compacts(client: AsyncOpenAI, model: str):
    compacted = await client.responses.compact(model=model, input="Remember the blue door.")
    output = [item.model_dump(exclude_unset=True, warnings=False) for item in compacted.output]
    assert [item["type"] for item in output] == ["message", "compaction"]
    response = await client.responses.create(model=model, input=[*output, user("Go on")])
    assert response.status == "completed"

"""Connections that break at any stage: an SDK that asks again gets its answer, and that is paid once."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import httpx
import openai
import pytest

from tests.fakes.fixtures import KEY
from tests.fakes.formats.base import begin
from tests.fakes.formats.every import FORMATS
from tests.fakes.resets import STAGES, WITHIN_THE_BODY, Resets, cut
from tests.fakes.server import Server
from tests.fakes.upstream import Signal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from openai.types.responses import Response

    from tests.fakes.upstream import Exchange, Upstream

pytestmark = pytest.mark.anyio

CHAT = FORMATS["chat"]
MODES = pytest.mark.parametrize("streaming", [False, True], ids=["plain", "streamed"])
KEYS = pytest.mark.parametrize("keyed", [False, True], ids=["counted", "named"])


class Till:
    """A model that counts how often it is paid for each question, and takes its time to answer."""

    def __init__(self) -> None:
        self.paid: Counter[str] = Counter()
        self.asked = Signal()
        self.model = ""
        """What our clients call it."""

    async def __call__(self, exchange: Exchange) -> None:
        question = CHAT.asked(exchange.body).last.text
        self.paid[question] += 1
        self.asked.set()
        speaking = await begin(CHAT, exchange)
        await speaking.say(f"Answer {self.paid[question]}")
        await asyncio.sleep(0.6)  # longer than an SDK waits before it asks again
        await speaking.say(f" to {question}")
        await speaking.stop()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[list[Server]]:
    """Two processes over one store."""
    folder = tmp_path_factory.mktemp("twins")
    addresses = {"GROQ_BASE_URL": upstream.base_url, "GROQ_API_KEY": KEY, "RESPONSES_KEEP_ALIVE_MS": "300"}
    twins = [Server(folder, **addresses) for _ in range(2)]
    for each in twins:  # a first request imports, which takes longer than an SDK waits
        asked = {"model": f"{CHAT.provider}/demo", "input": "x"}
        warmed = httpx.post(f"{each.started().base_url}/responses", json=asked, timeout=60, trust_env=False)
        assert warmed.status_code == 200
    yield twins
    for each in twins:
        each.stop()
        assert each.complaints == []


@pytest.fixture
def till(upstream: Upstream) -> Till:
    made = Till()
    made.model = f"{CHAT.provider}/{upstream.serve(made)}"
    return made


@pytest.fixture
def hop(servers: list[Server]) -> Iterator[Resets]:
    """What breaks connections to both of them, in turn."""
    with Resets(*(each.base_url for each in servers)) as between:
        yield between


@pytest.fixture
async def sdk(hop: Resets) -> AsyncIterator[openai.AsyncOpenAI]:
    """The official SDK behind that hop."""
    async with openai.AsyncOpenAI(base_url=hop.base_url, api_key="none") as client:
        yield client


async def ask(sdk: openai.AsyncOpenAI, headers: dict[str, str], *, streaming: bool, **body: Any) -> Response:
    if not streaming:
        return await sdk.responses.create(**body, extra_headers=headers)
    async with sdk.responses.stream(**body, extra_headers=headers) as events:
        return await events.get_final_response()


@MODES
@KEYS
async def test_a_retry_storm_pays_once(
    sdk: openai.AsyncOpenAI, hop: Resets, till: Till, streaming: bool, keyed: bool
):
    async def one(stage: str, tries: int) -> None:
        question = f"{tries} times {stage}"
        name = {"idempotency-key": f"{till.model} {question}"} if keyed else {}
        headers = {**name, **cut(stage, tries=tries)}
        if streaming and stage in WITHIN_THE_BODY:  # an SDK does not ask again for what it began to read
            with pytest.raises(openai.APIConnectionError):
                await ask(sdk, headers, streaming=True, model=till.model, input=question)
            if not keyed:
                return
            headers = name
        first = await ask(sdk, headers, streaming=streaming, model=till.model, input=question)
        assert first.output_text == f"Answer 1 to {question}"
        second = await ask(
            sdk,
            {**name, "idempotency-key": f"{name} again"} if keyed else cut(stage),
            streaming=False,
            model=till.model,
            input=f"after {question}",
            previous_response_id=first.id,
        )
        assert second.output_text == f"Answer 1 to after {question}"
        assert (await sdk.responses.retrieve(second.id)).output == second.output

    await asyncio.gather(*(one(stage, tries) for stage in STAGES for tries in (1, 2)))
    assert all(hop.cuts[stage] >= 2 for stage in STAGES), hop.cuts
    assert {each: times for each, times in till.paid.items() if times != 1} == {}


async def test_equal_questions_are_answered_each_for_itself_though_all_are_asked_again(
    sdk: openai.AsyncOpenAI, till: Till
):
    asked = [
        ask(sdk, cut("within the headers"), streaming=False, model=till.model, input="same") for _ in range(5)
    ]
    answers = await asyncio.gather(*asked)
    assert len({answer.id for answer in answers}) == 5
    assert till.paid == {"same": 5}


async def test_a_named_answer_is_given_again_to_the_byte(hop: Resets, till: Till):
    async with httpx.AsyncClient(base_url=hop.base_url, trust_env=False, timeout=30) as http:
        body = {"model": till.model, "input": "x"}
        asked = {"headers": {"idempotency-key": till.model}}
        async with asyncio.TaskGroup() as both:
            first = both.create_task(http.post("/responses", json=body, **asked))
            await till.asked.seen()
            conflict = await http.post("/responses", json=body, **asked)
        assert (conflict.status_code, conflict.headers["retry-after"]) == (409, "1")
        assert conflict.json()["error"]["code"] == "idempotency_conflict"
        again = await http.post("/responses", json=body, **asked)
        stored = await http.get(f"/responses/{again.json()['id']}")
        assert again.content == stored.content == first.result().content
        assert again.headers["idempotent-replayed"] == "true"
        streamed = await http.post("/responses", json={**body, "stream": True}, **asked)
        told = await http.get(f"/responses/{again.json()['id']}?stream=true")
        assert streamed.content == told.content
        assert streamed.headers["idempotent-replayed"] == "true"
        other = await http.post("/responses", json={**body, "input": "y"}, **asked)
        assert (other.status_code, other.json()["error"]["code"]) == (400, "idempotency_key_reused")
    assert till.paid == {"x": 1}


async def test_an_sdk_that_runs_out_of_patience_gets_the_answer_it_had_asked_for(
    sdk: openai.AsyncOpenAI, till: Till
):
    hasty = sdk.with_options(timeout=0.5)  # less than the model takes
    answer = await hasty.responses.create(model=till.model, input="slow")
    assert (answer.output_text, till.paid) == ("Answer 1 to slow", {"slow": 1})


@pytest.mark.slow
async def test_after_a_crash_an_sdk_waits_for_the_lease_and_is_answered(
    tmp_path: Path, upstream: Upstream, till: Till
):
    addresses = {"GROQ_BASE_URL": upstream.base_url, "GROQ_API_KEY": KEY}
    with (
        Server(tmp_path, **addresses) as dies,
        Server(tmp_path, **addresses) as lives,
        Resets(dies.base_url, lives.base_url) as hop,
    ):
        async with openai.AsyncOpenAI(base_url=hop.base_url, api_key="none", timeout=60) as sdk:
            asked = asyncio.ensure_future(sdk.responses.create(model=till.model, input="x"))
            await till.asked.seen()
            dies.kill()
            assert (await asked).output_text == "Answer 2 to x"
    assert till.paid == {"x": 2}

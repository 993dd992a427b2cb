"""How much a context is, by our own estimate: beside the loop where it is long, each item once."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.create import create_response
from lambda_responses.lifecycle.token_counts import count_input_tokens
from lambda_responses.lifecycle.weights import TokenWeights
from lambda_responses.stream.deltas import Failed, Stopped, Text
from lambda_responses.wire import token_estimates
from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.token_estimates import estimated_tokens
from tests.played import ME, Played

if TYPE_CHECKING:
    from tests.played import Play

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

PAUSE: list[Any] = [Text(0, "wait"), Stopped("pause")]
HELLO: list[Any] = [Text(0, "Hello"), Stopped("end")]
TOO_LONG: list[Any] = [Failed(InvalidRequestError("Too long.", code="context_length_exceeded"))]
REQUEST: Json = {"model": "claude", "instructions": "Answer in rhymes."}


def said(number: int, words: int = 2) -> Json:
    return {"type": "message", "role": "user", "content": f"word {number} " * words}


class Scales:
    """What was weighed, and in which threads."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.weighed: Counter[str] = Counter()
        self.threads: set[int] = set()
        weigh = token_estimates.item_tokens

        def watched(item: Json) -> float:
            self.weighed[str(item.get("content"))] += 1
            self.threads.add(threading.get_ident())
            return weigh(item)

        monkeypatch.setattr(token_estimates, "item_tokens", watched)


@pytest.fixture
def scales(monkeypatch: pytest.MonkeyPatch) -> Scales:
    return Scales(monkeypatch)


async def test_a_context_is_as_much_as_it_is_estimated_at() -> None:
    items = [said(number) for number in range(50)]
    weights = TokenWeights()
    for known in (items[:10], items, items[20:], []):
        assert await weights.tokens(REQUEST, known) == estimated_tokens(REQUEST, known)
    assert await weights.of(items) == [token_estimates.item_tokens(item) for item in items]


async def test_an_item_is_weighed_once_for_as_long_as_it_is_the_same(scales: Scales) -> None:
    items = [said(number) for number in range(5)]
    weights = TokenWeights()
    await weights.of(items[:3])
    await weights.of(items)
    assert set(scales.weighed.values()) == {1}
    longer = {**items[0], "content": "much " * 500}
    assert (await weights.of([longer]))[0] > 10 * (await weights.of(items[:1]))[0]


async def test_little_is_weighed_here_and_much_elsewhere(scales: Scales) -> None:
    await TokenWeights().of([said(1)])
    assert scales.threads == {threading.get_ident()}
    scales.threads.clear()
    await TokenWeights().of([said(number, 2_000) for number in range(10)])
    assert threading.get_ident() not in scales.threads


async def test_long_instructions_are_weighed_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[int] = set()
    weigh = token_estimates.request_tokens

    def watched(request: Json) -> float:
        threads.add(threading.get_ident())
        return weigh(request)

    monkeypatch.setattr(token_estimates, "request_tokens", watched)
    await TokenWeights().tokens({"instructions": "word " * 50_000}, [])
    assert threads
    assert threading.get_ident() not in threads


async def test_the_steps_and_tries_of_a_run_weigh_an_item_once(play: Play, scales: Scales) -> None:
    services = play(Played([PAUSE, TOO_LONG, TOO_LONG, HELLO]))
    body: Json = {
        "model": "m",
        "input": [said(number) for number in range(40)],
        "truncation": "auto",
        "context_management": [{"type": "compaction", "compact_threshold": 50_000}],
    }
    run = await create_response(body, principal=ME, using=services)
    assert (await run.response())["status"] == "completed"
    assert len(scales.weighed) > 40
    assert set(scales.weighed.values()) == {1}


async def test_a_long_context_is_counted_elsewhere(play: Play, scales: Scales) -> None:
    body: Json = {"model": "m", "input": [said(number, 2_000) for number in range(10)]}
    count = await count_input_tokens(body, principal=ME, using=play(Played([])))
    assert count.counter == "estimate"
    assert scales.threads
    assert threading.get_ident() not in scales.threads

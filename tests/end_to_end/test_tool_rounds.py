"""Rounds of calls that the client answers: each vendor gets them as it wants them, paired and signed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.events import stream, text_of
from tests.fakes.formats.every import FORMATS
from tests.fakes.plans import Plan

if TYPE_CHECKING:
    import httpx

    from tests.fakes.upstream import Upstream

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

NUMBERS = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}
ADD: Json = {"type": "function", "name": "add", "parameters": NUMBERS}
ROUNDS = ([("add", {"a": 1, "b": 2}), ("add", {"a": 3, "b": 4})], [("add", {"a": 3, "b": 7})], "It is 10.")


def results(response: Json) -> list[Json]:
    calls = [item for item in response["output"] if item["type"] == "function_call"]
    return [
        {
            "type": "function_call_output",
            "call_id": call["call_id"],
            "output": str(sum(json.loads(call["arguments"]).values())),
        }
        for call in calls
    ]


@pytest.mark.parametrize(
    "streamed", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["streamed", "plain"]
)
@pytest.mark.parametrize("name", [name for name in FORMATS if name != "cohere"])
async def test_a_client_answers_calls_of_several_rounds(
    http: httpx.AsyncClient, upstream: Upstream, name: str, streamed: bool
):
    plan = Plan(name, FORMATS[name], ROUNDS, thinks=True, ids_restart=name == "chat")
    asked: Json = {"model": plan.served(upstream), "tools": [ADD], "reasoning": {"effort": "low"}}
    items: list[Json] = [{"type": "message", "role": "user", "content": "Add them"}]
    said: Json = {}
    previous: str | None = None
    while items:
        body = {**asked, "input": items, "previous_response_id": previous}
        if streamed:
            said = (await stream(http, **body))[-1]["response"]
        else:
            answered = await http.post("/responses", json=body)
            said = answered.json()
        assert said["status"] == "completed", said
        items, previous = results(said), said["id"]
    assert text_of(said) == "It is 10."
    assert plan.results == ["3", "7", "10"]
    assert len(plan.exchanges) == 3
    plan.check()

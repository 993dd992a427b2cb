"""Recorded tool loops: an answer, taken in as items and sent back, is what the recorded client sent back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import Any

import pytest

from lambda_responses.transformers.base import Turn
from lambda_responses.transformers.cohere_chat import COHERE_CHAT
from tests.corpus.cohere_recordings import Json, Recording, read_answer, recordings, turn_of
from tests.corpus.cohere_shapes import check_body
from tests.corpus.lift_cohere import lift
from tests.kit import emitter

LOOPS = 5


@dataclass(frozen=True)
class Loop:
    """An answer with calls, and the request that brought their results."""

    answer: Recording
    assistant: Json
    results: list[Json]


def loops() -> list[Loop]:
    """Every answer in the corpus that the next request of its conversation goes on from."""
    conversations: dict[str, list[Recording]] = {}
    for each in recordings():
        if each.status < 400:
            conversations.setdefault(each.source[0], []).append(each)
    found: list[Loop] = []
    for exchanges in conversations.values():
        for one, other in pairwise(sorted(exchanges, key=lambda each: each.source[1])):
            rest = other.request["messages"][len(one.request["messages"]) :]
            if read_answer(one).calls and rest and rest[0].get("tool_calls"):
                results = list(takewhile(lambda message: message["role"] == "tool", rest[1:]))
                found.append(Loop(one, rest[0], results))
    return found


def parameters() -> list[Any]:
    absent = pytest.mark.skip(reason="../shared/corpus/dev is absent")
    return [pytest.param(each, id=each.answer.file) for each in loops()] or [
        pytest.param(None, marks=absent, id="absent")
    ]


def answered(recording: Recording) -> tuple[list[Json], dict[str, Json]]:
    """The output items of the recorded answer, and what was kept beside them."""
    chunks, marked = recording.chunks()
    decoder, making = COHERE_CHAT.decoder(turn_of(recording), recording.profile), emitter()
    making.start()
    for chunk in chunks:
        for delta in decoder.feed(chunk):
            making.apply(delta)
    for delta in decoder.end(marked=marked):
        making.apply(delta)
    making.finish(at=2)
    return making.response["output"], making.origins


def called(message: Json) -> list[tuple[str, str, Any]]:
    return [
        (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
        for call in message["tool_calls"]
    ]


def told(result: Json) -> list[str]:
    content = result["content"]
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [part["text"] if part["type"] == "text" else part["document"]["data"]["text"] for part in parts]


def test_there_are_as_many_loops_as_the_corpus_is_known_to_hold() -> None:
    if not recordings():
        pytest.skip("../shared/corpus/dev is absent")
    assert len(loops()) == LOOPS


@pytest.mark.parametrize("loop", parameters())
def test_an_answer_goes_back_as_it_was_said(loop: Loop) -> None:
    before = lift(loop.answer.request)
    output, origins = answered(loop.answer)
    results = lift({"model": "m", "messages": [loop.assistant, *loop.results]}).items
    items = [*before.items, *output, *(item for item in results if item["type"] == "function_call_output")]
    turn = Turn(loop.answer.model, before.request, items, {**before.origins, **origins})
    body = COHERE_CHAT.render_request(turn, loop.answer.profile).body
    check_body(body)
    messages = body["messages"][len(loop.answer.request["messages"]) :]
    assert messages[0]["role"] == "assistant"
    assert called(messages[0]) == called(loop.assistant)
    answer = read_answer(loop.answer)
    assert messages[0].get("tool_plan", "") == answer.plan
    said = {part["type"]: part[part["type"]] for part in messages[0].get("content") or ()}
    assert said.get("thinking", "") == answer.reasoning
    assert said.get("text", "") == answer.text
    assert [message["tool_call_id"] for message in messages[1:]] == [
        result["tool_call_id"] for result in loop.results
    ]
    assert [told(message) for message in messages[1:]] == [told(result) for result in loop.results]

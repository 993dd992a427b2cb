"""Recorded tool loops: an answer, taken in as items and sent back, is what the recorded client sent back."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import Any

import pytest

from lambda_responses.transformers.base import Turn
from lambda_responses.transformers.chat_completions import CHAT_COMPLETIONS
from tests.corpus.chat_recordings import Json, Recording, read_answer, recordings, turn_of
from tests.corpus.lift_chat import CannotLift, lift
from tests.kit import emitter

LOOPS = 94
REPLAYED = {"reasoning_content", "reasoning"}


@dataclass(frozen=True)
class Loop:
    """An answer with calls, and the request that brought their results."""

    answer: Recording
    asked: list[Json]
    assistant: Json
    results: list[Json]


def loops() -> list[Loop]:
    """Every answer in the corpus that some later request of its conversation goes on from."""
    found: list[Loop] = []
    conversations: dict[str, list[Recording]] = {}
    for each in recordings():
        if each.status < 400 and isinstance(each.request, dict):
            conversations.setdefault(each.source[0], []).append(each)
    for exchanges in conversations.values():
        for one, other in pairwise(sorted(exchanges, key=lambda each: each.source[1])):
            asked, went_on = one.request["messages"], other.request["messages"]
            rest = went_on[len(asked) :]
            if (
                rest
                and went_on[: len(asked)] == asked
                and rest[0].get("tool_calls")
                and read_answer(one).calls
            ):
                results = list(takewhile(lambda message: message["role"] == "tool", rest[1:]))
                found.append(Loop(one, asked, rest[0], results))
    return found


def parameters() -> list[Any]:
    absent = pytest.mark.skip(reason="../shared/corpus/dev is absent")
    return [pytest.param(each, id=each.answer.file) for each in loops()] or [
        pytest.param(None, marks=absent, id="absent")
    ]


def answered(recording: Recording) -> tuple[list[Json], dict[str, Json]]:
    """The output items of the recorded answer, and what was kept beside them."""
    chunks, marked = recording.chunks()
    decoder, making = CHAT_COMPLETIONS.decoder(turn_of(recording), recording.profile), emitter()
    making.start()
    for chunk in chunks:
        for delta in decoder.feed(chunk):
            making.apply(delta)
    for delta in decoder.end(marked=marked):
        making.apply(delta)
    making.finish(at=2)
    return making.response["output"], making.origins


def called(message: Json) -> list[tuple[str, Any]]:
    return [
        (call["function"]["name"], json.loads(call["function"]["arguments"] or "{}"))
        for call in message["tool_calls"]
    ]


def spoken(message: Json) -> str:
    content = message.get("content") or ""
    if isinstance(content, list):
        content = "".join(part.get("text") or "" for part in content if part["type"] == "text")
    return re.sub(r"<think>.*?</think>", "", content, flags=re.DOTALL).strip()


def seals(message: Json) -> set[str]:
    """Signatures and sealed reasoning: what must come back to the byte."""
    details = message.get("reasoning_details") or ()
    return {detail[name] for detail in details for name in ("signature", "data") if detail.get(name)}


def test_there_are_as_many_loops_as_the_corpus_is_known_to_hold() -> None:
    if not recordings():
        pytest.skip("../shared/corpus/dev is absent")
    assert len(loops()) >= LOOPS


@pytest.mark.parametrize("loop", parameters())
def test_an_answer_goes_back_as_the_recorded_client_sent_it(loop: Loop) -> None:
    try:
        before = lift({**loop.answer.request, "messages": loop.asked})
    except CannotLift as reason:
        pytest.skip(str(reason))
    output, origins = answered(loop.answer)
    calls = [item for item in output if item["type"] == "function_call"]
    ids = {
        call["id"]: ours["call_id"] for call, ours in zip(loop.assistant["tool_calls"], calls, strict=True)
    }
    told = lift({"messages": [loop.assistant, *loop.results]}).items
    results = [
        {**item, "call_id": ids[item["call_id"]]} for item in told if item["type"] == "function_call_output"
    ]
    turn = Turn(
        model=loop.answer.model,
        request=before.request,
        items=[*before.items, *output, *results],
        origins={**before.origins, **origins},
    )
    messages = CHAT_COMPLETIONS.render_request(turn, loop.answer.profile).body["messages"]
    ours, answers = messages[-1 - len(calls)], messages[-len(calls) :]
    assert called(ours) == called(loop.assistant)
    if spoken(loop.assistant):  # some clients forget what was said beside a call
        assert spoken(ours) == spoken(loop.assistant)
    assert [call["id"] for call in ours["tool_calls"]] == [answer["tool_call_id"] for answer in answers]
    assert [str(one["content"]) for one in answers] == [
        item["output"]
        if isinstance(item["output"], str)
        else "\n".join(part["text"] for part in item["output"])
        for item in results
    ]
    assert seals(loop.assistant) <= seals(ours)
    for member in REPLAYED & ours.keys() & loop.assistant.keys():
        assert ours[member] == loop.assistant[member], member

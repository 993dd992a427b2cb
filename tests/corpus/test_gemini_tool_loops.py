"""Recorded conversations: an answer, taken in as items and sent back, is what the client sent back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest

from lambda_responses.transformers.base import Turn
from lambda_responses.transformers.gemini_generate_content import GEMINI_GENERATE_CONTENT
from tests.corpus.gemini_recordings import Json, Recording, cases, read_answer, recordings, turn_of
from tests.corpus.lift_gemini import CannotLift, camel, lift, parts_of, response_text
from tests.kit import emitter

STEPS = 50
WITH_CALLS = 33
MOVES_SIGNATURES = "chat-with-extended-thinking-vertexai"
"""Of the client that put a text's signature on the thought before it."""


@dataclass(frozen=True)
class Step:
    """An answer, and what the request that goes on from it adds to the conversation."""

    answer: Recording
    asked: list[Json]
    said: list[Json]
    """The model's parts, as the recorded client sent them back."""
    responses: list[Json]


def steps() -> list[Step]:
    """Every answer in the corpus that some later request of its conversation goes on from."""
    found: list[Step] = []
    conversations: dict[str, list[Recording]] = {}
    for each in recordings():
        if each.status < 400 and isinstance(each.request, dict):
            conversations.setdefault(each.source[0], []).append(each)
    for exchanges in conversations.values():
        for one, other in pairwise(sorted(exchanges, key=lambda each: each.source[1])):
            asked, went_on = one.request["contents"], other.request["contents"]
            rest = camel(went_on[len(asked) :])
            if rest and went_on[: len(asked)] == asked and goes_on(one, rest[0]):
                responses = [
                    part for content in rest[1:] for part in parts_of(content) if "functionResponse" in part
                ]
                calls = sum("functionCall" in part for part in parts_of(rest[0]))
                found.append(Step(one, asked, parts_of(rest[0]), responses[:calls]))
    return found


def goes_on(recording: Recording, content: Json) -> bool:
    """Whether that content is the recorded answer, sent back."""
    answer, parts = read_answer(recording), parts_of(content)
    calls = [part["functionCall"]["name"] for part in parts if "functionCall" in part]
    return content["role"] == "model" and calls == [name for _, name, _ in answer.calls]


def parameters() -> list[Any]:
    absent = pytest.mark.skip(reason="../shared/corpus/dev is absent")
    return [pytest.param(each, id=each.answer.file) for each in steps()] or [
        pytest.param(None, marks=absent, id="absent")
    ]


def answered(recording: Recording, *, stored: bool) -> tuple[list[Json], dict[str, Json]]:
    """The output items of the recorded answer, and what comes back beside them.

    A client that keeps the conversation itself brings back what was sealed on reasoning items alone.
    """
    decoder = GEMINI_GENERATE_CONTENT.decoder(turn_of(recording, store=stored), recording.profile)
    making = emitter()
    making.start()
    for chunk in recording.chunks():
        for delta in decoder.feed(chunk):
            making.apply(delta)
    for delta in decoder.end(marked=False):
        making.apply(delta)
    making.finish(at=2)
    output = making.response["output"]
    brought = {item["id"] for item in output if stored or item["type"] == "reasoning"}
    origins = {id: json.loads(json.dumps(origin)) for id, origin in making.origins.items() if id in brought}
    return output, origins


def signature(part: Json) -> str:
    """In one of the two alphabets of base64, which one SDK puts in the place of the other."""
    return (part.get("thoughtSignature") or "").replace("-", "+").replace("_", "/")


def essence(parts: list[Json], *, thoughts: bool, signatures: bool) -> list[Json]:
    """What the parts say; neighbouring texts without a signature are one."""
    told: list[Json] = []
    for part in parts:
        if part.get("thought") and not thoughts:
            continue
        signed = {"signature": signature(part)} if signatures and signature(part) else {}
        match part:
            case {"functionCall": call}:
                told.append({"call": call["name"], "args": call.get("args") or {}, **signed})
            case {"text": text}:
                kind = "thought" if part.get("thought") else "text"
                if told and not signed and told[-1].keys() == {kind}:
                    told[-1] = {kind: told[-1][kind] + text}
                elif text or signed:
                    told.append({kind: text, **signed})
            case _:
                told.append({key: part[key] for key in part if key != "thoughtSignature"} | signed)
    return told


def without_closing_signature(told: list[Json]) -> list[Json]:
    """Clients of streams let go of a last part that is nothing but a signature."""
    return told[:-1] if told and told[-1].get("text") == "" else told


def test_there_are_as_many_steps_as_the_corpus_is_known_to_hold() -> None:
    if not recordings():
        pytest.skip("../shared/corpus/dev is absent")
    assert len(steps()) == STEPS
    assert sum(bool(read_answer(step.answer).calls) for step in steps()) == WITH_CALLS


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("step", parameters())
def test_an_answer_goes_back_as_the_recorded_client_sent_it(step: Step, stored: bool) -> None:
    recording = step.answer
    try:
        before = lift({**(recording.request or {}), "contents": step.asked}, recording.model)
    except CannotLift as reason:
        pytest.skip(str(reason))
    output, origins = answered(recording, stored=stored)
    calls = [item for item in output if item["type"] == "function_call"]
    results: list[Json] = [
        {"type": "function_call_output", "call_id": call["call_id"], "output": response_text(told)}
        for call, told in zip(calls, [part["functionResponse"] for part in step.responses], strict=True)
    ]
    follow_up: Json = {"role": "user", "content": "Go on."}
    turn = Turn(
        model=recording.model,
        request={**before.request, "store": stored},
        items=[*before.items, *output, *results, *([] if results else [follow_up])],
        origins={**before.origins, **origins},
    )
    contents = GEMINI_GENERATE_CONTENT.render_request(turn, recording.profile).body["contents"]
    model, answers = contents[-2], contents[-1]
    assert (model["role"], answers["role"]) == ("model", "user")
    thoughts = any(part.get("thought") for part in step.said)
    signatures = any(signature(part) for part in step.said) and MOVES_SIGNATURES not in recording.file
    ours = essence(model["parts"], thoughts=thoughts, signatures=signatures)
    theirs = essence(step.said, thoughts=thoughts, signatures=signatures)
    assert without_closing_signature(ours) == theirs
    if results:
        assert [part["functionResponse"]["response"] for part in answers["parts"]] == [
            {"output": result["output"]} for result in results
        ]
        asked = [part["functionCall"] for part in model["parts"] if "functionCall" in part]
        told = [part["functionResponse"] for part in answers["parts"]]
        assert [(call["id"], call["name"]) for call in asked] == [(one["id"], one["name"]) for one in told]


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("recording", cases())
def test_an_answer_goes_back_part_by_part(recording: Recording, stored: bool) -> None:
    """Whatever the recorded client made of it: what Google said is what Google hears."""
    answer = [
        part
        for chunk in recording.chunks()
        for candidate in chunk.get("candidates") or ()
        for part in (candidate.get("content") or {}).get("parts") or ()
    ]
    told = essence(answer, thoughts=True, signatures=True)
    if not told or any("inlineData" in part for part in answer):
        return
    output, origins = answered(recording, stored=stored)
    results: list[Json] = [
        {"type": "function_call_output", "call_id": item["call_id"], "output": ""}
        for item in output
        if item["type"] == "function_call"
    ]
    turn = Turn(recording.model, {}, [{"role": "user", "content": "?"}, *output, *results], origins)
    contents = GEMINI_GENERATE_CONTENT.render_request(turn, recording.profile).body["contents"]
    sent = essence(contents[1]["parts"], thoughts=True, signatures=True)
    for part in sent:
        if part.get("signature") == recording.profile.signature_placeholder:
            del part["signature"]
    assert sent == told

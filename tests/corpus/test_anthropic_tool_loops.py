"""Recorded turns that go on: an answer, taken in as items and sent back, is what the recorded client sent."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pytest

from lambda_responses.transformers.anthropic_messages import ANTHROPIC_MESSAGES
from lambda_responses.transformers.base import Turn
from tests.corpus.anthropic_recordings import Json, Recording, read_answer, recordings, turn_of
from tests.corpus.lift_anthropic import CannotLift, lift
from tests.kit import emitter

LOOPS = 52
WITH_SEALS = 12
SEALS = ("signature", "data", "encrypted_content", "encrypted_index", "encrypted_stdout")
"""Members that only their maker can make, and that must come back to the byte."""


@dataclass(frozen=True)
class Loop:
    """An answer, and what a later request of its conversation makes of it."""

    answer: Recording
    later: Recording
    assistant: Json
    after: list[Json]


def loops() -> list[Loop]:
    """Every answer in the corpus that some later request of its conversation goes on from."""
    found: list[Loop] = []
    conversations: dict[str, list[Recording]] = {}
    for each in recordings():
        if each.status < 400 and isinstance((each.request or {}).get("messages"), list):
            conversations.setdefault(each.source[0], []).append(each)
    for exchanges in conversations.values():
        for one, other in combinations(sorted(exchanges, key=lambda each: each.source[1]), 2):
            asked, went_on = bare(one.request["messages"]), bare(other.request["messages"])
            rest = went_on[len(asked) :]
            goes_on = bool(rest) and went_on[: len(asked)] == asked and rest[0]["role"] == "assistant"
            if goes_on and are_answered(one, rest[1:]):
                found.append(Loop(one, other, rest[0], rest[1:]))
    firsts = {loop.answer.file: loop for loop in reversed(found)}
    return list(firsts.values())


def are_answered(answer: Recording, after: list[Json]) -> bool:
    """Whether the client ran the tools: some take a call's arguments for the answer, and go on talking."""
    results = {block.get("tool_use_id") for message in after for block in message["content"]}
    return all(id in results for id, _, _ in read_answer(answer).calls)


def bare(value: Any) -> Any:
    """Without cache marks and nulls, and with every text as a block."""
    if isinstance(value, list):
        return [bare(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    if value.get("role") and isinstance(value.get("content"), str):
        value = {**value, "content": [{"type": "text", "text": value["content"]}]}
    kept = {key: bare(inner) for key, inner in value.items() if inner is not None and key != "cache_control"}
    return {key: inner for key, inner in kept.items() if not (key == "citations" and inner == [])}


def comparable(content: list[Json]) -> list[Json]:
    """What says the same is the same: who called, where the model itself did; blank text; redacted ids."""
    blocks: list[Json] = []
    for block in bare(content):
        if block["type"] == "text" and not block["text"].strip():
            continue
        if block.get("caller") == {"type": "direct"}:
            del block["caller"]
        if block["type"] == "tool_result" and block.get("is_error") is False:
            del block["is_error"]
        if isinstance(block.get("content"), dict):
            for name in ("abort_reason", "stop_reason"):
                block["content"].pop(name, None)
        blocks.append(block)
    return blocks


def parameters() -> list[Any]:
    absent = pytest.mark.skip(reason="../shared/corpus/dev is absent")
    return [pytest.param(each, id=each.answer.file) for each in loops()] or [
        pytest.param(None, marks=absent, id="absent")
    ]


def answered(recording: Recording) -> tuple[list[Json], dict[str, Json]]:
    """The output items of the recorded answer, and what was kept beside them."""
    chunks, marked = recording.chunks()
    decoder, making = ANTHROPIC_MESSAGES.decoder(turn_of(recording), recording.profile), emitter()
    making.start()
    for chunk in chunks:
        for delta in decoder.feed(chunk):
            making.apply(delta)
    for delta in decoder.end(marked=marked):
        making.apply(delta)
    making.finish(at=2)
    return making.response["output"], making.origins


def seals(value: Any) -> list[str]:
    if isinstance(value, list):
        return [seal for inner in value for seal in seals(inner)]
    if not isinstance(value, dict):
        return []
    own = [value[name] for name in SEALS if isinstance(value.get(name), str) and value[name]]
    return own + [seal for inner in value.values() for seal in seals(inner)]


def go_on(loop: Loop) -> list[Json]:
    """The messages that we send once the answer has been taken in and what followed it was said."""
    before = lift(loop.answer.request or {}, loop.answer.model)
    after = lift({"max_tokens": 1, "messages": loop.after}, loop.answer.model).items
    output, origins = answered(loop.answer)
    follow = [{**item, "id": f"after_{place}"} for place, item in enumerate(after)]
    turn = Turn(
        model=loop.answer.model,
        request=before.request,
        items=[*before.items, *output, *follow],
        origins={**before.origins, **origins},
    )
    return ANTHROPIC_MESSAGES.render_request(turn, loop.answer.profile).body["messages"]


def test_there_are_as_many_loops_as_the_corpus_is_known_to_hold() -> None:
    if not recordings():
        pytest.skip("../shared/corpus/dev is absent")
    assert len(loops()) >= LOOPS
    assert sum(bool(seals(loop.assistant)) for loop in loops()) >= WITH_SEALS


@pytest.mark.parametrize("loop", parameters())
def test_an_answer_goes_back_as_the_recorded_client_sent_it(loop: Loop) -> None:
    try:
        messages = json.loads(json.dumps(go_on(loop)))
    except CannotLift as reason:
        pytest.skip(str(reason))
    at = len(bare(loop.answer.request["messages"]))
    ours, theirs = comparable(messages[at]["content"]), comparable(loop.assistant["content"])
    recorded = comparable(read_answer(loop.answer).blocks)
    assert ours == theirs or ours == recorded  # some clients forget what was said beside a call
    assert seals(ours) == seals(recorded)
    if loop.after:
        told = comparable(messages[at + 1]["content"])
        assert told == comparable(bare(loop.after[0]["content"]))

"""Recorded conversations: an answer, taken in as items and sent back, is what the client sent back."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest

from lambda_responses.transformers.base import Turn
from lambda_responses.transformers.bedrock_converse import BEDROCK_CONVERSE
from tests.corpus.converse_recordings import Json, Recording, read_answer, recordings, turn_of
from tests.corpus.lift_converse import lift, lift_user
from tests.kit import emitter

TURNS, LOOPS = 24, 19


@dataclass(frozen=True)
class Continuation:
    """An answer, and what the next request of its conversation says after it was asked."""

    answer: Recording
    asked: list[Json]
    assistant: Json
    user: Json


def plain(message: Json) -> Json:
    """A message without cache points, which wander from turn to turn."""
    content = [block for block in message["content"] if "cachePoint" not in block]
    return {"role": message["role"], "content": content}


def continuations() -> list[Continuation]:
    """Every answer in the corpus that a later request goes on from."""
    conversations: dict[str, list[Recording]] = {}
    for each in recordings():
        if each.status < 400 and each.request:
            conversations.setdefault(each.source[0], []).append(each)
    found: list[Continuation] = []
    for exchanges in conversations.values():
        for one, other in pairwise(sorted(exchanges, key=lambda each: each.source[1])):
            asked = [plain(message) for message in (one.request or {})["messages"]]
            went_on = [plain(message) for message in (other.request or {})["messages"]]
            rest = went_on[len(asked) :]
            if (
                rest
                and went_on[: len(asked)] == asked
                and rest[0]["role"] == "assistant"
                and echoes(rest[0], one)
            ):
                found.append(Continuation(one, asked, rest[0], rest[1]))
    return found


def echoes(message: Json, recording: Recording) -> bool:
    """Whether the message holds that answer, and not one written by hand."""
    ids = [block["toolUse"]["toolUseId"] for block in message["content"] if "toolUse" in block]
    answer = read_answer(recording)
    said = "".join(json.dumps(block) for block in message["content"])
    return ids == [id for id, _, _ in answer.calls] and (bool(ids) or json.dumps(answer.text)[1:20] in said)


def parameters() -> list[Any]:
    absent = pytest.mark.skip(reason="../shared/corpus/dev is absent")
    return [pytest.param(each, id=each.answer.file) for each in continuations()] or [
        pytest.param(None, marks=absent, id="absent")
    ]


def answered(recording: Recording) -> tuple[list[Json], dict[str, Json]]:
    """The output items of the recorded answer, and what was kept beside them."""
    chunks, marked = recording.chunks()
    decoder, making = BEDROCK_CONVERSE.decoder(turn_of(recording), recording.profile), emitter()
    making.start()
    for chunk in chunks:
        for delta in decoder.feed(chunk):
            making.apply(delta)
    for delta in decoder.end(marked=marked):
        making.apply(delta)
    making.finish(at=2)
    return making.response["output"], making.origins


def test_there_are_as_many_turns_as_the_corpus_is_known_to_hold() -> None:
    if not recordings():
        pytest.skip("../shared/corpus/dev is absent")
    found = continuations()
    assert len(found) >= TURNS
    assert sum(bool(read_answer(each.answer).calls) for each in found) >= LOOPS


@pytest.mark.parametrize("turn", parameters())
def test_an_answer_goes_back_as_the_recorded_client_sent_it(turn: Continuation) -> None:
    before = lift(turn.answer.model, {**(turn.answer.request or {}), "messages": turn.asked})
    output, origins = answered(turn.answer)
    rendered = BEDROCK_CONVERSE.render_request(
        Turn(
            model=turn.answer.model,
            request={**before.request, "tool_choice": "auto", "text": {}},
            items=[*before.items, *output, *lift_user(turn.user)],
            origins={**before.origins, **origins},
        ),
        turn.answer.profile,
    ).body["messages"]
    expected, user = without_retold_thoughts(turn.assistant["content"]), told_by_user(turn.user)
    if not expected:  # nothing that can be told again: the user speaks twice
        assert rendered[-1]["content"][-len(user) :] == user
        return
    assistant, answer = rendered[len(turn.asked) :]
    if not any("text" in block for block in expected):  # some clients forget what was said beside a call
        assistant["content"] = without_text(assistant["content"])
    assert assistant == {"role": "assistant", "content": expected}
    assert answer == {"role": "user", "content": user}


def without_retold_thoughts(content: list[Json]) -> list[Json]:
    """Without unsigned thoughts that a client told as text: a model that sees its own so takes to tags."""
    return [block for block in content if not block.get("text", "").startswith("<think>\n")]


def without_text(content: list[Json]) -> list[Json]:
    return [block for block in content if "text" not in block]


def told_by_user(message: Json) -> list[Json]:
    """The recorded message, its results as text, and each a success unless it says otherwise."""
    told: list[Json] = []
    for block in message["content"]:
        if "toolResult" in block:
            result = {"status": "success", **deepcopy(block["toolResult"])}
            parts = result["content"]
            result["content"] = [{"text": json.dumps(p["json"])} if "json" in p else p for p in parts]
            told.append({"toolResult": result})
        else:
            told.append(block)
    return told

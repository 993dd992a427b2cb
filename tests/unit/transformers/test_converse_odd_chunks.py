"""A Bedrock that sends anything but what Converse promises: deltas are made of it, or nothing."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.stream.deltas import Delta
from lambda_responses.transformers.base import Turn
from lambda_responses.transformers.bedrock_converse import BEDROCK_CONVERSE, profiles
from lambda_responses.wire.json import to_bytes
from tests.kit import emit

Json = dict[str, Any]

pytestmark = pytest.mark.filterwarnings("ignore::lambda_responses.transformers.base.UnknownUpstream")

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.just("7"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
PLACE: Json = {"web": {"url": "https://a.example", "domain": "a.example"}}
CITATION: Json = {"title": "T", "source": "s", "sourceContent": [{"text": "x"}], "location": PLACE}
CALL: Json = {"toolUseId": "t1", "name": "f"}
SEARCH: Json = {"toolUseId": "t2", "name": "nova_grounding", "type": "server_tool_use"}


def delta(index: int, **said: Any) -> Json:
    return {"contentBlockDelta": {"contentBlockIndex": index, "delta": said, "p": "a"}}


def start(index: int, **said: Any) -> Json:
    return {"contentBlockStart": {"contentBlockIndex": index, "start": said}}


def end(index: int) -> Json:
    return {"contentBlockStop": {"contentBlockIndex": index}}


LEGAL: list[Json] = [
    {"messageStart": {"role": "assistant"}},
    delta(0, reasoningContent={"text": "Hm"}),
    delta(0, reasoningContent={"signature": "sig"}),
    delta(0, reasoningContent={"redactedContent": "AAEC"}),
    end(0),
    delta(1, text="<thinking>Hm</thinking>Hi"),
    delta(1, citation=CITATION),
    end(1),
    start(2, toolUse=CALL),
    delta(2, toolUse={"input": '{"a":'}),
    delta(2, toolUse={"input": "1}"}),
    end(2),
    start(3, toolUse=SEARCH),
    delta(3, toolUse={"input": '{"query":"q"}'}),
    end(3),
    start(4, toolResult={"toolUseId": "t2", "status": "success"}),
    delta(4, toolResult=[{"text": "x"}, {"json": {"stdOut": "y"}}]),
    end(4),
    start(5, image={"format": "png"}),
    delta(5, image={"source": {"bytes": "AAEC"}}),
    end(5),
    {"messageStop": {"stopReason": "tool_use", "additionalModelResponseFields": {}}},
    {"metadata": {"usage": {"inputTokens": 5, "outputTokens": 7}, "serviceTier": {"type": "flex"}}},
    {"throttlingException": {"message": "Slow down."}},
]
BODY: Json = {
    "output": {
        "message": {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "sig"}}},
                {"text": "Hi"},
                {"citationsContent": {"content": [{"text": "Hi"}], "citations": [CITATION]}},
                {"toolUse": {**CALL, "input": {"a": 1}}},
                {"toolUse": {**SEARCH, "input": {"query": "q"}}},
                {"toolResult": {"toolUseId": "t2", "content": [{"text": "x"}]}},
                {"image": {"format": "png", "source": {"bytes": "AAEC"}}},
            ],
        }
    },
    "stopReason": "end_turn",
    "usage": {"inputTokens": 5, "outputTokens": 7, "cacheReadInputTokens": 1},
}
WANTED = {"text": {"format": {"type": "json_schema", "name": "a", "schema": {"type": "object"}}}}
ASKED = [
    ("us.amazon.nova-2-lite-v1:0", {}),
    ("us.amazon.nova-2-lite-v1:0", WANTED),
    ("us.anthropic.claude-sonnet-4-6", {"tools": [{"type": "custom", "name": "f"}]}),
]


def places(value: Any, *way: Any) -> list[tuple[Any, ...]]:
    """The ways to everything inside of a value."""
    found: list[tuple[Any, ...]] = []
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        found.append((*way, key))
        if isinstance(inner, (dict, list)):
            found += places(inner, *way, key)
    return found


def changed(data: st.DataObject, legal: Any) -> Any:
    """The same with one thing in it replaced by any other."""
    copy = deepcopy(legal)
    *way, last = data.draw(st.sampled_from(places(legal)))
    target: Any = copy
    for key in way:
        target = target[key]
    target[last] = data.draw(VALUES | st.sampled_from(["x", {}, [], ["x"], [{}], {"x": 1}, 5, "5"]))
    return copy


def hear(chunks: list[Json], model: str, request: Json) -> None:
    decoder = BEDROCK_CONVERSE.decoder(Turn(model, request, []), profiles.BEDROCK)
    deltas = [each for chunk in chunks for each in decoder.feed(chunk)]
    deltas += decoder.end(marked=True)
    assert all(isinstance(each, get_args(Delta)) for each in deltas)
    for event in emit(deltas):
        json.loads(to_bytes(event), parse_constant=pytest.fail)


@given(st.data(), st.sampled_from(ASKED))
def test_a_stream_may_hold_anything(data: st.DataObject, asked: tuple[str, Json]) -> None:
    kept = [chunk for chunk in LEGAL if data.draw(st.booleans())]
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(kept)))
        if at < len(kept) and kept[at]:
            kept[at] = changed(data, kept[at])
        else:
            kept.insert(at, data.draw(st.dictionaries(st.text(max_size=5), VALUES, max_size=4)))
    hear(kept, *asked)


@given(st.data(), st.sampled_from(ASKED))
def test_a_plain_answer_may_hold_anything(data: st.DataObject, asked: tuple[str, Json]) -> None:
    try:
        chunks = list(BEDROCK_CONVERSE.as_chunks(changed(data, BODY)))
    except ValueError:  # then it is no answer at all
        return
    hear(chunks, *asked)

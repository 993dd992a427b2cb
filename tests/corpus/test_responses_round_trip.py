"""What a model said is shown to it again as it said it: our ids out, and its own back in."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lambda_responses.lifecycle.context import unsealed
from lambda_responses.stream.deltas import Envelope
from lambda_responses.transformers.openai_responses import OPENAI_RESPONSES
from lambda_responses.transformers.openai_responses.request import render_input
from lambda_responses.wire.ids import thread_of
from tests.corpus.responses_recordings import (
    Json,
    Recording,
    answered,
    cases,
    emitter_for,
    needs_corpus,
    turn_of,
)

if TYPE_CHECKING:
    from lambda_responses.transformers.base import Turn

pytestmark = needs_corpus


def shown(recording: Recording, items: list[Json], origins: dict[str, Json]) -> Turn:
    """The turn after that."""
    return replace(turn_of(recording), items=[*map(unsealed, items)], origins=origins)


def keep(recording: Recording, chunks: list[Json]) -> tuple[list[Json], dict[str, Json]]:
    """The output as it is kept here, and what the model's maker wants back with it."""
    turn = turn_of(recording)
    making, decoder = emitter_for(turn), OPENAI_RESPONSES.decoder(turn, recording.profile)
    making.start()
    for chunk in chunks:
        for delta in decoder.feed(chunk):
            if not isinstance(delta, Envelope):
                making.apply(delta)
    making.finish(at=2)
    return making.response["output"], making.origins


def said(chunks: list[Json]) -> list[Json]:
    """The finished items as the upstream showed them."""
    return [chunk["item"] for chunk in chunks if chunk["type"] == "response.output_item.done"]


def essence(item: Json) -> Json:
    """An item without what a repetition need not hold."""
    bare = {key: value for key, value in item.items() if key not in ("status", "phase") and value is not None}
    if item["type"] == "message":
        bare["content"] = [
            {key: part[key] for key in ("type", "text", "refusal") if key in part} for part in item["content"]
        ]
    return {key: value for key, value in bare.items() if value != [] and not key.startswith("action")}


def full(item: Json) -> Json:
    """A message in its long form, whichever it was sent in."""
    if item["type"] == "message" and isinstance(item["content"], str):
        return {**item, "content": [{"type": "output_text", "text": item["content"]}]}
    return item


def replayable(item: Json, recording: Recording) -> bool:
    """Whether its maker takes the item back: reasoning only sealed, or where its text is taken."""
    if item["type"] != "reasoning" or item.get("encrypted_content"):
        return True
    return recording.profile.takes_reasoning_text and bool(item.get("content") or item.get("summary"))


def counted(item: Json) -> bool:
    """Whether the upstream named a call by a number that it gives again in its next answer."""
    return re.fullmatch(r"call_\d", str(item.get("call_id"))) is not None


def unnumbered(items: list[Json]) -> list[Json]:
    return [{key: value for key, value in item.items() if key != "call_id"} for item in items]


def in_order(items: list[Json], *, named: bool) -> list[Json]:
    """The items in an order that does not depend on who finished first."""
    bare = [essence(item) for item in items]
    if not named:
        bare = [{key: value for key, value in item.items() if key != "id"} for item in bare]
    return sorted(bare, key=lambda item: json.dumps(item, sort_keys=True))


@pytest.mark.parametrize("recording", cases(answered))
def test_a_model_gets_its_own_words_back(recording: Recording):
    for chunks in recording.streams():
        items, origins = keep(recording, chunks)
        assert all(thread_of(item["id"]) for item in items)
        recorded = said(chunks)
        wanted = [item for item in recorded if replayable(item, recording)]
        back = render_input(shown(recording, items, origins), recording.profile)
        if any(map(counted, recorded)):
            assert not any(map(counted, back))
            wanted, back = unnumbered(wanted), unnumbered(back)
        named = len(wanted) == len(recorded)  # what followed lost reasoning has no id any more
        assert in_order([full(item) for item in back], named=named) == in_order(wanted, named=named)


@pytest.mark.parametrize("recording", cases(answered))
def test_another_provider_gets_none_of_their_names(recording: Recording):
    for chunks in recording.streams():
        items, _ = keep(recording, chunks)
        theirs = {item["id"] for item in said(chunks)}
        for item in render_input(shown(recording, items, {}), recording.profile):
            assert item.get("id") not in theirs
            assert "encrypted_content" not in item

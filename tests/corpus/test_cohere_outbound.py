"""Recorded requests to Cohere, lifted to the Responses API: what we render is what was sent."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.transformers.cohere_chat import COHERE_CHAT
from tests.corpus.cohere_recordings import CORPUS, Json, Recording, recordings
from tests.corpus.cohere_shapes import check_body
from tests.corpus.lift_cohere import CannotLift, lift

if TYPE_CHECKING:
    from collections.abc import Callable

LIFTABLE = 0.9

needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="../shared/corpus/dev is absent")


def can_lift(recording: Recording) -> bool:
    try:
        lift(recording.request)
    except CannotLift:
        return False
    return True


def render(recording: Recording) -> Json:
    turn = lift(recording.request)
    return json.loads(json.dumps(COHERE_CHAT.render_request(turn, recording.profile).body))


def parameters() -> list[Any]:
    absent = pytest.mark.skip(reason="../shared/corpus/dev is absent")
    found = [pytest.param(each, id=each.file) for each in recordings() if can_lift(each)]
    return found or [pytest.param(None, marks=absent, id="absent")]


def _streams(body: Json) -> None:
    body["stream"] = True


def _inexpressible(body: Json) -> None:
    for name in ("stop_sequences", "seed"):
        body.pop(name, None)


def _no_documents(body: Json) -> None:
    if not body.get("documents"):
        body.pop("documents", None)


def _choice_in_capitals(body: Json) -> None:
    if "tool_choice" in body:
        body["tool_choice"] = body["tool_choice"].upper()


def _one_text(body: Json) -> None:
    for message in body["messages"]:
        match message.get("content"):
            case str(text):
                message["content"] = [{"type": "text", "text": text}]
            case _:
                pass


def _no_text(body: Json) -> None:
    for message in body["messages"]:
        if message.get("content") == [{"type": "text", "text": ""}]:
            del message["content"]


def _strictness(body: Json) -> None:
    if all(tool["function"]["parameters"].get("required") for tool in body.get("tools") or ()):
        body.pop("strict_tools", None)


def _document_ids(body: Json) -> None:
    for message in body["messages"]:
        for part in message.get("content") or ():
            if part["type"] == "document":
                part["document"] = {"data": {k: part["document"]["data"][k] for k in ("title", "text")}}


DIFFERENCES: dict[str, Callable[[Json], None]] = {
    "every request is streamed": _streams,
    "the Responses API has neither stop sequences nor a seed": _inexpressible,
    "no documents are no list of documents": _no_documents,
    "the reference spells a choice in capitals": _choice_in_capitals,
    "a string is one part of text": _one_text,
    "empty text beside calls says nothing": _no_text,
    "one switch for all tools, which clients without that word left out": _strictness,
    "a document of a tool's result is a file: it has a name and a text": _document_ids,
}
"""How what we render may differ from what others sent, by the reason for which each says the same."""


@needs_corpus
def test_nine_of_ten_recorded_requests_can_be_said_in_the_responses_api() -> None:
    assert sum(map(can_lift, recordings())) / len(recordings()) >= LIFTABLE


@pytest.mark.parametrize("recording", parameters())
def test_what_we_render_is_what_was_sent(recording: Recording) -> None:
    rendered, recorded = render(recording), copy.deepcopy(recording.request)
    for vanish in DIFFERENCES.values():
        vanish(rendered)
        vanish(recorded)
    assert rendered == recorded


@needs_corpus
def test_every_listed_difference_is_still_met() -> None:
    met: set[str] = set()
    for recording in filter(can_lift, recordings()):
        bodies = [render(recording), copy.deepcopy(recording.request)]
        for why, vanish in DIFFERENCES.items():
            before = json.dumps(bodies)
            for body in bodies:
                vanish(body)
            met |= {why} if json.dumps(bodies) != before else set()
    assert met == set(DIFFERENCES)


@pytest.mark.parametrize("recording", parameters())
def test_what_we_render_has_the_shape_that_the_reference_gives(recording: Recording) -> None:
    check_body(render(recording))

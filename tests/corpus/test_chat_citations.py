"""Sources that recorded chat answers name are the sources that a client is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambda_responses.transformers.chat_completions import CHAT_COMPLETIONS
from tests.corpus.chat_recordings import Json, Recording, recordings, turn_of
from tests.kit import emit


def pieces(recording: Recording) -> list[Json]:
    if not recording.streamed:
        return [json.loads(recording.body)]
    lines = [line[5:].strip() for line in recording.body.splitlines() if line.startswith("data:")]
    return [json.loads(line) for line in lines if line and line != "[DONE]"]


def sources(recording: Recording) -> set[str]:
    """The addresses that the answer names, beside its text or in it."""
    named: set[str] = set()
    for piece in pieces(recording):
        named |= {each if isinstance(each, str) else each["url"] for each in piece.get("citations") or ()}
        for choice in piece.get("choices") or ():
            said = choice.get("message") or choice.get("delta") or {}
            for annotation in said.get("annotations") or ():
                named |= {annotation["url_citation"]["url"]} if "url_citation" in annotation else set()
    return named


def cases() -> list[Any]:
    absent = pytest.mark.skip(reason="../shared/corpus/dev is absent")
    found = [each for each in recordings() if each.status < 400 and sources(each)]
    return [pytest.param(each, id=each.file) for each in found] or [
        pytest.param(None, marks=absent, id="absent")
    ]


@pytest.mark.parametrize("recording", cases())
def test_every_source_is_cited_at_its_place(recording: Recording) -> None:
    chunks, marked = recording.chunks()
    decoder = CHAT_COMPLETIONS.decoder(turn_of(recording), recording.profile)
    deltas = [delta for chunk in chunks for delta in decoder.feed(chunk)]
    events = emit([*deltas, *decoder.end(marked=marked)])
    parts = [
        part
        for item in events[-1]["response"]["output"]
        for part in item.get("content") or ()
        if part["type"] == "output_text"
    ]
    cited = [(part["text"], annotation) for part in parts for annotation in part["annotations"]]
    assert {annotation["url"] for _, annotation in cited} == sources(recording)
    for text, annotation in cited:
        assert 0 <= annotation["start_index"] <= annotation["end_index"] <= len(text)

"""What is said of things that a decoder skipped: little, and nothing that can grow."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from lambda_responses.transformers import base
from lambda_responses.transformers.base import LONGEST_NOTE, MOST_NOTES, Turn, UnknownUpstream, unknown
from lambda_responses.transformers.chat_completions import CHAT_COMPLETIONS, ChatProfile


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> dict[Any, Any]:
    """What this process has noted: nothing yet."""
    notes: dict[Any, Any] = {}
    monkeypatch.setattr(base, "_NOTED", notes)
    return notes


def told(*things: str) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for thing in things:
            unknown("a_format", thing)
    return [str(each.message) for each in caught]


@pytest.mark.usefixtures("noted")
def test_a_thing_is_told_once():
    assert told("a", "b", "a") == ["a_format: skipped a", "a_format: skipped b"]


def test_only_so_many_things_are_told_and_remembered(noted: dict[Any, Any]):
    assert len(told(*map(str, range(3 * MOST_NOTES)))) <= MOST_NOTES
    assert len(noted) <= MOST_NOTES


@pytest.mark.usefixtures("noted")
def test_what_is_told_is_short_and_printable():
    (note,) = told("\x1b[31m\n\ud800" + "x" * 10_000)
    assert note.startswith("a_format: skipped \\x1b[31m\\n\\ud800xx")
    assert len(note) < 2 * LONGEST_NOTE
    assert note.isprintable()


def test_a_finish_reason_is_told_in_short():
    decoder = CHAT_COMPLETIONS.decoder(Turn("m", {}, []), ChatProfile())
    with pytest.warns(UnknownUpstream) as caught:
        list(decoder.feed({"choices": [{"finish_reason": "tired\n" * 10_000}]}))
    assert len(str(caught[0].message)) < 2 * LONGEST_NOTE


def test_nothing_of_an_upstreams_is_left_in_the_registry_of_a_module(noted: dict[Any, Any]):
    told("of an upstream's")
    assert any("of an upstream's" in str(key) for key in noted)
    assert "of an upstream's" not in str(vars(base).get("__warningregistry__", {}))
    assert "of an upstream's" not in str(globals().get("__warningregistry__", {}))

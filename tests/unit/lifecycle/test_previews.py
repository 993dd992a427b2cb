"""What a list of turns shows of each."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_responses.lifecycle.threads import PREVIEW, preview

ANSWER = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I see."}]}]


def asking(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [*parts]}


def words(text: str) -> dict[str, Any]:
    return {"type": "input_text", "text": text}


PICTURE = {"type": "input_image", "image_url": "data:image/png;base64,AA=="}


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ([asking(words("First.")), asking(words("Last."))], "Last."),
        ([asking(words("What is this?"), PICTURE)], "What is this?"),
        ([asking(words("What is this?")), asking(PICTURE)], "What is this?"),
        ([asking(PICTURE)], "[image]"),
        ([asking(words(" \n"), PICTURE)], "[image]"),
        ([asking({"type": "input_file", "file_data": "AA=="})], "[file]"),
        ([asking({"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}})], "[audio]"),
        ([{"type": "computer_call_output", "output": {"type": "computer_screenshot"}}], "[image]"),
        ([{"type": "function_call_output", "output": "It is warm."}], "It is warm."),
        ([{"type": "function_call_output", "output": [PICTURE]}], "[image]"),
        ([], "I see."),
    ],
)
def test_a_turn_is_known_by_what_it_brought(asked: list[dict[str, Any]], shown: str):
    assert preview(asked, ANSWER) == shown


def test_a_long_text_is_cut_and_on_one_line():
    said = preview([asking(words("a\x1b\n" * 100))], ())
    assert len(said) == PREVIEW
    assert said.startswith("a a a ")
    assert said.endswith("…")


def test_a_turn_of_nothing_has_none():
    assert preview([], [{"type": "reasoning", "summary": []}]) == ""

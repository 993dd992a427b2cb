"""What servers answer, as models are told of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.tools.servers.results import NEEDS_INPUT, bounded, outcome_of
from lambda_responses.wire.tool_outcomes import Outcome, tool_failed

ROOM = 100_000
LINK = {"type": "resource_link", "uri": "file:///a", "name": "a"}


def text(*texts: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": each} for each in texts]


def test_texts_are_joined() -> None:
    assert outcome_of({"content": text("one", "two")}, ROOM) == Outcome("one\ntwo")


def test_what_says_nothing_is_an_empty_output() -> None:
    assert outcome_of({"content": []}, ROOM) == Outcome("")


def test_structured_content_is_told_where_there_is_no_text() -> None:
    structured = {"structuredContent": {"a": 1}}
    assert outcome_of({"content": text("a is 1"), **structured}, ROOM) == Outcome("a is 1")
    assert outcome_of({"content": [], **structured}, ROOM) == Outcome('{"a":1}')
    told = outcome_of({"content": [LINK], **structured}, ROOM).output or ""
    assert [json.loads(line) for line in told.splitlines()] == [{"a": 1}, LINK]


@pytest.mark.parametrize("length", [8_192, 8_193])
def test_long_binary_content_is_named_and_left_out(length: int) -> None:
    data = "A" * length
    kept = data if length == 8_192 else "[image/png 6 KB omitted]"
    image = {"type": "image", "data": data, "mimeType": "image/png"}
    assert json.loads(outcome_of({"content": [image]}, ROOM).output or "") == {**image, "data": kept}
    resource = {"uri": "file:///a", "mimeType": "image/png", "blob": data}
    told = json.loads(
        outcome_of({"content": [{"type": "resource", "resource": resource}]}, ROOM).output or ""
    )
    assert told["resource"] == {**resource, "blob": kept}


def test_an_error_is_the_tools_own() -> None:
    assert outcome_of({"content": text("no paper"), "isError": True}, ROOM) == tool_failed("no paper")


def test_a_question_to_the_user_is_no_answer() -> None:
    assert outcome_of({"resultType": "input_required", "inputRequests": {}}, ROOM) == tool_failed(NEEDS_INPUT)


def test_control_characters_are_left_out() -> None:
    assert outcome_of({"content": text("a\x00\x1b[1mb\tc\r\n\u202ed")}, ROOM) == Outcome(
        "a[1mb\tc\r\n\u202ed"
    )


def test_credentials_are_left_out_of_outputs_and_errors() -> None:
    for error in (True, False):
        outcome = outcome_of(
            {"content": text("you are canary-0123")} | {"isError": error}, ROOM, ["canary-0123"]
        )
        assert "canary" not in str(outcome)
        assert "you are [redacted]" in str(outcome)


@given(st.text(alphabet="aé€😀"), st.integers(0, 40))
def test_a_bound_is_in_bytes_and_cuts_no_character(told: str, largest: int) -> None:
    kept = bounded(told, largest)
    if len(told.encode()) <= largest:
        assert kept == told
    else:
        beginning, _, rest = kept.partition("\n[")
        assert told.startswith(beginning)
        assert largest - 4 < len(beginning.encode()) <= largest
        assert rest == f"The rest was left out: {len(told.encode())} bytes in all.]"

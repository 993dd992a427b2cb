"""A history stays valid for a model when whole turns are taken out of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.wire.context import ANSWERS, check_calls_answered, without_torn_calls

Json = dict[str, Any]


def call(id: str, kind: str = "function_call") -> Json:
    return {"type": kind, "call_id": id}


def output(id: str, kind: str = "function_call_output") -> Json:
    return {"type": kind, "call_id": id, "output": "1"}


HELLO: Json = {"type": "message", "role": "user", "content": "hello"}
THOUGHT: Json = {"type": "reasoning", "summary": []}


@pytest.mark.parametrize(("answer", "kind"), ANSWERS.items())
def test_a_call_and_its_output_stay_together_or_go_together(answer: str, kind: str):
    whole = [HELLO, call("a", kind), output("a", answer)]
    assert without_torn_calls(whole, settled=3) == whole
    assert without_torn_calls([HELLO, output("a", answer)], settled=2) == [HELLO]
    assert without_torn_calls([HELLO, call("a", kind)], settled=2) == [HELLO]


def test_the_thoughts_that_led_to_a_call_go_with_it():
    assert without_torn_calls([THOUGHT, HELLO, THOUGHT, THOUGHT, call("a")], settled=5) == [THOUGHT, HELLO]


def test_a_call_of_the_last_turn_may_be_answered_yet():
    assert without_torn_calls([HELLO, THOUGHT, call("a")], settled=1) == [HELLO, THOUGHT, call("a")]


def test_what_the_server_answered_itself_stays():
    search = {"type": "tool_search_call", "call_id": "a", "execution": "server"}
    assert without_torn_calls([search], settled=1) == [search]


def test_a_consent_without_its_request_goes():
    request = {"type": "mcp_approval_request", "id": "mcpr_1"}
    consent = {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True}
    assert without_torn_calls([request, consent], settled=2) == [request, consent]
    assert without_torn_calls([consent], settled=1) == []


@given(st.integers(1, 6), st.sets(st.integers(0, 5)))
def test_whatever_turns_are_taken_out_the_rest_can_be_sent_to_a_model(turns: int, erased: set[int]):
    items: list[Json] = []
    for index in range(turns):
        if index not in erased:
            given = [output(str(index - 1))] if index else [HELLO]
            items += [*given, *([call(str(index))] if index < turns - 1 else [])]
    check_calls_answered(without_torn_calls(items, settled=len(items)))

"""Calls and their outputs, over the whole context."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.wire.context import ANSWERS, SPOKEN, check_calls_answered, without_cut_calls
from lambda_responses.wire.errors import InvalidRequestError

Json = dict[str, Any]
CALL: Json = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
OUTPUT: Json = {"type": "function_call_output", "call_id": "c1", "output": "1"}
SAID: Json = {"type": "message", "role": "user", "content": []}


def message_for(*items: Json) -> str:
    with pytest.raises(InvalidRequestError) as caught:
        check_calls_answered(items)
    assert (caught.value.status, caught.value.code, caught.value.param) == (400, None, "input")
    return caught.value.message


def test_a_call_and_its_output_are_a_pair_wherever_they_stand():
    check_calls_answered([SAID, CALL, SAID, OUTPUT, SAID])


def test_an_output_needs_its_call():
    assert message_for(OUTPUT) == "No tool call found for function call output with call_id c1."


def test_an_output_comes_after_its_call():
    assert "No tool call found" in message_for(OUTPUT, CALL)


def test_a_call_needs_its_output():
    assert message_for(SAID, CALL, SAID) == "No tool output found for function call c1."


@pytest.mark.parametrize("output", [kind for kind in ANSWERS if kind != "function_call_output"])
def test_an_output_of_another_kind_does_not_answer(output: str):
    assert "No tool call found" in message_for(CALL, {"type": output, "call_id": "c1", "output": "1"})


@pytest.mark.parametrize(("output", "call"), ANSWERS.items())
def test_every_kind_of_call_has_its_output(output: str, call: str):
    check_calls_answered([{"type": call, "call_id": "c"}, {"type": output, "call_id": "c"}])


def test_an_output_may_be_sent_twice():
    check_calls_answered([CALL, OUTPUT, OUTPUT])


def test_a_local_shell_is_answered_by_the_id_of_its_output():
    call = {"type": "local_shell_call", "id": "lsh_1", "call_id": "c"}
    check_calls_answered([call, {"type": "local_shell_call_output", "id": "c", "output": ""}])


def test_what_the_server_searched_needs_no_answer():
    check_calls_answered([{"type": "tool_search_call", "call_id": "c", "execution": "server"}])
    check_calls_answered([{"type": "tool_search_call", "call_id": None, "execution": "server"}])


def test_a_long_call_id_comes_back_clipped():
    assert len(message_for({**OUTPUT, "call_id": "c" * 10_000})) < 300


@given(st.permutations(range(5)), st.permutations(range(5)))
def test_parallel_calls_may_be_answered_in_any_order(calls: list[int], outputs: list[int]):
    check_calls_answered(
        [
            *({**CALL, "call_id": f"c{n}"} for n in calls),
            *({**OUTPUT, "call_id": f"c{n}"} for n in outputs),
        ]
    )


def cut(kind: str, call_id: str = "c", status: str = "incomplete") -> Json:
    return {"type": kind, "call_id": call_id, "status": status}


THOUGHT: Json = {"type": "reasoning", "summary": []}


@pytest.mark.parametrize("kind", SPOKEN)
def test_a_call_that_was_cut_is_no_part_of_what_a_model_goes_on_from(kind: str):
    assert without_cut_calls([SAID, THOUGHT, cut(kind)]) == [SAID]
    assert without_cut_calls([SAID, cut(kind), cut(kind, "d", "completed")]) == [
        SAID,
        cut(kind, "d", "completed"),
    ]


def test_a_cut_call_that_is_answered_stays():
    call, answer = cut("function_call"), {"type": "function_call_output", "call_id": "c"}
    assert without_cut_calls([THOUGHT, call, answer]) == [THOUGHT, call, answer]
    assert without_cut_calls([THOUGHT, call], continued=[answer]) == [THOUGHT, call]


def test_thoughts_stay_that_were_thought_to_their_end():
    thinking = {**THOUGHT, "status": "incomplete"}
    assert without_cut_calls([THOUGHT, SAID, thinking]) == [THOUGHT, SAID]
    assert without_cut_calls([THOUGHT]) == [THOUGHT]

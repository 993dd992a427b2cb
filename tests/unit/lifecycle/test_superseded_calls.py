"""Calls that an interruption cut and that were said anew: what a client answers them reaches no model."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_responses.lifecycle.context import ModelContext
from lambda_responses.wire.context import check_calls_answered
from lambda_responses.wire.origins import SUPERSEDED

Json = dict[str, Any]


def call(id: str, call_id: str, arguments: str, status: str = "completed") -> Json:
    named = {"name": "look", "arguments": arguments, "call_id": call_id}
    return {"id": id, "type": "function_call", "status": status, **named}


def answer(call_id: str, kind: str = "function_call_output") -> Json:
    return {"id": f"out_{call_id}", "type": kind, "call_id": call_id, "output": "sunny"}


CUT, ANEW = call("fc_1", "call_1", '{"city": "c', "incomplete"), call("fc_2", "call_2", '{"city": "c"}')
ORIGINS: dict[str, Json] = {"fc_1": {SUPERSEDED: True}}


@pytest.mark.parametrize("answered_now", [True, False])
def test_an_answer_to_a_half_told_call_is_not_shown_to_a_model(answered_now: bool) -> None:
    said, answers = [CUT, ANEW], [answer("call_1"), answer("call_2")]
    history, own = (said, answers) if answered_now else ([*said, *answers], list[Json]())
    shown = ModelContext(history, own, ORIGINS).shown_to("m").items
    assert shown == [ANEW, answer("call_2")]
    check_calls_answered(shown)


def test_where_the_new_call_has_the_same_id_the_answer_is_that_call_s() -> None:
    anew = {**ANEW, "call_id": "call_1"}
    assert ModelContext([CUT, anew], [answer("call_1")], ORIGINS).current() == [anew, answer("call_1")]


def test_an_answer_of_another_kind_is_no_answer_to_it() -> None:
    custom = {"id": "ctc", "type": "custom_tool_call", "call_id": "call_1", "name": "n", "input": "x"}
    said = [custom, answer("call_1", "custom_tool_call_output")]
    assert ModelContext([CUT, *said], [], ORIGINS).current() == said

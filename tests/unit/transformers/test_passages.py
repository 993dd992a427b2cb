"""A context in turns: who spoke, and which result answers which call."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.transformers.passages import Passage, passages
from lambda_responses.wire.errors import InvalidRequestError

Json = dict[str, Any]


def said(role: str, text: str = "Hi") -> Json:
    return {"type": "message", "role": role, "content": text}


def call(call_id: str) -> Json:
    return {"type": "function_call", "call_id": call_id, "name": "f", "arguments": "{}"}


def result(call_id: str, output: str = "") -> Json:
    return {"type": "function_call_output", "call_id": call_id, "output": output}


THOUGHT: Json = {"type": "reasoning", "id": "rs_1", "summary": []}


def shape(found: list[Passage]) -> list[tuple[str, list[int], list[int]]]:
    return [(p.role, [index for index, _ in p.items], [index for index, _ in p.results]) for p in found]


def test_what_the_assistant_does_until_somebody_else_speaks_is_one_passage() -> None:
    items = [
        said("user"),
        THOUGHT,
        said("assistant"),
        call("a"),
        call("b"),
        result("b"),
        result("a"),
        THOUGHT,
        call("c"),
        result("c"),
        said("developer"),
        said("user"),
    ]
    assert shape(list(passages(items))) == [
        ("user", [0], []),
        ("assistant", [1, 2, 3, 4], [6, 5]),
        ("assistant", [7, 8], [9]),
        ("developer", [10], []),
        ("user", [11], []),
    ]


def test_a_result_may_come_after_others_have_spoken() -> None:
    items = [call("a"), said("user"), result("a")]
    assert shape(list(passages(items))) == [("assistant", [0], [2]), ("user", [1], [])]


def test_two_calls_of_one_id_have_a_result_each() -> None:
    items = [call("a"), result("a", "1"), call("a"), result("a", "2")]
    assert [p.results[0][1]["output"] for p in passages(items)] == ["1", "2"]


def test_a_call_without_its_result_is_refused() -> None:
    with pytest.raises(InvalidRequestError) as refused:
        list(passages([call("a")]))
    assert refused.value.param == "input"
    with pytest.raises(InvalidRequestError) as refused:
        list(passages([call("a"), said("user")]))
    assert "No tool output found for function call a." in refused.value.message


def test_a_result_without_its_call_is_refused_by_its_place() -> None:
    with pytest.raises(InvalidRequestError) as refused:
        list(passages([said("user"), result("a")]))
    assert refused.value.param == "input[1]"


def test_an_item_of_nobody_is_refused() -> None:
    with pytest.raises(InvalidRequestError) as refused:
        list(passages([said("stranger")]))
    assert refused.value.param == "input[0]"


def test_items_of_other_formats_are_told_in_plain_ones_unless_they_are_kept() -> None:
    search = {"type": "web_search_call", "id": "ws_1", "action": {"type": "search", "query": "q"}}
    (told,) = passages([search])
    assert told.items == [(0, {"type": "message", "role": "assistant", "content": "[Searched the web: q]"})]
    (kept,) = passages([search], keep=lambda item: item["type"] == "web_search_call")
    assert kept.items == [(0, search)]


def test_an_item_that_is_kept_stays_with_what_the_assistant_said_around_it() -> None:
    code = {"type": "code_interpreter_call", "id": "ci_1", "code": "1"}
    items = [said("user"), THOUGHT, code, said("assistant")]
    assert shape(list(passages(items, keep=lambda item: item is code))) == [
        ("user", [0], []),
        ("assistant", [1, 2, 3], []),
    ]


@given(st.lists(st.sampled_from(["user", "assistant", "call", "result"]), max_size=12))
def test_nothing_is_lost_and_nothing_told_twice(kinds: list[str]) -> None:
    items: list[Json] = []
    unanswered: list[str] = []
    for number, kind in enumerate(kinds):
        if kind == "call":
            unanswered.append(f"c{number}")
            items.append(call(unanswered[-1]))
        elif kind == "result" and unanswered:
            items.append(result(unanswered.pop()))
        elif kind != "result":
            items.append(said(kind))
    items += map(result, unanswered)
    found = list(passages(items))
    places = sorted(index for p in found for index, _ in [*p.items, *p.results])
    assert places == list(range(len(items)))
    spoken = [index for p in found for index, _ in p.items]
    assert spoken == sorted(spoken)

"""What a response shows only to those who ask for it."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from lambda_responses.wire.includes import INCLUDABLE, apply_include

Json = dict[str, Any]

CASES: list[tuple[str, Json, Json]] = [
    (
        "reasoning.encrypted_content",
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"},
        {"type": "reasoning", "id": "rs_1", "summary": []},
    ),
    (
        "message.output_text.logprobs",
        {"type": "message", "content": [{"type": "output_text", "text": "a", "logprobs": [{"token": "a"}]}]},
        {"type": "message", "content": [{"type": "output_text", "text": "a", "logprobs": []}]},
    ),
    (
        "message.input_image.image_url",
        {"type": "message", "content": [{"type": "input_image", "image_url": "data:x", "detail": "low"}]},
        {"type": "message", "content": [{"type": "input_image", "image_url": None, "detail": "low"}]},
    ),
    (
        "web_search_call.results",
        {"type": "web_search_call", "action": {"type": "search"}, "results": [{}]},
        {"type": "web_search_call", "action": {"type": "search"}},
    ),
    (
        "web_search_call.action.sources",
        {"type": "web_search_call", "action": {"type": "search", "query": "q", "sources": [{}]}},
        {"type": "web_search_call", "action": {"type": "search", "query": "q"}},
    ),
    (
        "file_search_call.results",
        {"type": "file_search_call", "queries": [], "results": [{}]},
        {"type": "file_search_call", "queries": []},
    ),
    (
        "code_interpreter_call.outputs",
        {"type": "code_interpreter_call", "code": "1", "outputs": [{}]},
        {"type": "code_interpreter_call", "code": "1"},
    ),
    (
        "computer_call_output.output.image_url",
        {"type": "computer_call_output", "output": {"type": "computer_screenshot", "image_url": "data:x"}},
        {"type": "computer_call_output", "output": {"type": "computer_screenshot"}},
    ),
]


def test_every_includable_value_has_a_case():
    assert {name for name, _, _ in CASES} == set(INCLUDABLE)


@pytest.mark.parametrize(("name", "whole", "shown"), CASES)
def test_a_value_is_shown_to_those_who_ask(name: str, whole: Json, shown: Json):
    before = copy.deepcopy(whole)
    assert apply_include(whole, [name]) == whole
    assert apply_include(whole, [other for other in INCLUDABLE if other != name]) == shown
    assert apply_include(shown, []) == shown
    assert whole == before


def test_a_response_shows_its_output_so():
    name, whole, shown = CASES[0]
    response = {"object": "response", "output": [whole, {"type": "message", "content": []}]}
    assert apply_include(response, [])["output"] == [shown, {"type": "message", "content": []}]
    assert apply_include(response, [name])["output"][0] == whole


def test_an_item_that_loses_nothing_is_passed_on():
    item = {"type": "message", "content": [{"type": "output_text", "text": "a", "logprobs": []}]}
    assert apply_include(item, []) is item
    assert apply_include({"type": "future_item"}, []) == {"type": "future_item"}

"""What an estimate of tokens counts."""

from __future__ import annotations

import time
from base64 import b64encode
from typing import Any

import pytest

from lambda_responses.wire.token_estimates import estimated_tokens, text_tokens

Json = dict[str, Any]

HELLO = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello, world!"}]}


def message(*parts: Json) -> Json:
    return {"type": "message", "role": "user", "content": list(parts)}


def estimate(*items: Json, **request: Any) -> int:
    return estimated_tokens({"model": "m", **request}, items)


def test_a_short_question_costs_its_words_and_what_is_around_it() -> None:
    assert 8 <= estimate(HELLO) <= 14


def test_every_part_of_a_request_counts() -> None:
    tool = {"type": "function", "name": "look_up", "parameters": {"type": "object", "properties": {}}}
    form = {"type": "json_schema", "name": "f", "schema": {"type": "object", "properties": {"a": {}}}}
    plain = estimate(HELLO)

    assert estimate(HELLO, instructions="Answer in one word.") > plain
    assert estimate(HELLO, tools=[tool]) > plain
    assert estimate(HELLO, text={"format": form}) > plain
    assert estimate(HELLO, {"type": "function_call", "name": "look_up", "arguments": '{"a": 1}'}) > plain
    assert estimate(HELLO, {"type": "function_call_output", "output": "Sunny, with some clouds."}) > plain


def test_tools_that_no_model_is_shown_cost_nothing() -> None:
    tool = {"type": "function", "name": "look_up", "parameters": {}}

    assert estimate(HELLO, tools=[tool], tool_choice="none") == estimate(HELLO)


def test_ids_and_log_probabilities_are_not_counted() -> None:
    said: Json = {"type": "output_text", "text": "Yes.", "annotations": [], "logprobs": []}
    more = {**said, "logprobs": [{"token": "Yes", "logprob": -0.1, "bytes": [89, 101, 115]}] * 50}
    one: Json = {"type": "message", "role": "assistant", "content": [said]}

    assert estimate(one) == estimate(
        {**one, "id": "msg_" + "a" * 60, "status": "completed", "content": [more]}
    )


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 4_000_000},
        {"type": "input_image", "detail": "low", "image_url": "data:image/png;base64," + "A" * 4_000_000},
        {"type": "input_image", "image_url": "https://example.com/a.png"},
        {"type": "input_file", "file_url": "https://example.com/a.pdf"},
    ],
)
def test_a_picture_has_a_price_however_many_characters_carry_it(part: Json) -> None:
    assert 50 < estimate(message(part)) < 2_000


def test_a_picture_in_a_tools_output_is_no_text() -> None:
    picture = {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 400_000}
    made = {"type": "image_generation_call", "result": "A" * 400_000, "status": "completed"}

    assert estimate({"type": "function_call_output", "output": [picture]}) < 2_000
    assert estimate(made) < 2_000


def test_a_picture_looked_at_roughly_costs_less() -> None:
    picture = {"type": "input_image", "image_url": "https://example.com/a.png"}

    assert estimate(message({**picture, "detail": "low"})) < estimate(message(picture))


def test_a_text_in_a_file_costs_what_it_costs_elsewhere() -> None:
    text = "The sun rises in the east. " * 40
    data = "data:text/plain;base64," + b64encode(text.encode()).decode()
    file = message({"type": "input_file", "filename": "a.txt", "file_data": data})

    assert estimate(file) == pytest.approx(estimate(message({"type": "input_text", "text": text})), abs=1)


def test_base64_that_is_broken_is_estimated_all_the_same() -> None:
    broken = message({"type": "input_file", "file_data": "data:text/plain;base64,A" + "é" * 100})

    assert estimate(broken) > estimate(message())


def test_writings_without_spaces_are_counted_by_the_letter() -> None:
    assert 6 <= text_tokens("今日は天気がいいですね") <= 14
    assert text_tokens("Сегодня хорошая погода") > text_tokens("fine day today")


def test_a_long_text_costs_as_much_as_its_parts_and_little_time() -> None:
    part = "All work and no play makes Jack a dull boy.\n"
    began = time.process_time()
    whole = text_tokens(part * 40_000)

    assert time.process_time() - began < 1
    assert whole == pytest.approx(text_tokens(part) * 40_000, rel=0.05)

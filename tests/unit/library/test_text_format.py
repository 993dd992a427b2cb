"""The form of an answer, from types and dicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pydantic
import pytest
from pydantic import BaseModel, Field

from lambda_responses import Response, responses
from lambda_responses.library.text_format import text_format_of
from lambda_responses.wire.strict_schema import check_strict_schema


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]


class Zoo(BaseModel):
    name: str = Field(description="What it is called")
    first: Cat = Field(description="The first of them")
    animals: list[Cat | Dog]
    star: Cat | Dog = Field(discriminator="kind")
    note: str | None = None


@dataclass
class Point:
    x: int
    y: int = 0


BARE = {"type": "object", "properties": {"total": {"type": "number"}}}


@pytest.mark.parametrize("given", [Zoo, Point, BARE])
def test_a_form_keeps_to_the_strict_subset(given: Any):
    format, _ = text_format_of(given)
    assert format["strict"]
    check_strict_schema(format["schema"], what="it", param="text.format.schema", code="invalid_json_schema")


def test_a_reference_with_a_description_is_written_out():
    schema = text_format_of(Zoo)[0]["schema"]
    assert schema["properties"]["first"]["description"] == "The first of them"
    assert schema["properties"]["first"]["properties"].keys() == {"kind", "lives"}
    assert schema["required"] == ["name", "first", "animals", "star", "note"]


def test_a_chat_format_and_one_of_this_api_are_the_same():
    inner = {"name": "sum", "schema": BARE, "strict": False}
    chat = {"type": "json_schema", "json_schema": inner}
    assert text_format_of(chat)[0] == text_format_of({"type": "json_schema", **inner})[0]


def test_what_is_neither_a_type_nor_a_dict_is_refused():
    with pytest.raises(TypeError, match="text_format"):
        text_format_of("json")


@pytest.mark.parametrize("kind", [Zoo, Point])
def test_an_answer_becomes_an_instance(kind: type):
    answer = responses("Tell me.", "scripted/echo", text_format=kind)
    assert isinstance(answer.output_parsed, kind)


def test_an_answer_becomes_a_dict_where_a_dict_asked_for_it():
    assert responses("Tell me.", "scripted/echo", text_format=BARE).output_parsed.keys() == {"total"}


def test_the_last_event_of_a_stream_has_the_instance():
    *_, last = responses("Tell me.", "scripted/echo", text_format=Point, stream=True)
    assert isinstance(last.response.output_parsed, Point)


def test_a_form_goes_with_other_settings_of_the_text():
    answer = responses("Tell me.", "scripted/echo", text={"verbosity": "low"}, text_format=Point)
    assert isinstance(answer.output_parsed, Point)


def test_a_refusal_and_an_answer_that_was_cut_have_no_form():
    assert responses("[[refuse]]", "scripted/echo", text_format=Point).output_parsed is None
    assert responses("Hello.", "scripted/echo").output_parsed is None
    cut = responses("x [[fault:max_output_tokens]]", "scripted/echo", text_format=Point)
    assert cut.status == "incomplete"
    assert cut.output_parsed is None


def test_an_answer_in_another_form_can_still_be_read():
    message = {"type": "message", "content": [{"type": "output_text", "text": '{"x": "no"}'}]}
    _, parse = text_format_of(Point)
    answer = Response({"object": "response", "status": "completed", "output": [message]}, parse)
    with pytest.raises(pydantic.ValidationError):
        _ = answer.output_parsed
    assert answer.output_text == '{"x": "no"}'

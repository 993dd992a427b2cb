"""Answers in JSON beside functions, of models that have no format for it then: a call is the answer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.stream.deltas import Delta, Failed, Stopped, Text
from lambda_responses.transformers.base import Rendered, Turn
from lambda_responses.transformers.gemini_generate_content import GEMINI_GENERATE_CONTENT, profiles
from lambda_responses.wire.errors import InvalidRequestError
from tests.fakes.vendor_types import judged
from tests.kit import emit, output_of

Json = dict[str, Any]

FLASH, OLDER, NEW, DRAWS = "gemini-2.5-flash", "gemini-2.0-flash", "gemini-3-flash", "gemini-2.5-flash-image"
NUMBER: Json = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
ADD: Json = {"type": "function", "name": "add", "description": "Adds.", "parameters": NUMBER}
SUB: Json = {"type": "function", "name": "sub", "parameters": NUMBER}
ONLY_ADD: Json = {"type": "function", "name": "add"}
FORMAT: Json = {"type": "json_schema", "name": "sum", "schema": NUMBER}
ANY_JSON: Json = {"type": "json_object"}
USER: Json = {"role": "user", "content": "Hi"}


def turn(*items: Json, model: str = FLASH, format: Json = FORMAT, **request: Any) -> Turn:
    whole = {"tools": [ADD, SUB], "text": {"format": format}, **request}
    return Turn(model, whole, items or [USER])


def render(*items: Json, profile: Any = profiles.GEMINI, **about: Any) -> Rendered:
    rendered = GEMINI_GENERATE_CONTENT.render_request(turn(*items, **about), profile)
    judged("gemini", rendered.body)
    return rendered


def functions(body: Json) -> list[Json]:
    return [each for tool in body.get("tools", ()) for each in tool.get("functionDeclarations", ())]


def names(body: Json) -> list[str]:
    return [function["name"] for function in functions(body)]


def calling(body: Json) -> Json | None:
    return body.get("toolConfig", {}).get("functionCallingConfig")


def formatted(body: Json) -> bool:
    return "responseMimeType" in body.get("generationConfig", {})


def told(body: Json) -> str:
    return "".join(part["text"] for part in body.get("systemInstruction", {}).get("parts", ()))


# The request.


def test_the_schema_is_a_function_and_some_function_must_be_called():
    body = render().body
    *_, answer = functions(body)
    assert names(body) == ["add", "sub", "json_answer"]
    assert answer["parametersJsonSchema"] == NUMBER
    assert "final answer" in answer["description"]
    assert calling(body) == {"mode": "ANY"}
    assert not formatted(body)


def test_what_the_client_says_of_its_format_is_told_too():
    *_, answer = functions(render(format={**FORMAT, "description": "The sum."}).body)
    assert answer["description"].endswith(" The sum.")


def test_an_older_model_is_told_the_subset():
    *_, answer = functions(render(model=OLDER).body)
    assert answer["parameters"]["properties"] == NUMBER["properties"]
    assert calling(render(model=OLDER).body) == {"mode": "ANY"}


def test_a_newer_model_has_a_format_beside_functions():
    body = render(model=NEW).body
    assert names(body) == ["add", "sub"]
    assert formatted(body)
    assert calling(body) is None


def test_without_functions_that_may_be_called_it_is_a_format_everywhere():
    for body in (render(tools=[]).body, render(tool_choice="none").body):
        assert formatted(body)
        assert names(body) == []


def test_a_client_s_own_function_keeps_its_name():
    mine = {**ADD, "name": "json_answer"}
    assert names(render(tools=[mine]).body) == ["json_answer", "json_answer_2"]


@pytest.mark.parametrize("choice", ["required", ONLY_ADD])
def test_a_call_that_is_forced_comes_before_the_answer(choice: Any):
    body = render(tool_choice=choice).body
    assert names(body) == ["add", "sub"]
    assert calling(body) == {"mode": "ANY"} | (
        {"allowedFunctionNames": ["add"]} if choice == ONLY_ADD else {}
    )
    assert not formatted(body)


@pytest.mark.parametrize("model", [FLASH, OLDER])
def test_the_answer_is_allowed_among_those_that_are(model: str):
    allowed = {"type": "allowed_tools", "mode": "auto", "tools": [ONLY_ADD]}
    config = calling(render(tool_choice=allowed, model=model).body)
    assert config == {"mode": "ANY", "allowedFunctionNames": ["add", "json_answer"]}


def test_what_no_function_has_for_arguments_is_told_in_words():
    loose = {"type": "object", "additionalProperties": {"type": "integer"}}
    for format in (ANY_JSON, {**FORMAT, "schema": loose}):
        body = render(format=format, instructions="Be brief.").body
        assert names(body) == ["add", "sub"]
        assert calling(body) is None
        assert told(body).startswith("Be brief.Answer with ")
    assert '"additionalProperties": {"type": "integer"}' in told(
        render(format={**FORMAT, "schema": loose}).body
    )


def test_words_keep_log_probabilities_which_a_call_has_none_of():
    body = render(top_logprobs=2, profile=profiles.VERTEX).body
    assert names(body) == ["add", "sub"]
    assert '"properties"' in told(body)


def test_a_picture_cannot_be_made_where_a_call_must_be():
    with pytest.raises(InvalidRequestError) as refused:
        render(model=DRAWS, tools=[ADD, {"type": "image_generation"}])
    assert refused.value.param == "text.format"


def test_strict_functions_of_a_model_that_holds_no_call_to_its_schema_are_named():
    strict = [ADD, {**SUB, "strict": True}]
    plain = {"type": "text"}
    assert render(tools=strict, model=OLDER, format=plain).dropped == ("tools[1].strict",)
    for about in ({"format": FORMAT}, {"format": plain, "tool_choice": "required"}):
        assert render(tools=strict, model=OLDER, **about).dropped == ()
    assert render(tools=strict, format=plain).dropped == ()


# The answer.

ANSWERED: Json = {"functionCall": {"name": "json_answer", "args": {"n": 3}}, "thoughtSignature": "s"}
CALLED: Json = {"functionCall": {"name": "add", "args": {"n": 1}}}
WORDS: Json = {"text": "Here it is:"}
SIGNED: Json = {"text": "Hm", "thoughtSignature": "t"}


def chunk(*parts: Json, finish: str | None = None) -> Json:
    candidate: Json = {"content": {"role": "model", "parts": list(parts)}}
    return {"candidates": [candidate | ({"finishReason": finish} if finish else {})]}


def heard(*parts: Json, finish: str | None = "STOP", **about: Any) -> list[Delta]:
    decoder = GEMINI_GENERATE_CONTENT.decoder(turn(**about), profiles.GEMINI)
    chunks = [*(chunk(part) for part in parts), chunk(finish=finish)]
    return [*(delta for each in chunks for delta in decoder.feed(each)), *decoder.end(marked=False)]


def shown(deltas: list[Delta]) -> list[tuple[str, str]]:
    """Items: texts of messages, arguments of calls."""
    return [
        (item["type"], item["content"][0]["text"] if item["type"] == "message" else item.get("arguments", ""))
        for item in output_of(emit(deltas))
    ]


@pytest.mark.parametrize("store", [True, False])
def test_the_arguments_of_the_answering_call_are_the_text(store: bool):
    deltas = heard(ANSWERED, store=store)
    assert shown(deltas) == [("message", '{"n":3}')]
    assert deltas[-1] == Stopped("end")


def test_words_around_the_answer_are_not_told():
    assert shown(heard(WORDS, SIGNED, ANSWERED, WORDS)) == [("message", '{"n":3}')]


def test_there_is_one_answer():
    assert shown(heard(ANSWERED, ANSWERED)) == [("message", '{"n":3}')]


def test_words_instead_of_an_answer_are_told():
    assert shown(heard(WORDS)) == [("message", "Here it is:")]
    assert [each.text for each in heard(WORDS, finish=None) if isinstance(each, Text)] == ["Here it is:"]


def test_words_before_another_call_are_told_before_it():
    deltas = heard(WORDS, CALLED)
    assert shown(deltas) == [("message", "Here it is:"), ("function_call", '{"n":1}')]
    assert deltas[-1] == Stopped("tool_calls")


def test_an_answer_beside_another_call_is_told_and_the_call_awaits_its_result():
    deltas = heard(CALLED, ANSWERED, WORDS)
    assert shown(deltas) == [("function_call", '{"n":1}'), ("message", '{"n":3}')]
    assert deltas[-1] == Stopped("tool_calls")


def test_words_before_a_fault_are_told():
    told, failed = heard(WORDS, finish="MALFORMED_FUNCTION_CALL")
    assert isinstance(told, Text)
    assert isinstance(failed, Failed)


def test_a_call_of_that_name_is_the_client_s_where_no_answer_is_awaited():
    for about in ({"format": {"type": "text"}}, {"tool_choice": "required"}, {"model": NEW}):
        assert shown(heard(ANSWERED, **about))[-1] == ("function_call", '{"n":3}')


@given(st.lists(st.sampled_from([ANSWERED, CALLED, WORDS, SIGNED]), max_size=6), st.booleans())
def test_no_words_are_mixed_with_the_answer(parts: list[Json], store: bool):
    items = shown(heard(*parts, store=store))
    assert sum(kind == "function_call" for kind, _ in items) == parts.count(CALLED)
    texts = [text for kind, text in items if kind == "message"]
    assert texts.count('{"n":3}') == (ANSWERED in parts)
    assert not any("{" in text for text in texts if text != '{"n":3}')


# The conversation after it.


@pytest.mark.parametrize("model", [FLASH, OLDER, NEW])
@pytest.mark.parametrize("store", [True, False])
def test_an_answer_goes_back_as_the_text_that_it_became(model: str, store: bool):
    events = emit(heard({"text": "Hm", "thought": True}, CALLED, ANSWERED, store=store))
    thought, call, message = output_of(events)
    result = {"type": "function_call_output", "call_id": call["call_id"], "output": "1"}
    body = render(USER, thought, call, message, result, USER, model=model, store=store).body
    _, said, *results = body["contents"]
    assert [next(iter(part)) for part in said["parts"]] == ["functionCall", "text"]
    assert said["parts"][1] == {"text": '{"n":3}'}
    assert [next(iter(part)) for each in results for part in each["parts"]] == ["functionResponse", "text"]
    assert "json_answer" not in str(body["contents"])

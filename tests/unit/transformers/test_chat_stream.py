"""What a chat stream says, chunk by chunk; numbers in comments are the clusters of known bridge bugs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.stream.deltas import (
    Annotation,
    BlockEnded,
    Delta,
    Envelope,
    Failed,
    Opaque,
    Reasoning,
    Refusal,
    Stopped,
    Text,
    ToolArguments,
    ToolCall,
    Usage,
)
from lambda_responses.transformers.base import Turn, UnknownUpstream
from lambda_responses.transformers.chat_completions import CHAT_COMPLETIONS, ChatProfile, profiles
from tests.kit import emit, output_of

Json = dict[str, Any]

PLAIN = ChatProfile()
FUNCTION = {"type": "function", "name": "f", "parameters": {"type": "object"}}


def chunk(finish: str | None = None, **delta: Any) -> Json:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def call(index: int | None = 0, id: str | None = None, name: str | None = None, said: Any = None) -> Json:
    piece: Json = {
        "function": {key: value for key, value in (("name", name), ("arguments", said)) if value is not None}
    }
    piece |= {key: value for key, value in (("index", index), ("id", id)) if value is not None}
    return chunk(tool_calls=[piece])


def pieces(called: Json) -> list[Json]:
    return called["choices"][0]["delta"]["tool_calls"]


def decode(*chunks: Json, profile: ChatProfile = PLAIN, marked: bool = True, **request: Any) -> list[Delta]:
    items = request.pop("items", [])
    decoder = CHAT_COMPLETIONS.decoder(Turn("m", request, items), profile)
    deltas = [delta for each in chunks for delta in decoder.feed(each)]
    return [*deltas, *decoder.end(marked=marked)]


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, Text))


def thought_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, Reasoning))


def calls_of(deltas: list[Delta]) -> list[tuple[str, str, str]]:
    """Id, name and arguments of each call, in order."""
    return [
        (
            opened.call_id,
            opened.name,
            "".join(d.text for d in deltas if isinstance(d, ToolArguments) and d.block == opened.block),
        )
        for opened in deltas
        if isinstance(opened, ToolCall)
    ]


# Text, reasoning and what surrounds them.


def test_a_role_and_empty_members_say_nothing() -> None:
    empty = chunk(role="assistant", content="", refusal=None, tool_calls=None, function_call=None)
    assert decode(empty) == [Stopped("end")]


def test_text_goes_through_piece_by_piece() -> None:
    deltas = decode(chunk(role="assistant", content="Hel"), chunk(content="lo"), chunk("stop"))
    assert [delta.text for delta in deltas if isinstance(delta, Text)] == ["Hel", "lo"]
    assert deltas[-1] == Stopped("end")


@pytest.mark.parametrize(
    "delta",
    [
        {"reasoning_content": "hm"},
        {"reasoning": "hm"},
        {"reasoning": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm", "index": 0}]},
        {"reasoning_details": [{"type": "reasoning.text", "text": "hm", "index": 0}]},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]},
        {"content": "<think>hm</think>"},
    ],
)
def test_reasoning_is_found_wherever_a_vendor_puts_it(delta: Json) -> None:
    deltas = decode(chunk(**delta), chunk(content="So."), chunk("stop"))
    assert thought_of(deltas) == "hm"
    assert text_of(deltas) == "So."


def test_reasoning_ends_where_text_begins() -> None:
    thought, end, said, stopped = decode(chunk(reasoning_content="hm"), chunk(content="So."))
    assert isinstance(thought, Reasoning)
    assert end == BlockEnded(thought.block)
    assert isinstance(said, Text)
    assert stopped == Stopped("end")


def test_a_summary_is_not_raw_reasoning() -> None:
    details = [{"type": "reasoning.summary", "summary": "hm", "index": 0}]
    (thought, *_) = decode(chunk(reasoning="hm", reasoning_details=details))
    assert isinstance(thought, Reasoning)
    assert thought.summary
    (thought, *_) = decode(chunk(reasoning="hm"), profile=ChatProfile(reasoning_is_summary=True))
    assert isinstance(thought, Reasoning)
    assert thought.summary


@given(st.data())
def test_think_tags_are_found_wherever_they_are_cut(data: st.DataObject) -> None:
    said = "  <think>\nA </thin or <think> B</think>\n\nAnd </think> so."
    cuts = sorted(data.draw(st.lists(st.integers(0, len(said)), max_size=8)))
    pieces = [said[start:end] for start, end in zip([0, *cuts], [*cuts, len(said)], strict=True)]
    deltas = decode(*(chunk(content=piece) for piece in pieces))
    assert thought_of(deltas) == "\nA </thin or <think> B"
    assert text_of(deltas) == "And </think> so."


@pytest.mark.parametrize("said", ["<thin air", "a <think>b</think>", "<", "1 < 2"])
def test_what_only_looks_like_a_tag_is_text(said: str) -> None:
    assert text_of(decode(*(chunk(content=letter) for letter in said))) == said


def test_a_thought_without_an_end_is_a_thought() -> None:
    deltas = decode(chunk(content="<think>hm </th"), chunk("length"))
    assert thought_of(deltas) == "hm </th"
    assert deltas[-1] == Stopped("max_output_tokens")


def test_white_space_before_calls_is_swallowed() -> None:
    deltas = decode(chunk(content="\n\n"), call(0, "a", "f", "{}"), chunk(content=" "))
    assert text_of(deltas) == ""
    assert calls_of(deltas) == [("a", "f", "{}")]


def test_white_space_before_text_is_text() -> None:
    assert text_of(decode(chunk(content="\n"), chunk(content=" a"))) == "\n a"
    assert text_of(decode(chunk(content="\n"))) == "\n"


def test_a_refusal_is_its_own_part() -> None:
    refused = decode(chunk(refusal="I can"), chunk(refusal="not."), chunk("stop"))
    assert "".join(delta.text for delta in refused if isinstance(delta, Refusal)) == "I cannot."
    assert emit(refused)[-1]["response"]["output"][0]["content"] == [
        {"type": "refusal", "refusal": "I cannot."}
    ]


def test_log_probabilities_come_with_their_text() -> None:
    token = {
        "token": "Hi",
        "logprob": -0.1,
        "bytes": [72, 105],
        "top_logprobs": [{"token": "Ho", "logprob": -2}],
    }
    said = {"choices": [{"index": 0, "delta": {"content": "Hi"}, "logprobs": {"content": [token]}}]}
    (text, _) = decode(said)
    assert isinstance(text, Text)
    assert text.logprobs == [
        {
            "token": "Hi",
            "bytes": [72, 105],
            "logprob": -0.1,
            "top_logprobs": [{"token": "Ho", "bytes": [72, 111], "logprob": -2}],
        }
    ]


def test_parallel_lists_of_log_probabilities_are_the_same_thing() -> None:
    lists = {"tokens": ["Hi"], "token_logprobs": [-0.5], "top_logprobs": [{"Hi": -0.5}]}
    (text, _) = decode({"choices": [{"index": 0, "delta": {"content": "Hi"}, "logprobs": lists}]})
    assert isinstance(text, Text)
    assert [token["logprob"] for token in text.logprobs] == [-0.5]
    assert text.logprobs[0]["top_logprobs"] == [{"token": "Hi", "bytes": [72, 105], "logprob": -0.5}]


def test_a_spoken_answer_is_its_transcript() -> None:
    assert (
        text_of(decode(chunk(audio={"id": "a", "transcript": "Hi"}), chunk(audio={"data": "AAAA"}))) == "Hi"
    )


def test_a_citation_is_an_annotation() -> None:
    cited = {"url": "https://a.example", "title": "A", "start_index": 0, "end_index": 2, "content": "long"}
    deltas = decode(chunk(content="Hi"), chunk(annotations=[{"type": "url_citation", "url_citation": cited}]))
    assert [delta.annotation for delta in deltas if isinstance(delta, Annotation)] == [
        {"type": "url_citation", "start_index": 0, "end_index": 2, "url": "https://a.example", "title": "A"}
    ]


def test_numbered_sources_are_cited_where_the_text_names_them() -> None:
    sources = [{"url": "https://a.example", "title": "A"}, {"url": "https://b.example", "title": "B"}]
    deltas = decode({**chunk(content="One[2], "), "search_results": sources}, chunk(content="two[9]."))
    cited = [delta.annotation for delta in deltas if isinstance(delta, Annotation)]
    assert [(c["url"], c["start_index"], c["end_index"]) for c in cited] == [
        ("https://b.example", 3, 6),
        ("https://a.example", 15, 15),
    ]


# Calls. The key of a call is a new id or a new name; everything else may be missing or wrong.


A, X, ONE = call(0, "a", "f", '{"x"'), call(0, said=":1}"), '{"x":1}'
B = call(1, "b", "g", "{}")

WAYS: dict[str, list[Json]] = {
    "in pieces": [call(0, "a", "f", ""), call(0, said='{"x"'), X, call(1, "b", "g"), call(1, said="{}")],
    "whole": [call(0, "a", "f", ONE), B],
    "all index 0": [call(0, "a", "f", ONE), call(0, "b", "g", "{}")],  # 7, 8
    "no index": [call(None, "a", "f", '{"x"'), call(None, said=":1}"), call(None, "b", "g", "{}")],  # 9
    "pieces under another index": [A, call(5, said=":1}"), B],  # 10
    "pieces under their id alone": [A, B, call(7, "a", said=":1}")],
    "id every time": [A, call(0, "a", "f", ":1}"), B],
    "interleaved": [A, call(1, "b", "g", "{"), X, call(1, said="}")],
    "as an object": [call(0, "a", "f", {"x": 1}), call(1, "b", "g", {})],
    "both in one chunk": [chunk(tool_calls=[*pieces(call(0, "a", "f", ONE)), *pieces(B)])],
    "the name after the id": [call(0, "a"), call(0, name="f"), call(0, said=ONE), call(1, "b", "g")],
}


@pytest.mark.parametrize("how", WAYS)
def test_calls_are_told_apart_however_they_come(how: str) -> None:
    deltas = decode(*WAYS[how], chunk("tool_calls"))
    found = [(id, name, json.loads(said)) for id, name, said in calls_of(deltas)]
    assert found == [("a", "f", {"x": 1}), ("b", "g", {})]
    assert deltas[-1] == Stopped("tool_calls")
    emit(deltas)


def test_calls_without_ids_are_told_apart_by_their_names() -> None:
    deltas = decode(call(0, name="f", said="{}"), call(0, name="f", said="{}"), call(0, name="g", said="{}"))
    assert calls_of(deltas) == [("", "f", "{}"), ("", "f", "{}"), ("", "g", "{}")]


def test_a_repeated_name_goes_on_with_a_call_that_is_not_whole() -> None:
    assert calls_of(decode(call(0, name="f", said='{"x"'), call(0, name="f", said=":1}"))) == [
        ("", "f", '{"x":1}')
    ]


def test_a_call_without_arguments_has_none() -> None:
    assert calls_of(decode(call(0, "a", "f", ""))) == [("a", "f", "{}")]
    assert calls_of(decode(call(0, "a", "f"))) == [("a", "f", "{}")]


def test_a_whole_call_ends_when_the_next_begins() -> None:
    deltas = decode(call(0, "a", "f", "{}"), call(1, "b", "g", "{}"), marked=False)
    first, second = (delta for delta in deltas if isinstance(delta, ToolCall))
    assert BlockEnded(first.block) in deltas[: deltas.index(second)]
    assert BlockEnded(second.block) not in deltas


def test_text_and_calls_may_mix() -> None:  # 5, 7
    mixed = chunk(
        content="Now.", tool_calls=[{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{"}}]
    )
    events = emit(decode(mixed, chunk(content=" Or"), call(0, said="}"), chunk("stop")))
    output = events[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["message", "function_call", "message"]
    assert output[1]["arguments"] == "{}"


def test_the_finish_reason_does_not_decide_whether_there_were_calls() -> None:  # 13
    assert decode(call(0, "a", "f", "{}"), chunk("stop"))[-1] == Stopped("tool_calls")
    assert decode(chunk(content="Hi"), chunk("tool_calls"))[-1] == Stopped("end")


def test_a_call_that_was_cut_makes_the_answer_incomplete() -> None:  # 13
    events = emit(decode(call(0, "a", "f", '{"x": "un'), chunk("tool_calls")))
    assert events[-1]["response"]["incomplete_details"] == {"reason": "max_output_tokens"}


@pytest.mark.parametrize("id", ["call_0", "call_17", "x" * 65, "old"])
def test_an_id_that_cannot_tell_calls_apart_is_left_to_be_minted(id: str) -> None:  # 34
    items = [{"type": "function_call", "call_id": "old", "name": "f", "arguments": "{}"}]
    assert calls_of(decode(call(0, id, "f", "{}"), items=items)) == [("", "f", "{}")]


def test_a_legacy_function_call_is_a_call() -> None:
    deltas = decode(
        chunk(function_call={"name": "f", "arguments": ""}), chunk(function_call={"arguments": "{}"})
    )
    assert calls_of(deltas) == [("", "f", "{}")]


def test_an_empty_custom_call_beside_a_function_is_nothing() -> None:
    piece = {
        "id": "a",
        "type": "function",
        "custom": {"name": "", "input": ""},
        "function": {"name": "f", "arguments": "{}"},
    }
    (opened, *_) = decode(chunk(tool_calls=[piece]))
    assert opened == ToolCall(("call", 0), "a", "f")


def test_a_wrapped_custom_tool_comes_back_as_one() -> None:  # 40
    tool = {"type": "namespace", "name": "functions", "tools": [{"type": "custom", "name": "exec"}]}
    deltas = decode(call(0, "a", "functions__exec", '{"input": "ls'), call(0, said=' -l"}'), tools=[tool])
    assert deltas[0] == ToolCall(("call", 0), "a", "exec", "custom_tool_call", "functions")
    assert calls_of(deltas) == [("a", "exec", "ls -l")]


def test_a_native_custom_call_keeps_its_input_as_it_is() -> None:
    piece = {"index": 0, "id": "a", "type": "custom", "custom": {"name": "exec", "input": "ls"}}
    deltas = decode(chunk(tool_calls=[piece]), tools=[{"type": "custom", "name": "exec"}])
    assert deltas[0] == ToolCall(("call", 0), "a", "exec", "custom_tool_call")
    assert calls_of(deltas) == [("a", "exec", "ls")]


def test_arguments_of_no_call_are_noted() -> None:
    with pytest.warns(UnknownUpstream, match="arguments of no call"):
        decode(call(3, said="{}"))


# Reasoning that its maker wants back.


def test_what_a_client_must_keep_rides_on_reasoning_wherever_it_came() -> None:
    late = {"type": "reasoning.encrypted", "data": "X", "index": 1}
    chunks = [
        chunk(reasoning_details=[{"type": "reasoning.text", "text": "hm", "index": 0}]),
        call(0, "a", "f", "{}"),
        chunk(reasoning_details=[late]),
        chunk("tool_calls"),
    ]
    turn = Turn("m", {"store": False}, [])
    decoder = CHAT_COMPLETIONS.decoder(turn, profiles.OPENROUTER)
    deltas = [delta for each in chunks for delta in decoder.feed(each)]
    deltas += decoder.end(marked=True)
    first, last = (delta.data for delta in deltas if isinstance(delta, Opaque))
    assert first == {"reasoning_details": [{"type": "reasoning.text", "text": "hm", "index": 0}]}
    assert last == {"reasoning_details": [*first["reasoning_details"], late], "supersedes": True}
    kinds = [item["type"] for item in output_of(emit(deltas))]
    assert kinds == ["reasoning", "function_call", "reasoning"]


def test_fragments_of_reasoning_details_are_put_together() -> None:  # 24
    deltas = decode(
        chunk(reasoning_details=[{"type": "reasoning.text", "text": "A", "index": 0, "format": "x"}]),
        chunk(reasoning_details=[{"type": "reasoning.text", "text": "B", "index": 0, "format": "x"}]),
        chunk(reasoning_details=[{"type": "reasoning.text", "signature": "S", "index": 0, "format": "x"}]),
        chunk(content="So."),
    )
    kept = [delta for delta in deltas if isinstance(delta, Opaque)]
    whole = {"type": "reasoning.text", "text": "AB", "index": 0, "format": "x", "signature": "S"}
    assert [delta.data for delta in kept] == [{"reasoning_details": [whole]}]
    assert deltas.index(kept[0]) < deltas.index(BlockEnded(kept[0].block))


def test_sealed_reasoning_without_text_is_kept_before_the_text() -> None:
    sealed = {"type": "reasoning.encrypted", "data": "XYZ", "id": "rs_1", "index": 0}
    deltas = decode(chunk(reasoning_details=[sealed]), chunk(content="So."))
    assert isinstance(deltas[0], Opaque)
    assert [item["type"] for item in emit(deltas)[-1]["response"]["output"]] == ["reasoning", "message"]


def test_a_seal_that_comes_late_opens_nothing_new() -> None:
    sealed = {"type": "reasoning.encrypted", "data": "XYZ", "index": 0}
    deltas = decode(call(0, "a", "f", "{}"), chunk(reasoning_details=[sealed]), chunk("tool_calls"))
    assert [item["type"] for item in emit(deltas)[-1]["response"]["output"]] == ["function_call"]
    assert any(isinstance(delta, Opaque) and delta.block == ("call", 0) for delta in deltas)


# Endings.


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("stop", "end"),
        ("eos", "end"),
        ("length", "max_output_tokens"),  # 12
        ("model_length", "max_output_tokens"),
        ("content_filter", "content_filter"),  # 15
    ],
)
def test_a_finish_reason_is_a_stop_reason(finish: str, reason: str) -> None:
    assert decode(chunk(content="Hi"), chunk(finish), marked=False)[-1] == Stopped(reason)


def test_a_repeated_finish_is_one_end() -> None:
    ends = [delta for delta in decode(chunk("stop"), chunk("stop")) if isinstance(delta, Stopped)]
    assert ends == [Stopped("end")]


def test_a_cut_is_not_taken_back_by_a_second_finish() -> None:
    assert decode(chunk("length"), chunk("stop"))[-1] == Stopped("max_output_tokens")
    assert decode(chunk("stop"), chunk("length"))[-1] == Stopped("max_output_tokens")


def test_an_unknown_finish_is_an_end_and_is_noted() -> None:
    with pytest.warns(UnknownUpstream, match="'tired'"):
        assert decode(chunk("tired"))[-1] == Stopped("end")


def test_an_end_marker_without_a_reason_is_an_end() -> None:
    assert decode(chunk(content="Hi"))[-1] == Stopped("end")


def test_a_stream_with_neither_was_cut() -> None:
    deltas = decode(chunk(content="Hi"), call(0, "a", "f", ""), marked=False)
    assert not [
        delta
        for delta in deltas
        if isinstance(delta, (Stopped, BlockEnded)) and delta != BlockEnded(("text", 1))
    ]
    assert emit(deltas)[-1]["type"] == "response.failed"


def test_the_finish_error_is_a_failure() -> None:
    assert isinstance(decode(chunk(content="Hi"), chunk("error"))[-1], Failed)


def test_an_error_inside_a_stream_ends_it() -> None:
    broken = {"error": {"message": "Rate limit exceeded", "code": 429}, "choices": []}
    deltas = decode(chunk(content="Hi"), broken, chunk(content="more"), chunk("stop"))
    (failed,) = (delta for delta in deltas if isinstance(delta, Failed))
    assert failed.error.status == 429
    assert deltas[-1] is failed
    assert text_of(deltas) == "Hi"


# Usage and the envelope.


def test_the_last_usage_counts() -> None:  # 43
    grown = [{**chunk(content="x"), "usage": {"prompt_tokens": 5, "completion_tokens": n}} for n in (1, 2, 3)]
    events = emit(decode(*grown, chunk("stop")))
    assert events[-1]["response"]["usage"]["output_tokens"] == 3


@pytest.mark.parametrize(
    "placed",
    [
        {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 1}},
        {"choices": [{"index": 0, "delta": {}, "usage": {"prompt_tokens": 5, "completion_tokens": 1}}]},
        {"choices": [], "x_groq": {"id": "r", "usage": {"prompt_tokens": 5, "completion_tokens": 1}}},
    ],
)
def test_usage_is_found_in_three_places(placed: Json) -> None:
    (usage,) = (delta.usage for delta in decode(chunk("stop"), placed) if isinstance(delta, Usage))
    assert (usage["input_tokens"], usage["output_tokens"]) == (5, 1)


def test_chunks_of_azure_without_choices_or_delta_say_nothing() -> None:  # 44
    filtered = {"choices": [], "prompt_filter_results": [{"prompt_index": 0}]}
    bare = {"choices": [{"index": 0, "finish_reason": None, "content_filter_results": {}}]}
    assert decode(filtered, bare) == [Stopped("end")]


def test_the_service_tier_is_told_in_our_words_when_the_model_has_finished() -> None:
    said, last = chunk(content="Hi"), {**chunk("stop"), "service_tier": "on_demand"}
    assert Envelope({"service_tier": "default"}) in decode(said, last, profile=profiles.GROQ)
    assert Envelope({"service_tier": "default"}) not in decode(said, last)


def test_a_second_choice_is_not_read() -> None:
    second = {"choices": [{"index": 1, "delta": {"content": "No"}, "finish_reason": None}]}
    assert text_of(decode(chunk(content="Yes"), second)) == "Yes"


@pytest.mark.parametrize(
    "strange",
    [
        {"choices": [], "novelty": 1},
        {"choices": [{"index": 0, "novelty": 1}]},
        chunk(novelty=1),
        chunk(content=[{"type": "novelty"}]),
        chunk(tool_calls=[{"index": 0, "id": "a", "function": {"name": "f"}, "novelty": 1}]),
    ],
)
def test_what_is_new_is_noted(strange: Json) -> None:
    with pytest.warns(UnknownUpstream, match="novelty"):
        decode(strange)


# Plain answers.


def test_a_plain_answer_is_the_stream_it_would_have_been() -> None:
    message = {
        "role": "assistant",
        "reasoning_content": "hm",
        "content": "So.",
        "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    }
    body = {
        "id": "c",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 1},
    }
    deltas = decode(*CHAT_COMPLETIONS.as_chunks(body))
    assert thought_of(deltas) == "hm"
    assert text_of(deltas) == "So."
    assert calls_of(deltas) == [("a", "f", "{}")]
    assert deltas[-1] == Stopped("tool_calls")


def test_a_plain_answer_without_a_finish_is_finished_all_the_same() -> None:
    body = {"choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": ""}]}
    assert decode(*CHAT_COMPLETIONS.as_chunks(body), marked=False)[-1] == Stopped("end")


def test_a_plain_body_that_answers_nothing_is_no_answer() -> None:
    with pytest.raises(ValueError, match="neither an answer nor an error"):
        list(CHAT_COMPLETIONS.as_chunks({"id": "c"}))


def test_an_error_without_words_is_an_error() -> None:
    (failed,) = decode(*CHAT_COMPLETIONS.as_chunks({"error": {"type": "rate_limit_exceeded"}}))
    assert isinstance(failed, Failed)
    assert failed.error.status == 429


def test_a_plain_body_with_an_error_is_a_failure() -> None:
    (failed,) = decode(*CHAT_COMPLETIONS.as_chunks({"error": {"message": "No.", "code": 400}}))
    assert isinstance(failed, Failed)
    assert failed.error.status == 400


def test_text_that_was_parsed_is_text_again() -> None:
    body = {"choices": [{"index": 0, "message": {"content": {"a": "é"}}, "finish_reason": "stop"}]}
    assert json.loads(text_of(decode(*CHAT_COMPLETIONS.as_chunks(body)))) == {"a": "é"}


def test_only_a_fault_is_the_end_for_certain() -> None:
    decoder = CHAT_COMPLETIONS.decoder(Turn("m", {}, []), PLAIN)
    decoder.feed(chunk("stop", content="Hi"))
    assert not decoder.over
    decoder.feed({"choices": [], "usage": {"prompt_tokens": 1}})
    assert not decoder.over
    decoder.feed({"error": {"message": "No."}})
    assert decoder.over


# Any order whatever.

SAID = st.sampled_from(["", " ", "Hi", "<think>", "</think>", "{", "}", "\u2603"])
NOTHING = st.none()
PIECE = st.fixed_dictionaries(
    {
        "function": st.fixed_dictionaries(
            {}, optional={"name": st.sampled_from(["f", "g", None]), "arguments": SAID}
        )
        | NOTHING
    },
    optional={
        "index": st.integers(0, 2) | NOTHING,
        "id": st.sampled_from(["a", "b", "", None]),
        "type": st.just("function"),
    },
)
DETAIL = st.fixed_dictionaries(
    {"type": st.sampled_from(["reasoning.text", "reasoning.summary", "reasoning.encrypted"])},
    optional={"text": SAID | NOTHING, "summary": SAID, "data": SAID, "index": st.integers(0, 1) | NOTHING},
)
CITED = st.just(
    {"type": "url_citation", "url_citation": {"url": "https://a.example", "start_index": 0, "end_index": 1}}
)
DELTA = st.fixed_dictionaries(
    {},
    optional={
        "role": st.just("assistant") | NOTHING,
        "content": SAID | NOTHING,
        "reasoning": SAID | NOTHING,
        "reasoning_content": SAID | NOTHING,
        "reasoning_details": st.lists(DETAIL, max_size=2) | NOTHING,
        "refusal": SAID | NOTHING,
        "tool_calls": st.lists(PIECE, max_size=2) | NOTHING,
        "annotations": st.lists(CITED, max_size=1) | NOTHING,
    },
)
CHOICE = st.fixed_dictionaries(
    {"delta": DELTA | NOTHING},
    optional={"index": st.just(0), "finish_reason": st.sampled_from([None, "stop", "length", "tool_calls"])},
)
CHUNK = st.fixed_dictionaries(
    {},
    optional={
        "choices": st.lists(CHOICE, max_size=1) | NOTHING,
        "usage": st.just({"prompt_tokens": 1}) | NOTHING,
        "citations": st.just(["https://a.example"]),
    },
)


@pytest.mark.filterwarnings("ignore::lambda_responses.transformers.base.UnknownUpstream")
@given(st.lists(CHUNK, max_size=12), st.booleans())
def test_every_stream_makes_one_whole_response(chunks: list[Json], marked: bool) -> None:
    deltas = decode(*chunks, marked=marked)
    ends = [delta for delta in deltas if isinstance(delta, Stopped)]
    finished = any(choice.get("finish_reason") for each in chunks for choice in each.get("choices") or ())
    assert len(ends) == (marked or finished)
    emit(deltas)


@given(st.lists(CHUNK, max_size=8))
@pytest.mark.filterwarnings("ignore::lambda_responses.transformers.base.UnknownUpstream")
def test_no_reasoning_or_text_is_lost(chunks: list[Json]) -> None:
    profile = ChatProfile(think_tags=False)
    said = [c["delta"] for each in chunks for c in each.get("choices") or () if c["delta"]]
    deltas = decode(*chunks, profile=profile)
    texts = "".join(delta.get("content") or "" for delta in said)
    assert "".join(text_of(deltas).split()) == "".join(texts.split())
    thoughts = "".join(delta.get("reasoning_content") or delta.get("reasoning") or "" for delta in said)
    told = thought_of(deltas)
    assert told == thoughts or any(delta.get("reasoning_details") for delta in said)

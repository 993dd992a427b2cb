"""Cohere's stream, event by event."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_responses.stream.deltas import Delta, Failed, Stopped, Usage
from lambda_responses.transformers.base import Turn, UnknownUpstream
from lambda_responses.transformers.cohere_chat import COHERE, COHERE_CHAT
from tests.kit import emit, output_of

Json = dict[str, Any]


def event(kind: str, index: int | None = None, /, **message: Any) -> Json:
    told: Json = {"type": kind, "delta": {"message": message}}
    return told if index is None else {**told, "index": index}


def start(index: int, kind: str = "text") -> Json:
    return event("content-start", index, content={"type": kind, kind: ""})


def text(said: str, index: int = 0, **beside: Any) -> Json:
    return {**event("content-delta", index, content={"text": said}), **beside}


def thought(said: str, index: int = 0) -> Json:
    return event("content-delta", index, content={"thinking": said})


def called(index: int, name: str = "f", arguments: str = "", id: str = "c") -> Json:
    function = {"name": name, "arguments": arguments}
    return event("tool-call-start", index, tool_calls={"id": id, "type": "function", "function": function})


def arguments(index: int, said: str) -> Json:
    return event("tool-call-delta", index, tool_calls={"function": {"arguments": said}})


def end(reason: Any = "COMPLETE", **more: Any) -> Json:
    return {"type": "message-end", "delta": {"finish_reason": reason, **more}}


def decode(*events: Json, marked: bool = True, **request: Any) -> list[Delta]:
    decoder = COHERE_CHAT.decoder(Turn("m", request, []), COHERE)
    deltas = [delta for chunk in events for delta in decoder.feed(chunk)]
    return [*deltas, *decoder.end(marked=marked)]


def output(*events: Json, **request: Any) -> list[Json]:
    return output_of(emit(decode(*events, **request)))


def test_thinking_and_text_are_an_item_each() -> None:
    told = output(
        event("message-start"),
        start(0, "thinking"),
        thought("H"),
        thought("m"),
        {"type": "content-end", "index": 0},
        start(1),
        text("A", 1),
        {"type": "content-end", "index": 1},
        end(),
    )
    assert [item["type"] for item in told] == ["reasoning", "message"]
    assert told[0]["content"][0]["text"] == "Hm"
    assert told[1]["content"][0]["text"] == "A"


def test_a_plan_is_reasoning_before_the_calls() -> None:
    told = output(
        event("tool-plan-delta", tool_plan="I "),
        event("tool-plan-delta", tool_plan="will."),
        called(0),
        arguments(0, '{"a"'),
        arguments(0, ":1}"),
        {"type": "tool-call-end", "index": 0},
        called(1, id="d"),
        {"type": "tool-call-end", "index": 1},
        end("TOOL_CALL"),
    )
    assert [item["type"] for item in told] == ["reasoning", "function_call", "function_call"]
    assert told[0]["content"][0]["text"] == "I will."
    assert [(item["call_id"], item["arguments"]) for item in told[1:]] == [("c", '{"a":1}'), ("d", "{}")]


def test_calls_may_be_interleaved_and_unended() -> None:
    told = output(called(0), called(1, id="d"), arguments(0, "{}"), arguments(1, '{"b":1}'), end())
    assert [item["arguments"] for item in told] == ["{}", '{"b":1}']


def test_a_custom_tool_s_input_comes_out_of_its_wrapping() -> None:
    tools = [{"type": "custom", "name": "c"}]
    told = output(
        called(0, "c"),
        arguments(0, '{"input": "x'),
        arguments(0, '\\ny"}'),
        {"type": "tool-call-end", "index": 0},
        end(),
        tools=tools,
    )
    assert (told[0]["type"], told[0]["input"]) == ("custom_tool_call", "x\ny")
    assert output(called(0, "c"), arguments(0, "plain"), end(), tools=tools)[0]["input"] == "plain"


def test_a_namespace_is_restored() -> None:
    tools = [{"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "f"}]}]
    (call,) = output(called(0, "n__f"), end(), tools=tools)
    assert (call["name"], call["namespace"]) == ("f", "n")


CITED = {"start": 0, "end": 1, "text": "A", "type": "TEXT_CONTENT"}
DOCUMENT = {"type": "document", "id": "doc:0", "document": {"title": "a.txt", "text": "A"}}
PAGE = {"type": "tool", "id": "c:0", "tool_output": {"url": "https://a.example", "title": "A"}}
RESULT = {"type": "tool", "id": "c:0", "tool_output": {"content": "A"}}


@pytest.mark.parametrize(
    ("citation", "annotations"),
    [
        (
            {**CITED, "sources": [DOCUMENT], "content_index": 1},
            [{"type": "file_citation", "index": 1, "file_id": "doc:0", "filename": "a.txt"}],
        ),
        (
            {**CITED, "sources": [PAGE]},
            [
                {
                    "type": "url_citation",
                    "start_index": 0,
                    "end_index": 1,
                    "url": "https://a.example",
                    "title": "A",
                }
            ],
        ),
        ({**CITED, "sources": [RESULT]}, []),
        ({**CITED, "sources": [DOCUMENT], "type": "PLAN"}, []),
        ({**CITED, "sources": [DOCUMENT], "type": "THINKING_CONTENT", "content_index": 0}, []),
    ],
)
def test_sources_are_annotations_where_a_client_can_know_them(
    citation: Json, annotations: list[Json]
) -> None:
    told = output(
        thought("Hm"),
        text("A", 1),
        event("citation-start", 0, citations=citation),
        {"type": "citation-end", "index": 0},
        text("B", 1),
        end(),
    )
    assert told[1]["content"][0]["annotations"] == annotations


def test_log_probabilities_go_with_their_text() -> None:
    (message,) = output(
        text("Hel", logprobs={"text": "Hel", "token_ids": [1, 2], "logprobs": [-0.25, -0.5]}), end()
    )
    (token,) = message["content"][0]["logprobs"]
    assert token == {"token": "Hel", "bytes": [72, 101, 108], "logprob": -0.75, "top_logprobs": []}


@pytest.mark.parametrize(
    ("reason", "stopped"),
    [
        ("COMPLETE", "end"),
        ("STOP_SEQUENCE", "end"),
        ("MAX_TOKENS", "max_output_tokens"),
        ("ERROR_TOXIC", "content_filter"),
        ("ERROR_LIMIT", "max_output_tokens"),
    ],
)
def test_a_finish_reason_is_why_the_answer_stopped(reason: str, stopped: Any) -> None:
    assert decode(text("A"), end(reason))[-1] == Stopped(stopped)


def test_calls_tell_that_tools_were_called_whatever_the_reason() -> None:
    assert decode(called(0), end("COMPLETE"))[-1] == Stopped("tool_calls")
    assert decode(called(0), end("MAX_TOKENS"))[-1] == Stopped("max_output_tokens")


@pytest.mark.parametrize("reason", ["ERROR", "TIMEOUT", "USER_CANCEL"])
def test_an_answer_that_failed_is_a_failure(reason: str) -> None:
    last = decode(text("A"), end(reason))[-1]
    assert isinstance(last, Failed)
    assert last.error.status == 502
    last = decode(text("A"), end(reason, error="Why."))[-1]
    assert isinstance(last, Failed)
    assert last.error.message == "Why."


def test_an_unknown_finish_reason_is_an_end_and_noted() -> None:
    with pytest.warns(UnknownUpstream):
        assert decode(text("A"), end("NEW"))[-1] == Stopped("end")


def test_a_cut_stream_has_no_end() -> None:
    assert not [delta for delta in decode(text("A"), marked=False) if isinstance(delta, Stopped)]
    assert decode(text("A"))[-1] == Stopped("end")


def test_nothing_follows_the_end() -> None:
    decoder = COHERE_CHAT.decoder(Turn("m", {}, []), COHERE)
    decoder.feed(end())
    assert decoder.over
    assert decoder.feed(text("A")) == []
    assert list(decoder.end(marked=True)) == []


def test_a_body_that_is_an_error_is_a_failure() -> None:
    last = decode({"id": "1", "message": "too many requests"})[-1]
    assert isinstance(last, Failed)
    assert last.error.message == "too many requests"


def test_an_unknown_event_is_noted_and_the_rest_is_heard() -> None:
    with pytest.warns(UnknownUpstream):
        (message,) = output(text("A"), {"type": "new-event"}, text("B"), end())
    assert message["content"][0]["text"] == "AB"


def test_tokens_are_counted_and_not_what_is_charged() -> None:
    counted = {
        "billed_units": {"input_tokens": 1, "output_tokens": 2},
        "tokens": {"input_tokens": 500, "output_tokens": 30, "reasoning_tokens": 20},
        "cached_tokens": 480,
    }
    (usage,) = (delta for delta in decode(end(usage=counted)) if isinstance(delta, Usage))
    assert usage.usage == {
        "input_tokens": 500,
        "input_tokens_details": {"cached_tokens": 480, "cache_write_tokens": 0},
        "output_tokens": 30,
        "output_tokens_details": {"reasoning_tokens": 20},
        "total_tokens": 530,
    }


# Plain answers.


def plain(**body: Any) -> list[Json]:
    return output(*COHERE_CHAT.as_chunks({"finish_reason": "COMPLETE", **body}))


def test_a_plain_answer_is_the_stream_it_would_have_been() -> None:
    told = plain(
        message={
            "content": [{"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": "A."}],
            "citations": [{**CITED, "sources": [DOCUMENT], "content_index": 1}],
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        logprobs=[
            {"text": "Hm", "logprobs": [-1.0]},
            {"text": "A", "logprobs": [-0.5]},
            {"text": ".", "logprobs": [-0.25]},
        ],
    )
    assert [item["type"] for item in told] == ["reasoning", "message", "function_call"]
    (part,) = told[1]["content"]
    assert (part["text"], [token["token"] for token in part["logprobs"]]) == ("A.", ["A", "."])
    assert len(part["annotations"]) == 1


def test_log_probabilities_that_do_not_add_up_are_of_nothing() -> None:
    told = plain(message={"content": "A."}, logprobs=[{"text": "B", "logprobs": [-1.0]}])
    assert told[0]["content"][0] == {"type": "output_text", "text": "A.", "annotations": [], "logprobs": []}


@pytest.mark.parametrize("body", [{}, {"hello": 1}, {"message": None}, {"message": ["x"]}])
def test_a_body_that_is_no_answer_cannot_be_read(body: Json) -> None:
    with pytest.raises(ValueError, match="no answer"):
        list(COHERE_CHAT.as_chunks(body))


@pytest.mark.parametrize("body", [{"message": "What?"}, {"error": {"message": "What?"}}])
def test_a_body_that_tells_of_a_fault_is_one(body: Json) -> None:
    (failed,) = decode(*COHERE_CHAT.as_chunks(body))
    assert isinstance(failed, Failed)
    assert "What?" in failed.error.message

"""Every recorded answer of Cohere, through framing, decoder and emitter: what was said is what comes out."""

from __future__ import annotations

import json

import pytest

from lambda_responses.stream.deltas import Delta, Failed, Stopped, Text
from lambda_responses.transformers.cohere_chat import COHERE_CHAT
from lambda_responses.wire.errors import APIError
from tests.corpus.cohere_recordings import Json, Recording, cases, read_answer, recordings, turn_of
from tests.kit import emit, output_of

EXCHANGES = 36
FINISHED = {"MAX_TOKENS": "response.incomplete", "ERROR": "response.failed"}


def decode(recording: Recording, *, at_a_time: int = 65_536) -> list[Delta]:
    chunks, marked = recording.chunks(at_a_time=at_a_time)
    decoder = COHERE_CHAT.decoder(turn_of(recording), recording.profile)
    deltas = [delta for chunk in chunks for delta in decoder.feed(chunk)]
    return [*deltas, *decoder.end(marked=marked)]


def parts(output: list[Json], kind: str) -> list[Json]:
    return [part for item in output if item["type"] == kind for part in item.get("content") or ()]


def test_the_corpus_is_whole() -> None:
    if not recordings():
        pytest.skip("../shared/corpus/dev is absent")
    assert len(recordings()) == EXCHANGES


@pytest.mark.parametrize("recording", cases())
def test_an_answer_holds_what_was_recorded(recording: Recording) -> None:
    answer, deltas = read_answer(recording), decode(recording)
    assert len([delta for delta in deltas if isinstance(delta, (Stopped, Failed))]) == 1, "exactly one end"
    events = emit(deltas)
    output = output_of(events)
    assert events[-1]["type"] == FINISHED.get(answer.finish or "", "response.completed")
    assert "".join(part["text"] for part in parts(output, "message")) == answer.text
    assert "".join(part["text"] for part in parts(output, "reasoning")) == answer.plan + answer.reasoning
    calls = [item for item in output if item["type"] == "function_call"]
    assert [(call["call_id"], call["name"], call["arguments"]) for call in calls] == [
        (id, name, said or "{}") for id, name, said in answer.calls
    ]
    kinds = [item["type"] for item in output]
    assert kinds == sorted(kinds, key=["reasoning", "message", "function_call"].index)


@pytest.mark.parametrize("recording", cases())
def test_what_was_cited_is_cited(recording: Recording) -> None:
    answer, output = read_answer(recording), output_of(emit(decode(recording)))
    told = [
        (annotation.get("url") or annotation["file_id"], annotation.get("end_index", annotation.get("index")))
        for part in parts(output, "message")
        for annotation in part["annotations"]
    ]
    expected = [
        (source["id"], citation)
        for citation in answer.citations
        for source in citation["sources"]
        if source["type"] == "document" or source["tool_output"].get("url")
    ]
    assert told == [(id, citation["end"]) for id, citation in expected]
    for _, citation in expected:
        assert answer.text[citation["start"] : citation["end"]] == citation["text"]


@pytest.mark.parametrize("recording", cases())
def test_usage_is_what_was_recorded(recording: Recording) -> None:
    answer, events = read_answer(recording), emit(decode(recording))
    usage = events[-1]["response"]["usage"]
    if not answer.usage:
        assert usage is None
        return
    tokens = answer.usage["tokens"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (
        tokens["input_tokens"],
        tokens["output_tokens"],
    )
    assert usage["input_tokens_details"]["cached_tokens"] == answer.usage.get("cached_tokens", 0)
    assert usage["output_tokens_details"]["reasoning_tokens"] == tokens.get("reasoning_tokens", 0)
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


@pytest.mark.parametrize("recording", cases())
def test_no_log_probability_is_lost(recording: Recording) -> None:
    tokens = [p["token"] for d in decode(recording) if isinstance(d, Text) for p in d.logprobs]
    assert tokens == read_answer(recording).tokens


@pytest.mark.parametrize("recording", cases())
def test_reads_of_any_size_say_the_same(recording: Recording) -> None:
    if recording.streamed:
        events = emit(decode(recording))
        assert emit(decode(recording, at_a_time=1)) == events
        assert emit(decode(recording, at_a_time=97)) == events


STATUSES = {
    401: (502, "upstream_auth_error", None),
    404: (400, "model_not_found", "model"),
    422: (400, None, None),
}


@pytest.mark.parametrize("recording", cases(failed=True))
def test_a_refusal_of_the_provider_is_an_error_that_a_client_may_see(recording: Recording) -> None:
    error = COHERE_CHAT.map_error(recording.failure)
    assert isinstance(error, APIError)
    told = error.body()["error"]
    if recording.status == 400:
        too_long = "TOO_MANY_TOKENS" in recording.body
        expected = (400, "context_length_exceeded", "input") if too_long else (400, None, None)
    else:
        expected = STATUSES[recording.status]
    assert (error.status, told["code"], told["param"]) == expected
    assert "api token" not in json.dumps(told)

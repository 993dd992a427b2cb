"""Every recorded answer of Gemini, through framing, decoder and emitter: what was said comes out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambda_responses.stream.deltas import Delta, Failed, Opaque, Stopped, Text
from lambda_responses.transformers.gemini_generate_content import GEMINI_GENERATE_CONTENT
from lambda_responses.wire.errors import APIError
from tests.corpus.gemini_recordings import Json, Recording, cases, read_answer, recordings, turn_of
from tests.kit import emit, output_of

EXCHANGES = 185
CUT = {"MAX_TOKENS", "SAFETY", "MODEL_ARMOR"}
FAILED = {"UNEXPECTED_TOOL_CALL"}

needs_corpus = pytest.mark.skipif(not recordings(), reason="../shared/corpus/dev is absent")


def decode(recording: Recording, *, at_a_time: int = 65_536, **request: Any) -> list[Delta]:
    decoder = GEMINI_GENERATE_CONTENT.decoder(turn_of(recording, **request), recording.profile)
    deltas = [delta for chunk in recording.chunks(at_a_time=at_a_time) for delta in decoder.feed(chunk)]
    return [*deltas, *decoder.end(marked=False)]


def expected_terminal(recording: Recording) -> str:
    answer = read_answer(recording)
    if answer.finish in FAILED or any(not kind.startswith("image/") for kind in answer.media):
        return "response.failed"
    return "response.incomplete" if answer.finish in CUT else "response.completed"


def of_type(output: list[Json], kind: str) -> list[Json]:
    return [item for item in output if item["type"] == kind]


def text_of(output: list[Json]) -> str:
    return "".join(part["text"] for item in of_type(output, "message") for part in item["content"])


def strings(value: Any, key: str) -> list[str]:
    """All values of that key, in order."""
    if isinstance(value, dict):
        own = [value[key]] if isinstance(value.get(key), str) else []
        return own + [text for inner in value.values() for text in strings(inner, key)]
    return [text for inner in value for text in strings(inner, key)] if isinstance(value, list) else []


@needs_corpus
def test_the_corpus_is_whole() -> None:
    assert len(recordings()) == EXCHANGES


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("recording", cases())
def test_an_answer_holds_what_was_recorded(recording: Recording, stored: bool) -> None:
    answer, deltas = read_answer(recording), decode(recording, store=stored)
    ends = [delta for delta in deltas if isinstance(delta, (Stopped, Failed))]
    assert len(ends) == 1, "exactly one end"
    events = emit(deltas)
    output = output_of(events)
    assert events[-1]["type"] == expected_terminal(recording)
    assert text_of(output) == answer.text
    summaries = [part["text"] for item in of_type(output, "reasoning") for part in item["summary"]]
    assert "".join(summaries) == answer.reasoning
    calls = of_type(output, "function_call")
    assert [(call["name"], json.loads(call["arguments"])) for call in calls] == [
        (name, args) for _, name, args in answer.calls
    ]
    for call, (id, _, _) in zip(calls, answer.calls, strict=True):
        assert call["call_id"] == id or (id == "" and call["call_id"].startswith("call_"))


@pytest.mark.parametrize("recording", cases())
def test_code_searches_and_pages_are_items(recording: Recording) -> None:
    answer, output = read_answer(recording), output_of(emit(decode(recording)))
    ran = of_type(output, "code_interpreter_call")
    searched = [code for code in answer.code if "file_search.query" in code]
    assert [item["code"] for item in ran] == [code for code in answer.code if code not in searched]
    assert [log["logs"] for item in ran for log in item["outputs"]] == answer.results
    assert len(of_type(output, "file_search_call")) == len(searched)
    actions = [item["action"] for item in of_type(output, "web_search_call")]
    assert [query for action in actions for query in action.get("queries", ())] == answer.queries
    assert [action["url"] for action in actions if action["type"] == "open_page"] == answer.pages


@pytest.mark.parametrize("recording", cases())
def test_citations_stand_on_the_words_that_rest_on_them(recording: Recording) -> None:
    answer, output = read_answer(recording), output_of(emit(decode(recording)))
    cited = [
        (note, part["text"])
        for item in of_type(output, "message")
        for part in item["content"]
        for note in part["annotations"]
    ]
    found = [
        (note["url"], text[note["start_index"] : note["end_index"]])
        if note["type"] == "url_citation"
        else (note["file_id"], text[note["index"] - len(words) : note["index"]])
        for (note, text), (_, words) in zip(cited, answer.citations, strict=True)
    ]
    assert found == answer.citations


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("recording", cases())
def test_every_signature_is_kept_once(recording: Recording, stored: bool) -> None:
    kept = json.dumps([delta.data for delta in decode(recording, store=stored) if isinstance(delta, Opaque)])
    for signature in read_answer(recording).signatures:
        assert kept.count(json.dumps(signature)) == 1


@pytest.mark.parametrize("recording", cases())
def test_usage_is_what_was_recorded(recording: Recording) -> None:
    counted, events = read_answer(recording).usage, emit(decode(recording))
    usage = events[-1]["response"]["usage"]
    if not counted:
        assert usage is None
        return
    if "promptTokenCount" in counted:
        given = counted["promptTokenCount"] + counted.get("toolUsePromptTokenCount", 0)
        assert usage["input_tokens"] == given
    thought = counted.get("thoughtsTokenCount", 0)
    assert usage["output_tokens"] == counted.get("candidatesTokenCount", 0) + thought
    assert usage["output_tokens_details"]["reasoning_tokens"] == thought
    assert usage["input_tokens_details"]["cached_tokens"] == counted.get("cachedContentTokenCount", 0)
    assert usage["total_tokens"] == counted["totalTokenCount"]


@pytest.mark.parametrize("recording", cases())
def test_no_log_probability_is_lost(recording: Recording) -> None:
    tokens = [p["token"] for d in decode(recording) if isinstance(d, Text) for p in d.logprobs]
    assert tokens == read_answer(recording).tokens


@pytest.mark.parametrize("recording", cases(failed=True))
def test_a_refusal_of_the_provider_is_an_error_that_a_client_may_see(recording: Recording) -> None:
    error = GEMINI_GENERATE_CONTENT.map_error(recording.failure)
    assert isinstance(error, APIError)
    assert error.message
    assert error.status == {400: 400, 403: 502, 404: 400, 429: 429}[recording.status]
    if recording.status == 404:
        assert (error.body()["error"]["code"], error.body()["error"]["param"]) == ("model_not_found", "model")
    if recording.status == 429:
        assert int(error.headers["retry-after"]) in (35, 48)


@needs_corpus
@pytest.mark.parametrize("size", [1, 7])
def test_cutting_the_bytes_anywhere_changes_nothing(size: int) -> None:
    streams = [each for each in recordings() if each.status < 400 and each.streamed]
    for recording in streams[:: 1 if size > 1 else 9]:
        assert repr(decode(recording, at_a_time=size)) == repr(decode(recording)), recording.file


def finishes(chunk: Json) -> bool:
    return any(candidate.get("finishReason") for candidate in chunk.get("candidates") or ())


@needs_corpus
def test_a_stream_that_is_cut_before_a_reason_to_finish_does_not_stop() -> None:
    for recording in recordings():
        chunks = recording.chunks() if recording.status < 400 else []
        until = next((n for n, chunk in enumerate(chunks) if finishes(chunk)), len(chunks))
        decoder = GEMINI_GENERATE_CONTENT.decoder(turn_of(recording), recording.profile)
        deltas = [delta for chunk in chunks[:until] for delta in decoder.feed(chunk)]
        deltas += decoder.end(marked=False)
        assert not any(isinstance(delta, (Stopped, Failed)) for delta in deltas), recording.file

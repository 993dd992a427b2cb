"""Every recorded Converse answer, through decoder and emitter: what was recorded is what comes out."""

from __future__ import annotations

import json

import pytest

from lambda_responses.stream.deltas import Delta, Failed, Opaque, Stopped
from lambda_responses.transformers.bedrock_converse import BEDROCK_CONVERSE
from lambda_responses.wire.errors import APIError
from tests.corpus.converse_recordings import (
    Json,
    Recording,
    cases,
    read_answer,
    recordings,
    turn_of,
    whole_answer,
)
from tests.kit import emit, output_of, rebuild

EXCHANGES = 102
TERMINAL = {"max_tokens": "response.incomplete", "guardrail_intervened": "response.incomplete"}
HOSTED = {"nova_grounding": "web_search_call"}


def decode(recording: Recording, *, at_a_time: int = 65_536) -> list[Delta]:
    chunks, marked = recording.chunks(at_a_time=at_a_time)
    decoder = BEDROCK_CONVERSE.decoder(turn_of(recording), recording.profile)
    deltas = [delta for chunk in chunks for delta in decoder.feed(chunk)]
    assert decoder.over
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
    assert sum(isinstance(delta, (Stopped, Failed)) for delta in deltas) == 1
    events = emit(deltas)
    output = output_of(events)
    expected = "response.failed" if answer.failed else TERMINAL.get(answer.finish or "", "response.completed")
    assert events[-1]["type"] == expected
    calls = [(c["call_id"], c["name"], json.loads(c["arguments"])) for c in output if "name" in c]
    assert calls == answer.calls
    hosted = [item["type"] for item in output if item["type"] in HOSTED.values()]
    assert hosted == [HOSTED[name] for name in answer.hosted]
    text = "".join(part["text"] for part in parts(output, "message"))
    if calls:  # white space around calls says nothing
        text, answer.text = text.strip(), answer.text.strip()
    assert text == answer.text
    assert thoughts(output) == answer.reasoning
    assert not any(item["type"] == "message" and not item["content"] for item in output)


def thoughts(output: list[Json]) -> str:
    summaries = [part for item in output if item["type"] == "reasoning" for part in item["summary"]]
    return "".join(part["text"] for part in [*summaries, *parts(output, "reasoning")])


@pytest.mark.parametrize("recording", cases())
def test_events_alone_make_the_same_items(recording: Recording) -> None:
    events = emit(decode(recording))
    told = [{**item, "status": None} for item in output_of(events) if item["type"] not in HOSTED.values()]
    made = [{**item, "status": None} for item in rebuild(events) if item["type"] not in HOSTED.values()]
    assert made == told


@pytest.mark.parametrize("recording", cases())
def test_every_signature_is_kept_with_its_thought(recording: Recording) -> None:
    kept = [
        block["reasoningContent"]["reasoningText"]
        for delta in decode(recording)
        if isinstance(delta, Opaque)
        for block in delta.data.get("content") or ()
        if "reasoningContent" in block
    ]
    answer = read_answer(recording)
    assert [thought["signature"] for thought in kept] == answer.signatures
    if kept:
        assert "".join(thought["text"] for thought in kept) == answer.reasoning


@pytest.mark.parametrize("recording", cases())
def test_every_source_is_cited(recording: Recording) -> None:
    output = output_of(emit(decode(recording)))
    cited: list[tuple[str, Json]] = []
    for part in parts(output, "message"):
        cited += [(part["text"], annotation) for annotation in part["annotations"]]
    named = [annotation.get("url") or annotation["filename"] for _, annotation in cited]
    assert named == read_answer(recording).sources
    for text, annotation in cited:
        if annotation["type"] == "url_citation":
            assert 0 <= annotation["start_index"] < annotation["end_index"] <= len(text)


@pytest.mark.parametrize("recording", cases())
def test_usage_is_what_was_recorded(recording: Recording) -> None:
    counted, usage = read_answer(recording).usage, emit(decode(recording))[-1]["response"]["usage"]
    if counted is None:
        assert usage is None
        return
    read, written = counted.get("cacheReadInputTokens") or 0, counted.get("cacheWriteInputTokens") or 0
    assert usage["input_tokens"] == counted["inputTokens"] + read + written
    assert usage["output_tokens"] == counted["outputTokens"]
    assert usage["total_tokens"] == counted["totalTokens"]
    assert usage["input_tokens_details"] == {"cached_tokens": read, "cache_write_tokens": written}


@pytest.mark.parametrize("recording", cases(failed=True))
def test_a_refusal_of_bedrock_is_an_error_that_a_client_may_see(recording: Recording) -> None:
    error = BEDROCK_CONVERSE.map_error(recording.failure)
    assert isinstance(error, APIError)
    assert error.message
    assert "token" not in error.message or error.code == "context_length_exceeded"
    assert error.status == (502 if recording.status == 403 else 400)
    missing = "identifier is invalid" in recording.body or "end of its life" in recording.body
    assert (error.code == "model_not_found") == missing


def streams() -> list[Recording]:
    found = [each for each in recordings() if each.status < 400 and each.streamed]
    if not found:
        pytest.skip("../shared/corpus/dev is absent")
    return found


@pytest.mark.parametrize("size", [1, 7])
def test_cutting_the_bytes_anywhere_changes_nothing(size: int) -> None:
    for recording in streams()[:: 1 if size > 1 else 5]:
        assert repr(decode(recording, at_a_time=size)) == repr(decode(recording)), recording.file


def test_a_stream_that_is_cut_before_its_end_does_not_stop() -> None:
    for recording in streams():
        chunks, _ = recording.chunks()
        if any("validationException" in chunk for chunk in chunks):
            continue
        until = next(n for n, chunk in enumerate(chunks) if "messageStop" in chunk)
        decoder = BEDROCK_CONVERSE.decoder(turn_of(recording), recording.profile)
        deltas = [delta for chunk in chunks[:until] for delta in decoder.feed(chunk)]
        deltas += decoder.end(marked=False)
        assert not decoder.over
        assert not any(isinstance(delta, (Stopped, Failed)) for delta in deltas), recording.file
        assert emit(deltas)[-1]["type"] == "response.failed"


def test_a_stream_says_what_its_plain_answer_would() -> None:
    for recording in streams():
        body = whole_answer(recording)
        if body is None:
            continue
        decoder = BEDROCK_CONVERSE.decoder(turn_of(recording), recording.profile)
        deltas = [delta for chunk in BEDROCK_CONVERSE.as_chunks(body) for delta in decoder.feed(chunk)]
        plain, streamed = output_of(emit(deltas)), output_of(emit(decode(recording)))
        for item in (*plain, *streamed):
            if "arguments" in item:
                item["arguments"] = json.loads(item["arguments"])
        assert plain == streamed, recording.file

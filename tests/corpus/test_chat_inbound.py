"""Every recorded chat answer, through framing, decoder and emitter: what was recorded is what comes out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambda_responses.stream.deltas import Delta, Failed, Opaque, Stopped, Text
from lambda_responses.transformers.chat_completions import CHAT_COMPLETIONS
from lambda_responses.wire.errors import APIError
from tests.corpus.chat_recordings import Answer, Json, Recording, cases, read_answer, recordings, turn_of
from tests.kit import emit

EXCHANGES = 681
TERMINAL = {
    "max_output_tokens": "response.incomplete",
    "content_filter": "response.incomplete",
    "failed": "response.failed",
}
CUT = {"length": "max_output_tokens", "model_length": "max_output_tokens", "content_filter": "content_filter"}


def decode(recording: Recording, *, at_a_time: int = 65_536) -> list[Delta]:
    chunks, marked = recording.chunks(at_a_time=at_a_time)
    decoder = CHAT_COMPLETIONS.decoder(turn_of(recording), recording.profile)
    deltas = [delta for chunk in chunks for delta in decoder.feed(chunk)]
    return [*deltas, *decoder.end(marked=marked)]


def output_of(events: list[Json]) -> list[Json]:
    return events[-1]["response"]["output"]


def said(output: list[Json], kind: str, part: str, member: str) -> str:
    return "".join(
        content[member]
        for item in output
        if item["type"] == kind
        for content in item.get("content") or []
        if content["type"] == part
    )


def parses(arguments: str) -> bool:
    try:
        json.loads(arguments or "{}")
    except ValueError:
        return False
    return True


def expected_terminal(answer: Answer) -> str:
    if answer.failed or answer.finish == "error":
        return "response.failed"
    broken = not answer.custom and not all(parses(said) for _, _, said in answer.calls)
    reason = CUT.get(answer.finish or "stop") or broken
    return "response.incomplete" if reason else "response.completed"


def test_the_corpus_is_whole() -> None:
    if not recordings():
        pytest.skip("../shared/corpus/dev is absent")
    assert len(recordings()) == EXCHANGES


@pytest.mark.parametrize("recording", cases())
def test_an_answer_holds_what_was_recorded(recording: Recording) -> None:
    answer, deltas = read_answer(recording), decode(recording)
    ends = [delta for delta in deltas if isinstance(delta, (Stopped, Failed))]
    assert len(ends) == 1, "exactly one end"
    events = emit(deltas)
    output = output_of(events)
    assert events[-1]["type"] == expected_terminal(answer)
    calls = [(c["call_id"], c["name"], c.get("arguments", c.get("input"))) for c in output if "name" in c]
    assert [call[1:] for call in calls] == [(name, text or "{}") for _, name, text in answer.calls]
    for (ours, _, _), (theirs, _, _) in zip(calls, answer.calls, strict=True):
        assert ours == theirs or theirs == "" or theirs.startswith("call_")
    assert {c["type"] for c in output if "name" in c} <= {
        "custom_tool_call" if answer.custom else "function_call"
    }
    text = said(output, "message", "output_text", "text")
    if calls:  # white space around calls says nothing
        text, answer.text = text.strip(), answer.text.strip()
    assert text == answer.text
    assert said(output, "message", "refusal", "refusal") == answer.refusal
    assert said(output, "reasoning", "reasoning_text", "text").strip() == answer.reasoning.strip() or (
        "".join(part["text"] for item in output for part in item.get("summary", ())) == answer.reasoning
    )
    assert any(isinstance(delta, Opaque) for delta in deltas) == bool(answer.details and not answer.failed)


@pytest.mark.parametrize("recording", cases())
def test_usage_is_what_was_recorded(recording: Recording) -> None:
    answer, events = read_answer(recording), emit(decode(recording))
    usage, counted = events[-1]["response"]["usage"], answer.usage
    if not counted:
        assert usage is None
        return
    reasoned = (counted.get("completion_tokens_details") or {}).get("reasoning_tokens")
    assert usage["input_tokens"] == counted["prompt_tokens"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    if reasoned:
        assert usage["output_tokens_details"]["reasoning_tokens"] == min(reasoned, usage["output_tokens"])
    assert usage["input_tokens_details"]["cached_tokens"] <= usage["input_tokens"]
    if counted["total_tokens"] == counted["prompt_tokens"] + counted["completion_tokens"]:
        assert usage["output_tokens"] == counted["completion_tokens"]
    else:
        assert usage["total_tokens"] in (
            counted["total_tokens"],
            counted["prompt_tokens"] + counted["completion_tokens"],  # Cerebras counts two tokens of nobody
        )


@pytest.mark.parametrize("recording", cases())
def test_no_log_probability_is_lost(recording: Recording) -> None:
    tokens = [p["token"] for d in decode(recording) if isinstance(d, Text) for p in d.logprobs]
    assert tokens == read_answer(recording).tokens


@pytest.mark.parametrize("recording", cases(failed=True))
def test_a_refusal_of_the_provider_is_an_error_that_a_client_may_see(recording: Recording) -> None:
    error = CHAT_COMPLETIONS.map_error(recording.failure)
    shown = json.dumps(error.body())
    assert isinstance(error, APIError)
    assert error.message
    assert len(shown) < 2_500
    assert "<html" not in shown.lower()
    assert "nginx" not in shown
    assert error.status == expected_status(recording)


def expected_status(recording: Recording) -> int:
    """By the table of statuses alone: who is to blame decides, and a refused key is never the client's."""
    match recording.status:
        case 401 | 403:
            return 502
        case 402 | 429:
            return 429
        case 404 | 400 | 422:
            return (
                400
                if "Resource not found" not in recording.body and "No endpoints" not in recording.body
                else 404
            )
        case _:
            return 502


@pytest.mark.parametrize("size", [1, 7])
def test_cutting_the_bytes_anywhere_changes_nothing(size: int) -> None:
    streams = [each for each in recordings() if each.status < 400 and each.streamed]
    if not streams:
        pytest.skip("../shared/corpus/dev is absent")
    for recording in streams[:: 1 if size > 1 else 9]:
        assert repr(decode(recording, at_a_time=size)) == repr(decode(recording)), recording.file


def finishes(chunk: Json) -> bool:
    return any(choice.get("finish_reason") for choice in chunk.get("choices") or ())


def test_a_stream_that_is_cut_before_its_end_does_not_stop() -> None:
    streams: list[Any] = [each for each in recordings() if each.status < 400 and each.streamed]
    if not streams:
        pytest.skip("../shared/corpus/dev is absent")
    for recording in streams:
        chunks, _ = recording.chunks()
        decoder = CHAT_COMPLETIONS.decoder(turn_of(recording), recording.profile)
        until = next(
            (n for n, c in enumerate(chunks) if c.get("error") or finishes(c)),
            len(chunks),
        )
        deltas = [delta for chunk in chunks[:until] for delta in decoder.feed(chunk)]
        deltas += decoder.end(marked=False)
        assert not any(isinstance(delta, (Stopped, Failed)) for delta in deltas), recording.file

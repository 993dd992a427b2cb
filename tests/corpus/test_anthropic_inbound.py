"""Every recorded message, through framing, decoder and emitter: what was recorded is what comes out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambda_responses.stream.deltas import Delta, Failed, Stopped
from lambda_responses.transformers.anthropic_messages import ANTHROPIC_MESSAGES
from lambda_responses.transformers.anthropic_messages.replay import blocks_of
from lambda_responses.wire.errors import APIError
from tests.corpus.anthropic_recordings import (
    Answer,
    Json,
    Recording,
    cases,
    read_answer,
    recordings,
    turn_of,
)
from tests.kit import check, emit, emitter, output_of

EXCHANGES = {"anthropic": 210, "bedrock": 25, "google_vertex": 5}
TERMINAL = {
    "max_tokens": "response.incomplete",
    "refusal": "response.incomplete",
    "pause_turn": "response.incomplete",  # nobody here takes the further step
}
HOSTED = {
    "web_search": "web_search_call",
    "web_fetch": "web_search_call",
    "code_execution": "code_interpreter_call",
    "bash_code_execution": "code_interpreter_call",
    "text_editor_code_execution": "code_interpreter_call",
    "ask_question": "mcp_call",
    "echo": "mcp_call",
}
"""What the recorded hosted tools become; the rest has no shape in the API."""


def decode(recording: Recording, *, at_a_time: int = 65_536) -> list[Delta]:
    chunks, marked = recording.chunks(at_a_time=at_a_time)
    decoder = ANTHROPIC_MESSAGES.decoder(turn_of(recording), recording.profile)
    deltas = [delta for chunk in chunks for delta in decoder.feed(chunk)]
    return [*deltas, *decoder.end(marked=marked)]


def said(output: list[Json], part: str, member: str) -> str:
    return "".join(
        content[member]
        for item in output
        if item["type"] == "message"
        for content in item["content"]
        if content["type"] == part
    )


def thought(output: list[Json]) -> str:
    items = [item for item in output if item["type"] == "reasoning"]
    return "".join(part["text"] for item in items for part in [*item["summary"], *item.get("content", ())])


def called(output: list[Json]) -> list[tuple[str, str, Json | None]]:
    return [
        (item["call_id"], item["name"], parsed(item["arguments"]))
        for item in output
        if item["type"] == "function_call"
    ]


def parsed(text: str) -> Json | None:
    try:
        return json.loads(text)
    except ValueError:
        return None


def expected_terminal(answer: Answer) -> str:
    return TERMINAL.get(answer.finish or "", "response.completed")


def test_the_corpus_is_whole() -> None:
    if not recordings():
        pytest.skip("../shared/corpus/dev is absent")
    found = [each.provider for each in recordings()]
    assert {provider: found.count(provider) for provider in EXCHANGES} == EXCHANGES


@pytest.mark.parametrize("recording", cases())
def test_an_answer_holds_what_was_recorded(recording: Recording) -> None:
    answer, deltas = read_answer(recording), decode(recording)
    assert sum(isinstance(delta, (Stopped, Failed)) for delta in deltas) == 1, "exactly one end"
    events = emit(deltas)
    output = output_of(events)
    assert events[-1]["type"] == expected_terminal(answer)
    assert called(output) == answer.calls
    assert said(output, "output_text", "text") == answer.text
    assert said(output, "refusal", "refusal") == answer.refusal
    assert thought(output) == answer.reasoning


@pytest.mark.parametrize("recording", cases())
def test_hosted_tools_become_items_of_their_kind(recording: Recording) -> None:
    answer, output = read_answer(recording), output_of(emit(decode(recording)))
    items = [item for item in output if item["type"] in HOSTED.values()]
    shaped = [call for call in answer.hosted if call[1] in HOSTED]
    answered = {block.get("tool_use_id") for block in answer.blocks}
    assert [item["type"] for item in items] == [HOSTED[name] for _, name, _ in shaped]
    for item, (id, name, asked) in zip(items, shaped, strict=True):
        told = json.dumps(item)
        for value in asked.values() if name != "text_editor_code_execution" else ():
            assert json.dumps(value).strip('"') in told or json.dumps(json.dumps(value))[1:-1] in told
        assert (item["status"] in ("completed", "failed")) == (id in answered)


@pytest.mark.parametrize("recording", cases())
def test_citations_are_about_the_text_that_cites(recording: Recording) -> None:
    answer, output = read_answer(recording), output_of(emit(decode(recording)))
    told = [
        (annotation, part["text"])
        for item in output
        if item["type"] == "message"
        for part in item["content"]
        for annotation in part.get("annotations", ())
    ]
    assert [each.get("url") or each["filename"] for each, _ in told] == [name for name, _ in answer.citations]
    for (annotation, text), (_, citing) in zip(told, answer.citations, strict=True):
        if annotation["type"] == "url_citation":
            assert text[annotation["start_index"] : annotation["end_index"]] == citing


@pytest.mark.parametrize("recording", cases())
def test_usage_is_what_was_recorded(recording: Recording) -> None:
    counted, usage = read_answer(recording).usage, emit(decode(recording))[-1]["response"]["usage"]
    if not counted:
        assert usage is None
        return
    read, written = (
        counted.get("cache_read_input_tokens") or 0,
        counted.get("cache_creation_input_tokens") or 0,
    )
    assert usage["input_tokens"] == counted["input_tokens"] + read + written
    assert usage["output_tokens"] == counted["output_tokens"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["input_tokens_details"] == {"cached_tokens": read, "cache_write_tokens": written}
    thinking = (counted.get("output_tokens_details") or {}).get("thinking_tokens") or 0
    assert usage["output_tokens_details"]["reasoning_tokens"] == thinking


@pytest.mark.parametrize("recording", cases())
def test_what_the_maker_wants_back_is_kept_as_it_came(recording: Recording) -> None:
    """Every block that an item cannot stand for, in the order of the blocks."""
    making = emitter()
    events = making.start()
    for delta in decode(recording):
        events += making.apply(delta)
    check([*events, *making.finish(at=2)])
    kept = sorted(block for origin in making.origins.values() for block in blocks_of(origin))
    blocks = read_answer(recording).blocks
    for number, block in kept:
        assert without_nulls(block) == without_nulls(blocks[number])
    missing = {block["type"] for number, block in enumerate(blocks) if number not in dict(kept)}
    assert missing <= {"text", "tool_use"}
    cited = {number for number, block in enumerate(blocks) if block.get("citations")}
    assert cited <= dict(kept).keys()
    assert all(block["type"] != "text" or block["text"] for _, block in kept)


def without_nulls(block: Json) -> Json:
    return {name: value for name, value in block.items() if value is not None and value != []}


@pytest.mark.parametrize("recording", cases(failed=True))
def test_a_refusal_of_the_provider_is_an_error_that_a_client_may_see(recording: Recording) -> None:
    error = ANTHROPIC_MESSAGES.map_error(recording.failure)
    assert isinstance(error, APIError)
    assert error.message
    assert error.status == (502 if recording.status == 401 else 400)
    if recording.status == 404:
        assert (error.code, error.param) == ("model_not_found", "model")


def test_too_long_a_prompt_has_the_code_that_agents_act_upon() -> None:
    found = [each for each in recordings() if "prompt is too long" in each.body]
    if not recordings():
        pytest.skip("../shared/corpus/dev is absent")
    assert found
    for each in found:
        assert ANTHROPIC_MESSAGES.map_error(each.failure).code == "context_length_exceeded"


@pytest.mark.parametrize("size", [1, 7])
def test_cutting_the_bytes_anywhere_changes_nothing(size: int) -> None:
    streams = [each for each in recordings() if each.status < 400 and each.streamed]
    if not streams:
        pytest.skip("../shared/corpus/dev is absent")
    for recording in streams[:: 4 if size > 1 else 16]:
        assert repr(decode(recording, at_a_time=size)) == repr(decode(recording)), recording.file


def ends(chunk: Json) -> bool:
    told: Any = chunk.get("delta") or chunk.get("message") or {}
    return chunk.get("type") in ("message_delta", "message_start") and told.get("stop_reason") is not None


def test_a_stream_that_is_cut_before_its_end_does_not_stop() -> None:
    streams = [each for each in recordings() if each.status < 400 and each.streamed and not each.frames]
    if not streams:
        pytest.skip("../shared/corpus/dev is absent")
    for recording in streams:
        chunks, _ = recording.chunks()
        decoder = ANTHROPIC_MESSAGES.decoder(turn_of(recording), recording.profile)
        until = next(number for number, chunk in enumerate(chunks) if ends(chunk))
        deltas = [delta for chunk in chunks[:until] for delta in decoder.feed(chunk)]
        deltas += decoder.end(marked=False)
        assert not any(isinstance(delta, (Stopped, Failed)) for delta in deltas), recording.file

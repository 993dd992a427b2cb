"""What servers of the Responses API leave out, repeat or rename, and what is made of it."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_responses.stream.deltas import (
    Annotation,
    BlockEnded,
    Delta,
    Envelope,
    Failed,
    ItemEvent,
    ItemOpened,
    Opaque,
    Reasoning,
    Refusal,
    Stopped,
    Text,
    ToolArguments,
    Usage,
)
from lambda_responses.transformers.base import Turn, UnknownUpstream
from lambda_responses.transformers.openai_responses import OPENAI_RESPONSES, profile
from lambda_responses.wire.errors import APIError, InvalidRequestError, RateLimitError, UpstreamFaultError
from tests.kit import emit, output_of

Json = dict[str, Any]

MESSAGE: Json = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "status": "in_progress",
    "content": [],
}
CALL: Json = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": ""}


def decode(
    *events: Json, dialect: profile.ResponsesProfile = profile.OPENAI, origins: Any = None, **request: Any
) -> list[Delta]:
    turn = Turn("m", {"model": "m", **request}, [], origins or {})
    decoder = OPENAI_RESPONSES.decoder(turn, dialect)
    said = [delta for event in events for delta in decoder.feed(event)]
    return [*said, *decoder.end(marked=True)]


def added(item: Json, index: int = 0) -> Json:
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def done(item: Json, index: int = 0) -> Json:
    return {"type": "response.output_item.done", "output_index": index, "item": item}


def text(said: str, **place: Any) -> Json:
    place = place or {"item_id": "msg_1", "output_index": 0}
    return {"type": "response.output_text.delta", "content_index": 0, "delta": said, **place}


def ended(status: str = "completed", *output: Json, **fields: Any) -> Json:
    return {"type": f"response.{status}", "response": {"output": list(output), **fields}}


def full(item: Json, said: str = "Hi") -> Json:
    part = {"type": "output_text", "text": said, "annotations": []}
    return {**item, "status": "completed", "content": [part]}


def test_a_message_is_opened_by_its_first_words():
    said = decode(added(MESSAGE), text("Hi"), done(full(MESSAGE)), ended())
    assert said == [
        ItemOpened(0, MESSAGE),
        Opaque(0, {"id": "msg_1"}),
        Text(0, "Hi"),
        Opaque(0, {"id": "msg_1"}),
        BlockEnded(0, full(MESSAGE)),
        Stopped("end"),
    ]


def test_a_placeholder_is_no_message():
    said = decode(
        added(MESSAGE), added(CALL, 1), done({**MESSAGE, "status": "completed"}), done(CALL, 1), ended()
    )
    assert [delta.item["type"] for delta in said if isinstance(delta, ItemOpened)] == ["function_call"]
    assert said[-1] == Stopped("tool_calls")


@pytest.mark.parametrize(
    "place",
    [
        {"item_id": "msg_1"},
        {"output_index": 0},
        {"item_id": "rotated", "output_index": 0},
        {"item_id": "msg_1", "output_index": 7},
        {"part": "names nothing"},
    ],
)
def test_an_item_is_known_by_whatever_name_is_left(place: Json):
    assert Text(0, "Hi") in decode(added(MESSAGE), text("Hi", **place))


def test_an_id_that_changes_by_the_end_is_the_one_to_send_back():
    final = {**full(MESSAGE), "id": "msg_rotated"}
    said = decode(added(MESSAGE), text("Hi"), done(final))
    assert said[-2:] == [Opaque(0, {"id": "msg_rotated"}), BlockEnded(0, final)]


def test_items_that_share_an_index_stay_apart():
    other = {**CALL, "id": "fc_2", "call_id": "c2"}
    arguments = {"type": "response.function_call_arguments.delta", "output_index": 0}
    said = decode(
        added(CALL),
        {**arguments, "item_id": "fc_1", "delta": "{"},
        added(other),
        {**arguments, "item_id": "fc_2", "delta": "["},
        {**arguments, "item_id": "fc_1", "delta": "}"},
    )
    assert [(d.block, d.text) for d in said if isinstance(d, ToolArguments)] == [(0, "{"), (1, "["), (0, "}")]


def test_text_for_no_item_opens_a_message():
    said = decode(text("Hi"))
    assert isinstance(said[0], ItemOpened)
    assert said[0].item["role"] == "assistant"
    assert said[-1] == Text(0, "Hi")


def test_text_under_the_name_of_a_call_goes_to_the_message():
    said = decode(added(MESSAGE), text("Hi"), added(CALL, 0), text("!", output_index=0))
    assert [delta.block for delta in said if isinstance(delta, Text)] == [0, 0]


def test_arguments_before_their_call_are_told_with_it():
    final = {**CALL, "arguments": "{}", "status": "completed"}
    arguments = {"type": "response.function_call_arguments.delta", "item_id": "fc_1", "delta": "{}"}
    said = decode({**arguments, "output_index": 0}, done(final))
    assert said == [
        ItemOpened(0, {**CALL, "status": "in_progress"}),
        Opaque(0, {"id": "fc_1"}),
        Opaque(0, {"id": "fc_1"}),
        BlockEnded(0, final),
    ]


def test_a_whole_part_counts_where_no_piece_of_it_came():
    whole = {"type": "response.output_text.done", "item_id": "msg_1", "output_index": 0, "text": "Hi"}
    assert decode(added(MESSAGE), {**whole, "content_index": 0})[-1] == Text(0, "Hi")
    assert decode(added(MESSAGE), text("Hi"), {**whole, "content_index": 0})[-1] == Text(0, "Hi")
    call_done = {"type": "response.function_call_arguments.done", "item_id": "fc_1", "arguments": "{}"}
    assert decode(added(CALL), call_done)[-1] == ToolArguments(0, "{}")


def test_parts_are_counted_from_the_first():
    part = {"type": "response.content_part.added", "output_index": 0, "content_index": 1}
    said = decode(
        added(MESSAGE), part, text("a", output_index=0, content_index=1), text("b", content_index=2)
    )
    assert [delta.part for delta in said if isinstance(delta, Text)] == [0, 1]


def test_what_was_never_streamed_is_told_at_the_end():
    message, call = full(MESSAGE), {**CALL, "arguments": "{}"}
    said = decode(added(MESSAGE), text("Hi"), ended("completed", message, call))
    assert BlockEnded(0, message) in said
    assert BlockEnded(1, call) in said
    assert said[-1] == Stopped("tool_calls")


def test_what_was_streamed_is_not_told_twice():
    final = full(MESSAGE)
    elsewhere = {**final, "id": "msg_of_the_end"}
    said = decode(added(MESSAGE), text("Hi"), done(final), done(final), ended("completed", elsewhere))
    assert len([delta for delta in said if isinstance(delta, ItemOpened)]) == 1
    assert len([delta for delta in said if isinstance(delta, BlockEnded)]) == 1


@pytest.mark.parametrize("name", ["response.reasoning_text.delta", "response.reasoning.delta"])
@pytest.mark.parametrize("delta", ["Hm", {"text": "Hm"}])
def test_reasoning_has_two_names_and_two_shapes(name: str, delta: Any):
    item = {"type": "reasoning", "id": "rs_1", "summary": []}
    assert decode(added(item), {"type": name, "item_id": "rs_1", "delta": delta})[-1] == Reasoning(0, "Hm")


def test_summaries_refusals_and_citations_keep_their_parts():
    item = {"type": "reasoning", "id": "rs_1", "summary": []}
    summary = {"type": "response.reasoning_summary_text.delta", "item_id": "rs_1", "delta": "Hm"}
    refusal = {"type": "response.refusal.delta", "item_id": "msg_1", "content_index": 0, "delta": "No"}
    citation = {"type": "url_citation", "url": "u", "title": "t", "start_index": 1, "end_index": 2}
    cited = {"type": "response.output_text.annotation.added", "item_id": "msg_1", "annotation": citation}
    said = decode(
        added(item),
        {**summary, "summary_index": 0},
        {**summary, "summary_index": 1},
        added(MESSAGE, 1),
        refusal,
        {**cited, "content_index": 1},
    )
    assert Reasoning(0, "Hm", summary=True, part=1) in said
    assert said[-2:] == [Refusal(1, "No"), Annotation(1, citation, 1)]


def test_a_citation_that_says_nothing_but_its_address_is_made_whole():
    bare = {"type": "url_citation", "url": "https://a.example"}
    event = {"type": "response.output_text.annotation.added", "item_id": "msg_1", "annotation": bare}
    whole = {**bare, "title": "", "start_index": 0, "end_index": 0}
    assert decode(added(MESSAGE), event)[-1] == Annotation(0, whole)


def test_a_tool_of_the_upstream_tells_its_story_in_its_own_words():
    item = {"type": "future_call", "id": "x_1", "status": "in_progress", "anything": 1}
    event = {"type": "response.future_call.thinking", "item_id": "x_1", "output_index": 0, "load": 7}
    said = decode(added(item), {**event, "obfuscation": "abc"}, done({**item, "status": "completed"}))
    assert said[0] == ItemOpened(0, item)
    assert said[2] == ItemEvent(0, event)
    assert said[-1] == BlockEnded(0, {**item, "status": "completed"})


def test_an_unknown_event_about_nothing_is_skipped_aloud():
    with pytest.warns(UnknownUpstream, match=r"response\.future"):
        assert decode({"type": "response.future", "secret": "x"}) == []


@pytest.mark.parametrize("kind", ["keepalive", "ping", "response.heartbeat"])
def test_signs_of_life_say_nothing(kind: str):
    assert decode({"type": kind}) == []


def test_the_upstream_decides_what_is_its_own_to_decide():
    response = {
        "id": "resp_theirs",
        "model": "gpt-5.6-2026-07-09",
        "service_tier": "priority",
        "store": False,
        "instructions": "theirs",
        "moderation": None,
        "temperature": None,
        "reasoning": {"effort": "high"},
        "output_text": "",
    }
    assert decode({"type": "response.created", "response": response}) == [
        Envelope(
            {
                "model": "gpt-5.6-2026-07-09",
                "service_tier": "priority",
                "moderation": None,
                "reasoning": {"effort": "high", "summary": None},
            }
        )
    ]


def test_a_server_that_names_a_file_for_its_model_is_not_believed():
    event = {"type": "response.created", "response": {"model": "/models/q.gguf"}}
    assert decode(event, dialect=profile.LLAMA_CPP) == []


def test_tokens_are_counted_verbatim_with_all_their_details():
    usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3, "cost": 0.1}
    said = decode(ended("completed", usage=usage))
    assert said[0] == Usage(
        {
            **usage,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0},
        }
    )


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ({"reason": "max_output_tokens"}, "max_output_tokens"),
        ({"reason": "content_filter"}, "content_filter"),
        ({"reason": "steered"}, "steered"),
        ({"reason": "length"}, "max_output_tokens"),
        (None, "max_output_tokens"),
    ],
)
def test_an_answer_may_be_incomplete_for_a_reason(details: Any, reason: str):
    assert decode(ended("incomplete", incomplete_details=details))[-1] == Stopped(reason)  # type: ignore[arg-type]


def test_an_unheard_of_reason_is_said_aloud():
    with pytest.warns(UnknownUpstream, match="moonphase"):
        said = decode(ended("incomplete", incomplete_details={"reason": "moonphase"}))
    assert said[-1] == Stopped("max_output_tokens")


def failure(*events: Json) -> APIError:
    (failed,) = [delta for delta in decode(*events) if isinstance(delta, Failed)]
    return failed.error


NESTED: Json = {"code": "context_length_exceeded", "message": "Too long.", "param": "input"}


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "error": {"type": "invalid_request_error", **NESTED}},
        {"type": "error", **NESTED},
        ended("failed", error=NESTED),
        {"error": NESTED},
    ],
)
def test_a_fault_is_understood_in_every_shape(event: Json):
    error = failure(event)
    assert isinstance(error, InvalidRequestError)
    assert (error.code, error.message, error.param) == ("context_length_exceeded", "Too long.", "input")


def test_a_fault_and_the_failure_it_causes_are_one():
    error = {"code": "rate_limit_exceeded", "message": "Slow."}
    assert isinstance(
        failure({"type": "error", "error": error}, ended("failed", error=error)), RateLimitError
    )


def test_a_failure_without_a_word_is_the_upstreams():
    assert isinstance(failure({"type": "response.failed", "response": None}), UpstreamFaultError)


def test_a_stream_without_its_terminal_event_was_cut():
    said = decode(added(MESSAGE), text("Hi"), done(full(MESSAGE)))
    assert not [delta for delta in said if isinstance(delta, (Stopped, Failed))]


def test_an_empty_id_is_no_name():
    first, second = ({**CALL, "id": "", "call_id": call_id} for call_id in ("c1", "c2"))

    def arguments(said: str, index: int) -> Json:
        place = {"item_id": "", "output_index": index}
        return {"type": "response.function_call_arguments.delta", "delta": said, **place}

    said = decode(
        added(first, 0),
        added(second, 1),
        arguments('{"a":1}', 0),
        arguments('{"b":2}', 1),
        done({**first, "arguments": '{"a":1}'}, 0),
        done({**second, "arguments": '{"b":2}'}, 1),
        ended("completed", {**first, "arguments": '{"a":1}'}, {**second, "arguments": '{"b":2}'}),
    )
    calls = output_of(emit(said))
    assert [(call["call_id"], call["arguments"]) for call in calls] == [("c1", '{"a":1}'), ("c2", '{"b":2}')]


def test_an_event_with_an_empty_id_and_no_index_is_about_the_latest_item():
    said = decode(
        added(CALL), {"type": "response.function_call_arguments.delta", "item_id": "", "delta": "{}"}
    )
    assert said[-1] == ToolArguments(0, "{}")


def test_nothing_is_heard_after_the_end():
    assert decode(ended(), text("more"), ended("failed")) == [Stopped("end")]


@pytest.mark.parametrize(
    "last", [ended(), ended("incomplete"), ended("failed"), {"type": "error", "code": "server_error"}]
)
def test_it_is_over_with_its_end_and_not_before(last: Json):
    decoder = OPENAI_RESPONSES.decoder(Turn("m", {}, []), profile.OPENAI)
    for event in (added(MESSAGE), text("Hi"), done(full(MESSAGE))):
        decoder.feed(event)
        assert not decoder.over
    decoder.feed(last)
    assert decoder.over


SEALED: Json = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "sealed"}


COMPACTED: Json = {"type": "compaction", "id": "cmp_1", "encrypted_content": "sealed"}


@pytest.mark.parametrize("item", [SEALED, COMPACTED])
def test_a_seal_is_kept_for_its_maker_and_shown_to_nobody(item: Json):
    said = decode(added(item), done(item), store=False)
    kept = {"id": item["id"], "encrypted_content": "sealed"}
    assert [delta.data for delta in said if isinstance(delta, Opaque)] == [kept] * 2
    shown = [delta.item for delta in said if isinstance(delta, (ItemOpened, BlockEnded))]
    assert not any((each or {}).get("encrypted_content") for each in shown)


def test_an_approved_call_names_the_request_as_the_client_knows_it():
    approved = {"type": "mcp_call", "id": "mcp_1", "approval_request_id": "mcpr_theirs", "arguments": ""}
    said = decode(added(approved), origins={"mcpr_ours": {"id": "mcpr_theirs"}})
    assert isinstance(said[0], ItemOpened)
    assert said[0].item["approval_request_id"] == "mcpr_ours"


@pytest.mark.parametrize("garbage", [None, 7, "x", [], {}, {"type": None}, [[]]])
@pytest.mark.parametrize(
    "member", ["item", "response", "delta", "annotation", "item_id", "output_index", "error"]
)
@pytest.mark.parametrize(
    "kind",
    [
        "response.output_item.added",
        "response.output_item.done",
        "response.output_text.delta",
        "response.output_text.annotation.added",
        "response.function_call_arguments.delta",
        "response.completed",
        "response.failed",
        "error",
    ],
)
@pytest.mark.filterwarnings("ignore::lambda_responses.transformers.base.UnknownUpstream")
def test_garbage_is_survived(kind: str, member: str, garbage: Any):
    decode(added(MESSAGE), {"type": kind, "item_id": "msg_1", member: garbage})


@pytest.mark.parametrize("garbage", [None, 7, "x", [], {}, [7], [{}], [{"type": []}]])
@pytest.mark.parametrize("member", ["output", "usage", "incomplete_details", "error", "tools", "reasoning"])
@pytest.mark.parametrize("status", ["completed", "incomplete", "failed"])
def test_a_garbled_end_is_an_end(status: str, member: str, garbage: Any):
    said = decode(added(MESSAGE), text("Hi"), {"type": f"response.{status}", "response": {member: garbage}})
    assert isinstance(said[-1], (Stopped, Failed))


def test_credentials_of_mcp_servers_are_not_repeated():
    tool = {"type": "mcp", "server_label": "s", "headers": {"x": "secret"}, "authorization": "secret"}
    (envelope,) = decode({"type": "response.created", "response": {"tools": [tool]}})
    assert "secret" not in repr(envelope)


def test_a_plain_answer_is_read_like_a_streamed_one():
    call = {**CALL, "arguments": '{"a":1}', "status": "completed"}
    body = {"output": [full(MESSAGE), call], "status": "completed", "model": "m-1"}
    said = decode(*OPENAI_RESPONSES.as_chunks(body))
    assert [delta for delta in said if isinstance(delta, (Text, ToolArguments, BlockEnded, Stopped))] == [
        Text(0, "Hi"),
        BlockEnded(0, full(MESSAGE)),
        ToolArguments(1, '{"a":1}'),
        BlockEnded(1, call),
        Stopped("tool_calls"),
    ]


@pytest.mark.parametrize(
    ("status", "told"), [("queued", []), ("cancelled", []), ("incomplete", [Stopped("max_output_tokens")])]
)
def test_a_plain_answer_that_is_not_complete_is_no_end(status: str, told: list[Delta]):
    assert decode(*OPENAI_RESPONSES.as_chunks({"output": [], "status": status})) == told


def test_a_plain_fault_under_a_good_status_is_a_fault():
    assert isinstance(
        failure(*OPENAI_RESPONSES.as_chunks({"error": {"message": "Slow.", "code": 429}})), RateLimitError
    )


def test_calls_that_are_counted_anew_in_every_answer_get_ids_that_last():
    calls = [{**CALL, "id": f"fc_{n}", "call_id": f"call_{n}", "arguments": "{}"} for n in (0, 1)]
    deltas = decode(*(done(call, index) for index, call in enumerate(calls)))
    told = output_of(emit([*deltas, Stopped("tool_calls")]))
    assert [call["call_id"] for call in told] == ["call_new_1", "call_new_2"]

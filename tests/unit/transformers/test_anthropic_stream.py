"""Messages streams as deltas."""

from __future__ import annotations

import base64
import json
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
    ToolCall,
    Usage,
)
from lambda_responses.transformers.anthropic_messages import ANTHROPIC_MESSAGES, MessagesProfile, profiles
from lambda_responses.transformers.base import Turn, UnknownUpstream
from lambda_responses.wire.errors import (
    InvalidRequestError,
    OverloadedError,
    RateLimitError,
    UpstreamFaultError,
)
from tests.kit import emit, names, output_of

Json = dict[str, Any]

MODEL = "claude-opus-5"


def decoder_for(profile: MessagesProfile = profiles.ANTHROPIC, model: str = MODEL, **request: Any):
    return ANTHROPIC_MESSAGES.decoder(Turn(model, request, []), profile)


def start(**usage: Any) -> Json:
    return {"type": "message_start", "message": {"id": "msg_1", "content": [], "usage": usage}}


def begin(block: Json, index: int = 0) -> Json:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(kind: str, index: int = 0, **members: Any) -> Json:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **members}}


def stop(index: int = 0) -> Json:
    return {"type": "content_block_stop", "index": index}


def end(reason: str | None = "end_turn", usage: Json | None = None, **told: Any) -> list[Json]:
    ending = {"type": "message_delta", "delta": {"stop_reason": reason, **told}, "usage": usage or {}}
    return [ending, {"type": "message_stop"}]


TEXT: Json = {"type": "text", "text": ""}
SPOKEN = [start(), begin(TEXT), delta("text_delta", text="Hi"), stop()]


def heard(*chunks: Json, **options: Any) -> list[Delta]:
    decoder = decoder_for(**options)
    return [each for chunk in chunks for each in decoder.feed(chunk)]


def test_text_comes_as_it_is_said():
    said = heard(start(), begin(TEXT), delta("text_delta", text="Hi"), delta("text_delta", text="!"), stop())
    assert said == [Text(0, "Hi"), Text(0, "!"), BlockEnded(0)]


def test_pings_say_nothing():
    assert heard(start(), {"type": "ping"}) == []


def test_thinking_is_a_summary_and_its_signature_is_kept():
    said = heard(
        start(),
        begin({"type": "thinking", "thinking": "", "signature": ""}),
        delta("thinking_delta", thinking="Hm"),
        delta("thinking_delta", thinking="."),
        delta("signature_delta", signature="si"),
        delta("signature_delta", signature="g"),
        stop(),
    )
    kept = {"type": "thinking", "thinking": "Hm.", "signature": "sig"}
    assert said == [
        Reasoning(0, "Hm", summary=True),
        Reasoning(0, ".", summary=True),
        Opaque(0, {"message": "msg_1", "0": kept}),
        BlockEnded(0),
    ]


def test_an_older_model_shows_its_thoughts_themselves():
    thought = delta("thinking_delta", thinking="Hm")
    said = heard(start(), begin({"type": "thinking"}), thought, model="claude-3-7-sonnet-20250219")
    assert said == [Reasoning(0, "Hm", summary=False)]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "thinking", "thinking": "", "signature": "sig"},
        {"type": "redacted_thinking", "data": "secret"},
    ],
)
def test_a_thought_that_nobody_sees_is_reasoning_all_the_same(block: Json):
    events = emit(
        heard(start(), begin(block), stop(), begin(TEXT, 1), delta("text_delta", 1, text="a"), *end())
    )
    assert [item["type"] for item in output_of(events)] == ["reasoning", "message"]
    assert output_of(events)[0]["summary"] == []


def test_a_call_has_the_client_s_name_and_its_arguments_in_pieces():
    tools = [
        {
            "type": "namespace",
            "name": "crm",
            "tools": [{"type": "function", "name": "find", "parameters": {"type": "object"}}],
        }
    ]
    said = heard(
        start(),
        begin({"type": "tool_use", "id": "toolu_1", "name": "crm__find", "input": {}}),
        delta("input_json_delta", partial_json=""),
        delta("input_json_delta", partial_json='{"a":'),
        delta("input_json_delta", partial_json="1}"),
        stop(),
        *end("tool_use"),
        tools=tools,
    )
    assert said == [
        ToolCall(0, "toolu_1", "find", namespace="crm"),
        ToolArguments(0, '{"a":'),
        ToolArguments(0, "1}"),
        BlockEnded(0),
        Stopped("tool_calls"),
    ]


@pytest.mark.parametrize(
    ("input", "arguments"), [({}, "{}"), ({"a": [1, None]}, '{"a":[1,null]}'), (None, "{}")]
)
def test_arguments_that_come_at_once_are_told_at_the_end(input: Any, arguments: str):
    block = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": input}
    assert heard(start(), begin(block), stop())[1] == ToolArguments(0, arguments)


def test_a_custom_tool_s_input_is_free_text():
    said = heard(
        start(),
        begin({"type": "tool_use", "id": "toolu_1", "name": "patch", "input": {}}),
        delta("input_json_delta", partial_json='{"input": "a\\n'),
        delta("input_json_delta", partial_json='b"}'),
        stop(),
        tools=[{"type": "custom", "name": "patch"}],
    )
    assert said[0] == ToolCall(0, "toolu_1", "patch", "custom_tool_call")
    assert "".join(each.text for each in said if isinstance(each, ToolArguments)) == "a\nb"


def test_the_tool_that_stands_for_an_answer_is_the_answer():
    form = {"type": "json_schema", "name": "x", "schema": {"type": "object", "properties": {"a": {}}}}
    said = heard(
        start(),
        begin({"type": "tool_use", "id": "toolu_1", "name": "json_answer", "input": {}}),
        delta("input_json_delta", partial_json='{"a":1}'),
        stop(),
        *end("tool_use"),
        model="claude-3-5-haiku-20241022",
        text={"format": form},
    )
    assert said == [Text(0, '{"a":1}'), BlockEnded(0), Stopped("end")]


def test_a_citation_is_about_the_whole_block_that_follows_it():
    cited = {
        "type": "web_search_result_location",
        "url": "https://a.example",
        "title": "A",
        "cited_text": "…",
    }
    events = emit(
        heard(
            *SPOKEN,
            begin(TEXT, 1),
            delta("citations_delta", 1, citation=cited),
            delta("text_delta", 1, text=" there"),
            stop(1),
            *end(),
        )
    )
    (part,) = output_of(events)[0]["content"]
    assert part["text"] == "Hi there"
    (annotation,) = part["annotations"]
    assert part["text"][annotation["start_index"] : annotation["end_index"]] == " there"
    assert (annotation["url"], annotation["title"]) == ("https://a.example", "A")


@pytest.mark.parametrize(
    ("citation", "annotation"),
    [
        (
            {"type": "char_location", "document_index": 1, "document_title": "a.txt", "start_char_index": 0},
            {"type": "file_citation", "file_id": "", "filename": "a.txt", "index": 1},
        ),
        (
            {"type": "page_location", "document_index": 0, "document_title": None, "file_id": "file_1"},
            {"type": "file_citation", "file_id": "file_1", "filename": "", "index": 0},
        ),
        (
            {"type": "content_block_location", "document_index": 2, "document_title": "b"},
            {"type": "file_citation", "file_id": "", "filename": "b", "index": 2},
        ),
        (
            {"type": "search_result_location", "source": "https://a.example", "title": "A"},
            {
                "type": "url_citation",
                "start_index": 0,
                "end_index": 2,
                "url": "https://a.example",
                "title": "A",
            },
        ),
        (
            {"type": "search_result_location", "source": "shelf 3", "search_result_index": 4},
            {"type": "file_citation", "file_id": "", "filename": "shelf 3", "index": 4},
        ),
    ],
)
def test_every_kind_of_citation_has_its_annotation(citation: Json, annotation: Json):
    said = heard(start(), begin({"type": "text", "text": "Hi", "citations": [citation]}), stop())
    assert Annotation(0, annotation) in said


def searched(content: Any) -> list[Json]:
    return [
        start(),
        begin({"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {}}),
        delta("input_json_delta", partial_json='{"query":"q"}'),
        stop(),
        begin({"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": content}, 1),
        stop(1),
        *end(),
    ]


def test_a_search_is_a_web_search_call():
    found = [{"type": "web_search_result", "url": "https://a.example", "encrypted_content": "e"}]
    events = emit(heard(*searched(found)))
    assert names(events)[2:-1] == [
        "output_item.added 0",
        "web_search_call.in_progress 0",
        "web_search_call.searching 0",
        "web_search_call.completed 0",
        "output_item.done 0",
    ]
    (item,) = output_of(events)
    assert item["status"] == "completed"
    assert item["action"] == {
        "type": "search",
        "query": "q",
        "queries": ["q"],
        "sources": [{"type": "url", "url": "https://a.example"}],
    }


def test_a_search_that_failed_says_so():
    error = {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"}
    assert output_of(emit(heard(*searched(error))))[0]["status"] == "failed"


def hosted(name: str, asked: Json, kind: str, content: Any, **message: Any) -> Json:
    """The one item that such a call becomes."""
    if kind == "mcp":
        use: Json = {"type": "mcp_tool_use", "server_name": "deepwiki"}
    else:
        use = {"type": "server_tool_use"}
    body = {
        "type": "message",
        "id": "msg_1",
        "content": [
            {**use, "id": "srv_1", "name": name, "input": asked},
            {"type": f"{kind}_tool_result", "tool_use_id": "srv_1", **content},
        ],
        "stop_reason": "end_turn",
        **message,
    }
    (item,) = output_of(emit(heard(*ANTHROPIC_MESSAGES.as_chunks(body))))
    return {key: value for key, value in item.items() if key != "id"}


def test_a_visit_to_a_page_is_a_web_search_call_too():
    item = hosted(
        "web_fetch", {"url": "https://a.example"}, "web_fetch", {"content": {"type": "web_fetch_result"}}
    )
    action = {"type": "open_page", "url": "https://a.example"}
    assert item == {"type": "web_search_call", "status": "completed", "action": action}


@pytest.mark.parametrize(
    ("name", "asked", "code", "told", "logs"),
    [
        ("code_execution", {"code": "1+1"}, "1+1", {"stdout": "2\n", "stderr": ""}, "2\n"),
        ("bash_code_execution", {"command": "ls"}, "ls", {"stdout": "a", "stderr": "b"}, "a\nb"),
        (
            "text_editor_code_execution",
            {"command": "view", "path": "a"},
            '{"command":"view","path":"a"}',
            {"content": "Hi", "file_type": "text"},
            "Hi",
        ),
    ],
)
def test_a_program_is_a_code_interpreter_call(name: str, asked: Json, code: str, told: Json, logs: str):
    item = hosted(name, asked, name, {"content": told}, container={"id": "container_1"})
    assert item == {
        "type": "code_interpreter_call",
        "status": "completed",
        "container_id": "container_1",
        "code": code,
        "outputs": [{"type": "logs", "logs": logs}],
    }


def test_a_program_that_did_not_run_says_why():
    told = {"content": {"type": "code_execution_tool_result_error", "error_code": "unavailable"}}
    item = hosted("code_execution", {"code": "1"}, "code_execution", told)
    assert (item["status"], item["outputs"]) == ("failed", [{"type": "logs", "logs": "unavailable"}])


def test_a_call_of_an_mcp_server_is_an_mcp_call():
    item = hosted("ask", {"q": 1}, "mcp", {"is_error": False, "content": [{"type": "text", "text": "Yes."}]})
    assert item == {
        "type": "mcp_call",
        "status": "completed",
        "server_label": "deepwiki",
        "name": "ask",
        "arguments": '{"q":1}',
        "approval_request_id": None,
        "output": "Yes.",
        "error": None,
    }


def test_a_call_of_an_mcp_server_may_fail():
    item = hosted("ask", {}, "mcp", {"is_error": True, "content": "No."})
    assert (item["status"], item["output"]) == ("failed", None)
    assert item["error"]["content"] == [{"type": "text", "text": "No."}]


def test_a_hosted_tool_without_a_shape_is_reasoning_of_which_nothing_is_seen():
    item = hosted("tool_search_tool_bm25", {"query": "q"}, "tool_search", {"content": {}})
    assert item == {"type": "reasoning", "summary": []}


def test_a_compaction_is_a_compaction():
    said = heard(
        start(),
        begin({"type": "compaction", "content": None}),
        delta("compaction_delta", content="So "),
        delta("compaction_delta", content="far."),
        stop(),
    )
    kept = {"type": "compaction", "content": "So far."}
    assert said == [
        ItemOpened(0, {"type": "compaction", "encrypted_content": ""}),
        Opaque(0, {"message": "msg_1", "0": kept}),
        BlockEnded(0),
    ]


def test_a_program_s_further_message_begins_with_its_calls():
    call = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}}
    begun = {"id": "msg_1", "content": [call], "stop_reason": "tool_use", "usage": {}}
    said = heard({"type": "message_start", "message": begun}, {"type": "message_stop"})
    assert said[0] == ToolCall(0, "toolu_1", "f")
    assert said[-1] == Stopped("tool_calls")


# Counts, tiers and ends.


def counts(*chunks: Json) -> list[Json]:
    return [each.usage for each in heard(*chunks) if isinstance(each, Usage)]


def test_what_was_cached_is_part_of_the_input():
    ending = end(
        usage={
            "input_tokens": 3,
            "cache_read_input_tokens": 5,
            "cache_creation_input_tokens": 7,
            "output_tokens": 11,
            "output_tokens_details": {"thinking_tokens": 4},
            "server_tool_use": {"web_search_requests": 2},
        }
    )
    assert counts(*ending)[-1] == {
        "input_tokens": 15,
        "input_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 7},
        "output_tokens": 11,
        "output_tokens_details": {"reasoning_tokens": 4},
        "total_tokens": 26,
    }


def test_the_last_count_replaces_the_first_and_what_it_does_not_count_stands():
    first, last = counts(
        start(input_tokens=10, cache_read_input_tokens=2, output_tokens=1),
        *end(usage={"output_tokens": 9, "cache_read_input_tokens": None}),
    )
    assert (first["input_tokens"], first["output_tokens"]) == (12, 1)
    assert (last["input_tokens"], last["output_tokens"]) == (12, 9)


@pytest.mark.parametrize(("theirs", "ours"), [("standard", "default"), ("priority", "priority")])
def test_the_tier_that_served_is_told(theirs: str, ours: str):
    assert Envelope({"service_tier": ours}) in heard(start(service_tier=theirs))


def test_an_unknown_tier_is_not_told():
    assert not any(isinstance(each, Envelope) for each in heard(start(service_tier="batch")))


@pytest.mark.parametrize(
    ("reason", "stopped"),
    [
        ("end_turn", "end"),
        ("stop_sequence", "end"),
        ("compaction", "end"),
        (None, "end"),
        ("pause_turn", "pause"),
        ("max_tokens", "max_output_tokens"),
        ("model_context_window_exceeded", "max_output_tokens"),
        ("refusal", "content_filter"),
    ],
)
def test_every_stop_reason_is_known(reason: str | None, stopped: str):
    assert heard(*SPOKEN, *end(reason))[-1] == Stopped(stopped)  # type: ignore[arg-type]


def test_a_refusal_is_explained():
    details = {"type": "refusal", "category": "cyber", "explanation": "Against the rules."}
    events = emit(heard(start(), *end("refusal", stop_details=details)))
    (message,) = output_of(events)
    assert message["content"] == [{"type": "refusal", "refusal": "Against the rules."}]
    assert events[-1]["response"]["incomplete_details"] == {"reason": "content_filter"}


def test_a_refusal_in_mid_answer_stands_beside_what_was_said():
    details = {"type": "refusal", "explanation": "No more."}
    said = heard(*SPOKEN, *end("refusal", stop_details=details))
    assert Refusal(1, "No more.") in said
    (message,) = output_of(emit(said))
    assert [part["type"] for part in message["content"]] == ["output_text", "refusal"]


def test_nothing_counts_after_the_end():
    decoder = decoder_for()
    for chunk in [*SPOKEN, *end()]:
        decoder.feed(chunk)
    assert decoder.over
    assert decoder.feed(begin(TEXT)) == []
    assert decoder.end(marked=True) == []


def test_a_stream_that_told_why_it_stops_needs_no_end_marker():
    decoder = decoder_for()
    for chunk in [*SPOKEN, end()[0]]:
        decoder.feed(chunk)
    assert not decoder.over
    assert decoder.end(marked=False) == [Stopped("end")]


def test_a_stream_that_breaks_off_does_not_stop():
    decoder = decoder_for()
    for chunk in SPOKEN:
        decoder.feed(chunk)
    assert decoder.end(marked=False) == []


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("overloaded_error", OverloadedError),
        ("rate_limit_error", RateLimitError),
        ("api_error", UpstreamFaultError),
        ("invalid_request_error", InvalidRequestError),
    ],
)
def test_an_error_in_the_stream_is_a_failure(kind: str, error: type[Exception]):
    fault = {"type": "error", "error": {"type": kind, "message": "No."}}
    decoder = decoder_for()
    (failed,) = decoder.feed(fault)
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, error)
    assert decoder.over
    assert decoder.end(marked=False) == []


# Places.


def framed(chunk: Json) -> Json:
    return {"chunk": {"bytes": base64.b64encode(json.dumps(chunk).encode()).decode()}}


def test_bedrock_s_frames_hold_the_same_chunks():
    chunks = [*SPOKEN, *end()]
    said = heard(*map(framed, chunks), profile=profiles.BEDROCK)
    assert said == heard(*chunks)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("throttlingException", RateLimitError),
        ("serviceUnavailableException", OverloadedError),
        ("modelStreamErrorException", UpstreamFaultError),
        ("validationException", InvalidRequestError),
    ],
)
def test_an_aws_exception_is_a_failure(name: str, error: type[Exception]):
    (failed,) = heard({name: {"message": "No."}}, profile=profiles.BEDROCK)
    assert isinstance(failed, Failed)
    assert type(failed.error) is error


def test_an_error_frame_is_a_failure():
    (failed,) = heard({"error": {"code": "x", "message": "No."}}, profile=profiles.BEDROCK)
    assert isinstance(failed, Failed)


def test_the_first_models_complete_a_text():
    said = heard({"completion": "Hi"}, {"completion": "!", "stop_reason": "stop_sequence"})
    assert said == [Text(0, "Hi"), Text(0, "!"), Stopped("end")]


# What nobody knows.


@pytest.mark.parametrize(
    "odd",
    [
        {"type": "message_pause"},
        {"usage": {}},
        begin({"type": "hologram"}, 7),
        begin({"type": "server_tool_use", "id": "s", "name": "telepathy"}, 7),
        delta("text_delta", 7, text="x"),
        delta("shout_delta", text="x"),
        {"chunk": {"bytes": "***"}},
        {"type": "message_delta", "delta": {"stop_reason": "bored"}},
    ],
)
def test_what_is_not_known_is_noted_and_the_rest_is_heard(odd: Json):
    with pytest.warns(UnknownUpstream):
        said = heard(start(), begin(TEXT), delta("text_delta", text="a"), odd, delta("text_delta", text="b"))
    assert [each.text for each in said if isinstance(each, Text)] == ["a", "b"]


def test_an_unknown_block_is_kept_for_its_maker():
    block = {"type": "hologram", "data": "x"}
    with pytest.warns(UnknownUpstream):
        said = heard(start(), begin(block), stop())
    assert said == [Opaque(0, {"message": "msg_1", "0": block}), BlockEnded(0)]


def test_a_result_without_its_call_is_kept_for_its_maker():
    block = {"type": "web_search_tool_result", "tool_use_id": "x", "content": []}
    said = heard(start(), begin(block), stop())
    assert said == [Opaque(0, {"message": "msg_1", "0": block}), BlockEnded(0)]


def test_hosted_items_are_never_shown_an_upstream_id():
    opened = [each for each in heard(*searched([])) if isinstance(each, (ItemOpened, ItemEvent))]
    assert "srv_1" not in repr(opened)


def test_a_plain_answer_is_the_stream_it_would_have_been():
    content = [{"type": "text", "text": "Hi"}]
    body = {"type": "message", "id": "msg_1", "content": content, "stop_reason": "end_turn", "usage": {}}
    assert heard(*ANTHROPIC_MESSAGES.as_chunks(body)) == heard(*SPOKEN, *end())


@pytest.mark.parametrize("body", [{"hello": 1}, {"content": "Hi"}, {"error": None}, {}])
def test_a_plain_body_that_is_no_answer_is_a_fault(body: Json):
    with pytest.raises(ValueError, match="holds no answer"):
        list(ANTHROPIC_MESSAGES.as_chunks(body))


def test_a_plain_answer_of_the_first_models_is_an_answer():
    deltas = heard(*ANTHROPIC_MESSAGES.as_chunks({"completion": "Hi", "stop_reason": "stop_sequence"}))
    assert deltas == [Text(0, "Hi"), Stopped("end")]


def test_a_plain_error_is_an_error():
    body = {"type": "error", "error": {"type": "overloaded_error", "message": "Full."}}
    (failed,) = heard(*ANTHROPIC_MESSAGES.as_chunks(body))
    assert isinstance(failed, Failed)

"""ConverseStream answers, event by event."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.stream.deltas import (
    BlockEnded,
    Delta,
    Envelope,
    Failed,
    Opaque,
    Reasoning,
    Stopped,
    Text,
    Usage,
)
from lambda_responses.transformers.base import Decoder, Turn, UnknownUpstream
from lambda_responses.transformers.bedrock_converse import BEDROCK_CONVERSE, profiles
from lambda_responses.transformers.think_tags import ThinkTags
from tests.kit import emit, output_of

Json = dict[str, Any]

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "us.amazon.nova-2-lite-v1:0"
KIMI = "moonshot.kimi-k2-thinking"
STOP = {"messageStop": {"stopReason": "end_turn"}}
COUNTS = {"metadata": {"usage": {"inputTokens": 5, "outputTokens": 7, "totalTokens": 12}, "p": "abc"}}


def decoder(model: str = CLAUDE, **request: Any) -> Decoder:
    return BEDROCK_CONVERSE.decoder(Turn(model, request, []), profiles.BEDROCK)


def delta(index: int, **said: Any) -> Json:
    return {"contentBlockDelta": {"contentBlockIndex": index, "delta": said, "p": "a"}}


def start(index: int, **said: Any) -> Json:
    return {"contentBlockStart": {"contentBlockIndex": index, "start": said}}


def end(index: int) -> Json:
    return {"contentBlockStop": {"contentBlockIndex": index}}


def use(index: int, name: str = "f", id: str = "t1", *pieces: str, **more: Any) -> list[Json]:
    begun = start(index, toolUse={"toolUseId": id, "name": name, **more})
    return [begun, *(delta(index, toolUse={"input": piece}) for piece in pieces), end(index)]


def heard(*chunks: Json, model: str = CLAUDE, **request: Any) -> list[Delta]:
    reading = decoder(model, **request)
    deltas = [each for chunk in chunks for each in reading.feed(chunk)]
    return [*deltas, *reading.end(marked=False)]


def items(*chunks: Json, model: str = CLAUDE, **request: Any) -> list[Json]:
    return output_of(emit(heard(*chunks, STOP, COUNTS, model=model, **request)))


def kept(deltas: list[Delta]) -> list[Json]:
    return [each.data for each in deltas if isinstance(each, Opaque)]


# The end.


def test_an_answer_is_over_once_it_stopped_and_was_counted() -> None:
    for chunks in ([STOP, COUNTS], [COUNTS, STOP]):
        reading = decoder()
        reading.feed({"messageStart": {"role": "assistant"}})
        reading.feed(chunks[0])
        assert not reading.over
        reading.feed(chunks[1])
        assert reading.over


def test_a_stop_without_counts_is_a_proper_end() -> None:
    deltas = heard(delta(0, text="Hi"), end(0), STOP)
    assert deltas[-1] == Stopped("end")
    assert emit(deltas)[-1]["type"] == "response.completed"


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("end_turn", "end"),
        ("stop_sequence", "end"),
        ("tool_use", "end"),
        ("max_tokens", "max_output_tokens"),
        ("model_context_window_exceeded", "max_output_tokens"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
        ("refusal", "content_filter"),
    ],
)
def test_every_stop_reason_has_its_meaning(reason: str, stop: str) -> None:
    assert heard({"messageStop": {"stopReason": reason}}) == [Stopped(stop)]  # type: ignore[arg-type]
    called = heard(*use(0), {"messageStop": {"stopReason": reason}})[-1]
    assert called == Stopped("tool_calls" if stop == "end" else stop)  # type: ignore[arg-type]


@pytest.mark.parametrize("reason", ["malformed_model_output", "malformed_tool_use"])
def test_what_a_model_said_wrongly_is_its_fault(reason: str) -> None:
    reading = decoder()
    [failed] = reading.feed({"messageStop": {"stopReason": reason}})
    assert isinstance(failed, Failed)
    assert failed.error.status == 502
    assert reading.over
    assert list(reading.feed(COUNTS)) == []


def test_an_unknown_stop_reason_is_an_end_and_noted() -> None:
    with pytest.warns(UnknownUpstream, match="stop reason 'bored'"):
        assert heard({"messageStop": {"stopReason": "bored"}}) == [Stopped("end")]


@pytest.mark.parametrize(
    ("kind", "message", "status", "code"),
    [
        ("throttlingException", "Too many requests", 429, "rate_limit_exceeded"),
        ("serviceUnavailableException", "Busy", 503, "server_is_overloaded"),
        ("internalServerException", "Oops", 502, "server_error"),
        ("modelStreamErrorException", "Oops", 502, "server_error"),
        ("modelTimeoutException", "Slow", 503, "server_is_overloaded"),
        ("validationException", "Bad image", 400, None),
        ("validationException", "Input is too long for requested model.", 400, "context_length_exceeded"),
        ("validationException", "The provided model identifier is invalid.", 400, "model_not_found"),
        ("accessDeniedException", "arn:aws:iam::012345678901:role/x may not", 502, "upstream_auth_error"),
        ("brandNewException", "?", 502, "server_error"),
    ],
)
def test_an_exception_inside_an_answer_is_the_fault_that_it_names(
    kind: str, message: str, status: int, code: str | None
) -> None:
    deltas = heard(delta(0, text="Hi"), {kind: {"message": message}}, delta(0, text="!"), STOP)
    assert deltas[0] == Text(("text", 1), "Hi")
    [failed] = deltas[1:]
    assert isinstance(failed, Failed)
    assert (failed.error.status, failed.error.code) == (status, code)
    assert "012345678901" not in failed.error.message
    assert emit(deltas)[-1]["type"] == "response.failed"


def test_an_error_frame_is_a_fault_too() -> None:
    [failed] = heard({"error": {"code": "ThrottlingException", "message": "Slow down"}})
    assert isinstance(failed, Failed)
    assert failed.error.status == 429
    [failed] = heard({"error": {"code": None, "message": "Oops"}})
    assert isinstance(failed, Failed)
    assert failed.error.status == 502


def test_a_cut_answer_does_not_stop_and_loses_nothing_that_was_held_back() -> None:
    deltas = heard(delta(0, text="<thin"), model=NOVA)
    assert deltas == [Text(("text", 1), "<thin"), BlockEnded(("text", 1))]
    cut = heard(*use(0, "f", "t1", '{"a"')[:2])
    assert emit(cut)[-1]["response"]["output"][0]["status"] == "incomplete"


def test_new_kinds_and_members_are_noted_and_skipped() -> None:
    with pytest.warns(UnknownUpstream, match="'trumpet'"):
        assert heard({"trumpet": {}}, STOP) == [Stopped("end")]
    with pytest.warns(UnknownUpstream, match="contentBlockStop keys"):
        assert heard({"contentBlockStop": {"contentBlockIndex": 0, "mood": 1}}) == []
    with pytest.warns(UnknownUpstream, match="delta 'smell'"):
        assert heard(delta(0, smell="rose")) == []


# What is counted.


def test_what_was_cached_is_input_too() -> None:
    counted = {"inputTokens": 5, "outputTokens": 7, "totalTokens": 42, "cacheReadInputTokens": 10}
    counted |= {"cacheWriteInputTokens": 20, "cacheReadInputTokenCount": 10, "serverToolUsage": {}}
    [usage] = heard({"metadata": {"usage": counted, "metrics": {"latencyMs": 1}, "trace": {}}})
    assert isinstance(usage, Usage)
    assert usage.usage == {
        "input_tokens": 35,
        "input_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 20},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 42,
    }


def test_the_tier_that_served_is_told() -> None:
    deltas = heard({"metadata": {"usage": {}, "serviceTier": {"type": "flex"}}})
    assert deltas == [Envelope({"service_tier": "flex"})]
    assert heard({"metadata": {"serviceTier": {"type": "reserved"}}}) == []


# Text.


def test_text_is_passed_on_piece_by_piece() -> None:
    deltas = heard(delta(0, text="He"), delta(0, text=""), delta(0, text="llo"), end(0), STOP)
    assert [each.text for each in deltas if isinstance(each, Text)] == ["He", "llo"]
    assert kept(deltas) == []


def test_white_space_before_a_call_says_nothing() -> None:
    assert [item["type"] for item in items(delta(0, text="\n\n"), end(0), *use(1))] == ["function_call"]
    [said] = items(delta(0, text="\n"), delta(0, text="\nok"), end(0))
    assert said["content"][0]["text"] == "\n\nok"


def test_white_space_that_is_the_whole_answer_is_told() -> None:
    for chunks in ((delta(0, text=" "), end(0)), (delta(0, text=" "),)):
        [said] = items(*chunks)
        assert said["content"][0]["text"] == " "
    thought, said = items(delta(0, reasoningContent={"text": "Hm"}), end(0), delta(1, text="\n"), end(1))
    assert (thought["type"], said["content"][0]["text"]) == ("reasoning", "\n")
    assert [item["type"] for item in items(*use(0), delta(1, text="\n"), end(1))] == ["function_call"]


def test_white_space_after_something_was_said_says_nothing() -> None:
    thought = {"reasoningContent": {"text": "hm"}}
    said = items(
        *(delta(0, text="Hi"), end(0), delta(1, **thought), end(1), delta(2, text="\n"), end(2)),
        {"messageStop": {"stopReason": "end_turn"}},
    )
    assert [item["type"] for item in said] == ["message", "reasoning"]


def test_several_texts_are_one_message_and_go_back_as_they_were() -> None:
    chunks = (delta(0, text="a"), end(0), delta(1, text="b"), end(1))
    [said] = items(*chunks)
    assert said["content"][0]["text"] == "ab"
    assert kept(heard(*chunks, STOP)) == [{"content": [{"text": "a"}, {"text": "b"}]}]


def test_a_citation_is_about_its_block_or_the_text_before_it() -> None:
    document = {"title": "T", "location": {"documentPage": {"documentIndex": 2, "start": 1, "end": 2}}}
    page = {"location": {"web": {"url": "https://a.example", "domain": "a.example"}}}
    chunks = (
        delta(0, text="Hi "),
        end(0),
        delta(1, citation=document),
        delta(1, text="you"),
        end(1),
        delta(2, citation=page),
        end(2),
    )
    [said] = items(*chunks)
    assert said["content"][0]["annotations"] == [
        {"type": "file_citation", "file_id": "", "filename": "T", "index": 2},
        {
            "type": "url_citation",
            "start_index": 3,
            "end_index": 6,
            "url": "https://a.example",
            "title": "a.example",
        },
    ]
    assert kept(heard(*chunks, STOP)) == [
        {
            "content": [
                {"text": "Hi "},
                {"citationsContent": {"content": [{"text": "you"}], "citations": [document]}},
                {"citationsContent": {"citations": [page]}},
            ]
        }
    ]


def test_sources_of_other_kinds_are_cited_by_what_names_them() -> None:
    found = {
        "source": "https://b.example",
        "title": "B",
        "location": {"searchResultLocation": {"searchResultIndex": 1}},
    }
    local = {"source": "b.txt", "location": {"searchResultLocation": {"searchResultIndex": 1}}}
    [said] = items(delta(0, text="x"), delta(0, citation=found), delta(0, citation=local), end(0))
    assert said["content"][0]["annotations"] == [
        {"type": "url_citation", "start_index": 0, "end_index": 1, "url": "https://b.example", "title": "B"},
        {"type": "file_citation", "file_id": "", "filename": "b.txt", "index": 1},
    ]
    with pytest.warns(UnknownUpstream, match="citation at"):
        heard(delta(0, text="x"), delta(0, citation={"location": {"cloud": {}}}), end(0))


# Reasoning.


def test_a_thought_is_kept_with_its_signature() -> None:
    chunks = (
        delta(0, reasoningContent={"text": "H"}),
        delta(0, reasoningContent={"text": "m"}),
        delta(0, reasoningContent={"signature": "si"}),
        delta(0, reasoningContent={"signature": "g"}),
        end(0),
    )
    deltas = heard(*chunks, STOP)
    assert deltas[:2] == [Reasoning(("reasoning", 1), "H", True), Reasoning(("reasoning", 1), "m", True)]
    thought = {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "sig"}}}
    assert kept(deltas) == [{"content": [thought]}]


def test_a_signature_without_words_and_a_closed_thought_are_kept_too() -> None:
    pieces = [base64.b64encode(data).decode() for data in (b"\0", b"\1\2")]
    chunks = [delta(0, reasoningContent={"signature": "sig"}), end(0)]
    chunks += [delta(1, reasoningContent={"redactedContent": piece}) for piece in pieces]
    chunks += [end(1), delta(2, text="Hi"), end(2)]
    assert kept(heard(*chunks, STOP)) == [
        {"content": [{"reasoningContent": {"reasoningText": {"text": "", "signature": "sig"}}}]},
        {"content": [{"reasoningContent": {"redactedContent": "AAEC"}}]},
    ]
    assert [item["type"] for item in items(*chunks)] == ["reasoning", "reasoning", "message"]


def test_an_unsigned_thought_is_told_and_not_kept() -> None:
    deltas = heard(delta(0, reasoningContent={"text": "Hm"}), end(0), STOP, model=KIMI)
    assert deltas[0] == Reasoning(("reasoning", 1), "Hm")
    assert kept(deltas) == []


def test_thinking_that_leaks_into_text_is_reasoning_where_a_family_is_known_for_it() -> None:
    pieces = ("<think", "ing>Hm</thi", "nking>\n", "\nYes", "<thinking>")
    chunks = [*(delta(0, text=piece) for piece in pieces), end(0)]
    thought, said = items(*chunks, model=NOVA)
    assert thought["content"] == [{"type": "reasoning_text", "text": "Hm"}]
    assert said["content"][0]["text"] == "Yes<thinking>"
    assert kept(heard(*chunks, STOP, model=NOVA)) == [{"leaked": "<thinking>Hm</thinking>\n\n"}]
    assert items(*chunks)[0]["content"][0]["text"] == "".join(pieces)


@given(
    st.lists(st.sampled_from([*"<>/thinkg ", "<thinking>", "</thinking>", "Hm", "\n"]), max_size=12),
    st.data(),
)
def test_leaked_thinking_is_told_apart_wherever_pieces_are_cut(words: list[str], data: st.DataObject) -> None:
    whole = "".join(words)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=4)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    readers = []
    for parts in ([whole], pieces):
        reader = ThinkTags("thinking")
        told = [*map(reader.feed, parts), reader.end()]
        thought, text = ("".join(side) for side in zip(*told, strict=True))
        assert reader.verbatim + text == whole
        assert thought in whole
        readers.append((thought, text, reader.verbatim))
    assert readers[0] == readers[1]


# Calls.


def test_calls_come_with_their_ids_and_arguments() -> None:
    one, other = items(*use(0, "f", "t1", '{"a"', ":1}"), *use(1, "g", "t2"))
    assert (one["call_id"], one["name"], one["arguments"]) == ("t1", "f", '{"a":1}')
    assert (other["call_id"], other["name"], other["arguments"]) == ("t2", "g", "{}")


def test_custom_tools_and_namespaces_are_told_as_the_client_offered_them() -> None:
    tools = [
        {"type": "custom", "name": "exec"},
        {"type": "namespace", "name": "dice", "tools": [{"type": "function", "name": "roll"}]},
    ]
    chunks = [*use(0, "exec", "t1", '{"inp', 'ut":"l', 's"}'), *use(1, "dice__roll", "t2", "{}")]
    custom, rolled = items(*chunks, tools=tools)
    assert (custom["type"], custom["name"], custom["input"]) == ("custom_tool_call", "exec", "ls")
    assert (rolled["name"], rolled["namespace"]) == ("roll", "dice")


def test_a_start_ends_what_was_open_under_its_number() -> None:
    first, second = items(*use(0, "f", "t1", "{}")[:2], *use(0, "g", "t2", "{}"))
    assert (first["name"], second["name"]) == ("f", "g")


# An answer that is a call.

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}
WANTED = {"text": {"format": {"type": "json_schema", "name": "a", "schema": SCHEMA}}}


def test_the_arguments_of_the_answering_call_are_the_text() -> None:
    chunks = [delta(0, text="Here is your data:"), end(0), *use(1, "final_answer", "t1", '{"n"', ":1}")]
    stop = {"messageStop": {"stopReason": "tool_use"}}
    deltas = heard(*chunks, stop, model=NOVA, **WANTED)
    assert [each.text for each in deltas if isinstance(each, Text)] == ['{"n"', ":1}"]
    assert deltas[-1] == Stopped("end")
    [said] = items(*chunks, model=NOVA, **WANTED)
    assert said["content"][0]["text"] == '{"n":1}'


def test_words_beside_other_calls_or_instead_of_an_answer_are_told() -> None:
    tools = [{"type": "function", "name": "f", "parameters": SCHEMA}]
    said = [delta(0, text="Wait."), end(0)]
    output = items(*said, *use(1, "f", "t1", "{}"), model=NOVA, tools=tools, **WANTED)
    assert [item["type"] for item in output] == ["message", "function_call"]
    [refusal] = items(*said, model=NOVA, **WANTED)
    assert refusal["content"][0]["text"] == "Wait."


def texts(*chunks: Json, **request: Any) -> list[str]:
    output = items(*chunks, model=NOVA, **WANTED, **request)
    return [item["content"][0]["text"] for item in output if item["type"] == "message"]


F = [{"type": "function", "name": "f", "parameters": SCHEMA}]
SAID = (delta(0, text="Wait "), delta(0, text="{"), end(0))
ANSWERED = use(1, "final_answer", "t1", '{"n"', ":1}")


def test_a_clients_tool_of_the_answers_name_is_the_clients() -> None:
    theirs = [{**F[0], "name": "final_answer"}]
    chunks = [*use(0, "final_answer", "t1", "{}"), *use(1, "final_answer_2", "t2", '{"n":1}')]
    called, said = items(*chunks, model=NOVA, tools=theirs, **WANTED)
    assert (called["type"], called["name"], called["call_id"]) == ("function_call", "final_answer", "t1")
    assert said["content"][0]["text"] == '{"n":1}'


@given(st.lists(st.sampled_from([SAID, ANSWERED, use(2, "f", "t2", "{}")]), max_size=5), st.booleans())
def test_no_words_stand_beside_the_answer(parts: list[list[Json]], cut: bool) -> None:
    chunks = [chunk for part in parts for chunk in part]
    deltas = heard(*chunks, *(() if cut else (STOP, COUNTS)), model=NOVA, tools=F, **WANTED)
    output = output_of(emit(deltas))
    told = [item["content"][0]["text"] for item in output if item["type"] == "message"]
    calls = [item for item in output if item["type"] == "function_call"]
    assert len(calls) == parts.count(use(2, "f", "t2", "{}"))
    if ANSWERED in parts:
        assert told == ['{"n":1}']
    else:
        assert "".join(told) == "Wait {" * parts.count(SAID)


def test_words_and_calls_without_an_answer_keep_their_order() -> None:
    output = items(*SAID, *use(2, "f", "t2", "{}"), *SAID, model=NOVA, tools=F, **WANTED)
    assert [item["type"] for item in output] == ["message", "function_call", "message"]
    fault = heard(*SAID, {"throttlingException": {"message": "Slow."}}, model=NOVA, **WANTED)
    assert [type(each) for each in fault] == [Text, Text, Failed]


# Tools that Bedrock runs.


def test_a_search_is_an_item_with_its_events() -> None:
    chunks = [
        *use(0, "nova_grounding", "t1", '{"query":"ruby"}', type="server_tool_use"),
        start(1, toolResult={"toolUseId": "t1", "status": "success", "type": "nova_grounding_result"}),
        delta(1, toolResult=[{"text": "[HIDDEN]"}]),
        end(1),
        delta(2, text="4.0"),
        end(2),
    ]
    events = emit(heard(*chunks, STOP, model=NOVA))
    told = [event["type"] for event in events if "web_search_call" in event["type"]]
    assert told == [f"response.web_search_call.{step}" for step in ("in_progress", "searching", "completed")]
    searched, said = output_of(events)
    assert searched["status"] == "completed"
    assert searched["action"] == {"type": "search", "query": "ruby", "queries": ["ruby"]}
    assert said["content"][0]["text"] == "4.0"
    [blocks] = kept(heard(*chunks, STOP, model=NOVA))
    assert [next(iter(block)) for block in blocks["content"]] == ["toolUse", "toolResult"]
    assert blocks["content"][0]["toolUse"]["input"] == {"query": "ruby"}
    assert blocks["content"][1]["toolResult"]["content"] == [{"text": "[HIDDEN]"}]


@pytest.mark.parametrize(("status", "ended"), [("success", "completed"), ("error", "failed")])
def test_a_program_is_an_item_with_its_code_and_logs(status: str, ended: str) -> None:
    found = {"json": {"stdOut": "2", "stdErr": "", "exitCode": 0, "isError": False}}
    chunks = [
        *use(0, "nova_code_interpreter", "t1", '{"code":"1+1"}', type="server_tool_use"),
        start(1, toolResult={"toolUseId": "t1", "status": status}),
        delta(1, toolResult=[found]),
        end(1),
    ]
    events = emit(heard(*chunks, STOP, model=NOVA))
    [ran] = output_of(events)
    assert (ran["type"], ran["code"], ran["status"]) == ("code_interpreter_call", "1+1", ended)
    assert ran["outputs"] == [{"type": "logs", "logs": "2"}]
    assert ("response.code_interpreter_call.completed" in [event["type"] for event in events]) == (
        ended == "completed"
    )


def test_a_hosted_tool_that_nobody_knows_is_noted() -> None:
    with pytest.warns(UnknownUpstream, match="server tool 'nova_oracle'"):
        heard(*use(0, "nova_oracle", "t1", type="server_tool_use")[::2])
    with pytest.warns(UnknownUpstream, match="result of no call"):
        heard(start(0, toolResult={"toolUseId": "t9"}), end(0))


def test_a_picture_is_an_item() -> None:
    chunks = [start(0, image={"format": "png"}), delta(0, image={"source": {"bytes": "AAEC"}}), end(0)]
    [made] = items(*chunks, model=NOVA)
    assert (made["type"], made["result"], made["status"]) == ("image_generation_call", "AAEC", "completed")
    assert items(start(0, image={"format": "png"}), end(0)) == []


# Plain answers.


def test_a_plain_answer_is_restated_block_by_block() -> None:
    thought = {"reasoningText": {"text": "Hm", "signature": "sig"}}
    content = [
        {"reasoningContent": thought},
        {"reasoningContent": {"redactedContent": "AAEC"}},
        {"text": "Hi", "type": "text"},
        {
            "citationsContent": {
                "content": [{"text": "!"}],
                "citations": [{"title": "T", "location": {"documentChar": {}}}],
            }
        },
        {"toolUse": {"toolUseId": "t1", "name": "f", "input": {"a": [1]}, "type": "tool_use"}},
        {"image": {"format": "png", "source": {"bytes": "AAEC"}}},
    ]
    body = {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": "tool_use",
        "usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3},
        "metrics": {"latencyMs": 1},
        "additionalModelResponseFields": {"a": 1},
    }
    deltas = heard(*BEDROCK_CONVERSE.as_chunks(body))
    output = output_of(emit(deltas))
    assert [item["type"] for item in output] == [
        "reasoning",
        "reasoning",
        "message",
        "function_call",
        "image_generation_call",
    ]
    assert output[2]["content"][0]["text"] == "Hi!"
    assert output[3]["arguments"] == '{"a":[1]}'
    assert kept(deltas)[0]["content"] == [{"reasoningContent": thought}]


@pytest.mark.parametrize("body", [{"message": "What?"}, {"error": {"message": "What?"}, "id": 1}])
def test_a_body_that_tells_of_a_fault_is_one(body: Json) -> None:
    [failed] = heard(*BEDROCK_CONVERSE.as_chunks(body))
    assert isinstance(failed, Failed)
    assert "What?" in failed.error.message


@pytest.mark.parametrize(
    "body", [{}, {"hello": 1}, {"output": {}}, {"output": {"message": "x"}}, {"error": None}]
)
def test_a_body_that_is_no_answer_cannot_be_read(body: Json) -> None:
    with pytest.raises(ValueError, match="no answer"):
        list(BEDROCK_CONVERSE.as_chunks(body))

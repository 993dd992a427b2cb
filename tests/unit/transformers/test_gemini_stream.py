"""What Gemini's chunks say, and how its stream ends."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.stream.deltas import Delta, Envelope, Failed, Opaque, Stopped, Text, Usage
from lambda_responses.transformers.base import Turn, UnknownUpstream
from lambda_responses.transformers.gemini_generate_content import GEMINI_GENERATE_CONTENT, profiles
from tests.kit import emit, emitter, output_of

Json = dict[str, Any]

TOOLS: list[Json] = [
    {"type": "namespace", "name": "math", "tools": [{"type": "function", "name": "add", "parameters": {}}]},
    {"type": "custom", "name": "sh"},
]


def chunk(*parts: Json, finish: str | None = None, **members: Any) -> Json:
    candidate: Json = {"content": {"role": "model", "parts": list(parts)}, "index": 0, **members}
    return {"candidates": [candidate | ({"finishReason": finish} if finish else {})]}


def heard(*chunks: Json, **request: Any) -> list[Delta]:
    decoder = GEMINI_GENERATE_CONTENT.decoder(Turn("gemini-3-pro", request, []), profiles.GEMINI)
    deltas = [delta for each in chunks for delta in decoder.feed(each)]
    return [*deltas, *decoder.end(marked=False)]


def output(*chunks: Json, **request: Any) -> list[Json]:
    return output_of(emit(heard(*chunks, chunk(finish="STOP"), **request)))


def types(items: list[Json]) -> list[str]:
    return [item["type"] for item in items]


def kept(deltas: list[Delta]) -> list[Json]:
    return [delta.data for delta in deltas if isinstance(delta, Opaque)]


def thought(text: str, **members: Any) -> Json:
    return {"text": text, "thought": True, **members}


def call(name: str = "f", id: str = "", signature: str = "", **args: Any) -> Json:
    called = {"functionCall": {"name": name, "args": args} | ({"id": id} if id else {})}
    return called | ({"thoughtSignature": signature} if signature else {})


SIGNED: Json = {"text": "", "thoughtSignature": "s"}


# Text and thoughts.


def test_thoughts_are_a_summary_and_text_follows():
    reasoning, message = output(chunk(thought("Hm")), chunk(thought("m.")), chunk({"text": "Hi"}))
    assert reasoning["summary"] == [{"type": "summary_text", "text": "Hmm."}]
    assert message["content"][0]["text"] == "Hi"


def test_empty_text_is_nothing():
    assert output(chunk({"text": ""})) == []


def test_only_the_first_candidate_is_read():
    other = {"index": 1, "content": {"parts": [{"text": "no"}]}}
    (message,) = output({"candidates": [chunk({"text": "yes"})["candidates"][0], other]})
    assert message["content"][0]["text"] == "yes"


def test_log_probabilities_come_with_the_text_that_they_weigh():
    weighed: Json = {
        "chosenCandidates": [{"token": "Hé", "tokenId": 1, "logProbability": -0.5}],
        "topCandidates": [{"candidates": [{"token": "Ho", "logProbability": -1}]}],
    }
    (text,) = (d for d in heard(chunk({"text": "Hé"}, logprobsResult=weighed)) if isinstance(d, Text))
    assert text.logprobs == [
        {
            "token": "Hé",
            "bytes": [72, 195, 169],
            "logprob": -0.5,
            "top_logprobs": [{"token": "Ho", "bytes": [72, 111], "logprob": -1.0}],
        }
    ]


# Calls.


def test_calls_are_whole_and_named_as_they_were_offered():
    first, second = output(chunk(call("math__add", a=1)), chunk(call("sh", input="ls")), tools=TOOLS)
    assert (first["namespace"], first["name"], first["arguments"]) == ("math", "add", '{"a":1}')
    assert (second["type"], second["input"]) == ("custom_tool_call", "ls")


def test_a_custom_tool_that_was_called_otherwise_is_told_so():
    (item,) = output(chunk(call("sh", command="ls")), tools=TOOLS)
    assert item["input"] == '{"command":"ls"}'


def test_calls_without_an_id_get_one_each():
    ids = [item["call_id"] for item in output(chunk(call(), call()), chunk(call(id="x9")))]
    assert len({*ids}) == 3
    assert ids[2] == "x9"


@pytest.mark.parametrize(("parts", "reason"), [((call(),), "tool_calls"), (({"text": "Hi"},), "end")])
def test_whether_tools_were_called_is_seen_from_the_calls(parts: tuple[Json], reason: Any):
    assert heard(chunk(*parts), chunk(finish="STOP"))[-1] == Stopped(reason)
    assert heard(chunk(*parts, finish="MAX_TOKENS"))[-1] == Stopped("max_output_tokens")


# Signatures.


def test_what_is_signed_is_kept_on_its_item():
    deltas = heard(
        chunk(thought("Hm", thoughtSignature="a"), {"text": "Hi"}),
        chunk(SIGNED, call(id="x", signature="b")),
        chunk(finish="STOP"),
    )
    assert kept(deltas) == [
        {"signed": [[0, 2, "a"]]},
        {"signed": [[2, 2, "s"]]},
        {"id": "x", "signature": "b"},
    ]
    assert types(output_of(emit(deltas))) == ["reasoning", "message", "function_call"]


def test_for_a_client_that_keeps_state_a_call_s_signature_rides_before_it():
    deltas = heard(chunk(call(id="x", signature="b"), call(id="y")), chunk(finish="STOP"), store=False)
    assert kept(deltas) == [{"signed": [], "next": ["function_call", {"id": "x", "signature": "b"}]}]
    assert types(output_of(emit(deltas))) == ["reasoning", "function_call", "function_call"]


def test_it_rides_on_the_thoughts_where_there_are_any():
    deltas = heard(chunk(thought("Hm"), call(signature="b")), chunk(finish="STOP"), store=False)
    assert kept(deltas) == [{"signed": [], "next": ["function_call", {"signature": "b"}]}]
    assert types(output_of(emit(deltas))) == ["reasoning", "function_call"]


def test_a_signature_that_comes_with_a_text_rides_before_it():
    deltas = heard(chunk({"text": "Hi", "thoughtSignature": "s"}, finish="STOP"), store=False)
    assert kept(deltas) == [{"signed": [], "next": ["message", {"signed": [[0, 2, "s"]]}]}]
    assert types(output_of(emit(deltas))) == ["reasoning", "message"]


def test_a_signature_that_comes_after_a_text_rides_after_it():
    deltas = heard(chunk({"text": "Hi"}), chunk(SIGNED, finish="STOP"), store=False)
    assert kept(deltas) == [{"signed": [], "before": [["message", {"signed": [[2, 2, "s"]]}]]}]
    assert types(output_of(emit(deltas))) == ["message", "reasoning"]


@pytest.mark.parametrize("store", [True, False])
def test_a_signature_without_any_text_is_kept_as_a_part(store: bool):
    alone = heard(chunk(SIGNED, finish="STOP"), store=store)
    assert kept(alone) == [{"signed": [], "parts": [SIGNED]}]
    after = heard(chunk(thought("Hm")), chunk(SIGNED, finish="MAX_TOKENS"), store=store)
    assert kept(after) == [{"signed": [], "parts": [SIGNED]}]
    assert types(output_of(emit(after))) == ["reasoning"]


# Hosted tools.

CODE: Json = {
    "executableCode": {"language": "PYTHON", "code": "print(1)", "id": "e"},
    "thoughtSignature": "s",
}
RAN: Json = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n", "id": "e"}}


def searching(id: str, kind: str = "GOOGLE_SEARCH_WEB", **args: Any) -> Json:
    return {"toolCall": {"toolType": kind, "args": args, "id": id}, "thoughtSignature": f"s{id}"}


def found(id: str, kind: str = "GOOGLE_SEARCH_WEB") -> Json:
    return {"toolResponse": {"toolType": kind, "response": {"x": 1}, "id": id}}


def test_code_that_ran_is_an_item_with_its_output():
    deltas = heard(chunk(CODE, {"text": ""}), chunk(RAN), chunk({"text": "1"}, finish="STOP"))
    events = emit(deltas)
    item, _ = output_of(events)
    assert (item["type"], item["status"], item["code"]) == ("code_interpreter_call", "completed", "print(1)")
    assert item["outputs"] == [{"type": "logs", "logs": "1\n"}]
    assert kept(deltas) == [{"parts": [CODE, RAN]}]
    assert [event["type"] for event in events if "code_interpreter" in event["type"]] == [
        "response.code_interpreter_call.in_progress",
        "response.code_interpreter_call_code.delta",
        "response.code_interpreter_call_code.done",
        "response.code_interpreter_call.interpreting",
        "response.code_interpreter_call.completed",
    ]


def test_code_that_failed_says_so():
    failed = {"codeExecutionResult": {"outcome": "OUTCOME_FAILED", "output": "No."}}
    (item,) = output(chunk(CODE), chunk(failed))
    assert (item["status"], item["outputs"][0]["logs"]) == ("failed", "No.")


@pytest.mark.parametrize("rest", [[{"text": "Hi"}], [call()], [thought("Hm")], []])
def test_code_without_a_result_ends_where_something_else_begins(rest: list[Json]):
    item = output(chunk(CODE), chunk(*rest))[0]
    assert (item["status"], item["outputs"]) == ("completed", [])


def test_code_that_searches_files_is_a_search():
    code = {"executableCode": {"code": 'print(file_search.query(query="Capital \\"x\\""))'}}
    item, _ = output(chunk(code), chunk({"text": "Hi"}))
    assert (item["type"], item["queries"]) == ("file_search_call", ['Capital "x"'])


def test_calls_of_googles_tools_are_items_and_go_back_in_their_order():
    parts = [
        searching("1", queries=["a", "b"]),
        searching("2", "URL_CONTEXT", urls=["https://a.example"]),
        found("2", "URL_CONTEXT"),
        found("1"),
    ]
    deltas = heard(*(chunk(part) for part in parts), chunk({"text": "Hi"}, finish="STOP"))
    search, page, _ = output_of(emit(deltas))
    assert search["action"] == {"type": "search", "query": "a", "queries": ["a", "b"]}
    assert page["action"] == {"type": "open_page", "url": "https://a.example"}
    assert kept(deltas) == [{"parts": parts}, {"parts": []}]


def test_a_tool_that_the_api_has_no_item_for_is_kept_as_parts():
    parts = [searching("1", "MEDIA_PROCESSING"), found("1", "MEDIA_PROCESSING")]
    deltas = heard(chunk(*parts), chunk(finish="STOP"))
    assert [part for data in kept(deltas) for part in data["parts"]] == parts
    assert types(output_of(emit(deltas))) == ["reasoning", "reasoning"]


def test_for_a_client_that_keeps_state_hosted_items_ride_after_themselves():
    deltas = heard(chunk(CODE, RAN), chunk({"text": "1"}, finish="STOP"), store=False)
    assert kept(deltas) == [
        {"signed": [], "before": [["code_interpreter_call", {"parts": [CODE, RAN]}], ["message", {}]]}
    ]


def test_a_picture_is_an_item():
    picture = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}, "thoughtSignature": "s"}
    sketch = {"inlineData": {"mimeType": "image/png", "data": "BBBB"}, "thought": True}
    deltas = heard(chunk(sketch, picture, finish="STOP"))
    (item,) = output_of(emit(deltas))
    assert (item["type"], item["result"], item["status"]) == ("image_generation_call", "AAAA", "completed")
    assert kept(deltas) == [{"mime_type": "image/png", "signature": "s"}]


def test_sound_cannot_be_told_and_does_not_pass_for_an_answer():
    sound = {"inlineData": {"mimeType": "audio/L16", "data": "AAAA"}}
    (failed,) = heard(chunk(sound, finish="STOP"))
    assert isinstance(failed, Failed)
    assert "audio" in failed.error.message


# Sources.


def grounded(*queries: str, words: str = "", start: int = 0, end: int = 0, **chunk_of: Any) -> Json:
    segment = {"startIndex": start, "endIndex": end, "text": words}
    source = chunk_of or {"web": {"uri": "https://a.example", "title": "A"}}
    return {
        "webSearchQueries": list(queries),
        "groundingChunks": [source],
        "groundingSupports": [{"segment": segment, "groundingChunkIndices": [0, 7]}],
    }


def notes(items: list[Json]) -> list[Json]:
    return [n for item in items if item["type"] == "message" for n in item["content"][0]["annotations"]]


def test_places_are_bytes_there_and_characters_here():
    metadata = grounded(words="für", start=6, end=10)
    items = output(chunk({"text": "Käse "}), chunk({"text": "für zwei"}), chunk(groundingMetadata=metadata))
    (note,) = notes(items)
    assert note == {
        "type": "url_citation",
        "url": "https://a.example",
        "title": "A",
        "start_index": 5,
        "end_index": 8,
    }


def test_words_tell_where_a_place_is_wrong():
    metadata = grounded(words="zwei", start=0, end=4)
    assert notes(output(chunk({"text": "für zwei"}, groundingMetadata=metadata)))[0]["start_index"] == 4
    metadata = grounded(words="drei", start=0, end=4)
    assert notes(output(chunk({"text": "für zwei"}, groundingMetadata=metadata))) == []


def test_what_is_told_twice_is_cited_once():
    metadata = grounded(words="Hi", end=2)
    once = chunk({"text": "Hi"}, groundingMetadata=metadata)
    assert len(notes(output(once, chunk(groundingMetadata=metadata)))) == 1


def test_a_file_is_cited_by_its_store():
    metadata = grounded(words="Hi", end=2, retrievedContext={"title": "a.txt", "fileSearchStore": "st"})
    assert notes(output(chunk({"text": "Hi"}, groundingMetadata=metadata))) == [
        {"type": "file_citation", "file_id": "st", "filename": "a.txt", "index": 2}
    ]


def test_what_was_recited_is_cited():
    recited = {"citations": [{"startIndex": 0, "endIndex": 2, "uri": "https://a.example"}]}
    assert notes(output(chunk({"text": "Hi"}, citationMetadata=recited)))[0]["url"] == "https://a.example"


def test_a_search_stands_before_the_text_if_it_is_known_by_then():
    asked = chunk({"text": "Hi"}, groundingMetadata=grounded("x", "y"))
    search, message = output(asked)
    assert search["action"] == {"type": "search", "query": "x", "queries": ["x", "y"]}
    assert message["type"] == "message"


def test_else_it_stands_behind():
    items = output(
        chunk({"text": "Hi"}), chunk({"text": "!"}, groundingMetadata=grounded("x", words="Hi!", end=3))
    )
    assert types(items) == ["message", "web_search_call"]
    assert len(notes(items)) == 1


def test_a_search_that_parts_told_of_is_told_once():
    first, message = output(
        chunk(searching("1", queries=["x"]), found("1")),
        chunk({"text": "Hi"}, groundingMetadata=grounded("x")),
    )
    assert (first["type"], message["type"]) == ("web_search_call", "message")


def test_pages_that_were_read_are_items():
    pages = [
        {"retrievedUrl": "https://a.example", "urlRetrievalStatus": "URL_RETRIEVAL_STATUS_SUCCESS"},
        {"retrievedUrl": "https://b.example", "urlRetrievalStatus": "URL_RETRIEVAL_STATUS_ERROR"},
    ]
    one, other, _ = output(chunk({"text": "Hi"}, urlContextMetadata={"urlMetadata": pages}))
    assert one["action"] == {"type": "open_page", "url": "https://a.example"}
    assert (one["status"], other["status"]) == ("completed", "failed")


def test_sources_are_shown_to_who_asks_for_them():
    asked = chunk({"text": "Hi"}, groundingMetadata=grounded("x"))
    search = output(asked, include=["web_search_call.action.sources"])[0]
    assert search["action"]["sources"] == [{"type": "url", "url": "https://a.example"}]


# Ends, counts and faults.


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("STOP", "end"),
        ("MAX_TOKENS", "max_output_tokens"),
        *((name, "content_filter") for name in ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT")),
        *((name, "content_filter") for name in ("SPII", "MODEL_ARMOR", "IMAGE_SAFETY", "IMAGE_RECITATION")),
    ],
)
def test_each_reason_to_finish_has_its_meaning(finish: str, reason: Any):
    assert heard({"candidates": [{"finishReason": finish}]}) == [Stopped(reason)]


@pytest.mark.parametrize(
    "finish",
    [
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "LANGUAGE",
        "NO_IMAGE",
        "OTHER",
        "MALFORMED_RESPONSE",
    ],
)
def test_some_reasons_are_faults(finish: str):
    (failed,) = heard({"candidates": [{"finishReason": finish, "finishMessage": "Because."}]})
    assert isinstance(failed, Failed)
    assert (failed.error.status, failed.error.message) == (502, "Because.")
    (untold,) = heard(chunk(finish=finish))
    assert isinstance(untold, Failed)
    assert untold.error.message.endswith(".")


def test_a_prompt_that_was_blocked_is_filtered():
    assert heard({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}) == [Stopped("content_filter")]


def test_an_unknown_reason_is_noted_and_an_end():
    with pytest.warns(UnknownUpstream, match="finish reason 'BORED'"):
        assert heard(chunk(finish="BORED"))[-1] == Stopped("end")


def test_parts_may_follow_a_reason_to_finish_and_a_cut_stands():
    deltas = heard(chunk(CODE, finish="MAX_TOKENS"), chunk(RAN), chunk({"text": "1"}, finish="STOP"))
    assert deltas[-1] == Stopped("max_output_tokens")
    assert types(output_of(emit(deltas))) == ["code_interpreter_call", "message"]


def test_a_cut_stream_does_not_stop():
    assert not any(isinstance(delta, Stopped) for delta in heard(chunk({"text": "Hi"})))


def counted(**counts: int) -> Json:
    return {"usageMetadata": counts, **chunk({"text": "x"})}


def test_counts_are_of_all_so_far():
    first = counted(promptTokenCount=5)
    last = counted(
        promptTokenCount=5,
        toolUsePromptTokenCount=2,
        candidatesTokenCount=3,
        thoughtsTokenCount=4,
        cachedContentTokenCount=1,
    )
    usage = emit(heard(first, last, chunk(finish="STOP")))[-1]["response"]["usage"]
    assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (7, 7, 14)
    assert usage["input_tokens_details"]["cached_tokens"] == 1
    assert usage["output_tokens_details"]["reasoning_tokens"] == 4


def test_a_prompt_that_is_counted_in_the_total_alone_is_counted():
    told = counted(candidatesTokenCount=1, thoughtsTokenCount=2, totalTokenCount=10)
    assert emit(heard(told, chunk(finish="STOP")))[-1]["response"]["usage"]["input_tokens"] == 7


def test_what_a_cut_or_failed_stream_has_used_is_told():
    for rest in ({}, {"error": {"code": 503, "message": "No."}}):
        usages = [d for d in heard(counted(promptTokenCount=5), rest) if isinstance(d, Usage)]
        assert usages[-1].usage["input_tokens"] == 5


def test_the_tier_that_served_is_told_in_our_word():
    told = {"usageMetadata": {"promptTokenCount": 1, "serviceTier": "standard"}, **chunk(finish="STOP")}
    assert Envelope({"service_tier": "default"}) in heard(told)


def test_an_error_inside_the_stream_is_a_failure_and_the_end():
    error = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
    deltas = heard(chunk({"text": "Hi"}), error, chunk({"text": "!"}, finish="STOP"))
    assert isinstance(deltas[-1], Failed)
    assert deltas[-1].error.status == 503
    decoder = GEMINI_GENERATE_CONTENT.decoder(Turn("m", {}, []), profiles.GEMINI)
    decoder.feed(error)
    assert decoder.over


def test_a_plain_answer_is_its_own_end():
    (told,) = GEMINI_GENERATE_CONTENT.as_chunks(chunk({"text": "Hi"}))
    assert heard(told)[-1] == Stopped("end")
    assert list(GEMINI_GENERATE_CONTENT.as_chunks({"candidates": ["x"]})) == [{"candidates": ["x"]}]


@pytest.mark.parametrize("body", [{"hello": 1}, {"usageMetadata": {}}, {"candidates": []}, {}])
def test_a_plain_body_that_is_no_answer_is_a_fault(body: Json):
    with pytest.raises(ValueError, match="holds no answer"):
        list(GEMINI_GENERATE_CONTENT.as_chunks(body))


@pytest.mark.parametrize(
    "body", [{"promptFeedback": {"blockReason": "SAFETY"}}, {"error": {"code": 503, "message": "Full."}}]
)
def test_a_plain_body_that_says_why_there_is_no_answer_is_no_fault(body: Json):
    assert list(GEMINI_GENERATE_CONTENT.as_chunks(body)) == [body]


@pytest.mark.parametrize(
    "odd",
    [
        {"surprise": 1},
        {"candidates": [{"surprise": 1}]},
        {"candidates": ["x"]},
        {"candidates": "x"},
        chunk({"surprise": 1}),
        {"candidates": [{"content": {"parts": ["x"]}}]},
        chunk({"functionCall": {"name": "f", "partialArgs": []}}),
    ],
)
def test_what_is_not_known_is_noted(odd: Json):
    with pytest.warns(UnknownUpstream):
        heard(odd)


PARTS: list[Json] = [
    {"text": "Hi"},
    {"text": ""},
    SIGNED,
    {"text": "yo", "thoughtSignature": "t"},
    thought("Hm"),
    thought("", thoughtSignature="u"),
    call(signature="c"),
    call(),
    CODE,
    RAN,
    searching("1", queries=["x"]),
    found("1"),
    searching("2", "MEDIA_PROCESSING"),
    {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
]


def essence(parts: list[Json]) -> list[Json]:
    """The parts, neighbouring texts joined unless they are signed; ids of calls are ours."""
    told: list[Json] = []
    for part in parts:
        if called := part.get("functionCall"):
            part = {**part, "functionCall": {"name": called["name"], "args": called["args"]}}
        joins = told and told[-1].keys() == part.keys() <= {"text", "thought"}
        if joins:
            told[-1] = {**told[-1], "text": told[-1]["text"] + part["text"]}
        elif part != {"text": ""}:
            told.append(part)
    return told


@given(st.lists(st.sampled_from(PARTS), max_size=8), st.booleans())
def test_any_parts_in_any_order_go_back_as_they_came(parts: list[Json], store: bool):
    making = emitter()
    making.start()
    for delta in heard(*(chunk(part) for part in parts), chunk(finish="STOP"), store=store):
        making.apply(delta)
    making.finish(at=2)
    output = making.response["output"]
    brought = {item["id"] for item in output if store or item["type"] == "reasoning"}
    origins = {id: origin for id, origin in making.origins.items() if id in brought}
    results = [
        {"type": "function_call_output", "call_id": item["call_id"], "output": ""}
        for item in output
        if item["type"] == "function_call"
    ]
    turn = Turn("gemini-2.5-pro", {}, [{"role": "user", "content": "?"}, *output, *results], origins)
    contents = GEMINI_GENERATE_CONTENT.render_request(turn, profiles.GEMINI).body["contents"]
    told = contents[1]["parts"] if len(contents) > 1 else []
    assert essence(told) == essence(parts)

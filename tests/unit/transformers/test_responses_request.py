"""What is sent to an upstream that speaks the Responses API itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lambda_responses.transformers.base import Turn
from lambda_responses.transformers.openai_responses import OPENAI_RESPONSES, profile
from lambda_responses.transformers.openai_responses.request import SEAL

Json = dict[str, Any]

OURS = "_" + "a" * 24 + "b" * 16 + "0000ffff"
QUESTION: Json = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}


def body(
    *items: Json,
    dialect: profile.ResponsesProfile = profile.OPENAI,
    model: str = "gpt-5.6",
    origins: dict[str, Json] | None = None,
    **request: Any,
) -> Json:
    turn = Turn(model, {"model": "alias", "input": "unread", **request}, items, origins or {})
    return OPENAI_RESPONSES.render_request(turn, dialect).body


def sent(*items: Json, **options: Any) -> list[Json]:
    return body(*items, **options)["input"]


def answer(text: str, **more: Any) -> Json:
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {"type": "message", "role": "assistant", "status": "completed", "content": [part], **more}


def call(number: int, **more: Any) -> Json:
    return {"type": "function_call", "call_id": f"c{number}", "name": "f", "arguments": "{}", **more}


def output(number: int) -> Json:
    return {"type": "function_call_output", "call_id": f"c{number}", "output": "1"}


def test_what_nobody_must_change_is_sent_as_it_is():
    settings = {
        "instructions": "Be brief.",
        "tools": [{"type": "web_search", "made_up_member": 1}],
        "text": {"verbosity": "low"},
        "made_up_by_the_next_release": {"x": [1]},
    }
    assert body(QUESTION, **settings) == {
        **settings,
        "model": "gpt-5.6",
        "input": [QUESTION],
        "include": [SEAL],
        "store": False,
        "stream": True,
    }


def test_state_is_kept_here_and_not_there():
    state = {
        "previous_response_id": "resp_1",
        "conversation": "conv_1",
        "background": True,
        "store": True,
        "stream_options": {"include_obfuscation": False},
    }
    rendered = body(QUESTION, **state)
    assert rendered["store"] is False
    assert not rendered.keys() & (state.keys() - {"store"})


def test_a_null_is_a_key_left_out():
    assert "temperature" not in body(QUESTION, temperature=None)


def test_what_the_client_wants_included_stays_included():
    assert body(QUESTION, include=["web_search_call.results"])["include"] == ["web_search_call.results", SEAL]
    assert body(QUESTION, include=[SEAL])["include"] == [SEAL]


def test_models_that_do_not_reason_are_not_asked_for_seals():
    assert "include" not in body(QUESTION, model="gpt-4o-mini")
    assert "include" not in body(QUESTION, dialect=profile.VLLM)


def test_what_a_vendor_refuses_is_left_out_and_named():
    turn = Turn("m", {"max_output_tokens": 16, "temperature": 1}, [QUESTION])
    rendered = OPENAI_RESPONSES.render_request(turn, profile.CODEX_BACKEND)
    assert "max_output_tokens" not in rendered.body
    assert rendered.body["temperature"] == 1
    assert rendered.dropped == ("max_output_tokens",)


def test_a_server_that_cannot_stream_is_not_asked_to():
    turn = Turn("m", {"stream": True}, [QUESTION])
    rendered = OPENAI_RESPONSES.render_request(turn, replace(profile.OPENAI, streams=False))
    assert "stream" not in rendered.body


def test_items_go_back_under_the_ids_of_their_maker():
    ours = "msg" + OURS
    assert sent(answer("Hi", id=ours), origins={ours: {"id": "msg_theirs"}}) == [
        answer("Hi", id="msg_theirs")
    ]


def test_our_ids_are_not_sent_to_who_did_not_make_the_item():
    assert sent(call(1, id="fc" + OURS), output(1)) == [call(1), output(1)]


def test_ids_that_a_client_brought_along_are_its_own_affair():
    assert sent(call(1, id="fc_brought"), output(1)) == [call(1, id="fc_brought"), output(1)]


@pytest.mark.parametrize("dialect", [profile.OPENAI, profile.VLLM])
def test_an_empty_id_is_none(dialect: profile.ResponsesProfile):
    assert sent({**call(1), "id": ""}, output(1), dialect=dialect) == [call(1), output(1)]
    ours = "fc" + OURS
    assert sent(call(1, id=ours), output(1), origins={ours: {"id": ""}}) == [call(1), output(1)]


def test_servers_that_demand_ids_get_ours():
    ours = "fc" + OURS
    assert sent(call(1, id=ours), dialect=profile.VLLM)[0]["id"] == ours
    assert "id" not in sent({**QUESTION, "id": "msg" + OURS}, dialect=profile.VLLM)[0]


def test_a_text_without_an_id_is_sent_in_the_short_form():
    short = {"type": "message", "role": "assistant", "content": "Hi", "phase": "final_answer"}
    assert sent(answer("Hi", id="msg" + OURS, phase="final_answer")) == [short]


def test_a_text_with_citations_keeps_its_long_form():
    cited = answer("Hi")
    cited["content"][0]["annotations"] = [{"type": "url_citation", "url": "https://a.example"}]
    assert sent({**cited, "id": "msg" + OURS}) == [cited]


def test_seals_go_back_to_their_maker():
    ours = "rs" + OURS
    shown = {"type": "reasoning", "id": ours, "summary": [], "status": "completed"}
    origins = {ours: {"id": "rs_theirs", "encrypted_content": "sealed"}}
    assert sent(shown, origins=origins) == [
        {"type": "reasoning", "id": "rs_theirs", "summary": [], "encrypted_content": "sealed"}
    ]


def test_seals_that_a_client_replays_are_passed_on_without_our_id():
    replayed = {"type": "reasoning", "id": "rs" + OURS, "summary": [], "encrypted_content": "sealed"}
    assert sent(replayed) == [{"type": "reasoning", "summary": [], "encrypted_content": "sealed"}]


@pytest.mark.parametrize("kind", ["reasoning", "compaction"])
def test_what_a_maker_sealed_goes_back_as_it_made_it(kind: str):
    ours = "rs" + OURS
    shown = {"type": kind, "id": ours, "summary": []}
    brought = {**shown, "encrypted_content": "something else"}
    for item in (shown, brought):
        (sealed,) = sent(item, origins={ours: {"id": "rs_theirs", "encrypted_content": "sealed"}})
        assert sealed["encrypted_content"] == "sealed"


def test_what_another_maker_sealed_is_not_sent():
    reasoning = {"type": "reasoning", "id": "rs" + OURS, "summary": []}
    compaction = {"type": "compaction", "id": "cmp" + OURS}
    assert sent(QUESTION, reasoning, compaction, call(1, id="fc_1"), output(1)) == [
        QUESTION,
        call(1),
        output(1),
    ]
    told = {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm"}]}
    assert sent(told, dialect=profile.DEEPSEEK) == [told]


def test_reasoning_that_its_maker_would_not_take_is_left_out_and_the_rest_is_kept():
    reasoning = {"type": "reasoning", "id": "rs" + OURS, "summary": [{"type": "summary_text", "text": "Hm"}]}
    followers = [call(1, id="fc_1"), output(1), answer("Hi", id="msg_1")]
    assert sent(QUESTION, reasoning, *followers) == [QUESTION, call(1), output(1), answer("Hi", id="msg_1")]


def test_open_models_get_their_reasoning_back_in_the_open():
    reasoning = {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm"}]}
    assert sent(reasoning, dialect=profile.DEEPSEEK) == [reasoning]


def test_an_approval_names_the_request_as_its_maker_knows_it():
    ours = "mcpr" + OURS
    reply = {"type": "mcp_approval_response", "approval_request_id": ours, "approve": True}
    assert sent(reply, origins={ours: {"id": "mcpr_1"}}) == [{**reply, "approval_request_id": "mcpr_1"}]


def ran(number: int, **more: Any) -> Json:
    item = {
        "type": "mcp_call",
        "id": "mcp" + OURS.replace("a", str(number), 1),
        "server_label": "dice",
        "name": "roll",
    }
    return {**item, "arguments": "{}", "output": "6", "error": None, **more}


def test_calls_that_this_server_ran_are_calls_of_functions_under_their_makers_ids():
    calls = [ran(1), ran(2, output=None, error={"type": "http_error", "code": 502, "message": "Bad"})]
    made = {ran(n)["id"]: {"id": f"fc_{n}", "call_id": f"call_{n}x", "step": 0} for n in (1, 2)}
    thought = {"type": "reasoning", "id": "rs" + OURS, "summary": []}
    told = sent(
        {"type": "mcp_list_tools", "server_label": "dice", "tools": []},
        thought,
        *calls,
        origins={**made, thought["id"]: {"id": "rs_theirs", "encrypted_content": "sealed"}},
    )
    named = {"name": "dice__roll", "arguments": "{}"}
    assert told == [
        {"type": "reasoning", "id": "rs_theirs", "summary": [], "encrypted_content": "sealed"},
        {"id": "fc_1", "type": "function_call", "call_id": "call_1x", **named},
        {"id": "fc_2", "type": "function_call", "call_id": "call_2x", **named},
        {"type": "function_call_output", "call_id": "call_1x", "output": "6"},
        {"type": "function_call_output", "call_id": "call_2x", "output": "Error: HTTP 502: Bad"},
    ]


def test_a_call_that_a_client_brings_back_is_one_of_a_function_without_an_id():
    for id in (ran(1)["id"], "mcp_theirs"):
        told, _ = sent(ran(1, id=id))
        assert told == {"type": "function_call", "call_id": id, "name": "dice__roll", "arguments": "{}"}
    told, _ = sent(ran(1), dialect=profile.VLLM)
    assert told["id"] == ran(1)["id"]


def test_calls_that_the_upstream_ran_go_back_as_they_are():
    theirs = {ran(1)["id"]: {"id": "mcp_theirs"}}
    assert sent(ran(1), origins=theirs) == [ran(1, id="mcp_theirs")]


def test_an_upstream_that_runs_tools_of_servers_is_shown_all_calls_of_them():
    tools = [{"type": "mcp", "server_label": "dice", "server_url": "https://dice.example"}]
    bare = {key: value for key, value in ran(1).items() if key != "id"}
    ours = {ran(1)["id"]: {"id": "fc_1", "call_id": "call_1x", "step": 0}}
    assert sent(ran(1), origins=ours, tools=tools) == [bare]
    assert sent(ran(1), tools=tools) == [bare]


def test_a_search_that_this_server_ran_is_a_call_of_a_function():
    search = {"type": "tool_search_call", "id": "tsc" + OURS, "execution": "server", "call_id": None}
    found = {"type": "tool_search_output", "id": "tso" + OURS, "call_id": None, "tools": []}
    items = [{**search, "arguments": {"query": "x"}}, {**found, "execution": "server"}]
    assert [item["type"] for item in sent(*items)] == ["function_call", "function_call_output"]
    for kept in ({"tools": [{"type": "tool_search"}]}, {"origins": {i["id"]: {"id": "t"} for i in items}}):
        assert [item["type"] for item in sent(*items, **kept)] == [item["type"] for item in items]


def test_deepseek_hears_what_was_said_between_calls_before_them():
    reasoning = {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm"}]}
    history = [QUESTION, call(1), reasoning, call(2), output(1), output(2), call(3), output(3)]
    assert sent(*history, dialect=profile.DEEPSEEK) == [
        QUESTION,
        reasoning,
        call(1),
        call(2),
        output(1),
        output(2),
        call(3),
        output(3),
    ]


def test_vllm_is_not_told_the_status_of_calls():
    assert sent(call(1, status="completed"), dialect=profile.VLLM) == [call(1)]


def test_the_request_of_the_client_is_not_touched():
    item = {
        "type": "reasoning",
        "id": "rs" + OURS,
        "summary": [],
        "encrypted_content": "s",
        "status": "completed",
    }
    before = dict(item)
    request = {"include": ["web_search_call.results"]}
    OPENAI_RESPONSES.render_request(Turn("m", request, [item]), profile.OPENAI)
    assert item == before
    assert request == {"include": ["web_search_call.results"]}

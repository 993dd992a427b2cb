"""What an answer of Messages leaves for the next turn: the same blocks, in the same order, to the byte."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.stream.deltas import Opaque, Stopped
from lambda_responses.transformers.anthropic_messages import ANTHROPIC_MESSAGES, profiles
from lambda_responses.transformers.base import Turn
from tests.kit import check, emitter

Json = dict[str, Any]

MODEL = "claude-opus-5"
ASKED: Json = {"type": "message", "role": "user", "content": "Go on."}


def thinking(text: str = "Hm.", signature: str = "sig") -> Json:
    return {"type": "thinking", "thinking": text, "signature": signature}


def text(said: str, **more: Any) -> Json:
    return {"type": "text", "text": said, **more}


def use(id: str, name: str = "web_search", **asked: Any) -> Json:
    return {"type": "server_tool_use", "id": id, "name": name, "input": asked or {"query": "x"}}


def result(id: str, kind: str = "web_search", content: Any = ()) -> Json:
    return {"type": f"{kind}_tool_result", "tool_use_id": id, "content": content or []}


def call(id: str, **more: Any) -> Json:
    return {"type": "tool_use", "id": id, "name": "f", "input": {"a": 1}, **more}


CITED = text("It is.", citations=[{"type": "web_search_result_location", "url": "u", "encrypted_index": "e"}])
REDACTED: Json = {"type": "redacted_thinking", "data": "secret"}


def said(
    content: list[Json], stop: str = "end_turn", turn: Turn | None = None, **more: Any
) -> tuple[list[Json], dict[str, Json]]:
    """The items that a message makes, and what is kept beside them."""
    body = {"type": "message", "id": "msg_1", "content": content, "stop_reason": stop, **more}
    decoder = ANTHROPIC_MESSAGES.decoder(turn or Turn(MODEL, {}, []), profiles.ANTHROPIC)
    making = emitter()
    events = making.start()
    for chunk in ANTHROPIC_MESSAGES.as_chunks(body):
        for delta in decoder.feed(chunk):
            events += making.apply(delta)
    check([*events, *making.finish(at=2)])
    return making.response["output"], making.origins


def next_body(items: list[Json], origins: dict[str, Json], *after: Json) -> Json:
    turn = Turn(MODEL, {}, [ASKED, *items, *after], origins)
    return ANTHROPIC_MESSAGES.render_request(turn, profiles.ANTHROPIC).body


def replayed(content: list[Json], **options: Any) -> list[Json]:
    """What the next request has of a message with that content."""
    items, origins = said(content, **options)
    results = [
        {"type": "function_call_output", "call_id": item["call_id"], "output": "ok"}
        for item in items
        if item["type"] == "function_call"
    ]
    return next_body(items, origins, *results, ASKED)["messages"][1]["content"]


@pytest.mark.parametrize(
    "content",
    [
        [thinking(), text("Yes.")],
        [thinking(""), text("Yes.")],
        [REDACTED, thinking(), text("Yes.")],
        [thinking(), call("a"), call("b")],
        [text("a"), text("b")],
        [text("a"), CITED, text(" b")],
        [use("1"), result("1"), CITED],
        [use("1"), use("2"), result("1"), result("2"), text("a")],
        [use("1"), text("meanwhile"), result("1"), text("a")],
        [use("1"), call("a"), result("1"), text("b")],
        [text("a"), use("1", "tool_search_tool_bm25"), text("b"), result("1", "tool_search"), text("c")],
        [use("1", "code_execution"), call("a", caller={"type": "code_execution_20250825", "tool_id": "1"})],
        [{"type": "compaction", "content": "So far: nothing."}, text("Yes.")],
        [{"type": "container_upload", "file_id": "file_1"}, text("Yes.")],
        [result("of an earlier message"), text("Yes.")],
    ],
)
def test_an_answer_goes_back_as_it_came(content: list[Json]):
    assert replayed(content) == content


PAIRS = st.sampled_from(["web_search", "web_fetch", "code_execution", "tool_search_tool_bm25", "advisor"])
PLAIN = st.sampled_from([thinking(), thinking(""), REDACTED, text("a"), text("b"), CITED, "call"])


@given(st.lists(PLAIN | st.tuples(PAIRS, st.lists(PLAIN, max_size=2)), max_size=6))
def test_whatever_comes_between_whatever_it_goes_back_in_order(drawn: list[Any]):
    """A pair is a call of a hosted tool and its result, with other blocks in between."""
    content: list[Json] = []
    for entry in drawn:
        name, between = entry if isinstance(entry, tuple) else ("", [entry])
        id = f"srv_{len(content)}"
        content += [use(id, name)] if name else []
        content += [
            call(f"call_{len(content)}_{n}") if one == "call" else one for n, one in enumerate(between)
        ]
        content += [result(id, name)] if name else []
    content.append(text("End."))
    assert replayed(content) == content


def test_a_thought_that_was_cut_before_its_signature_is_not_sent_back():
    assert replayed([text("a"), thinking("Hm", "")], stop="max_tokens") == [text("a")]


def test_a_message_never_ends_with_a_thought():
    assert replayed([text("a"), thinking()], stop="max_tokens") == [text("a")]


def test_blank_text_of_the_model_is_not_sent_back():
    assert replayed([text("\n\n"), call("a")]) == [call("a")]


def test_a_hosted_call_that_was_cut_is_not_sent_back():
    assert replayed([text("a"), use("1")], stop="max_tokens") == [text("a")]


def test_a_program_that_waits_for_a_call_is_sent_back_with_its_container():
    waiting = use("1", "code_execution", code="f()")
    content = [waiting, call("a", caller={"type": "code_execution_20250825", "tool_id": "1"})]
    items, origins = said(content, stop="tool_use", container={"id": "container_1"})
    answer = {"type": "function_call_output", "call_id": "a", "output": "ok"}
    body = next_body(items, origins, answer)
    assert body["messages"][1]["content"] == content
    assert body["container"] == "container_1"
    assert "container" not in next_body(items, origins, answer, ASKED, {"role": "assistant", "content": "x"})


def test_a_paused_turn_goes_on_as_it_was():
    content = [thinking(), use("1"), result("1"), text("Wait."), use("2", query="more")]
    items, origins = said(content, stop="pause_turn")
    body = next_body(items, origins)
    assert body["messages"] == [
        {"role": "user", "content": [text("Go on.")]},
        {"role": "assistant", "content": content},
    ]


def test_what_a_paused_search_found_is_an_item_of_the_next_step():
    items, origins = said([use("2", query="more")], stop="pause_turn")
    assert items[0]["status"] == "incomplete"
    paused = Turn(MODEL, {}, [ASKED, *items], origins)
    found = result("2", content=[{"type": "web_search_result", "url": "https://a.example"}])
    later, kept = said([found, text("Yes.")], turn=paused)
    assert later[0]["status"] == "completed"
    assert later[0]["action"]["query"] == "more"
    assert later[0]["action"]["sources"] == [{"type": "url", "url": "https://a.example"}]
    renamed = [{**item, "id": f"later_{item['id']}"} for item in later]
    all_origins = {**origins, **{f"later_{id}": origin for id, origin in kept.items()}}
    body = next_body([*items, *renamed], all_origins, ASKED)
    assert body["messages"][1]["content"] == [use("2", query="more"), found, text("Yes.")]


def test_what_another_maker_thought_is_left_out_and_what_it_did_is_told():
    foreign: list[Json] = [
        {"type": "reasoning", "id": "rs_9", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {
            "type": "web_search_call",
            "id": "ws_9",
            "status": "completed",
            "action": {"type": "search", "query": "q"},
        },
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Yes."}]},
    ]
    body = next_body(foreign, {}, ASKED)
    assert body["messages"][1]["content"] == [text("[Searched the web: q]"), text("Yes.")]


def test_what_another_format_kept_is_not_taken_for_blocks():
    item = {"type": "reasoning", "id": "rs_9", "summary": []}
    spoken = {"role": "assistant", "content": "Yes."}
    body = next_body([item, spoken], {"rs_9": {"maker": "x", "reasoning_details": [], "0": "x"}}, ASKED)
    assert body["messages"][1]["content"] == [text("Yes.")]


def test_a_model_that_does_not_think_is_shown_no_thoughts():
    items, origins = said([thinking(), text("Yes.")])
    turn = Turn("claude-3-haiku-20240307", {}, [ASKED, *items, ASKED], origins)
    body = ANTHROPIC_MESSAGES.render_request(turn, profiles.ANTHROPIC).body
    assert body["messages"][1]["content"] == [text("Yes.")]


def test_a_server_of_another_make_gets_its_thoughts_back_unsigned():
    decoder = ANTHROPIC_MESSAGES.decoder(Turn("m", {}, []), profiles.DEFAULT)
    block = thinking("Hm.", "")
    body = {"type": "message", "id": "m", "content": [block, text("Yes.")], "stop_reason": "end_turn"}
    deltas = [delta for chunk in ANTHROPIC_MESSAGES.as_chunks(body) for delta in decoder.feed(chunk)]
    assert Opaque(0, {"message": "m", "0": block}) in deltas
    assert deltas[-1] == Stopped("end")


def test_calls_that_a_server_ran_stand_together_behind_their_thought():
    items, origins = said([thinking(), call("a"), call("b")], stop="tool_use")
    thought, *calls = items
    shown = {"type": "mcp_call", "server_label": "s", "name": "f", "arguments": '{"a":1}', "error": None}
    ran = [{**shown, "id": f"mcp_{c['call_id']}", "output": "ok"} for c in calls]
    ran[1] |= {"output": None, "error": {"type": "http_error", "code": 502, "message": "Bad"}}
    made = {item["id"]: {"call_id": c["call_id"], "step": 0} for item, c in zip(ran, calls, strict=True)}
    _, assistant, user = next_body([thought, *ran], {**origins, **made})["messages"]
    assert assistant["content"] == [thinking(), *(call(id, name="s__f") for id in "ab")]
    assert user["content"] == [
        {"type": "tool_result", "tool_use_id": "a", "content": "ok"},
        {
            "type": "tool_result",
            "tool_use_id": "b",
            "content": "Error: HTTP 502: Bad",
            "is_error": True,
        },
    ]


def test_a_call_of_a_program_that_a_server_ran_is_sent_back_as_it_came():
    waiting = use("1", "code_execution", code="f()")
    content = [waiting, call("a", caller={"type": "code_execution_20250825", "tool_id": "1"})]
    items, origins = said(content, stop="tool_use", container={"id": "container_1"})
    ran = {"type": "mcp_call", "id": "mcp_1", "server_label": "s", "name": "f", "arguments": '{"a":1}'}
    ran |= {"output": "ok", "error": None}
    made = {**origins[items[-1]["id"]], "call_id": "a", "step": 0}
    _, assistant, user = next_body([*items[:-1], ran], {**origins, "mcp_1": made})["messages"]
    assert assistant["content"] == content
    assert [block["tool_use_id"] for block in user["content"]] == ["a"]

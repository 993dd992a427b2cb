"""The context as chat messages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lambda_responses.transformers.base import Turn
from lambda_responses.transformers.chat_completions import CHAT_COMPLETIONS, ChatProfile, profiles
from lambda_responses.wire.errors import InvalidRequestError

Json = dict[str, Any]

PLAIN = ChatProfile()
USER = {"type": "message", "role": "user", "content": "Hi"}
PICTURE = {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "high"}


def messages(*items: Json, profile: ChatProfile = PLAIN, origins: Any = None, **request: Any) -> list[Json]:
    turn = Turn("m", request, items, origins or {})
    return CHAT_COMPLETIONS.render_request(turn, profile).body["messages"]


def refusal(*items: Json, **options: Any) -> InvalidRequestError:
    with pytest.raises(InvalidRequestError) as caught:
        messages(*items, **options)
    return caught.value


def call(id: str, /, name: str = "f", arguments: str = "{}", **more: Any) -> Json:
    return {"type": "function_call", "call_id": id, "name": name, "arguments": arguments, **more}


def result(id: str, output: Any = "ok") -> Json:
    return {"type": "function_call_output", "call_id": id, "output": output}


def said(*texts: str) -> Json:
    parts = [{"type": "output_text", "text": text, "annotations": []} for text in texts]
    return {"type": "message", "role": "assistant", "status": "completed", "content": parts}


def rendered_call(id: str, name: str = "f", arguments: str = "{}") -> Json:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


# Who speaks.


def test_instructions_come_first_in_the_role_that_the_vendor_knows() -> None:
    assert messages(USER, instructions="Be brief.") == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
    ]
    assert messages(USER, instructions="Be brief.", profile=profiles.OPENAI)[0]["role"] == "developer"


def test_system_and_developer_messages_keep_their_place() -> None:
    late = {
        "type": "message",
        "role": "developer",
        "content": [{"type": "input_text", "text": "Now in French."}],
    }
    assert messages(USER, late)[1] == {"role": "system", "content": "Now in French."}


def test_all_system_text_is_one_message_where_a_template_wants_that() -> None:
    late = {
        "role": "system",
        "content": [{"type": "input_text", "text": "A"}, {"type": "input_text", "text": "B"}],
    }
    told = messages(USER, late, instructions="Be brief.", profile=ChatProfile(one_system_message=True))
    assert told == [{"role": "system", "content": "Be brief.\n\nA\nB"}, {"role": "user", "content": "Hi"}]


def test_neighbours_are_joined_where_roles_must_alternate() -> None:
    alternating = ChatProfile(alternating_roles=True)
    assert messages(USER, USER, profile=alternating) == [{"role": "user", "content": "Hi\n\nHi"}]
    joined = messages(USER, {**USER, "content": [PICTURE]}, profile=alternating)
    assert [part["type"] for part in joined[0]["content"]] == ["text", "image_url"]


def test_one_turn_of_the_assistant_is_one_message() -> None:  # 28, and half of all bridges
    told = messages(
        USER, said("Let me ", "see."), call("a"), call("b", "g"), result("b", "2"), result("a", "1")
    )
    assert told[1:] == [
        {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": [rendered_call("a"), rendered_call("b", "g")],
        },
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": "2"},
    ]


def test_a_result_follows_its_call_whatever_stood_between() -> None:
    roles = [message["role"] for message in messages(USER, call("a"), USER, result("a"), said("Done."))]
    assert roles == ["user", "assistant", "tool", "user", "assistant"]


def test_equal_call_ids_of_different_turns_are_matched_in_order() -> None:  # 34
    told = messages(call("call_0"), result("call_0", "1"), USER, call("call_0"), result("call_0", "2"))
    assert [message["content"] for message in told if message["role"] == "tool"] == ["1", "2"]


def test_a_result_without_its_call_is_refused() -> None:  # 35
    error = refusal(USER, result("a"))
    assert error.param == "input[1]"
    assert error.message == "No tool call found for function call output with call_id a."


def test_a_call_without_its_result_is_refused() -> None:
    error = refusal(USER, call("a"), USER)
    assert error.param == "input"
    assert error.message == "No tool output found for function call a."


def test_empty_arguments_are_an_object() -> None:
    assert messages(call("a", arguments=""), result("a"))[0]["tool_calls"] == [rendered_call("a")]


@pytest.mark.parametrize(
    ("style", "content"), [("absent", {}), ("null", {"content": None}), ("empty", {"content": ""})]
)
def test_content_beside_calls_is_what_the_vendor_takes(style: Any, content: Json) -> None:
    told = messages(call("a"), result("a"), profile=ChatProfile(text_without_content=style))[0]
    assert told == {"role": "assistant", **content, "tool_calls": [rendered_call("a")]}


def test_a_refusal_has_its_own_member_or_is_text() -> None:
    refused = {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}
    assert messages(refused, profile=profiles.OPENAI) == [
        {"role": "assistant", "content": None, "refusal": "No."}
    ]
    assert messages(refused) == [{"role": "assistant", "content": "No."}]


# What users and tools show.


def test_an_image_keeps_its_detail_only_where_that_is_known() -> None:
    seen = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "See"}, PICTURE]}
    url = PICTURE["image_url"]
    assert messages(seen)[0]["content"][1] == {"type": "image_url", "image_url": {"url": url}}
    detailed = messages(seen, profile=profiles.OPENAI)[0]["content"][1]
    assert detailed == {"type": "image_url", "image_url": {"url": url, "detail": "high"}}


def test_files_and_sounds_are_carried_where_they_are_taken() -> None:
    file = {"type": "input_file", "file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"}
    sound = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    assert messages({**USER, "content": [file]}, profile=profiles.OPENAI)[0]["content"] == [
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}}
    ]
    linked = {"type": "input_file", "file_url": "https://a.example/a.pdf"}
    assert messages({**USER, "content": [linked]}, profile=profiles.MISTRAL)[0]["content"] == [
        {"type": "document_url", "document_url": "https://a.example/a.pdf"}
    ]
    assert messages({**USER, "content": [sound]}, profile=profiles.OPENROUTER)[0]["content"] == [sound]


@pytest.mark.parametrize(
    ("part", "profile", "param"),
    [
        (PICTURE, profiles.DEEPSEEK, "input[0].content[0]"),
        ({"type": "input_file", "file_data": "AAAA"}, PLAIN, "input[0].content[0]"),
        ({"type": "input_audio", "input_audio": {}}, profiles.OPENAI, "input[0].content[0]"),
        ({"type": "input_image", "file_id": "file_1"}, PLAIN, "input[0].content[0]"),
        (
            {"type": "input_file", "file_url": "https://a.example"},
            profiles.OPENAI,
            "input[0].content[0].file_url",
        ),
        ({"type": "input_file", "file_id": "file_1"}, profiles.OPENAI, "input[0].content[0].file_id"),
    ],
)
def test_content_that_cannot_be_carried_is_refused_by_name(
    part: Json, profile: ChatProfile, param: str
) -> None:
    assert refusal({**USER, "content": [part]}, profile=profile).param == param


def test_an_image_in_a_result_follows_in_a_user_message() -> None:  # 36, 37
    shown = result("a", [{"type": "input_text", "text": "Here."}, PICTURE])
    told = messages(call("a"), call("b"), shown, result("b"))
    assert [message["role"] for message in told] == ["assistant", "tool", "tool", "user"]
    assert told[1]["content"] == "Here."
    assert told[3]["content"] == [{"type": "image_url", "image_url": {"url": PICTURE["image_url"]}}]


def test_an_image_in_a_result_stays_where_tools_may_show_one() -> None:
    told = messages(call("a"), result("a", [PICTURE]), profile=profiles.OLLAMA)
    assert told[1]["content"] == [{"type": "image_url", "image_url": {"url": PICTURE["image_url"]}}]


def test_a_file_in_a_result_is_refused_where_the_result_stands() -> None:
    assert refusal(call("a"), USER, result("a", [{"type": "input_file"}])).param == "input[2].output[0]"


# Reasoning.

THOUGHT = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [],
    "content": [{"type": "reasoning_text", "text": "hm"}],
}
SUMMARY = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]}


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("none", {"content": "So."}),
        ("reasoning_content", {"content": "So.", "reasoning_content": "hm"}),
        ("reasoning", {"content": "So.", "reasoning": "hm"}),
        ("reasoning_details", {"content": "So.", "reasoning": "hm"}),
        ("think_tags", {"content": "<think>hm</think>So."}),
        (
            "thinking_parts",
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                    {"type": "text", "text": "So."},
                ]
            },
        ),
    ],
)
def test_reasoning_goes_back_as_the_vendor_wants_it(style: Any, expected: Json) -> None:  # 23
    told = messages(THOUGHT, said("So."), profile=ChatProfile(reasoning_replay=style))
    assert told == [{"role": "assistant", **expected}]


def test_reasoning_goes_back_beside_the_calls_it_led_to() -> None:
    told = messages(THOUGHT, call("a"), result("a"), profile=profiles.DEEPSEEK)
    assert told[0] == {"role": "assistant", "reasoning_content": "hm", "tool_calls": [rendered_call("a")]}


def test_reasoning_details_go_back_verbatim() -> None:  # 24
    details = [
        {"type": "reasoning.encrypted", "data": "X"},
        {"type": "reasoning.text", "text": "hm", "signature": "S"},
    ]
    origins = {"rs_1": {"reasoning_details": details[:1]}, "fc_1": {"reasoning_details": details[1:]}}
    told = messages(THOUGHT, call("a", id="fc_1"), result("a"), profile=profiles.OPENROUTER, origins=origins)
    assert told[0]["reasoning_details"] == details
    assert "reasoning" not in told[0]


def test_later_details_stand_for_all_that_came_before() -> None:
    signed = {"type": "reasoning.text", "text": "hm", "signature": "S"}
    origins = {
        "rs_1": {"reasoning_details": [{"type": "reasoning.text", "text": "hm"}]},
        "rs_2": {"reasoning_details": [signed], "supersedes": True},
    }
    later = {"type": "reasoning", "id": "rs_2", "summary": []}
    told = messages(THOUGHT, said("So."), later, profile=profiles.OPENROUTER, origins=origins)
    assert told[0]["reasoning_details"] == [signed]


@pytest.mark.parametrize(
    ("profile", "model", "member"),
    [
        (profiles.DEEPSEEK, "deepseek-reasoner", "reasoning_content"),
        (profiles.DEEPSEEK, "deepseek-chat", None),
        (profiles.MOONSHOT, "kimi-k2-thinking", "reasoning_content"),
        (profiles.GROQ, "openai/gpt-oss-20b", None),
    ],
)
def test_calls_of_others_get_a_thought_where_a_model_demands_one(
    profile: ChatProfile, model: str, member: str | None
) -> None:
    turn = Turn(model, {}, [call("a"), result("a"), said("So.")])
    called, _, spoke = CHAT_COMPLETIONS.render_request(turn, profile).body["messages"]
    assert bool(called.get("reasoning_content")) == (member is not None)
    assert "reasoning_content" not in spoke


@pytest.mark.parametrize(
    ("profile", "model", "taken"),
    [
        (profiles.GROQ, "openai/gpt-oss-20b", True),
        (profiles.GROQ, "llama-3.3-70b-versatile", False),
        (profiles.MISTRAL, "magistral-medium-latest", True),
        (profiles.MISTRAL, "ministral-3b-latest", False),
        (profiles.HUGGINGFACE, "openai/gpt-oss-20b", False),
        (profiles.OPENAI, "gpt-5.6", False),
    ],
)
def test_the_thoughts_of_others_go_only_to_models_that_take_them(
    profile: ChatProfile, model: str, taken: bool
) -> None:
    turn = Turn(model, {}, [THOUGHT, said("So.")])
    assert ("hm" in str(CHAT_COMPLETIONS.render_request(turn, profile).body)) is taken


def test_a_summary_goes_back_to_its_own_maker_alone() -> None:
    own = messages(SUMMARY, said("So."), profile=profiles.DEEPSEEK, origins={"rs_1": {}})
    assert own[0]["reasoning_content"] == "hm"
    assert "reasoning_content" not in messages(SUMMARY, said("So."), profile=profiles.DEEPSEEK)[0]


def test_reasoning_alone_is_no_message() -> None:
    assert messages(USER, THOUGHT, profile=profiles.DEEPSEEK) == [{"role": "user", "content": "Hi"}]


# Custom tools, namespaces and ids.

EXEC = {"type": "custom", "name": "exec"}
RAN = [
    {"type": "custom_tool_call", "call_id": "a", "name": "exec", "input": 'say "hi"'},
    {"type": "custom_tool_call_output", "call_id": "a", "output": "hi"},
]


def test_a_custom_call_is_wrapped_where_the_vendor_has_none() -> None:  # 40
    told = messages(*RAN, tools=[EXEC])
    assert told[0]["tool_calls"] == [rendered_call("a", "exec", '{"input": "say \\"hi\\""}')]
    assert told[1] == {"role": "tool", "tool_call_id": "a", "content": "hi"}


def test_a_custom_call_is_itself_where_the_vendor_knows_them() -> None:
    told = messages(*RAN, tools=[EXEC], profile=profiles.OPENAI)
    assert told[0]["tool_calls"] == [
        {"id": "a", "type": "custom", "custom": {"name": "exec", "input": 'say "hi"'}}
    ]


def test_a_call_in_a_namespace_has_its_flat_name() -> None:
    told = messages(call("a", "roll", namespace="mcp__dice"), result("a"))
    assert told[0]["tool_calls"] == [rendered_call("a", "mcp__dice__roll")]


def test_mistral_gets_ids_of_nine_letters_and_digits() -> None:  # 33
    told = messages(call("call_abc-123"), result("call_abc-123"), profile=profiles.MISTRAL)
    id = told[0]["tool_calls"][0]["id"]
    assert len(id) == 9
    assert id.isalnum()
    assert told[1]["tool_call_id"] == id
    assert (
        messages(call("abcDEF123"), result("abcDEF123"), profile=profiles.MISTRAL)[1]["tool_call_id"]
        == "abcDEF123"
    )
    assert messages(call("call_abc-123"), result("call_abc-123"), profile=profiles.MISTRAL) == told


def test_a_template_without_tools_is_told_of_them_in_words() -> None:
    told = messages(
        USER, said("Well."), call("a", arguments='{"x":1}'), result("a", "2"), USER, profile=profiles.DEMO
    )
    assert told == [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Well."},
        {"role": "user", "content": 'f({"x":1}): 2\n\nHi'},
    ]


# Items that other formats made.

ROLLED = {"type": "mcp_call", "id": "mcp_1", "server_label": "dice", "name": "roll"}


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        (
            [{**ROLLED, "arguments": "{}", "output": "6"}],
            [("dice__roll", "{}", "6")],
        ),
        (
            [{**ROLLED, "arguments": "", "error": "broke"}],
            [("dice__roll", "{}", "Error: broke")],
        ),
        (
            [
                {**ROLLED, "type": "mcp_approval_request", "id": "r", "arguments": "{}"},
                {"type": "mcp_approval_response", "approval_request_id": "r", "approve": False},
            ],
            [("dice__roll", "{}", "The user declined this call.")],
        ),
        (
            [
                {"type": "local_shell_call", "call_id": "c", "action": {"type": "exec", "command": ["ls"]}},
                {"type": "local_shell_call_output", "call_id": "c", "output": "a.txt"},
            ],
            [("local_shell", '{"type": "exec", "command": ["ls"]}', "a.txt")],
        ),
        (
            [
                {"type": "apply_patch_call", "call_id": "c", "operation": {"path": "a"}},
                {"type": "apply_patch_call_output", "call_id": "c", "status": "completed"},
            ],
            [("apply_patch", '{"path": "a"}', "completed")],
        ),
        (
            [
                {"type": "shell_call", "call_id": "c", "action": {"commands": ["ls"]}},
                {"type": "shell_call_output", "call_id": "c", "output": [{"stdout": "a", "stderr": ""}]},
            ],
            [("shell", '{"commands": ["ls"]}', '[{"stdout": "a", "stderr": ""}]')],
        ),
        (
            [
                {"type": "program", "id": "p", "call_id": "c", "code": "1+1", "fingerprint": "f"},
                {"type": "program_output", "id": "o", "call_id": "c", "result": "2"},
            ],
            [("program", "1+1", "2")],
        ),
        (
            [
                {"type": "tool_search_call", "call_id": "c", "arguments": {"query": "dice"}},
                {"type": "tool_search_output", "call_id": "c", "tools": [{"name": "roll"}]},
            ],
            [("tool_search", '{"query": "dice"}', "Tools found: roll")],
        ),
    ],
)  # fmt: skip
def test_what_a_tool_did_elsewhere_stays_a_call_with_its_result(
    items: list[Json], expected: list[Any]
) -> None:
    told = messages(*items)
    calls = told[0]["tool_calls"]
    results = [message["content"] for message in told[1:]]
    found = [
        (c["function"]["name"], c["function"]["arguments"], r) for c, r in zip(calls, results, strict=True)
    ]
    assert found == expected


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (
            {"type": "web_search_call", "action": {"query": "rain"}},
            "[Searched the web: rain]",
        ),
        (
            {"type": "web_search_call", "action": {"queries": ["rain", "snow"]}},
            "[Searched the web: rain; snow]",
        ),
        (
            {
                "type": "file_search_call",
                "queries": ["rain"],
                "results": [{"filename": "a.md", "text": "wet"}],
            },
            "[Searched files: rain]\na.md: wet",
        ),
        (
            {"type": "code_interpreter_call", "code": "1+1", "outputs": [{"type": "logs", "logs": "2"}]},
            "[Ran code]\n1+1\n[Result]\n2",
        ),
        ({"type": "image_generation_call", "revised_prompt": "a cat"}, "[Made an image: a cat]"),
    ],
)
def test_what_a_hosted_tool_found_is_told_with_the_answer(item: Json, text: str) -> None:
    assert messages(USER, item, said("So."))[1:] == [{"role": "assistant", "content": f"{text}\nSo."}]


def test_a_screenshot_is_shown_to_the_model() -> None:
    shot = {"type": "computer_screenshot", "image_url": "data:image/png;base64,AAAA"}
    told = messages(
        {"type": "computer_call", "call_id": "c", "action": {"type": "screenshot"}},
        {"type": "computer_call_output", "call_id": "c", "output": shot},
    )
    assert told[0]["tool_calls"][0]["function"]["name"] == "computer"
    assert told[2]["content"][0]["image_url"] == {"url": "data:image/png;base64,AAAA"}


@pytest.mark.parametrize(
    "item",
    [
        {"type": "mcp_list_tools", "server_label": "dice", "tools": []},
        {"type": "additional_tools", "role": "developer", "tools": []},
        {"type": "web_search_call", "action": {"type": "open_page"}},
        {"type": "mcp_approval_request", "id": "r", "server_label": "d", "name": "n", "arguments": "{}"},
    ],
)
def test_items_that_say_nothing_to_the_model_are_no_messages(item: Json) -> None:
    assert messages(USER, item) == [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize("kind", ["compaction", "item_reference", "compaction_trigger", "novelty"])
def test_an_item_that_only_its_maker_can_read_is_refused_by_place(kind: str) -> None:
    error = refusal(USER, {"type": kind, "id": "x"})
    assert error.param == "input[1]"
    assert error.status == 400


def test_an_item_without_a_known_role_is_refused_by_place() -> None:
    assert refusal(USER, {"type": "message", "role": "oracle", "content": "x"}).param == "input[1]"


def test_profiles_can_be_changed_by_an_operator() -> None:
    assert (
        "reasoning_content"
        not in messages(THOUGHT, said("So."), profile=replace(profiles.DEEPSEEK, reasoning_replay="none"))[0]
    )

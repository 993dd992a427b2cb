"""A turn as Cohere's chat API takes it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from lambda_responses.transformers.base import Rendered, Turn, UpstreamFailure
from lambda_responses.transformers.cohere_chat import COHERE, COHERE_CHAT
from lambda_responses.wire.errors import InvalidRequestError

Json = dict[str, Any]

USER: Json = {"type": "message", "role": "user", "content": "Hi"}
F: Json = {
    "type": "function",
    "name": "f",
    "description": "F.",
    "parameters": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
    "strict": True,
}
BARE: Json = {"type": "function", "name": "g", "parameters": {"type": "object", "properties": {}}}
CUSTOM: Json = {"type": "custom", "name": "c"}
THINKER = "command-a-reasoning-08-2025"


def render(
    *items: Json, model: str = "command-a-03-2025", origins: dict[str, Json] | None = None, **request: Any
) -> Rendered:
    turn = Turn(model, request, list(items) or [USER], origins or {})
    return COHERE_CHAT.render_request(turn, COHERE)


def messages(*items: Json, **about: Any) -> list[Json]:
    return render(*items, **about).body["messages"]


def file(text: str = "words", media_type: str = "text/plain") -> Json:
    data = base64.b64encode(text.encode()).decode()
    return {
        "type": "input_file",
        "filename": "a.txt",
        "file_data": f"data:{media_type};base64,{data}",
    }


def call(call_id: str, arguments: str = '{"a":"b"}') -> Json:
    return {"type": "function_call", "call_id": call_id, "name": "f", "arguments": arguments}


def result(call_id: str, output: Any = "done") -> Json:
    return {"type": "function_call_output", "call_id": call_id, "output": output}


def reasoning(id: str = "rs_1", text: str = "Hm", **about: Any) -> Json:
    told = [{"type": "reasoning_text", "text": text}]
    return {"type": "reasoning", "id": id, "summary": [], "content": told, **about}


def test_a_request_is_streamed_from_the_version_that_has_messages() -> None:
    rendered = render()
    assert rendered.path == "v2/chat"
    assert rendered.body == {
        "model": "command-a-03-2025",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
    }


@pytest.mark.parametrize(
    ("request_", "members", "dropped"),
    [
        ({"max_output_tokens": 5}, {"max_tokens": 5}, ()),
        ({"temperature": 0.0, "top_p": 0.5}, {"temperature": 0.0, "p": 0.5}, ()),
        ({"top_p": 1.0}, {}, ("top_p",)),
        ({"frequency_penalty": 1, "presence_penalty": -1}, {"frequency_penalty": 1}, ("presence_penalty",)),
        ({"text": {"format": {"type": "text"}, "verbosity": "low"}}, {}, ("text.verbosity",)),
        (
            {"text": {"format": {"type": "json_object"}}},
            {"response_format": {"type": "json_object"}},
            (),
        ),
        (
            {"text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}}},
            {"response_format": {"type": "json_object", "json_schema": {"type": "object"}}},
            (),
        ),
        ({"include": ["message.output_text.logprobs"]}, {"logprobs": True}, ()),
        ({"reasoning": {"effort": "high", "summary": "auto"}}, {}, ("reasoning.effort", "reasoning.summary")),
        (
            {"prompt_cache_key": "k", "user": "u", "service_tier": "flex", "truncation": "auto"},
            {},
            ("prompt_cache_key", "user", "service_tier"),
        ),
        ({"service_tier": "auto", "truncation": "disabled", "metadata": {"a": "b"}}, {}, ()),
    ],
)
def test_settings_go_where_they_have_a_place(request_: Json, members: Json, dropped: tuple[str, ...]) -> None:
    rendered = render(**request_)
    rest = {k: v for k, v in rendered.body.items() if k not in ("model", "messages", "stream")}
    assert (rest, rendered.dropped) == (members, dropped)


@pytest.mark.parametrize(
    ("effort", "thinking"),
    [
        ("none", {"type": "disabled"}),
        ("low", {"type": "enabled", "token_budget": 2048}),
        ("max", {"type": "enabled"}),
    ],
)
def test_an_effort_is_a_budget_for_models_that_think(effort: str, thinking: Json) -> None:
    rendered = render(model=THINKER, reasoning={"effort": effort, "summary": None})
    assert rendered.body["thinking"] == thinking
    assert rendered.dropped == ()


def test_alternatives_to_a_token_are_not_given() -> None:
    with pytest.raises(InvalidRequestError) as refused:
        render(top_logprobs=2)
    assert refused.value.param == "top_logprobs"


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(InvalidRequestError) as refused:
        render(text={"format": {"type": "grammar"}})
    assert refused.value.param == "text.format"


@pytest.mark.parametrize(
    "schema", [{"type": "array", "items": {}}, {"anyOf": [{"type": "object"}]}, {"type": ["object", "null"]}]
)
def test_a_schema_whose_root_is_no_object_is_told_in_words(schema: Json) -> None:
    wanted = {"format": {"type": "json_schema", "name": "n", "schema": schema}}
    body = render(text=wanted, instructions="I").body
    assert "response_format" not in body
    brief, told, _ = body["messages"]
    assert (brief["content"], told["role"]) == ("I", "system")
    assert told["content"].endswith(json.dumps(schema))


# Tools.


@pytest.mark.parametrize(
    ("choice", "offered", "said"),
    [
        (None, ["f", "g"], None),
        ("auto", ["f", "g"], None),
        ("none", ["f", "g"], "NONE"),
        ("required", ["f", "g"], "REQUIRED"),
        ({"type": "function", "name": "g"}, ["g"], "REQUIRED"),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
            ["f"],
            None,
        ),
    ],
)
def test_a_choice_is_kept_by_what_is_offered(choice: Any, offered: list[str], said: str | None) -> None:
    body = render(tools=[F, BARE], tool_choice=choice).body
    assert [tool["function"]["name"] for tool in body["tools"]] == offered
    assert body.get("tool_choice") == said


@pytest.mark.parametrize(
    ("tools", "strict"),
    [
        ([F], True),
        ([F, CUSTOM], True),
        ([{**F, "strict": False}], False),
        ([F, {**BARE, "strict": True}], False),
    ],
)
def test_arguments_fit_their_schemas_where_all_tools_ask_for_it(tools: list[Json], strict: bool) -> None:
    rendered = render(tools=tools)
    assert rendered.body.get("strict_tools", False) is strict
    asked = [f"tools[{index}].strict" for index, tool in enumerate(tools) if tool.get("strict")]
    assert rendered.dropped == (() if strict else tuple(asked))


def test_tools_that_cohere_does_not_host_are_left_out_and_named() -> None:
    rendered = render(tools=[{"type": "web_search"}, F], parallel_tool_calls=False)
    assert rendered.dropped == ("tools[0]", "parallel_tool_calls")
    assert "tools" not in render(tools=[{"type": "web_search"}], parallel_tool_calls=False).body
    with pytest.raises(InvalidRequestError) as refused:
        render(tools=[{"type": "web_search"}], tool_choice={"type": "web_search"})
    assert refused.value.param == "tool_choice"


# Messages.


def test_roles_are_cohere_s_own() -> None:
    developer = {"type": "message", "role": "developer", "content": "D"}
    assert messages(USER, developer, instructions="I") == [
        {"role": "system", "content": "I"},
        {"role": "user", "content": "Hi"},
        {"role": "system", "content": "D"},
    ]


def test_images_keep_their_address_and_detail() -> None:
    part = {"type": "input_image", "image_url": "https://a.example/a.png", "detail": "low"}
    (said,) = messages({**USER, "content": [part]})
    assert said["content"] == [
        {"type": "image_url", "image_url": {"url": "https://a.example/a.png", "detail": "low"}}
    ]


def test_files_of_text_are_documents_that_can_be_cited() -> None:
    asked = {
        **USER,
        "content": [{"type": "input_text", "text": "Hi"}, file(), file("{}", "application/json")],
    }
    body = render(asked).body
    assert body["messages"][0]["content"] == [{"type": "text", "text": "Hi"}]
    assert body["documents"] == [
        {"id": "doc:0", "data": {"title": "a.txt", "text": "words"}},
        {"id": "doc:1", "data": {"title": "a.txt", "text": "{}"}},
    ]
    assert COHERE_CHAT.traits("m", COHERE).fetches == {"input_file"}


@pytest.mark.parametrize(
    ("model", "sees"),
    [
        ("command-a-03-2025", False),
        ("command-r7b-12-2024", False),
        (THINKER, False),
        ("command-a-vision-07-2025", True),
        ("c4ai-aya-vision-32b", True),
        ("somebody's", True),
    ],
)
def test_models_that_see_no_images_are_known(model: str, sees: bool) -> None:
    assert COHERE_CHAT.traits(model, COHERE).inputs == {"input_file"} | ({"input_image"} if sees else set())


@pytest.mark.parametrize(
    "part",
    [
        file(media_type="application/pdf"),
        {"type": "input_file", "file_data": "data:text/plain;base64,/w=="},
        {"type": "input_file", "file_data": "no base64"},
        {"type": "input_file", "file_id": "file_1"},
        {"type": "input_image", "file_id": "file_1"},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
    ],
)
def test_content_that_cohere_does_not_take_is_refused_by_its_place(part: Json) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        render({**USER, "content": [{"type": "input_text", "text": "Hi"}, part]})
    assert refused.value.param == "input[0].content[1]"
    with pytest.raises(InvalidRequestError) as refused:
        render(call("a"), result("a", [part]))
    assert refused.value.param == "input[1].output[0]"


def test_calls_and_results_keep_together() -> None:
    said = messages(USER, call("a"), call("b", ""), result("b", "2"), result("a", "1"))
    assert [message["role"] for message in said] == ["user", "assistant", "tool", "tool"]
    assert said[1] == {
        "role": "assistant",
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"a":"b"}'}},
            {"id": "b", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        ],
    }
    assert [(message["tool_call_id"], message["content"]) for message in said[2:]] == [("a", "1"), ("b", "2")]


def test_a_result_may_hold_documents_and_its_images_follow() -> None:
    image = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}
    shown = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    said = messages(call("a"), result("a", [{"type": "input_text", "text": "x"}, file(), image]))
    assert said[1]["content"] == [
        {"type": "text", "text": "x"},
        {"type": "document", "document": {"data": {"title": "a.txt", "text": "words"}}},
    ]
    assert said[2] == {"role": "user", "content": [shown]}
    said = messages(call("a"), result("a", [image]))
    assert said[1]["content"]
    assert said[2] == {"role": "user", "content": [shown]}


def test_a_custom_tool_is_a_function_of_one_string() -> None:
    spoken = {"type": "custom_tool_call", "call_id": "a", "name": "c", "input": "x"}
    said = messages(
        spoken, {"type": "custom_tool_call_output", "call_id": "a", "output": "y"}, tools=[CUSTOM]
    )
    assert said[0]["tool_calls"][0]["function"] == {"name": "c", "arguments": '{"input": "x"}'}


def test_what_a_model_thought_goes_back_as_what_it_was() -> None:
    own = {"rs_1": {"cohere": "thinking", "maker": "m"}, "rs_2": {"cohere": "tool_plan"}}
    items = (reasoning("rs_1", "Hm"), reasoning("rs_2", "Plan"), call("a"), result("a"))
    said = messages(*items, origins=own)[0]
    assert said["content"] == [{"type": "thinking", "thinking": "Hm"}]
    assert said["tool_plan"] == "Plan"


def test_what_others_thought_goes_only_to_models_that_think() -> None:
    answer = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "A"}]}
    text = {"type": "text", "text": "A"}
    assert messages(reasoning(), answer)[0]["content"] == [text]
    thought = {"type": "thinking", "thinking": "Hm"}
    assert messages(reasoning(), answer, model=THINKER)[0]["content"] == [thought, text]
    sealed = {"type": "reasoning", "id": "rs_9", "summary": [{"type": "summary_text", "text": "S"}]}
    assert messages(sealed, answer, model=THINKER)[0]["content"] == [text]
    assert messages(USER, reasoning(), model=THINKER) == [{"role": "user", "content": "Hi"}]


def test_a_refusal_is_text() -> None:
    answer = {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}
    assert messages(answer)[0]["content"] == [{"type": "text", "text": "No."}]


# Failures.


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (
            400,
            '{"error_type":"TOO_MANY_TOKENS","message":"too many tokens"}',
            (400, "context_length_exceeded", "input"),
        ),
        (401, '{"id":"1","message":"invalid api token"}', (502, "upstream_auth_error", None)),
        (404, '{"id":"1","message":"model \'x\' not found"}', (400, "model_not_found", "model")),
        (429, '{"message":"trial key limit"}', (429, "rate_limit_exceeded", None)),
        (503, "", (503, "server_is_overloaded", None)),
        (500, "<html>", (502, "server_error", None)),
        (400, '{"message":"bad","param":"messages[0].content"}', (400, None, "input")),
    ],
)
def test_a_failure_is_told_in_the_words_of_the_responses_api(
    status: int, body: str, expected: tuple[int, str | None, str | None]
) -> None:
    error = COHERE_CHAT.map_error(UpstreamFailure(status, {}, body))
    told = error.body()["error"]
    assert (error.status, told["code"], told["param"]) == expected

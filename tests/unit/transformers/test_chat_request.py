"""Settings, tools and choices as each dialect takes them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lambda_responses.transformers.base import Rendered, Turn
from lambda_responses.transformers.chat_completions import CHAT_COMPLETIONS, ChatProfile, profiles
from lambda_responses.transformers.model_rules import ModelRule
from lambda_responses.wire.errors import InvalidRequestError

Json = dict[str, Any]

PLAIN = ChatProfile()
USER = {"type": "message", "role": "user", "content": "Hi"}
SCHEMA = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}
F = {"type": "function", "name": "f", "description": "Does f.", "parameters": SCHEMA, "strict": True}
G = {"type": "function", "name": "g", "parameters": SCHEMA}
EXEC = {"type": "custom", "name": "exec", "description": "Runs."}
DICE = {"type": "namespace", "name": "mcp__dice", "description": "Dice.", "tools": [{**G, "name": "roll"}]}
SEARCH = {"type": "web_search"}


def render(
    profile: ChatProfile = PLAIN, *, model: str = "m", items: Any = (USER,), **request: Any
) -> Rendered:
    return CHAT_COMPLETIONS.render_request(Turn(model, request, items), profile)


def refused(profile: ChatProfile = PLAIN, **request: Any) -> str | None:
    with pytest.raises(InvalidRequestError) as caught:
        render(profile, **request)
    assert caught.value.status == 400
    return caught.value.param


# Settings.


def test_the_smallest_request_streams_and_asks_for_usage() -> None:
    rendered = render()
    assert rendered.path == "chat/completions"
    assert rendered.body == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert rendered.dropped == ()
    assert "stream_options" not in render(profiles.MISTRAL).body


@pytest.mark.parametrize(
    ("profile", "model", "request_", "expected", "dropped"),
    [
        (PLAIN, "m", {"max_output_tokens": 9}, {"max_tokens": 9}, ()),
        (profiles.OPENAI, "gpt-4o", {"max_output_tokens": 9}, {"max_completion_tokens": 9}, ()),
        (profiles.AZURE, "mistral-large", {"max_output_tokens": 9}, {"max_tokens": 9}, ()),
        (profiles.DEMO, "m", {}, {"max_tokens": 256, "repeat_penalty": 1.1}, ()),
        (profiles.DEMO, "m", {"max_output_tokens": 9}, {"max_tokens": 9, "repeat_penalty": 1.1}, ()),
        (PLAIN, "m", {"temperature": 0, "top_p": 0.5}, {"temperature": 0, "top_p": 0.5}, ()),
        (profiles.OPENAI, "gpt-5.6", {"temperature": 0.2, "top_p": 1}, {}, ("temperature", "top_p")),
        (profiles.OPENAI, "o3-mini", {"temperature": 0.2}, {}, ("temperature",)),
        (profiles.OPENAI, "gpt-5-chat-latest", {"temperature": 0.2}, {"temperature": 0.2}, ()),
        (profiles.OPENAI, "gpt-4o", {"prompt_cache_key": "k"}, {"prompt_cache_key": "k"}, ()),
        (PLAIN, "m", {"prompt_cache_key": "k"}, {}, ("prompt_cache_key",)),
        (profiles.OPENAI, "gpt-4o", {"safety_identifier": "u"}, {"safety_identifier": "u"}, ()),
        (PLAIN, "m", {"safety_identifier": "u", "user": "v"}, {}, ("safety_identifier", "user")),
        (profiles.OPENAI, "gpt-4o", {"service_tier": "flex"}, {"service_tier": "flex"}, ()),
        (profiles.GROQ, "qwen/qwen3-32b", {"service_tier": "default"}, {"service_tier": "on_demand"}, ()),
        (PLAIN, "m", {"service_tier": "flex"}, {}, ("service_tier",)),
        (PLAIN, "m", {"service_tier": "auto"}, {}, ()),
        (PLAIN, "m", {"truncation": "auto"}, {}, ()),
        (PLAIN, "m", {"truncation": "disabled", "metadata": {"a": "b"}, "store": True}, {}, ()),
        (profiles.OPENAI, "gpt-5.6", {"text": {"verbosity": "low"}}, {"verbosity": "low"}, ()),
        (PLAIN, "m", {"text": {"verbosity": "low"}}, {}, ("text.verbosity",)),
    ],
)
def test_a_setting_is_passed_on_or_left_out_by_name(
    profile: ChatProfile, model: str, request_: Json, expected: Json, dropped: tuple[str, ...]
) -> None:
    rendered = render(profile, model=model, **request_)
    extra = {
        k: v for k, v in rendered.body.items() if k not in ("model", "messages", "stream", "stream_options")
    }
    assert (extra, rendered.dropped) == (expected, dropped)


def test_a_cache_key_may_be_a_header() -> None:
    rendered = render(profiles.XAI, prompt_cache_key="k")
    assert rendered.headers == {"x-grok-conv-id": "k"}
    assert rendered.dropped == ()


@pytest.mark.parametrize(
    ("profile", "model", "effort", "expected"),
    [
        (profiles.OPENAI, "gpt-5.6", "minimal", {"reasoning_effort": "low"}),
        (profiles.OPENAI, "gpt-5.6", "none", {"reasoning_effort": "none"}),
        (profiles.OPENAI, "gpt-5-mini", "none", {"reasoning_effort": "minimal"}),
        (profiles.OPENAI, "o3", "xhigh", {"reasoning_effort": "high"}),
        (profiles.OPENAI, "gpt-4o", "low", None),
        (profiles.GROQ, "openai/gpt-oss-20b", "minimal", {"reasoning_effort": "low"}),
        (profiles.GROQ, "qwen/qwen3-32b", "high", {"reasoning_effort": "default"}),
        (profiles.MISTRAL, "mistral-small-latest", "low", {"reasoning_effort": "high"}),
        (profiles.DEEPSEEK, "deepseek-v4-pro", "none", {"thinking": {"type": "disabled"}}),
        (
            profiles.DEEPSEEK,
            "deepseek-v4-pro",
            "high",
            {"thinking": {"type": "enabled"}, "reasoning_effort": "high"},
        ),
        (profiles.XAI, "grok-3-mini", "xhigh", {"reasoning_effort": "high"}),
        (profiles.XAI, "grok-4", "high", None),
        (profiles.OPENROUTER, "x/y", "max", {"reasoning": {"effort": "xhigh"}}),
        (profiles.CEREBRAS, "zai-glm-4.7", "none", {"disable_reasoning": True}),
        (profiles.ALIBABA, "qwen3", "high", {"enable_thinking": True}),
        (profiles.LLAMACPP, "m", "none", {"chat_template_kwargs": {"enable_thinking": False}}),
        (profiles.MOONSHOT, "kimi-k2.5", "none", {"thinking": {"type": "disabled"}}),
        (PLAIN, "m", "high", None),
    ],
)
def test_an_effort_is_said_in_the_vendors_words(
    profile: ChatProfile, model: str, effort: str, expected: Json | None
) -> None:
    rendered = render(profile, model=model, reasoning={"effort": effort, "summary": None})
    assert rendered.dropped == (() if expected is not None else ("reasoning.effort",))
    found = {name: rendered.body.get(name) for name in expected or {}}
    assert found == (expected or {})
    assert ("reasoning_effort" in rendered.body) == ("reasoning_effort" in (expected or {}))


def test_settings_that_change_on_the_way_count_from_the_last_change() -> None:
    update = {"type": "configuration_update", "reasoning": {"effort": "low"}, "text": {"verbosity": "low"}}
    rendered = render(profiles.OPENAI, model="gpt-5.6", items=[USER, update], reasoning={"effort": "high"})
    assert (rendered.body["reasoning_effort"], rendered.body["verbosity"]) == ("low", "low")


def test_what_else_reasoning_asks_is_left_out_by_name() -> None:
    rendered = render(profiles.OPENAI, model="gpt-5.6", reasoning={"effort": "low", "summary": "auto"})
    assert rendered.dropped == ("reasoning.summary",)


def test_log_probabilities_are_asked_for_in_the_vendors_way_or_refused() -> None:
    include = ["message.output_text.logprobs"]
    body = render(profiles.OPENAI, model="gpt-4o", include=include, top_logprobs=2).body
    assert (body["logprobs"], body["top_logprobs"]) == (True, 2)
    assert "top_logprobs" not in render(profiles.OPENAI, model="gpt-4o", include=include).body
    assert render(profiles.TOGETHER, top_logprobs=3).body["logprobs"] == 3
    assert refused(profiles.OPENAI, model="gpt-5.6", include=include) == "include"
    assert refused(profiles.MISTRAL, top_logprobs=1) == "top_logprobs"


# The answer's format.

FORMAT = {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True, "description": None}


def test_a_schema_stands_where_chat_has_it() -> None:
    body = render(text={"format": FORMAT}).body
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "n", "strict": True, "schema": SCHEMA},
    }
    assert render(text={"format": {"type": "json_object"}}).body["response_format"] == {"type": "json_object"}
    assert "response_format" not in render(text={"format": {"type": "text"}}).body


def test_a_schema_is_refused_where_the_vendor_has_none_unless_the_operator_wants_it_told() -> None:
    assert refused(profiles.DEEPSEEK, text={"format": FORMAT}) == "text.format"
    assert refused(profiles.PERPLEXITY, text={"format": {"type": "json_object"}}) == "text.format"
    body = render(replace(profiles.DEEPSEEK, json_schema="prompt"), text={"format": FORMAT}).body
    assert body["response_format"] == {"type": "json_object"}
    assert '"required": ["x"]' in body["messages"][0]["content"]


# Tools.


def function(name: str, description: str | None = None, **more: Any) -> Json:
    about = {
        "name": name,
        **({"description": description} if description else {}),
        "parameters": SCHEMA,
        **more,
    }
    return {"type": "function", "function": about}


def test_functions_are_offered_and_strict_only_where_that_is_kept() -> None:  # 39
    assert render(tools=[F, G]).body["tools"] == [function("f", "Does f."), function("g")]
    assert render(profiles.OPENAI, tools=[F, G]).body["tools"] == [
        function("f", "Does f.", strict=True),
        function("g"),
    ]
    assert render(profiles.OPENAI, tools=[F, G]).dropped == ()
    assert render(tools=[{**G, "strict": None}, F, EXEC]).dropped == ("tools[1].strict",)


def test_custom_tools_and_namespaces_are_functions() -> None:  # 40
    exec_, roll = render(tools=[EXEC, DICE]).body["tools"]
    assert exec_["function"]["name"] == "exec"
    assert exec_["function"]["parameters"]["required"] == ["input"]
    assert roll == function("mcp__dice__roll")


def test_custom_tools_are_themselves_where_the_vendor_knows_them() -> None:
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: /x/"}
    (tool,) = render(profiles.OPENAI, tools=[{**EXEC, "format": grammar}]).body["tools"]
    assert tool == {
        "type": "custom",
        "custom": {
            "name": "exec",
            "description": "Runs.",
            "format": {"type": "grammar", "grammar": {"definition": "start: /x/", "syntax": "lark"}},
        },
    }


def test_tools_that_arrive_in_the_input_are_offered() -> None:
    more = {"type": "additional_tools", "role": "developer", "tools": [DICE]}
    assert [t["function"]["name"] for t in render(items=[more, USER], tools=[G]).body["tools"]] == [
        "g",
        "mcp__dice__roll",
    ]


@pytest.mark.parametrize("tool", [SEARCH, {"type": "tool_search", "execution": "client"}, {"type": "shell"}])
def test_a_tool_that_the_format_lacks_is_left_out_by_name(tool: Json) -> None:  # 38
    rendered = render(tools=[G, tool])
    assert [t["function"]["name"] for t in rendered.body["tools"]] == ["g"]
    assert rendered.dropped == ("tools[1]",)
    assert "tools" not in render(tools=[tool]).body


def test_a_tool_that_would_be_missed_is_refused_by_place() -> None:
    mcp = {"type": "mcp", "server_label": "dice", "server_url": "https://a.example"}
    assert refused(tools=[G, mcp]) == "tools[1]"
    assert refused(profiles.PERPLEXITY, tools=[G]) == "tools[0]"


def test_one_call_at_a_time_is_asked_for_where_that_is_known() -> None:
    assert render(tools=[G], parallel_tool_calls=False).body["parallel_tool_calls"] is False
    assert render(profiles.DEEPSEEK, tools=[G], parallel_tool_calls=False).dropped == ("parallel_tool_calls",)
    assert "parallel_tool_calls" not in render(tools=[G], parallel_tool_calls=True).body
    assert "parallel_tool_calls" not in render(parallel_tool_calls=False).body


# The choice.


@pytest.mark.parametrize(
    ("choice", "tools", "sent"),
    [
        (None, ["f", "g"], None),
        ("auto", ["f", "g"], None),
        ("none", ["f", "g"], "none"),
        ("required", ["f", "g"], "required"),
        ({"type": "function", "name": "g"}, ["g"], {"type": "function", "function": {"name": "g"}}),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "g"}]},
            ["g"],
            None,
        ),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "g"}]},
            ["g"],
            "required",
        ),
    ],
)
def test_a_choice_is_kept(choice: Any, tools: list[str], sent: Any) -> None:
    body = render(tools=[F, G], tool_choice=choice).body
    assert [tool["function"]["name"] for tool in body["tools"]] == tools
    assert body.get("tool_choice") == sent


def test_a_tool_in_a_namespace_can_be_chosen() -> None:
    for choice in ({"name": "roll", "namespace": "mcp__dice"}, {"name": "roll"}):
        body = render(tools=[F, DICE], tool_choice={"type": "function", **choice}).body
        assert body["tool_choice"] == {"type": "function", "function": {"name": "mcp__dice__roll"}}
    assert (
        refused(tools=[F, DICE], tool_choice={"type": "function", "name": "roll", "namespace": "x"})
        == "tool_choice"
    )


def test_a_custom_tool_can_be_chosen() -> None:
    choice = {"type": "custom", "name": "exec"}
    assert render(profiles.OPENAI, tools=[EXEC], tool_choice=choice).body["tool_choice"] == {
        "type": "custom",
        "custom": {"name": "exec"},
    }


def test_a_named_choice_is_a_required_one_among_one_where_that_is_all_there_is() -> None:
    body = render(profiles.LLAMACPP, tools=[F, G], tool_choice={"type": "function", "name": "g"}).body
    assert (len(body["tools"]), body["tool_choice"]) == (1, "required")


def test_no_choice_means_no_tools_where_none_is_not_known() -> None:
    body = render(profiles.OLLAMA, tools=[F], tool_choice="none").body
    assert "tools" not in body
    assert "tool_choice" not in body


@pytest.mark.parametrize(
    ("profile", "tools", "choice", "param"),
    [
        (PLAIN, [F], {"type": "function", "name": "h"}, "tool_choice"),
        (PLAIN, [F, SEARCH], {"type": "web_search"}, "tool_choice"),
        (PLAIN, [SEARCH], "required", "tool_choice"),
        (PLAIN, [F, SEARCH], {"type": "allowed_tools", "mode": "required", "tools": [SEARCH]}, "tool_choice"),
        (PLAIN, [], {"type": "mcp", "server_label": "dice"}, "tool_choice"),
        (profiles.MOONSHOT, [F], "required", "tool_choice"),
        (profiles.MOONSHOT, [F], {"type": "function", "name": "f"}, "tool_choice"),
    ],
)
def test_a_choice_that_cannot_be_kept_is_refused(
    profile: ChatProfile, tools: list[Json], choice: Any, param: str
) -> None:
    assert refused(profile, tools=tools, tool_choice=choice) == param


def test_a_forced_choice_switches_thinking_off_where_the_two_exclude_each_other() -> None:
    rendered = render(profiles.DEEPSEEK, tools=[F], tool_choice="required", reasoning={"effort": "high"})
    assert rendered.body["thinking"] == {"type": "disabled"}
    assert "reasoning_effort" not in rendered.body
    assert rendered.dropped == ("reasoning.effort",)
    quiet = render(profiles.DEEPSEEK, tools=[F], tool_choice="required", reasoning={"effort": "none"})
    assert quiet.dropped == ()


# Profiles.

ALL = {name: value for name, value in vars(profiles).items() if isinstance(value, ChatProfile)}


@pytest.mark.parametrize("name", ALL)
def test_every_profile_renders_a_whole_turn(name: str) -> None:
    items = [
        {"type": "message", "role": "developer", "content": "Be kind."},
        USER,
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": "1"},
    ]
    tools = [F] if ALL[name].tools else []
    body = render(ALL[name], items=items, tools=tools, max_output_tokens=5, temperature=1).body
    assert body["stream"] is True
    assert body["messages"][-1]["role"] in ("tool", "user")


def test_rules_for_models_are_applied_in_order() -> None:
    ruled = ChatProfile(
        models=(
            ModelRule("^a", {"max_tokens_default": 1}),
            ModelRule("B$", {"max_tokens_default": 2, "tools": False}),
        )
    )
    assert ruled.for_model("a").max_tokens_default == 1
    assert (ruled.for_model("ab").max_tokens_default, ruled.for_model("ab").tools) == (2, False)
    assert ruled.for_model("c").max_tokens_default is None
    assert PLAIN.for_model("c") is PLAIN


def test_an_answer_under_a_bounded_schema_has_room_to_end() -> None:
    schema = {"type": "json_schema", "name": "n", "schema": {"type": "object", "properties": {}}}
    assert render(profiles.DEMO, text={"format": schema}).body["max_tokens"] == 1024
    assert render(profiles.DEMO, text={"format": schema}, max_output_tokens=99).body["max_tokens"] == 99


@pytest.mark.parametrize(
    ("profile", "model", "fetches", "family"),
    [
        (profiles.OPENAI, "gpt-4o", {"input_file"}, ""),
        (profiles.MISTRAL, "mistral-large", set(), ""),
        (profiles.OLLAMA, "llava", {"input_image"}, ""),
        (profiles.VLLM, "org/m", {"input_image", "input_file"}, ""),
        (profiles.OPENROUTER, "anthropic/claude-opus-5", {"input_file"}, "anthropic"),
        (profiles.OPENROUTER, "auto", {"input_file"}, ""),
        (profiles.CEREBRAS, "gpt-oss-120b", set(), ""),
    ],
)
def test_what_goes_as_bytes_alone_and_whose_model_it_is(
    profile: ChatProfile, model: str, fetches: set[str], family: str
) -> None:
    traits = CHAT_COMPLETIONS.traits(model, profile)
    assert (traits.fetches, traits.family, traits.native) == (fetches, family, False)

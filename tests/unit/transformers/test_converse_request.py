"""Settings as each family of models behind Converse takes them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from lambda_responses.transformers.base import Rendered, Traits, Turn
from lambda_responses.transformers.bedrock_converse import BEDROCK_CONVERSE, ConverseProfile, profiles
from lambda_responses.wire.errors import InvalidRequestError

Json = dict[str, Any]

USER = {"type": "message", "role": "user", "content": "Hi"}
SCHEMA: Json = {
    "type": "object",
    "properties": {"n": {"type": "integer", "minimum": 1}},
    "required": ["n"],
}
WANTED = {"format": {"type": "json_schema", "name": "answer", "schema": SCHEMA, "strict": True}}
F = {"type": "function", "name": "f", "parameters": SCHEMA}

SONNET_37 = "us.anthropic.claude-3-7-sonnet-20250219-v1:0"
SONNET_45 = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
SONNET_46 = "us.anthropic.claude-sonnet-4-6"
SONNET_5 = "global.anthropic.claude-sonnet-5"
OPUS_41 = "us.anthropic.claude-opus-4-1-20250805-v1:0"
NOVA = "amazon.nova-lite-v1:0"
NOVA_2 = "us.amazon.nova-2-lite-v1:0"
GPT_OSS = "openai.gpt-oss-120b-1:0"
QWEN = "qwen.qwen3-32b-v1:0"
LLAMA = "us.meta.llama3-3-70b-instruct-v1:0"
OPAQUE = "arn:aws:bedrock:us-east-1:012345678901:application-inference-profile/abc123"


def render(
    model: str = SONNET_45,
    profile: ConverseProfile = profiles.BEDROCK,
    *,
    items: Any = (USER,),
    **request: Any,
) -> Rendered:
    return BEDROCK_CONVERSE.render_request(Turn(model, request, items), profile)


def refused(model: str = SONNET_45, **request: Any) -> str | None:
    with pytest.raises(InvalidRequestError) as caught:
        render(model, **request)
    assert caught.value.status == 400
    return caught.value.param


def settings(rendered: Rendered) -> Json:
    return {name: value for name, value in rendered.body.items() if name != "messages"}


# Where to, and whose.


def test_the_smallest_request_is_its_messages() -> None:
    rendered = render()
    assert rendered.body == {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}
    assert rendered.dropped == ()


@pytest.mark.parametrize(
    ("model", "path", "family"),
    [
        (SONNET_46, "model/us.anthropic.claude-sonnet-4-6/converse-stream", "anthropic"),
        (NOVA, "model/amazon.nova-lite-v1%3A0/converse-stream", "amazon"),
        (
            "arn:aws:bedrock:eu-west-1:012345678901:inference-profile/eu.anthropic.claude-sonnet-5",
            "model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A012345678901%3Ainference-profile%2F"
            "eu.anthropic.claude-sonnet-5/converse-stream",
            "anthropic",
        ),
        ("moonshotai.kimi-k2.5", "model/moonshotai.kimi-k2.5/converse-stream", "moonshot"),
        (
            OPAQUE,
            "model/arn%3Aaws%3Abedrock%3Aus-east-1%3A012345678901%3A"
            "application-inference-profile%2Fabc123/converse-stream",
            "",
        ),
    ],
)
def test_a_model_is_named_by_its_address(model: str, path: str, family: str) -> None:
    assert render(model).path == path
    traits = BEDROCK_CONVERSE.traits(model, profiles.BEDROCK)
    fetched = frozenset({"input_image", "input_file"})
    assert traits == Traits(inputs=traits.inputs, fetches=fetched, family=family)


@pytest.mark.parametrize(
    ("model", "inputs"),
    [
        (SONNET_46, {"input_image", "input_file"}),
        ("amazon.nova-micro-v1:0", set()),
        ("anthropic.claude-v2:1", {"input_file"}),
        (OPAQUE, {"input_image", "input_file", "input_audio"}),
    ],
)
def test_what_a_model_sees_and_hears_is_known_before_it_is_asked(model: str, inputs: set[str]) -> None:
    assert BEDROCK_CONVERSE.traits(model, profiles.BEDROCK).inputs == inputs


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("apac.amazon.nova-micro-v1:0", "amazon"),
        ("us.meta.llama4-scout-17b-instruct-v1:0", "meta"),
        ("mistral.ministral-3-8b-instruct", "mistral"),
        ("us.deepseek.r1-v1:0", "deepseek"),
        (QWEN, "qwen"),
        (GPT_OSS, "openai"),
        ("cohere.command-r-v1:0", "cohere"),
        ("ai21.jamba-1-5-mini-v1:0", "ai21"),
        ("us.writer.palmyra-x4-v1:0", "writer"),
        ("google.gemma-3-12b-it", "google"),
        ("minimax.minimax-m2", "minimax"),
        ("nvidia.nemotron-nano-12b-v2", "nvidia"),
        ("zai.glm-4.7", "zai"),
        ("moonshot.kimi-k2-thinking", "moonshot"),
        ("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-4-7", "anthropic"),
        ("misanthropic.claude", ""),
    ],
)
def test_every_maker_is_known_by_its_name_in_the_id(model: str, family: str) -> None:
    assert BEDROCK_CONVERSE.traits(model, profiles.BEDROCK).family == family


def test_a_model_that_does_not_stream_calls_answers_at_once() -> None:
    assert render(LLAMA, tools=[F]).path.endswith("/converse")
    assert render(LLAMA).path.endswith("/converse-stream")
    assert render(SONNET_45, tools=[F]).path.endswith("/converse-stream")


def test_what_an_operator_adds_is_in_every_body() -> None:
    guardrail = {"guardrailIdentifier": "abc", "guardrailVersion": "1"}
    profile = replace(profiles.BEDROCK, extra={"guardrailConfig": guardrail})
    assert settings(render(profile=profile)) == {"guardrailConfig": guardrail}


# Settings.


@pytest.mark.parametrize(
    ("model", "request_", "expected", "dropped"),
    [
        (NOVA, {"max_output_tokens": 99}, {"inferenceConfig": {"maxTokens": 99}}, ()),
        (NOVA, {"temperature": 0, "top_p": 0.5}, {"inferenceConfig": {"temperature": 0, "topP": 0.5}}, ()),
        (NOVA, {"temperature": 1.5}, {}, ("temperature",)),
        (
            SONNET_45,
            {"temperature": 0.2, "top_p": 0.5},
            {"inferenceConfig": {"temperature": 0.2}},
            ("top_p",),
        ),
        (SONNET_45, {"top_p": 0.5}, {"inferenceConfig": {"topP": 0.5}}, ()),
        (SONNET_37, {"temperature": 0, "top_p": 1}, {"inferenceConfig": {"temperature": 0, "topP": 1}}, ()),
        (SONNET_5, {"temperature": 0.2, "top_p": 0.5}, {}, ("temperature", "top_p")),
        (NOVA, {"presence_penalty": 1, "frequency_penalty": 0}, {}, ("presence_penalty",)),
        (GPT_OSS, {"service_tier": "flex"}, {"serviceTier": {"type": "flex"}}, ()),
        (SONNET_45, {"service_tier": "flex"}, {}, ("service_tier",)),
        (SONNET_45, {"service_tier": "default"}, {}, ()),
        (NOVA, {"service_tier": "auto", "truncation": "disabled", "store": True}, {}, ()),
        (NOVA, {"truncation": "auto", "text": {"verbosity": "low"}}, {}, ("text.verbosity",)),
        (NOVA, {"safety_identifier": "u-1"}, {"requestMetadata": {"safety_identifier": "u-1"}}, ()),
        (NOVA, {"user": "ü"}, {}, ("user",)),
        (NOVA, {"metadata": {"a": "b"}}, {}, ()),
        (
            LLAMA,
            {"prompt_cache_key": "k", "prompt_cache_retention": "24h"},
            {},
            ("prompt_cache_key", "prompt_cache_retention"),
        ),
    ],
)
def test_a_setting_is_passed_on_or_left_out_by_name(
    model: str, request_: Json, expected: Json, dropped: tuple[str, ...]
) -> None:
    rendered = render(model, **request_)
    assert (settings(rendered), rendered.dropped) == (expected, dropped)


def test_log_probabilities_are_never_left_out() -> None:
    assert refused(top_logprobs=2) == "top_logprobs"
    assert refused(include=["message.output_text.logprobs"]) == "include"


# Reasoning.


@pytest.mark.parametrize(
    ("model", "effort", "fields"),
    [
        (SONNET_46, "minimal", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}),
        (SONNET_46, "xhigh", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}),
        (SONNET_5, "xhigh", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}}),
        (SONNET_46, "none", {"thinking": {"type": "disabled"}}),
        (NOVA_2, "low", {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}),
        (NOVA_2, "none", {"reasoningConfig": {"type": "disabled"}}),
        (GPT_OSS, "minimal", {"reasoning_effort": "low"}),
        (GPT_OSS, "max", {"reasoning_effort": "high"}),
        (QWEN, "medium", {"reasoning_config": "high"}),
        (QWEN, "low", {"reasoning_config": "low"}),
    ],
)
def test_an_effort_is_said_in_the_familys_words(model: str, effort: str, fields: Json) -> None:
    rendered = render(model, reasoning={"effort": effort})
    assert settings(rendered) == {"additionalModelRequestFields": fields}
    assert rendered.dropped == ()


@pytest.mark.parametrize(
    ("model", "effort"), [(NOVA, "high"), (LLAMA, "low"), (OPAQUE, "low"), (QWEN, "none"), (GPT_OSS, "none")]
)
def test_an_effort_that_a_model_does_not_know_is_named(model: str, effort: str) -> None:
    rendered = render(model, reasoning={"effort": effort})
    assert settings(rendered) == {}
    assert rendered.dropped == ("reasoning.effort",)


@pytest.mark.parametrize(
    ("model", "effort", "limit", "budget", "most"),
    [
        (SONNET_45, "minimal", None, 1_024, 9_216),
        (SONNET_45, "high", None, 16_384, 24_576),
        (SONNET_37, "xhigh", None, 32_768, 40_960),
        (OPUS_41, "xhigh", None, 23_808, 32_000),
        (SONNET_45, "high", 4_000, 2_000, 4_000),
        (SONNET_45, "low", 90_000, 2_048, 90_000),
    ],
)
def test_a_budget_of_thought_leaves_room_for_the_answer(
    model: str, effort: str, limit: int | None, budget: int, most: int
) -> None:
    rendered = render(model, reasoning={"effort": effort}, max_output_tokens=limit, temperature=0.3)
    assert settings(rendered) == {
        "inferenceConfig": {"maxTokens": most},
        "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": budget}},
    }
    assert rendered.dropped == ("temperature",)


@pytest.mark.parametrize(
    "request_", [{"max_output_tokens": 2_000}, {"tools": [F], "tool_choice": "required"}]
)
def test_a_budget_that_would_be_refused_is_left_out(request_: Json) -> None:
    rendered = render(SONNET_45, reasoning={"effort": "low"}, **request_)
    assert "additionalModelRequestFields" not in rendered.body
    assert rendered.dropped == ("reasoning.effort",)
    summed = render(SONNET_45, reasoning={"effort": "low", "summary": "auto"}, **request_)
    assert summed.dropped == ("reasoning.effort", "reasoning.summary")


def test_no_effort_of_a_model_with_budgets_is_its_default() -> None:
    rendered = render(SONNET_45, reasoning={"effort": "none"})
    assert (settings(rendered), rendered.dropped) == ({}, ())


CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}"}
RESULT = {"type": "function_call_output", "call_id": "c1", "output": "1"}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": []}
SIGNED = {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "sig"}}}


def test_a_loop_that_another_model_began_is_ended_without_thinking() -> None:
    """Claude refuses a budget where the calls that get their results follow no thoughts of its own."""
    foreign = Turn(SONNET_45, {"tools": [F], "reasoning": {"effort": "low"}}, [USER, THOUGHT, CALL, RESULT])
    rendered = BEDROCK_CONVERSE.render_request(foreign, profiles.BEDROCK)
    assert rendered.dropped == ("reasoning.effort",)
    own = replace(foreign, origins={"rs_1": {"content": [SIGNED]}})
    assert BEDROCK_CONVERSE.render_request(own, profiles.BEDROCK).dropped == ()
    again = replace(own, items=[*foreign.items, USER])
    assert BEDROCK_CONVERSE.render_request(again, profiles.BEDROCK).dropped == ()


def test_a_summary_is_asked_for_where_thinking_is_hidden_otherwise() -> None:
    asked = {"effort": "low", "summary": "auto"}
    fields = render(SONNET_5, reasoning=asked).body["additionalModelRequestFields"]
    assert fields["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert render(SONNET_45, reasoning=asked).dropped == ()
    assert render(GPT_OSS, reasoning=asked).dropped == ("reasoning.summary",)
    assert render(SONNET_45, reasoning={"context": "all_turns"}).dropped == ("reasoning.context",)


@pytest.mark.parametrize("name", ["summary", "generate_summary"])
def test_a_summary_is_thought_for_or_named(name: str) -> None:
    asked = {name: "auto"}
    rendered = render(SONNET_5, reasoning=asked, temperature=0.5)
    thinking = {"thinking": {"type": "adaptive", "display": "summarized"}}
    assert rendered.body["additionalModelRequestFields"] == thinking
    assert rendered.dropped == ("temperature",)
    for model in (SONNET_46, SONNET_45, "anthropic.claude-3-haiku-20240307-v1:0"):
        assert render(model, reasoning=asked).dropped == (f"reasoning.{name}",)
        assert "additionalModelRequestFields" not in render(model, reasoning=asked).body
    assert render(SONNET_5, reasoning={"effort": "none", **asked}).dropped == ()
    assert render(SONNET_45, reasoning={"effort": "none", **asked}).dropped == ()


@pytest.mark.parametrize(
    ("model", "thinks"),
    [
        (SONNET_45, False),
        (SONNET_46, False),
        ("anthropic.claude-opus-4-7", False),
        ("anthropic.claude-opus-4-8", True),
        (SONNET_5, True),
    ],
)
def test_a_forced_call_counts_for_more_than_thinking(model: str, thinks: bool) -> None:
    asked = {"effort": "high", "summary": "auto"}
    rendered = render(model, reasoning=asked, tools=[F], tool_choice="required")
    assert ("thinking" in rendered.body.get("additionalModelRequestFields", {})) == thinks
    assert rendered.dropped == (() if thinks else ("reasoning.effort", "reasoning.summary"))


def test_a_summary_alone_does_not_rule_out_a_forced_call() -> None:
    opus = "anthropic.claude-opus-4-7"
    rendered = render(opus, reasoning={"summary": "auto"}, tools=[F], tool_choice="required")
    assert "additionalModelRequestFields" not in rendered.body
    assert rendered.dropped == ("reasoning.summary",)


def test_settings_may_change_along_the_way() -> None:
    update = {"type": "configuration_update", "reasoning": {"effort": "high"}}
    rendered = render(GPT_OSS, items=[USER, update], reasoning={"effort": "low"})
    assert rendered.body["additionalModelRequestFields"] == {"reasoning_effort": "high"}


# The answer's format.


def test_an_answer_is_held_to_a_schema_in_the_subset_that_is_kept() -> None:
    config = render(SONNET_45, text=WANTED).body["outputConfig"]["textFormat"]
    schema = config["structure"]["jsonSchema"]
    assert config["type"] == "json_schema"
    assert schema["name"] == "answer"
    assert json.loads(schema["schema"]) == {
        "type": "object",
        "properties": {"n": {"type": "integer", "description": "minimum: 1"}},
        "required": ["n"],
        "additionalProperties": False,
    }


def test_a_call_stands_for_the_answer_where_nothing_else_holds_it() -> None:
    config = render(NOVA, text=WANTED).body["toolConfig"]
    [tool] = config["tools"]
    assert tool["toolSpec"]["inputSchema"]["json"] == SCHEMA
    assert config["toolChoice"] == {"tool": {"name": tool["toolSpec"]["name"]}}
    beside = render(NOVA, text=WANTED, tools=[F]).body["toolConfig"]
    assert [tool["toolSpec"]["name"] for tool in beside["tools"]] == ["f", "final_answer"]
    assert beside["toolChoice"] == {"any": {}}
    alone = render(NOVA, text=WANTED, tools=[F], tool_choice="none").body["toolConfig"]
    assert [tool["toolSpec"]["name"] for tool in alone["tools"]] == ["final_answer"]


def test_the_answering_call_has_a_name_of_its_own() -> None:
    theirs = [{**F, "name": "final_answer"}, {**F, "name": "final_answer_2"}]
    config = render(NOVA, text=WANTED, tools=theirs).body["toolConfig"]
    names = [tool["toolSpec"]["name"] for tool in config["tools"]]
    assert names == ["final_answer", "final_answer_2", "final_answer_3"]
    alone = render(NOVA, text=WANTED, tools=theirs, tool_choice="none").body["toolConfig"]
    assert alone["toolChoice"] == {"tool": {"name": "final_answer_3"}}


@pytest.mark.parametrize(
    ("schema", "held"),
    [
        ({"type": "array", "items": {"type": "integer"}}, set[str]()),
        ({"anyOf": [SCHEMA, {"type": "null"}]}, set[str]()),
        ({"type": ["object", "null"], "properties": {}}, set[str]()),
        ({"enum": [1, 2]}, set[str]()),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, set[str]()),
        ({"type": "object", "anyOf": [SCHEMA]}, {SONNET_45}),
        ({"properties": SCHEMA["properties"]}, {SONNET_45, NOVA}),
        ({"$ref": "#/$defs/a", "$defs": {"a": SCHEMA}}, {SONNET_45, NOVA}),
    ],
)
def test_a_schema_whose_root_is_no_object_is_told_in_words(schema: Json, held: set[str]) -> None:
    wanted = {"format": {"type": "json_schema", "name": "a", "schema": schema}}
    for model in (SONNET_45, NOVA):
        body = render(model, text=wanted).body
        if model in held:
            assert "system" not in body
            shown = (
                json.loads(body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"])
                if model == SONNET_45
                else body["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"]
            )
            assert shown["type"] == "object"
            assert "$ref" not in shown
        else:
            assert body.keys() == {"messages", "system"}
            assert body["system"][0]["text"].endswith(json.dumps(schema))
    assert refused(LLAMA, text=wanted) == "text.format"


def test_a_call_that_is_forced_comes_before_the_answer() -> None:
    config = render(NOVA, text=WANTED, tools=[F], tool_choice="required").body["toolConfig"]
    assert [tool["toolSpec"]["name"] for tool in config["tools"]] == ["f"]


@pytest.mark.parametrize("model", [LLAMA, "cohere.command-r-plus-v1:0", "us.anthropic.claude-fable-5"])
def test_a_schema_that_nothing_holds_is_refused(model: str) -> None:
    assert refused(model, text=WANTED) == "text.format"


def test_a_json_object_is_asked_for_in_words() -> None:
    body = render(SONNET_45, text={"format": {"type": "json_object"}}, instructions="Be brief.").body
    assert [block["text"][:18] for block in body["system"]] == ["Be brief.", "Answer with one JS"]


def test_an_unknown_format_is_refused() -> None:
    assert refused(text={"format": {"type": "grammar"}}) == "text.format"


# Caching.

POINT = {"cachePoint": {"type": "default"}}
HOUR = {"cachePoint": {"type": "default", "ttl": "1h"}}
PDF = "data:application/pdf;base64,JVBERg=="


def places(rendered: Rendered) -> list[str]:
    body = rendered.body
    lists = {
        "tools": (body.get("toolConfig") or {}).get("tools") or [],
        "system": body.get("system") or [],
        "messages": body["messages"][-1]["content"],
    }
    return [name for name, blocks in lists.items() if any("cachePoint" in block for block in blocks)]


@pytest.mark.parametrize(
    ("model", "request_", "expected"),
    [
        (SONNET_45, {"prompt_cache_key": "k"}, ["tools", "system", "messages"]),
        (NOVA, {"prompt_cache_key": "k"}, ["system", "messages"]),
        (SONNET_45, {"prompt_cache_options": {"mode": "implicit"}}, ["tools", "system", "messages"]),
        (SONNET_45, {"prompt_cache_options": {"mode": "explicit"}, "prompt_cache_key": "k"}, []),
        (SONNET_45, {}, []),
        ("anthropic.claude-3-sonnet-20240229-v1:0", {}, []),
    ],
)
def test_a_prompt_is_cached_where_a_client_asks_for_it(
    model: str, request_: Json, expected: list[str]
) -> None:
    rendered = render(model, instructions="Be brief.", tools=[F], **request_)
    assert places(rendered) == expected
    assert rendered.dropped == ()


def test_a_cache_lasts_an_hour_where_more_than_minutes_are_meant() -> None:
    assert render(SONNET_45, prompt_cache_retention="24h").body["messages"][0]["content"][-1] == HOUR
    assert render(SONNET_37, prompt_cache_retention="24h").body["messages"][0]["content"][-1] == POINT
    assert render(SONNET_45, prompt_cache_key="k").body["messages"][0]["content"][-1] == POINT


def said(*parts: Json) -> list[Json]:
    return [{"type": "message", "role": "user", "content": list(parts)}]


MARK = {"prompt_cache_breakpoint": {"mode": "explicit"}}
TEXT = {"type": "input_text", "text": "Hi"}
FILE = {"type": "input_file", "filename": "a.pdf", "file_data": PDF}


def kinds(rendered: Rendered) -> list[str]:
    return [next(iter(block)) for block in rendered.body["messages"][-1]["content"]]


def test_a_clients_own_breakpoints_stand_where_it_put_them() -> None:
    assert kinds(render(items=said({**TEXT, **MARK}, TEXT))) == ["text", "cachePoint", "text"]
    assert kinds(render(LLAMA, items=said({**TEXT, **MARK}, TEXT))) == ["text", "text"]
    long = {"prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}}
    assert render(items=said({**TEXT, **long})).body["messages"][0]["content"][1] == HOUR


def test_no_point_follows_a_document_or_another_point() -> None:
    assert kinds(render(items=said(TEXT, {**FILE, **MARK}))) == ["text", "cachePoint", "document"]
    assert kinds(render(items=said({**FILE, **MARK}))) == ["document", "text"]
    assert kinds(render(items=said({**TEXT, **MARK}), prompt_cache_key="k")) == ["text", "cachePoint"]
    blank = {"type": "input_text", "text": "\n", **MARK}
    assert kinds(render(items=said(blank, TEXT))) == ["text"]


def test_a_point_that_moves_counts_once() -> None:
    rendered = render(items=said(*[TEXT, {**FILE, **MARK}] * 4))
    assert kinds(rendered) == ["text", "cachePoint", "document"] * 4


def test_there_are_no_more_than_four_points_and_the_latest_count() -> None:
    rendered = render(items=said(*[{**TEXT, **MARK}] * 6), prompt_cache_key="k", instructions="Be brief.")
    assert kinds(rendered) == ["text", "text", *["text", "cachePoint"] * 4]
    assert rendered.body["system"] == [{"text": "Be brief."}]

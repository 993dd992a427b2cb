"""A turn as a Messages request: settings, tools and the choice among them, and the form of the answer."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_responses.transformers.anthropic_messages import ANTHROPIC_MESSAGES, MessagesProfile, profiles
from lambda_responses.transformers.base import Rendered, Traits, Turn
from lambda_responses.wire.errors import InvalidRequestError, UnsupportedError

Json = dict[str, Any]

NEWEST = "claude-sonnet-5"
BUDGETED = "claude-sonnet-4-5"
OLDER = "claude-sonnet-4-20250514"
UNFORCEABLE = "claude-opus-5-5"

F: Json = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {"a": {}}}}
G: Json = {"type": "function", "name": "g", "description": "Does g.", "parameters": None}
NAMED_G: Json = {"type": "function", "name": "g"}
CLOSED: Json = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}


def render(model: str = NEWEST, profile: MessagesProfile = profiles.ANTHROPIC, **request: Any) -> Rendered:
    turn = Turn(model, request, [{"role": "user", "content": "Hi"}])
    return ANTHROPIC_MESSAGES.render_request(turn, profile)


def body(model: str = NEWEST, **request: Any) -> Json:
    return render(model, **request).body


def refused(model: str = NEWEST, profile: MessagesProfile = profiles.ANTHROPIC, **request: Any) -> str | None:
    with pytest.raises(InvalidRequestError) as caught:
        render(model, profile, **request)
    return caught.value.param


def adaptive(effort: str, type: str = "adaptive") -> Json:
    return {"thinking": {"type": type}, "output_config": {"effort": effort}}


def test_a_plain_request_says_what_must_be_said():
    rendered = render(max_output_tokens=100)
    assert rendered == Rendered(
        path="v1/messages",
        body={
            "model": NEWEST,
            "max_tokens": 100,
            "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
            "stream": True,
        },
        headers={"anthropic-version": "2023-06-01"},
    )


@pytest.mark.parametrize(
    ("model", "most"),
    [
        (NEWEST, 128_000),
        ("claude-opus-4-6", 128_000),
        (BUDGETED, 64_000),
        (OLDER, 32_000),
        ("claude-3-5-haiku-20241022", 8_192),
        ("claude-3-haiku-20240307", 4_096),
        ("claude-later-7", 128_000),
    ],
)
def test_the_format_demands_a_cap(model: str, most: int):
    assert body(model)["max_tokens"] == most


# Places.


def test_bedrock_has_the_model_in_the_path_alone():
    model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    rendered = render(model, profiles.BEDROCK)
    assert rendered.path == (
        "model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke-with-response-stream"
    )
    assert rendered.body.keys() == {"anthropic_version", "max_tokens", "messages"}
    assert rendered.body["anthropic_version"] == "bedrock-2023-05-31"
    assert rendered.headers == {}


def test_vertex_has_the_model_in_the_path_alone():
    rendered = render("claude-sonnet-4-5@20250929", profiles.VERTEX)
    assert rendered.path == "anthropic/models/claude-sonnet-4-5@20250929:streamRawPredict"
    assert rendered.body.keys() == {"anthropic_version", "max_tokens", "messages", "stream"}


def test_betas_are_named_in_a_header():
    profile = MessagesProfile(betas=("one", "two"))
    assert render("m", profile).headers["anthropic-beta"] == "one,two"


SEEN = frozenset({"input_image", "input_file"})


@pytest.mark.parametrize(
    ("profile", "traits"),
    [
        (profiles.ANTHROPIC, Traits(inputs=SEEN)),
        (profiles.BEDROCK, Traits(inputs=SEEN, fetches=SEEN, family="anthropic")),
        (profiles.VERTEX, Traits(inputs=SEEN, fetches=SEEN, family="anthropic")),
        (profiles.DEFAULT, Traits(inputs=SEEN, fetches=SEEN)),
    ],
)
def test_what_a_place_takes_as_bytes_alone_is_fetched_before(profile: MessagesProfile, traits: Traits):
    assert ANTHROPIC_MESSAGES.traits(NEWEST, profile) == traits


@pytest.mark.parametrize("model", ["claude-2.1", "claude-instant-1.2", "anthropic.claude-v2:1"])
def test_the_first_models_are_blind(model: str):
    assert ANTHROPIC_MESSAGES.traits(model, profiles.BEDROCK).inputs == frozenset()


# Sampling and hints.


def test_an_older_model_is_told_how_to_draw():
    rendered = render(OLDER, temperature=0.5, top_p=0.9)
    assert (rendered.body["temperature"], rendered.body["top_p"]) == (0.5, 0.9)
    assert rendered.dropped == ()


def test_a_newer_model_draws_as_it_likes():
    rendered = render(temperature=0.5, top_p=0.9, presence_penalty=1, frequency_penalty=1)
    assert not rendered.body.keys() & {"temperature", "top_p"}
    assert rendered.dropped == ("temperature", "top_p", "presence_penalty", "frequency_penalty")


def test_some_models_take_one_sampler_at_a_time():
    rendered = render(BUDGETED, temperature=0.5, top_p=0.9)
    assert rendered.body["temperature"] == 0.5
    assert rendered.dropped == ("top_p",)


def test_nothing_is_hotter_than_one():
    rendered = render(OLDER, temperature=1.5)
    assert "temperature" not in rendered.body
    assert rendered.dropped == ("temperature",)


def test_a_thinking_model_draws_as_it_likes():
    rendered = render(OLDER, temperature=0.5, reasoning={"effort": "low"})
    assert "temperature" not in rendered.body
    assert "temperature" in rendered.dropped


@pytest.mark.parametrize(
    ("ours", "theirs"), [("auto", "auto"), ("default", "standard_only"), ("priority", "auto")]
)
def test_a_service_tier_has_the_vendor_s_name(ours: str, theirs: str):
    assert body(service_tier=ours)["service_tier"] == theirs


def test_a_tier_that_the_vendor_does_not_have_is_left_out():
    assert render(service_tier="flex").dropped == ("service_tier",)
    assert render(profile=profiles.VERTEX, service_tier="auto").dropped == ()


@pytest.mark.parametrize("name", ["safety_identifier", "user"])
def test_who_asks_is_metadata(name: str):
    assert body(**{name: "user-1"})["metadata"] == {"user_id": "user-1"}
    assert render(profile=profiles.BEDROCK, **{name: "user-1"}).dropped == (name,)


@pytest.mark.parametrize(
    ("request_", "control"),
    [
        ({"prompt_cache_key": "k"}, {"type": "ephemeral"}),
        ({"prompt_cache_retention": "24h"}, {"type": "ephemeral", "ttl": "1h"}),
        ({"prompt_cache_retention": "in_memory"}, {"type": "ephemeral"}),
        ({"prompt_cache_options": {"ttl": "12h"}}, {"type": "ephemeral", "ttl": "1h"}),
    ],
)
def test_who_wants_a_cache_has_the_request_marked_for_it(request_: Json, control: Json):
    assert body(**request_)["cache_control"] == control
    assert render(profile=profiles.VERTEX, **request_).dropped == tuple(request_)


def test_other_hints_are_left_out_and_named():
    rendered = render(text={"verbosity": "low"}, truncation="auto")
    assert rendered.dropped == ("text.verbosity",)


@pytest.mark.parametrize(
    ("request_", "param"),
    [({"top_logprobs": 2}, "top_logprobs"), ({"include": ["message.output_text.logprobs"]}, "include")],
)
def test_log_probabilities_cannot_be_had(request_: Json, param: str):
    assert refused(**request_) == param


# Thinking.


@pytest.mark.parametrize(
    ("model", "effort", "expected"),
    [
        (NEWEST, "low", adaptive("low")),
        (NEWEST, "minimal", adaptive("low")),
        (NEWEST, "xhigh", adaptive("xhigh")),
        (NEWEST, "none", {"thinking": {"type": "disabled"}}),
        ("claude-opus-4-6", "xhigh", adaptive("max")),
        (
            "claude-opus-4-7",
            "xhigh",
            adaptive("xhigh"),
        ),
        ("claude-fable-5", "none", adaptive("low")),
        (UNFORCEABLE, "none", adaptive("low")),
        (
            "claude-sonnet-5-5",
            "none",
            {"thinking": {"type": "between_tools"}, "output_config": {"effort": "low"}},
        ),
        (BUDGETED, "minimal", {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        (BUDGETED, "high", {"thinking": {"type": "enabled", "budget_tokens": 16384}}),
        (BUDGETED, "none", {"thinking": {"type": "disabled"}}),
        ("claude-3-7-sonnet-20250219", "low", {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
        ("claude-3-5-haiku-20241022", "none", {}),
    ],
)
def test_an_effort_is_said_as_the_model_knows_it(model: str, effort: str, expected: Json):
    rendered = body(model, reasoning={"effort": effort})
    assert {key: rendered[key] for key in ("thinking", "output_config") if key in rendered} == expected


def test_a_model_that_does_not_think_has_no_effort():
    assert render("claude-3-haiku-20240307", reasoning={"effort": "low"}).dropped == ("reasoning.effort",)


@pytest.mark.parametrize(
    ("limit", "thinking"),
    [
        (40_000, {"type": "enabled", "budget_tokens": 16_384}),
        (8_000, {"type": "enabled", "budget_tokens": 4_000}),
        (1_100, {"type": "enabled", "budget_tokens": 1_024}),
    ],
)
def test_a_budget_leaves_room_for_an_answer(limit: int, thinking: Json):
    assert body(BUDGETED, reasoning={"effort": "high"}, max_output_tokens=limit)["thinking"] == thinking


def test_there_is_no_thinking_within_a_thousand_tokens():
    rendered = render(BUDGETED, reasoning={"effort": "high"}, max_output_tokens=1_024)
    assert "thinking" not in rendered.body
    assert rendered.dropped == ("reasoning.effort",)


@pytest.mark.parametrize("wish", [{"summary": "auto"}, {"generate_summary": "concise"}])
def test_a_summary_is_displayed(wish: Json):
    assert body(reasoning=wish)["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert body(reasoning={"effort": "low", **wish})["thinking"]["display"] == "summarized"
    assert body(reasoning={"effort": "none", **wish})["thinking"] == {"type": "disabled"}


def test_an_older_model_shows_what_it_thinks_whenever_it_does():
    shown = render(BUDGETED, reasoning={"effort": "low", "summary": "auto"})
    assert "display" not in shown.body["thinking"]
    assert shown.dropped == ()
    assert render(BUDGETED, reasoning={"summary": "auto"}).dropped == ("reasoning.summary",)


def test_what_else_is_wished_of_reasoning_is_left_out():
    assert render(reasoning={"context": "all_turns", "mode": "x"}).dropped == (
        "reasoning.context",
        "reasoning.mode",
    )


def test_settings_may_change_on_the_way():
    update = {"type": "configuration_update", "reasoning": {"effort": "high"}}
    turn = Turn(NEWEST, {"reasoning": {"effort": "low"}}, [{"role": "user", "content": "Hi"}, update])
    rendered = ANTHROPIC_MESSAGES.render_request(turn, profiles.ANTHROPIC)
    assert rendered.body["output_config"] == {"effort": "high"}


def test_a_turn_that_began_without_a_thought_goes_on_without():
    called: list[Json] = [
        {"role": "user", "content": "Hi"},
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "ok"},
    ]
    asked = {"reasoning": {"effort": "high"}}
    rendered = ANTHROPIC_MESSAGES.render_request(Turn(BUDGETED, asked, called), profiles.ANTHROPIC)
    assert "thinking" not in rendered.body
    assert rendered.dropped == ("reasoning",)
    thought = {"message": "m", "0": {"type": "thinking", "thinking": "Hm", "signature": "s"}}
    loop = [called[0], {"type": "reasoning", "id": "rs_1", "summary": []}, *called[1:], *called[1:]]
    turn = Turn(BUDGETED, asked, loop, {"rs_1": thought})
    assert "thinking" in ANTHROPIC_MESSAGES.render_request(turn, profiles.ANTHROPIC).body


# Tools.


def test_functions_are_tools():
    assert body(tools=[F, G])["tools"] == [
        {"name": "f", "input_schema": {"type": "object", "properties": {"a": {}}}},
        {"name": "g", "description": "Does g.", "input_schema": {"type": "object", "properties": {}}},
    ]


def test_a_schema_without_a_type_is_an_object():
    tool = {**F, "parameters": {"properties": {"a": {}}}}
    assert body(tools=[tool])["tools"][0]["input_schema"]["type"] == "object"


def test_alternatives_at_the_top_are_joined():
    one = {"type": "object", "properties": {"a": {"type": "string"}, "b": {}}, "required": ["a", "b"]}
    other = {"type": "object", "properties": {"b": {}, "c": {}}, "required": ["b"]}
    schema = body(tools=[{**F, "parameters": {"anyOf": [one, other]}}])["tools"][0]["input_schema"]
    assert schema["type"] == "object"
    assert schema["properties"].keys() == {"a", "b", "c"}
    assert schema["required"] == ["b"]
    assert "anyOf" not in schema
    both = body(tools=[{**F, "parameters": {"allOf": [one, other]}}])["tools"][0]["input_schema"]
    assert both["required"] == ["a", "b"]


def test_a_custom_tool_is_a_function_of_one_string():
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: WORD"}
    (tool,) = body(tools=[{"type": "custom", "name": "patch", "format": grammar}])["tools"]
    assert tool["input_schema"]["required"] == ["input"]
    assert "start: WORD" in tool["description"]


def test_a_namespace_is_part_of_the_name():
    space = {"type": "namespace", "name": "crm", "tools": [F]}
    assert body(tools=[space])["tools"][0]["name"] == "crm__f"


def test_a_strict_tool_is_strict_where_the_model_keeps_it():
    tool = {**F, "parameters": CLOSED, "strict": True}
    assert body(tools=[tool])["tools"][0] == {"name": "f", "input_schema": CLOSED, "strict": True}
    older = render(OLDER, tools=[tool])
    assert older.body["tools"][0] == {"name": "f", "input_schema": CLOSED}
    assert older.dropped == ("tools[0].strict",)


def test_a_schema_that_cannot_be_held_to_is_not_strict():
    free = {"type": "object", "properties": {"a": {"type": "object"}}}
    rendered = render(tools=[{**F, "parameters": free, "strict": True}])
    assert "strict" not in rendered.body["tools"][0]
    assert rendered.dropped == ("tools[0].strict",)


def test_only_so_many_tools_are_strict():
    tools = [{**F, "name": f"f{number}", "parameters": CLOSED, "strict": True} for number in range(22)]
    rendered = render(tools=tools)
    assert sum("strict" in tool for tool in rendered.body["tools"]) == 20
    assert rendered.dropped == ("tools[20].strict", "tools[21].strict")


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", None),
        (None, None),
        ("none", {"type": "none"}),
        ("required", {"type": "any"}),
        (NAMED_G, {"type": "tool", "name": "g"}),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "g"}]},
            {"type": "any"},
        ),
        ({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "g"}]}, None),
    ],
)
def test_every_choice_has_its_word(choice: Any, expected: Json | None):
    rendered = body(tools=[F, G], tool_choice=choice)
    assert rendered.get("tool_choice") == expected
    narrowed = isinstance(choice, dict)
    assert [tool["name"] for tool in rendered["tools"]] == (["g"] if narrowed else ["f", "g"])


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", {"type": "auto", "disable_parallel_tool_use": True}),
        ("required", {"type": "any", "disable_parallel_tool_use": True}),
        ("none", {"type": "none"}),
    ],
)
def test_calls_may_have_to_come_one_by_one(choice: str, expected: Json):
    assert body(tools=[F], tool_choice=choice, parallel_tool_calls=False)["tool_choice"] == expected


def test_without_tools_there_is_no_choice():
    assert "tool_choice" not in body(parallel_tool_calls=False, tool_choice="auto")


@pytest.mark.parametrize("choice", ["required", {"type": "function", "name": "f"}])
def test_some_models_cannot_be_forced(choice: Any):
    assert refused(UNFORCEABLE, tools=[F], tool_choice=choice) == "tool_choice"


@pytest.mark.parametrize("model", [BUDGETED, "claude-opus-4-6"])
def test_a_forced_call_counts_for_more_than_thinking(model: str):
    rendered = render(model, tools=[F], tool_choice="required", reasoning={"effort": "high"})
    assert "thinking" not in rendered.body
    assert rendered.body["tool_choice"] == {"type": "any"}
    assert "reasoning" in rendered.dropped


def test_newer_models_think_before_a_forced_call():
    rendered = render(tools=[F], tool_choice="required", reasoning={"effort": "high"})
    assert rendered.body["thinking"] == {"type": "adaptive"}
    assert rendered.dropped == ()


# Hosted tools.


def test_a_web_search_is_the_vendor_s_own():
    tool = {
        "type": "web_search",
        "filters": {"allowed_domains": ["a.example"]},
        "user_location": {"type": "approximate", "city": "Bern", "country": None},
        "search_context_size": "high",
    }
    rendered = render(tools=[tool], max_tool_calls=3)
    assert rendered.body["tools"] == [
        {
            "type": "web_search_20250305",
            "name": "web_search",
            "allowed_domains": ["a.example"],
            "user_location": {"type": "approximate", "city": "Bern"},
            "max_uses": 3,
        }
    ]
    assert rendered.dropped == ("tools[0].search_context_size",)


def test_a_search_can_be_forced():
    rendered = body(tools=[F, {"type": "web_search_preview"}], tool_choice={"type": "web_search_preview"})
    assert rendered["tool_choice"] == {"type": "tool", "name": "web_search"}
    assert [tool["name"] for tool in rendered["tools"]] == ["web_search"]


def test_a_code_interpreter_is_the_vendor_s_own():
    auto = body(tools=[{"type": "code_interpreter", "container": {"type": "auto"}}])
    assert auto["tools"] == [{"type": "code_execution_20260120", "name": "code_execution"}]
    assert "container" not in auto
    named = body(tools=[{"type": "code_interpreter", "container": "container_1"}])
    assert named["container"] == "container_1"
    older = body(OLDER, tools=[{"type": "code_interpreter", "container": {"type": "auto"}}])
    assert older["tools"][0]["type"] == "code_execution_20250825"


def test_a_code_interpreter_has_no_files_of_elsewhere():
    tool = {"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file-1"]}}
    assert refused(tools=[tool]) == "tools[0].container.file_ids"


def test_a_hosted_tool_that_the_vendor_lacks_is_left_out():
    rendered = render(tools=[F, {"type": "file_search", "vector_store_ids": ["vs"]}])
    assert len(rendered.body["tools"]) == 1
    assert rendered.dropped == ("tools[1]",)
    assert (
        refused(tools=[{"type": "image_generation"}], tool_choice={"type": "image_generation"})
        == "tool_choice"
    )


def test_other_places_host_less():
    assert render(profile=profiles.BEDROCK, tools=[{"type": "web_search"}]).dropped == ("tools[0]",)
    vertex = render(
        OLDER, profiles.VERTEX, tools=[{"type": "web_search"}, {"type": "code_interpreter", "container": "x"}]
    )
    assert [tool["name"] for tool in vertex.body["tools"]] == ["web_search"]
    assert vertex.dropped == ("tools[1]",)


# The form of the answer.


def form(schema: Json) -> Json:
    return {"format": {"type": "json_schema", "name": "x", "schema": schema, "strict": True}}


def test_a_schema_is_the_vendor_s_own_means():
    rendered = body(text=form(CLOSED), reasoning={"effort": "low"})
    assert rendered["output_config"] == {
        "effort": "low",
        "format": {"type": "json_schema", "schema": CLOSED},
    }


def test_an_older_model_answers_by_a_call():
    rendered = body(OLDER, text=form(CLOSED))
    (tool,) = rendered["tools"]
    assert (tool["name"], tool["input_schema"]) == ("json_answer", CLOSED)
    assert rendered["tool_choice"] == {"type": "tool", "name": "json_answer"}


def test_beside_other_tools_it_is_one_of_several():
    mine = {**F, "name": "json_answer"}
    rendered = body(OLDER, text=form(CLOSED), tools=[mine], parallel_tool_calls=False)
    assert [tool["name"] for tool in rendered["tools"]] == ["json_answer", "json_answer_2"]
    assert rendered["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}
    none = body(OLDER, text=form(CLOSED), tools=[F], tool_choice="none")
    assert none["tool_choice"] == {"type": "tool", "name": "json_answer"}


@pytest.mark.parametrize(
    ("model", "more"),
    [(OLDER, {"reasoning": {"effort": "low"}}), (OLDER, {"tools": [F], "tool_choice": "required"})],
)
def test_where_a_call_cannot_be_forced_the_schema_is_told(model: str, more: Json):
    rendered = body(model, text=form(CLOSED), **more)
    assert '"required": ["a"]' in rendered["system"][-1]["text"]
    assert "json_answer" not in str(rendered.get("tools"))


def test_a_server_of_another_make_is_told_the_schema():
    rendered = render("m", profiles.DEFAULT, text=form(CLOSED), instructions="Be kind.").body
    assert [block["text"][:8] for block in rendered["system"]] == ["Be kind.", "Answer w"]


def test_any_object_is_asked_for_in_words():
    rendered = body(text={"format": {"type": "json_object"}})
    assert "JSON object" in rendered["system"][0]["text"]
    assert "output_config" not in rendered


def test_plain_text_needs_no_form():
    assert body(text={"format": {"type": "text"}}) == body()


def test_a_form_that_nobody_knows_is_refused():
    with pytest.raises(UnsupportedError) as caught:
        render(text={"format": {"type": "verse"}})
    assert caught.value.param == "text.format"

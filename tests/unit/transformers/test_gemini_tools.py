"""What Gemini is offered, and what the choice comes to."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.transformers.base import Rendered, Turn
from lambda_responses.transformers.gemini_generate_content import (
    GEMINI_GENERATE_CONTENT,
    GeminiProfile,
    profiles,
)
from lambda_responses.transformers.gemini_generate_content.schemas import plain_schema, subset_schema
from lambda_responses.wire.errors import InvalidRequestError

Json = dict[str, Any]

OLD, NEW = "gemini-2.5-flash", "gemini-3-flash-preview"
DRAWS = "gemini-3-pro-image"
PARAMETERS: Json = {"type": "object", "properties": {"a": {"type": "integer"}}}
ADD: Json = {"type": "function", "name": "add", "description": "Adds.", "parameters": PARAMETERS}
SUB: Json = {"type": "function", "name": "sub", "parameters": PARAMETERS}
SEARCH: Json = {"type": "web_search"}
WORDS = [
    *("type", "properties", "$defs", "$ref", "anyOf", "oneOf", "allOf", "enum", "const", "required", "items"),
    *("a", "format"),
]
NAMES = [{"type": "function", "name": "add"}]


def render(
    *tools: Json, model: str = NEW, profile: GeminiProfile = profiles.GEMINI, **request: Any
) -> Rendered:
    items = [{"role": "user", "content": "Hi"}]
    return GEMINI_GENERATE_CONTENT.render_request(Turn(model, {"tools": tools, **request}, items), profile)


def refused(*tools: Json, **options: Any) -> str | None:
    with pytest.raises(InvalidRequestError) as caught:
        render(*tools, **options)
    return caught.value.param


def calling(*tools: Json, **options: Any) -> Json | None:
    return render(*tools, **options).body.get("toolConfig", {}).get("functionCallingConfig")


def declared(*tools: Json, **options: Any) -> list[str]:
    offered = render(*tools, **options).body.get("tools") or [{}]
    return [function["name"] for function in offered[0].get("functionDeclarations", ())]


def test_functions_are_declared_with_their_json_schema():
    assert render(ADD, {"type": "function", "name": "now"}).body["tools"] == [
        {
            "functionDeclarations": [
                {"name": "add", "description": "Adds.", "parametersJsonSchema": PARAMETERS},
                {"name": "now", "parametersJsonSchema": {"type": "object", "properties": {}}},
            ]
        }
    ]


def test_an_older_model_is_told_the_subset_and_no_empty_object():
    tools = render(ADD, {"type": "function", "name": "now"}, model="gemini-2.0-flash").body["tools"]
    assert tools == [
        {
            "functionDeclarations": [
                {"name": "add", "description": "Adds.", "parameters": PARAMETERS},
                {"name": "now"},
            ]
        }
    ]


def test_a_namespace_is_flattened_and_a_custom_tool_wrapped():
    tools: list[Json] = [
        {"type": "namespace", "name": "math", "tools": [ADD]},
        {"type": "custom", "name": "sh", "description": "Runs."},
    ]
    functions = render(*tools).body["tools"][0]["functionDeclarations"]
    assert [function["name"] for function in functions] == ["math__add", "sh"]
    assert functions[1]["parametersJsonSchema"]["required"] == ["input"]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, None),
        ("auto", None),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        (NAMES[0], {"mode": "ANY", "allowedFunctionNames": ["add"]}),
        (
            {"type": "allowed_tools", "mode": "required", "tools": NAMES},
            {"mode": "ANY", "allowedFunctionNames": ["add"]},
        ),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": NAMES},
            {"mode": "VALIDATED", "allowedFunctionNames": ["add"]},
        ),
    ],
)
def test_a_choice_is_a_mode_and_names(choice: Any, expected: Json | None):
    assert calling(ADD, SUB, tool_choice=choice) == expected
    assert declared(ADD, SUB, tool_choice=choice) == ["add", "sub"]


def test_strict_calls_are_validated():
    assert calling({**ADD, "strict": True}, SUB) == {"mode": "VALIDATED"}
    assert calling({**ADD, "strict": True}, model="gemini-2.0-flash") is None


def test_a_model_without_that_mode_is_offered_what_is_allowed_alone():
    choice = {"type": "allowed_tools", "mode": "auto", "tools": NAMES}
    assert declared(ADD, SUB, tool_choice=choice, model="gemini-2.0-flash") == ["add"]
    assert calling(ADD, SUB, tool_choice=choice, model="gemini-2.0-flash") is None


def test_where_no_function_is_allowed_none_is_declared():
    choice = {"type": "allowed_tools", "mode": "auto", "tools": [SEARCH]}
    assert render(ADD, SEARCH, tool_choice=choice).body["tools"] == [{"googleSearch": {}}, {"urlContext": {}}]


def test_a_tool_that_is_not_there_cannot_be_chosen():
    assert refused(ADD, tool_choice={"type": "function", "name": "x"}) == "tool_choice"


def test_parallel_calls_cannot_be_ruled_out():
    assert render(ADD, parallel_tool_calls=False).dropped == ("parallel_tool_calls",)
    assert not render(ADD, parallel_tool_calls=True).dropped


# Hosted tools.


@pytest.mark.parametrize(
    ("tool", "rendered"),
    [
        (SEARCH, [{"googleSearch": {}}, {"urlContext": {}}]),
        ({"type": "web_search_preview"}, [{"googleSearch": {}}, {"urlContext": {}}]),
        ({"type": "code_interpreter", "container": {"type": "auto"}}, [{"codeExecution": {}}]),
        (
            {"type": "file_search", "vector_store_ids": ["fileSearchStores/s"], "max_num_results": 3},
            [{"fileSearch": {"fileSearchStoreNames": ["fileSearchStores/s"], "topK": 3}}],
        ),
    ],
)
def test_a_hosted_tool_is_googles_own(tool: Json, rendered: list[Json]):
    assert render(tool, model=OLD).body["tools"] == rendered
    assert "toolConfig" not in render(tool, model=OLD).body


def test_hints_of_a_hosted_tool_are_named():
    assert render({**SEARCH, "search_context_size": "low"}).dropped == ("tools[0].search_context_size",)


@pytest.mark.parametrize(
    ("tool", "param"),
    [
        ({**SEARCH, "filters": {"allowed_domains": ["a.example"]}}, "tools[0].filters"),
        ({"type": "file_search", "vector_store_ids": ["s"], "filters": {"type": "eq"}}, "tools[0].filters"),
        (
            {"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["f"]}},
            "tools[0].container.file_ids",
        ),
        ({"type": "mcp", "server_label": "x"}, "tools[0]"),
    ],
)
def test_what_would_do_something_else_is_refused(tool: Json, param: str):
    assert refused(tool) == param


def test_a_hosted_tool_goes_together_with_functions_from_gemini_3_on():
    body = render(ADD, SEARCH).body
    assert [list(tool) for tool in body["tools"]] == [
        ["functionDeclarations"],
        ["googleSearch"],
        ["urlContext"],
    ]
    assert body["toolConfig"] == {"includeServerSideToolInvocations": True}


@pytest.mark.parametrize(
    ("model", "profile"), [(OLD, profiles.GEMINI), (OLD, profiles.VERTEX), (NEW, profiles.VERTEX)]
)
def test_elsewhere_it_is_left_out_and_named(model: str, profile: GeminiProfile):
    rendered = render(ADD, SEARCH, model=model, profile=profile)
    assert [list(tool) for tool in rendered.body["tools"]] == [["functionDeclarations"]]
    assert rendered.dropped == ("tools[1]",)


def test_before_gemini_3_a_json_answer_rules_hosted_tools_out():
    rendered = render(SEARCH, model=OLD, text={"format": {"type": "json_object"}})
    assert "tools" not in rendered.body
    assert rendered.dropped == ("tools[0]",)


def test_a_hosted_tool_cannot_be_forced():
    assert refused(SEARCH, tool_choice={"type": "web_search"}) == "tool_choice"
    assert refused(SEARCH, tool_choice="required") == "tool_choice"
    assert refused({"type": "computer_use"}, tool_choice="required") == "tool_choice"


def test_a_choice_of_none_rules_hosted_tools_out():
    assert "tools" not in render(SEARCH, tool_choice="none").body


def test_a_tool_that_google_does_not_have_is_named():
    assert render(ADD, {"type": "image_generation"}).dropped == ("tools[1]",)
    file_search = {"type": "file_search", "vector_store_ids": ["s"]}
    assert render(file_search, profile=profiles.VERTEX).dropped == ("tools[0]",)


def test_pictures_are_a_modality_of_a_model_that_draws():
    images: Json = {"type": "image_generation"}
    assert render(images, model=DRAWS).body["generationConfig"] == {"responseModalities": ["TEXT", "IMAGE"]}
    forced = render(images, model=DRAWS, tool_choice=images).body["generationConfig"]
    assert forced == {"responseModalities": ["IMAGE"]}
    assert "generationConfig" not in render(images, model=DRAWS, tool_choice="none").body


# Schemas.


def test_a_plain_schema_lacks_what_would_be_refused():
    schema: Json = {
        "$schema": "s",
        "type": "object",
        "properties": {"const": {"type": "integer", "exclusiveMinimum": 0}, "b": {"$ref": "#/$defs/B"}},
        "$defs": {"B": {"anyOf": [{"const": 1}, {"type": "array", "items": {"examples": [1]}}]}},
        "additionalProperties": False,
    }
    assert plain_schema(schema) == {
        "type": "object",
        "properties": {"const": {"type": "integer"}, "b": {"$ref": "#/$defs/B"}},
        "$defs": {"B": {"anyOf": [{"enum": [1]}, {"type": "array", "items": {}}]}},
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
        ({"type": ["string", "integer"]}, {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": "string", "nullable": True}),
        (
            {"oneOf": [{"type": "string"}, {"const": 1}]},
            {"anyOf": [{"type": "string"}, {"type": "string", "enum": ["1"]}]},
        ),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"type": "integer", "title": "A"}}}, {"type": "integer"}),
        (
            {"allOf": [{"properties": {"a": {}}, "required": ["a"]}, {"properties": {"b": {}}}]},
            {"properties": {"a": {}, "b": {}}, "required": ["a"]},
        ),
        ({"type": "string", "format": "email"}, {"type": "string"}),
        ({"type": "object", "additionalProperties": False, "default": {}}, {"type": "object"}),
    ],
)
def test_the_subset_says_the_same_in_fewer_words(schema: Json, expected: Json):
    assert subset_schema(schema) == expected


def test_a_schema_inside_of_itself_is_any_object():
    tree = {"type": "object", "properties": {"child": {"$ref": "#/$defs/T"}}}
    subset = subset_schema({"$ref": "#/$defs/T", "$defs": {"T": tree}})
    assert subset == {"type": "object", "properties": {"child": {"type": "object"}}}
    assert subset_schema({"$ref": "#/$defs/T", "$defs": {"T": {"$ref": "#/$defs/T"}}}) == {"type": "object"}


def test_definitions_that_refer_to_one_another_come_to_an_end():
    names = [f"D{number}" for number in range(12)]
    all_of_them = {name: {"$ref": f"#/$defs/{name}"} for name in names}
    crowd: Json = {"properties": all_of_them, "$defs": {key: {"properties": all_of_them} for key in names}}
    assert len(json.dumps(subset_schema(crowd))) < 1_000_000


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.sampled_from(["string", "null", "#/$defs/a", "#"]),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4)
        ),
    ).filter(lambda value: isinstance(value, dict))
)
def test_whatever_a_client_calls_a_schema_is_read(schema: Json):
    assert isinstance(plain_schema(schema), dict)
    assert isinstance(subset_schema(schema), dict)

"""Tools and choices as each family of models behind Converse takes them."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_responses.transformers.base import Rendered, Turn
from lambda_responses.transformers.bedrock_converse import BEDROCK_CONVERSE, profiles
from lambda_responses.transformers.bedrock_converse.schemas import inlined, object_schema, strict_schema
from lambda_responses.wire.errors import InvalidRequestError

Json = dict[str, Any]

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "amazon.nova-lite-v1:0"
NOVA_2 = "us.amazon.nova-2-lite-v1:0"
LLAMA = "us.meta.llama3-3-70b-instruct-v1:0"
MISTRAL = "mistral.mistral-large-2407-v1:0"
R1 = "us.deepseek.r1-v1:0"

USER = {"type": "message", "role": "user", "content": "Hi"}
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer", "maximum": 9}}}
F = {"type": "function", "name": "f", "description": "Does f.", "parameters": SCHEMA}
G = {"type": "function", "name": "g"}
EXEC = {"type": "custom", "name": "exec", "description": "Runs."}
DICE = {"type": "namespace", "name": "dice", "description": "Dice.", "tools": [{**G, "name": "roll"}]}
SEARCH = {"type": "web_search"}
CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"n": 1}'}
RESULT = {"type": "function_call_output", "call_id": "c1", "output": "1"}


def render(model: str = CLAUDE, *, items: Any = (USER,), **request: Any) -> Rendered:
    return BEDROCK_CONVERSE.render_request(Turn(model, request, items), profiles.BEDROCK)


def config(model: str = CLAUDE, **request: Any) -> Json:
    return render(model, **request).body.get("toolConfig", {})


def offered(model: str = CLAUDE, **request: Any) -> list[str]:
    return [
        tool["toolSpec"]["name"] if "toolSpec" in tool else tool["systemTool"]["name"]
        for tool in config(model, **request).get("tools", ())
    ]


def refused(model: str = CLAUDE, **request: Any) -> str | None:
    with pytest.raises(InvalidRequestError) as caught:
        render(model, **request)
    return caught.value.param


def test_functions_are_offered_and_the_model_decides() -> None:
    spec = {"name": "f", "description": "Does f.", "inputSchema": {"json": SCHEMA}}
    assert config(tools=[F]) == {"tools": [{"toolSpec": spec}]}
    assert config(tools=[G])["tools"][0]["toolSpec"] == {
        "name": "g",
        "inputSchema": {"json": {"type": "object", "properties": {}}},
    }


def test_custom_tools_and_namespaces_are_functions() -> None:
    assert offered(tools=[EXEC, DICE]) == ["exec", "dice__roll"]
    schema = config(tools=[EXEC])["tools"][0]["toolSpec"]["inputSchema"]["json"]
    assert list(schema["properties"]) == ["input"]


def test_strict_is_kept_where_it_is_known_for_twenty_tools() -> None:
    spec = config(tools=[{**F, "strict": True}])["tools"][0]["toolSpec"]
    assert spec["strict"] is True
    assert spec["inputSchema"]["json"] == {
        "type": "object",
        "properties": {"n": {"type": "integer", "description": "maximum: 9"}},
        "additionalProperties": False,
    }
    assert "strict" not in config(NOVA, tools=[{**F, "strict": True}])["tools"][0]["toolSpec"]
    many = [{**F, "name": f"f{n}", "strict": True} for n in range(23)]
    assert sum("strict" in tool["toolSpec"] for tool in config(tools=many)["tools"]) == 20
    assert render(tools=many).dropped == ("tools[20].strict", "tools[21].strict", "tools[22].strict")


def test_strict_that_was_asked_for_and_is_not_kept_is_named() -> None:
    tools = [
        F,
        {**G, "strict": True},
        {**F, "name": "h", "strict": None},
        {**F, "name": "i", "strict": False},
    ]
    assert render(NOVA, tools=tools).dropped == ("tools[1].strict",)
    assert render(tools=tools).dropped == ()


@pytest.mark.parametrize(
    ("model", "choice", "expected", "names"),
    [
        (CLAUDE, "auto", None, ["f", "g"]),
        (CLAUDE, "required", {"any": {}}, ["f", "g"]),
        (CLAUDE, {"type": "function", "name": "g"}, {"tool": {"name": "g"}}, ["g"]),
        (MISTRAL, {"type": "function", "name": "g"}, {"any": {}}, ["g"]),
        (CLAUDE, "none", None, []),
        (
            CLAUDE,
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
            None,
            ["f"],
        ),
        (
            CLAUDE,
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
            {"any": {}},
            ["f"],
        ),
    ],
)
def test_every_choice_has_its_words(model: str, choice: Any, expected: Json | None, names: list[str]) -> None:
    request = {"tools": [F, G], "tool_choice": choice}
    assert config(model, **request).get("toolChoice") == expected
    assert offered(model, **request) == names
    assert render(model, **request).dropped == ()


@pytest.mark.parametrize("model", [LLAMA, "us.anthropic.claude-fable-5", "us.anthropic.claude-mythos-5"])
def test_a_choice_that_cannot_be_kept_is_refused(model: str) -> None:
    assert refused(model, tools=[F], tool_choice="required") == "tool_choice"


def test_a_model_without_tools_refuses_them() -> None:
    assert refused(R1, tools=[F]) == "tools[0]"
    assert refused("anthropic.claude-v2:1", tools=[SEARCH, F]) == "tools[1]"


def test_one_call_at_a_time_is_said_in_the_familys_words() -> None:
    fields = render(tools=[F], parallel_tool_calls=False).body["additionalModelRequestFields"]
    assert fields == {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}
    forced = {"type": "function", "name": "f"}
    body = render(tools=[F], parallel_tool_calls=False, tool_choice=forced).body
    assert body["toolConfig"]["toolChoice"] == {"any": {}}
    assert body["additionalModelRequestFields"]["tool_choice"]["type"] == "any"
    assert render(NOVA, tools=[F], parallel_tool_calls=False).dropped == ("parallel_tool_calls",)
    assert render(NOVA, parallel_tool_calls=False).dropped == ()


# A history with calls.


def test_tools_are_shown_for_what_was_called_although_none_may_be_called() -> None:
    items = [USER, CALL, RESULT]
    rendered = render(items=items, tools=[F], tool_choice="none")
    assert rendered.body["toolConfig"]["tools"][0]["toolSpec"]["name"] == "f"
    assert "toolChoice" not in rendered.body["toolConfig"]
    assert "Do not call" in rendered.body["system"][-1]["text"]
    assert rendered.dropped == ("tool_choice",)


def test_a_tool_that_is_no_longer_offered_is_shown_by_its_name() -> None:
    items = [USER, CALL, {**CALL, "call_id": "c2"}, RESULT, {**RESULT, "call_id": "c2"}]
    rendered = render(items=items)
    spec = {"name": "f", "inputSchema": {"json": {"type": "object", "properties": {}}}}
    assert rendered.body["toolConfig"] == {"tools": [{"toolSpec": spec}]}
    assert "Do not call" in rendered.body["system"][-1]["text"]
    assert rendered.dropped == ()
    assert offered(items=items, tools=[G]) == ["g"]


# Tools that Bedrock runs.


def test_system_tools_stand_for_hosted_ones_where_a_model_has_them() -> None:
    tools = [SEARCH, {"type": "code_interpreter", "container": {"type": "auto"}}, F]
    assert offered(NOVA_2, tools=tools) == ["f", "nova_grounding", "nova_code_interpreter"]
    rendered = render(CLAUDE, tools=tools)
    assert rendered.dropped == ("tools[0]", "tools[1]")
    assert offered(NOVA_2, tools=tools, tool_choice="none") == []


@pytest.mark.parametrize("choice", ["required", {"type": "web_search"}])
def test_a_hosted_tool_cannot_be_forced(choice: Any) -> None:
    assert refused(NOVA_2, tools=[SEARCH], tool_choice=choice) == "tool_choice"
    assert refused(CLAUDE, tools=[SEARCH], tool_choice=choice) == "tool_choice"


# Schemas.

TREE: Json = {
    "type": "object",
    "properties": {"root": {"$ref": "#/$defs/node"}, "size": {"$ref": "#/$defs/size", "description": "S"}},
    "$defs": {
        "size": {"type": "integer"},
        "node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}},
    },
}


def test_references_are_put_in_place_where_they_mean_nothing() -> None:
    schema = config(NOVA, tools=[{**F, "parameters": TREE}])["tools"][0]["toolSpec"]["inputSchema"]["json"]
    assert schema == {
        "type": "object",
        "properties": {
            "root": {"type": "object", "properties": {"next": {}}},
            "size": {"type": "integer", "description": "S"},
        },
    }
    assert config(CLAUDE, tools=[{**F, "parameters": TREE}])["tools"][0]["toolSpec"]["inputSchema"] == {
        "json": TREE
    }
    assert inlined(SCHEMA) is SCHEMA


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "object"}, {"type": "object"}),
        ({"type": "array", "items": {}}, {"type": "object", "properties": {}, "items": {}}),
        (
            {"$ref": "#/definitions/a", "definitions": {"a": SCHEMA}},
            {**SCHEMA, "definitions": {"a": SCHEMA}},
        ),
        (
            {
                "description": "D",
                "properties": {"a": {}},
                "required": ["a"],
                "anyOf": [
                    {"properties": {"b": {}}, "required": ["b", "c"]},
                    {"$ref": "#/$defs/c"},
                ],
                "$defs": {"c": {"properties": {"c": {}}, "required": ["c"]}},
            },
            {
                "type": "object",
                "description": 'D\n{"anyOf":[{"properties":{"b":{}},"required":["b","c"]},'
                '{"$ref":"#/$defs/c"}]}',
                "properties": {"a": {}, "b": {}, "c": {}},
                "required": ["a", "c"],
                "$defs": {"c": {"properties": {"c": {}}, "required": ["c"]}},
            },
        ),
        (
            {"allOf": [{"required": ["a"]}, {"required": ["b"]}]},
            {
                "type": "object",
                "description": '{"allOf":[{"required":["a"]},{"required":["b"]}]}',
                "properties": {},
                "required": ["a", "b"],
            },
        ),
        (
            {"oneOf": "x"},
            {"type": "object", "description": '{"oneOf":"x"}', "properties": {}},
        ),
    ],
)
def test_arguments_are_one_object(schema: Json, expected: Json) -> None:
    assert object_schema(schema) == expected
    [tool] = config(CLAUDE, tools=[{**F, "parameters": schema}])["tools"]
    assert tool["toolSpec"]["inputSchema"]["json"] == expected


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (
            {"type": "array", "minItems": 2, "items": {}},
            {"type": "array", "items": {}, "description": "minItems: 2"},
        ),
        (
            {"type": "array", "minItems": 1, "maxItems": 3},
            {"type": "array", "minItems": 1, "description": "maxItems: 3"},
        ),
        (
            {"type": "number", "minimum": 0, "description": "N"},
            {"type": "number", "description": "N (minimum: 0)"},
        ),
        (
            {"properties": {"maximum": {"const": {"type": "object"}}}},
            {"properties": {"maximum": {"const": {"type": "object"}}}, "additionalProperties": False},
        ),
        (
            {"anyOf": [{"type": "object"}, {"type": ["string", "null"]}]},
            {"anyOf": [{"type": "object", "additionalProperties": False}, {"type": ["string", "null"]}]},
        ),
    ],
)
def test_a_strict_schema_is_closed_and_tells_its_bounds(schema: Json, expected: Json) -> None:
    assert strict_schema(schema) == expected


def test_a_member_that_alternatives_define_otherwise_may_be_either() -> None:
    one = {"properties": {"kind": {"const": "a"}, "v": {"type": "string"}}, "required": ["kind"]}
    other = {"properties": {"kind": {"const": "b"}, "v": {"type": "string"}}, "required": ["kind", "v"]}
    joined = object_schema({"anyOf": [one, other]})
    assert joined["properties"] == {
        "kind": {"anyOf": [{"const": "a"}, {"const": "b"}]},
        "v": {"type": "string"},
    }
    assert joined["required"] == ["kind"]
    assert object_schema({"allOf": [one, other]})["properties"]["kind"] == {
        "allOf": [{"const": "a"}, {"const": "b"}]
    }

"""Schemas as Anthropic's constrained decoding takes them."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_responses.transformers.anthropic_messages.native_schema import fit

Json = dict[str, Any]


def thing(**properties: Any) -> Json:
    return {"type": "object", "properties": properties, "additionalProperties": False}


NAME: Json = {"type": "string"}
TREE: Json = {**thing(tree={"$ref": "#/$defs/tree"}), "$defs": {"tree": thing(tree={"$ref": "#/$defs/tree"})}}


@pytest.mark.parametrize(
    "schema",
    [
        thing(name=NAME),
        {**thing(name=NAME, age={"type": ["integer", "null"]}), "required": ["name"]},
        thing(kind={"enum": ["a", "b"]}, one={"const": 1}),
        thing(names={"type": "array", "items": NAME, "minItems": 1}),
        thing(when={"type": "string", "format": "date-time"}),
        thing(either={"anyOf": [NAME, {"type": "null"}]}),
        {**thing(a={"$ref": "#/$defs/a"}, b={"$ref": "#/$defs/a"}), "$defs": {"a": thing(name=NAME)}},
        thing(),
    ],
)
def test_what_is_known_stays_as_it_is(schema: Json):
    assert fit(schema) == schema


def test_an_open_object_is_closed():
    schema = {"type": "object", "properties": {"a": {"properties": {"b": NAME}}}, "$schema": "x"}
    assert fit(schema) == thing(a=thing(b=NAME))


def test_bounds_are_told_in_the_description():
    schema = thing(
        age={"type": "integer", "minimum": 0, "description": "In years."}, name={**NAME, "pattern": "x"}
    )
    fitted = fit(schema) or {}
    assert fitted["properties"]["age"] == {"type": "integer", "description": 'In years.\n{"minimum":0}'}
    assert fitted["properties"]["name"] == {"type": "string", "description": '{"pattern":"x"}'}


def test_one_of_is_any_of():
    fitted = fit(thing(a={"oneOf": [NAME, {"type": "null"}]})) or {}
    assert fitted["properties"]["a"] == {"anyOf": [NAME, {"type": "null"}]}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        thing(anything={"type": "object"}),
        thing(map={"type": "object", "additionalProperties": NAME}),
        thing(anything={}),
        {"type": "array", "items": NAME},
        {"type": "object", "properties": {"a": NAME}, "patternProperties": {"x": NAME}},
        thing(a={"type": "array", "prefixItems": [NAME]}),
        TREE,
        thing(a={"$ref": "#/$defs/missing"}),
        thing(a={"$ref": "https://a.example/schema"}),
        {"type": "object", "properties": ["a"]},
        thing(a={"anyOf": "x"}),
        thing(a=True),
    ],
)
def test_what_cannot_be_said_is_nothing(schema: Json):
    assert fit(schema) is None


def test_the_schema_that_was_given_is_not_changed():
    schema = {"type": "object", "properties": {"a": {"type": "integer", "maximum": 3}}}
    fit(schema)
    assert schema == {"type": "object", "properties": {"a": {"type": "integer", "maximum": 3}}}

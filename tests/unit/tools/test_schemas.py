"""What tools take is described as providers have it, whatever servers write."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.tools.schemas import parameters_of

A, B = {"type": "string"}, {"type": "integer"}
PLAIN: dict[str, Any] = {
    "type": "object",
    "properties": {"a": A, "b": {"anyOf": [A, B]}},
    "required": ["a"],
    "additionalProperties": False,
    "$defs": {"c": A},
}


def test_an_object_stays_as_it_is() -> None:
    assert parameters_of(PLAIN) == PLAIN


@pytest.mark.parametrize(
    ("schema", "restated"),
    [
        ({}, {"type": "object", "properties": {}}),
        ({"type": "object", "properties": None, "required": None}, {"type": "object", "properties": {}}),
        ({"type": ["object", "null"], "title": "T"}, {"type": "object", "properties": {}, "title": "T"}),
        ({"type": "string", "enum": ["a"]}, {"type": "object", "properties": {}}),
        (
            {"properties": {"a": A}, "required": ["a", 7, "a"]},
            {"type": "object", "properties": {"a": A}, "required": ["a"]},
        ),
        (
            {"allOf": [{"properties": {"a": A}, "required": ["a"]}, {"properties": {"b": B}}]},
            {"type": "object", "properties": {"a": A, "b": B}, "required": ["a"]},
        ),
        (
            {
                "anyOf": [
                    {"properties": {"a": A, "b": B}, "required": ["a", "b"]},
                    {"properties": {"a": B}, "required": ["a"]},
                    {"properties": {"b": B}, "required": ["a"]},
                ]
            },
            {"type": "object", "properties": {"a": {"anyOf": [A, B]}, "b": B}, "required": ["a"]},
        ),
        (
            {"properties": {"a": A, "b": B}, "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
            {"type": "object", "properties": {"a": A, "b": B}},
        ),
        (
            {"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"properties": {"a": A}, "required": ["a"]}}},
            {
                "type": "object",
                "properties": {"a": A},
                "required": ["a"],
                "$defs": {"a/b": {"properties": {"a": A}, "required": ["a"]}},
            },
        ),
        ({"$ref": "https://example.com/schema"}, {"type": "object", "properties": {}}),
        ({"$ref": "#"}, {"type": "object", "properties": {}}),
        ({"allOf": [{"$ref": "#/allOf/0"}]}, {"type": "object", "properties": {}}),
    ],
)
def test_a_root_that_providers_refuse_is_restated(schema: Any, restated: Any) -> None:
    before = json.dumps(schema)
    assert parameters_of(schema) == restated
    assert json.dumps(schema) == before


def kinds(*names: str) -> list[Any]:
    return [{"properties": {"kind": {"const": name}}, "required": ["kind", name]} for name in names]


@pytest.mark.parametrize(
    "union",
    [
        {"oneOf": kinds("a", "b", "c", "a", "d")},
        {"oneOf": [{"anyOf": kinds("a", "b")}, {"oneOf": [*kinds("c"), {"anyOf": kinds("b", "d")}]}]},
        {"anyOf": [*kinds("a"), {"properties": {"kind": {"anyOf": [{"const": "b"}, {"const": "c"}]}}}]}
        | {"oneOf": [{"required": ["kind"]}]},
    ],
)
def test_the_alternatives_of_a_root_are_told_side_by_side_and_once(union: Any) -> None:
    told = parameters_of(union)
    names = "abcd" if "anyOf" not in union else "abc"
    assert told["properties"] == {"kind": {"anyOf": [{"const": name} for name in names]}}
    assert told["required"] == ["kind"]


def test_schemas_that_refer_to_each_other_are_read_in_no_time() -> None:
    many = {"allOf": [{"$ref": f"#/$defs/d{n}"} for n in range(200)]}
    schema = {**many, "$defs": {f"d{n}": {**many, "properties": {f"p{n}": A}} for n in range(200)}}
    assert len(parameters_of(schema)["properties"]) == 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "properties", "required", "allOf", "anyOf", "$ref", "a"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["type", "properties", "required", "allOf", "oneOf", "$ref"]), JSON))
def test_whatever_a_server_writes_becomes_an_object_and_stays_one(schema: Any) -> None:
    restated = parameters_of(schema)
    assert restated["type"] == "object"
    assert isinstance(restated["properties"], dict)
    assert not restated.keys() & {"allOf", "anyOf", "oneOf", "$ref"}
    assert all(isinstance(name, str) for name in restated.get("required", []))
    assert parameters_of(restated) == restated

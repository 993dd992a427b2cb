"""The subset of JSON Schema that strict functions and answers keep to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.strict_schema import check_strict_schema, strict_form

Json = dict[str, Any]


def obj(properties: Json | None = None, **more: Any) -> Json:
    properties = properties or {}
    closed = {"type": "object", "properties": properties, "required": list(properties)}
    return {**closed, "additionalProperties": False, **more}


def nested(levels: int) -> Json:
    return obj({"a": nested(levels - 1)}) if levels > 1 else obj()


TEXT = {"type": "string"}

GOOD: dict[str, Json] = {
    "nothing": obj(),
    "an optional member as a union with null": obj({"a": {"anyOf": [TEXT, {"type": "null"}]}}),
    "a reference": obj({"a": {"$ref": "#/$defs/b"}}, **{"$defs": {"b": obj({"c": TEXT})}}),
    "itself": obj({"a": {"$ref": "#"}}),
    "arrays": obj({"a": {"type": "array", "items": obj({"b": TEXT})}}),
    "formats": obj({"a": {"type": "string", "format": "date-time"}}),
    "a nullable object": obj({"a": {**obj(), "type": ["object", "null"]}}),
    "a property called format": obj({"format": TEXT, "oneOf": TEXT}),
    "ten levels": nested(10),
}

BAD: dict[str, Json] = {
    "an array at the root": {"type": "array", "items": TEXT},
    "no type at the root": {"properties": {}},
    "anyOf at the root": {**obj(), "anyOf": [obj()]},
    "open at the root": {**obj(), "additionalProperties": True},
    "open inside": obj({"a": {"type": "object", "properties": {}, "required": []}}),
    "open in an array": obj({"a": {"type": "array", "items": {"type": "object"}}}),
    "open in a definition": {**obj(), "$defs": {"b": {"type": "object"}}},
    "open in a union": obj({"a": {"anyOf": [{"type": "object"}, TEXT]}}),
    "an optional member": {**obj({"a": TEXT, "b": TEXT}), "required": ["a"]},
    "no required": {"type": "object", "properties": {"a": TEXT}, "additionalProperties": False},
    "oneOf": obj({"a": {"oneOf": [TEXT]}}),
    "allOf": obj({"a": {"allOf": [TEXT]}}),
    "not": obj({"a": {"not": TEXT}}),
    "an unknown format": obj({"a": {"type": "string", "format": "uri"}}),
    "eleven levels": nested(11),
    "too many properties": obj({f"p{n}": TEXT for n in range(5001)}),
    "too many enum values": obj({"a": {"enum": list(range(1001))}}),
    "too many characters": obj({"a": {"enum": ["x" * 120_001]}}),
}


@pytest.mark.parametrize("schema", GOOD.values(), ids=GOOD)
def test_a_schema_inside_the_subset_passes(schema: Json):
    check_strict_schema(schema, what="function 'f'", param="p", code="c")
    assert strict_form(schema) is not None


@pytest.mark.parametrize("schema", BAD.values(), ids=BAD)
def test_a_schema_outside_the_subset_is_named(schema: Json):
    with pytest.raises(InvalidRequestError) as caught:
        check_strict_schema(schema, what="function 'f'", param="p", code="c")
    assert (caught.value.code, caught.value.param) == ("c", "p")
    assert caught.value.message.startswith("Invalid schema for function 'f': ")
    assert len(caught.value.message) < 800


def test_a_fault_says_where_it_is():
    with pytest.raises(InvalidRequestError) as caught:
        check_strict_schema(BAD["open inside"], what="function 'f'", param="p", code="c")
    assert "('properties', 'a')" in caught.value.message


def test_an_open_schema_is_closed_throughout():
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": "array", "items": {"type": "object"}},
            "b": {"anyOf": [{"type": "object"}]},
        },
        "required": ["a", "b"],
        "$defs": {"d": {"type": "object"}},
    }
    closed = strict_form(schema)
    assert closed is not None
    assert str(closed).count("'additionalProperties': False") == 4


SCHEMAS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "properties", "items", "anyOf", "required", "enum", "$defs", "format", "a"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


@given(st.dictionaries(st.sampled_from(["type", "properties", "items", "anyOf", "required"]), SCHEMAS))
def test_any_json_is_judged_and_what_is_made_strict_is_strict(schema: Json):
    closed = strict_form(schema)
    if closed is not None:
        check_strict_schema(closed, what="f", param="p", code="c")
        assert strict_form(closed) == closed

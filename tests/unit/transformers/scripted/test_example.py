"""Values that obey a schema, held against an independent validator."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.transformers.scripted.example import example
from lambda_responses.transformers.scripted.pattern import NoExample, matching

TREE = {
    "$defs": {
        "Node": {
            "type": "object",
            "properties": {
                "value": {"type": "integer"},
                "left": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]},
                "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
            },
            "required": ["value", "left", "children"],
        }
    },
    "$ref": "#/$defs/Node",
}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (True, "text"),
        ({}, "text"),
        (False, None),
        ({"const": 7}, 7),
        ({"enum": ["b", "a"]}, "b"),
        ({"type": "string"}, "text"),
        ({"type": ["null", "integer"]}, 1),
        ({"type": "string", "format": "date"}, "2026-01-01"),
        ({"type": "string", "minLength": 6}, "textxx"),
        ({"type": "string", "maxLength": 2}, "te"),
        ({"type": "string", "pattern": r"^[A-Z]{3}-\d+$"}, "AAA-0"),
        ({"type": "integer", "minimum": 5, "multipleOf": 4}, 8),
        ({"type": "number", "exclusiveMinimum": 3}, 3.5),
        ({"type": "integer", "maximum": -3}, -3),
        ({"type": "boolean"}, True),
        ({"type": "null"}, None),
        ({"type": "array", "items": {"type": "boolean"}}, [True]),
        ({"type": "array", "items": {"type": "boolean"}, "minItems": 3}, [True] * 3),
        ({"type": "array", "items": {"type": "boolean"}, "maxItems": 0}, []),
        ({"type": "object", "properties": {"a": {}, "b": {}}, "required": ["b"]}, {"b": "b"}),
        ({"properties": {"a": {"type": "string"}}, "required": ["a"]}, {"a": "a"}),
        ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, 1),
        ({"allOf": [{"type": "object", "required": ["a"]}, {"properties": {"a": {"const": 1}}}]}, {"a": 1}),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"const": 3}}}, 3),
    ],
)
def test_a_schema_has_one_example(schema: Any, value: Any):
    assert example(schema) == value


def test_a_schema_that_refers_to_itself_comes_to_an_end():
    value = example(TREE)
    jsonschema.validate(value, TREE)
    assert len(json.dumps(value)) < 20_000


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "#/nowhere"},
        {"$ref": "https://example.com/schema"},
        {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
        {"anyOf": []},
        {"type": "string", "pattern": "(a+)+\\1$"},
        {"type": "string", "minLength": 10**12},
        {"type": "array", "minItems": 10**12, "items": {"const": 0}},
        {"type": "object", "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}, "required": ["a", "b"]},
        {"type": "array", "minItems": 9999, "items": {"type": "string", "minLength": 9999}},
        {"type": "array", "minItems": 9999, "items": {"type": "array", "minItems": 9999}},
        {"type": "integer", "minimum": 1e308},
        {"type": "integer", "multipleOf": 0},
        {"properties": [], "required": {}, "items": 3},
    ],
)
def test_a_schema_that_nobody_can_obey_gets_something_small(schema: Any):
    assert len(json.dumps(example(schema))) < 1_000_000


def schemas() -> st.SearchStrategy[Any]:
    """Schemas that can be obeyed, of all kinds that clients generate from types."""
    names = st.sampled_from(["a", "b", "city", "unit"])
    bounds = st.integers(-50, 50)
    leaves = st.one_of(
        st.just({"type": "boolean"}),
        st.just({"type": "null"}),
        st.builds(
            lambda v: {"enum": v}, st.lists(st.text(max_size=3) | st.integers(), min_size=1, max_size=3)
        ),
        st.builds(lambda v: {"const": v}, st.text(max_size=3) | st.booleans()),
        st.builds(
            lambda n, m: {"type": "string", "minLength": n, "maxLength": n + m},
            st.integers(0, 9),
            st.integers(0, 9),
        ),
        st.builds(
            lambda n, m: {"type": "integer", "minimum": n, "maximum": n + m}, bounds, st.integers(0, 30)
        ),
        st.builds(lambda n: {"type": "number", "exclusiveMinimum": n}, bounds),
        st.builds(lambda n: {"type": "number", "exclusiveMaximum": n}, bounds),
        st.builds(
            lambda n, m: {"type": "integer", "exclusiveMinimum": n, "multipleOf": m},
            bounds,
            st.integers(1, 7),
        ),
        st.builds(
            lambda p: {"type": "string", "pattern": p},
            st.sampled_from([r"^\d{4}-\d{2}$", "^(a|b)+$", r"[^\w]"]),
        ),
        st.builds(
            lambda f: {"type": "string", "format": f}, st.sampled_from(["date-time", "email", "uuid", "ipv4"])
        ),
    )

    def grown(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        def an_object(properties: dict[str, Any], count: int) -> dict[str, Any]:
            return {
                "type": "object",
                "properties": properties,
                "required": sorted(properties)[:count],
                "additionalProperties": False,
            }

        return st.one_of(
            st.builds(an_object, st.dictionaries(names, inner, max_size=3), st.integers(0, 3)),
            st.builds(
                lambda i, n, m: {"type": "array", "items": i, "minItems": n, "maxItems": n + m},
                inner,
                st.integers(0, 3),
                st.integers(0, 2),
            ),
            st.builds(lambda p: {"type": "array", "prefixItems": p}, st.lists(inner, min_size=1, max_size=3)),
            st.builds(lambda b: {"anyOf": b}, st.lists(inner, min_size=1, max_size=3)),
        )

    return st.recursive(leaves, grown, max_leaves=8)


@given(schemas())
def test_examples_obey_their_schemas(schema: Any):
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(
        example(schema)
    )


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "properties",
                    "required",
                    "items",
                    "anyOf",
                    "allOf",
                    "$ref",
                    "enum",
                    "minItems",
                    "pattern",
                    "minimum",
                    "multipleOf",
                    "minLength",
                    "prefixItems",
                    "additionalProperties",
                    "exclusiveMaximum",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=16,
)


@given(ANY_JSON)
def test_anything_has_an_example(schema: Any):
    json.dumps(example(schema))


@pytest.mark.parametrize(
    "pattern",
    [
        "abc",
        r"^\d{3}-\d{4}$",
        "^[a-z][a-z0-9_]*$",
        r"^(foo|bar)+\.(py|js)$",
        r"^\+?[1-9]\d{1,14}$",
        r"[^a\d\s]{2,}",
        r"^(?:(?P<x>ab)?c){2}$",
        r"^[A-F0-9]{8}(-[A-F0-9]{4}){3}$",
        r"^\u0041\.\w\s\S$",
        r"[]x]",
        r"^[\w.+-]+@[\w-]+\.[\w.]+$",
        "",
        "a|",
        r"\bword\b",
        "^.{5}$",
        "a{2,4}?b*?",
    ],
)
@pytest.mark.parametrize("repeats", [1, 4])
def test_a_match_matches(pattern: str, repeats: int):
    assert re.search(pattern, matching(pattern, repeats=repeats))


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        ")",
        "[",
        "[a",
        "*a",
        r"(a)\1",
        "(?=a)",
        "(?!a)",
        "(?<=a)b",
        r"\p{L}",
        "a{1",
        "(?<a",
        "\\",
        "a" * 9 + "{99999}",
        "(" * 99_999,
    ],
)
def test_what_is_too_clever_has_no_example(pattern: str):
    with pytest.raises(NoExample):
        matching(pattern)


@given(st.text(alphabet="ab01[](){}|*+?.^$\\-,dwsDWS:<>P=!", max_size=14))
def test_any_pattern_has_a_match_or_none(pattern: str):
    try:
        text = matching(pattern)
    except NoExample:
        return
    assert isinstance(text, str)

"""Schemas that are no schemas are refused in strict mode, and never called strict."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.strict_schema import check_strict_schema, strict_form

OPEN: dict[str, Any] = {"type": "object", "additionalProperties": False, "required": ["a"]}


@pytest.mark.parametrize(
    "schema",
    [
        {**OPEN, "properties": [], "required": []},
        {**OPEN, "properties": {}, "required": "a"},
        {**OPEN, "properties": {"a": {"type": "objekt"}}},
        {**OPEN, "properties": {"a": {"type": ["string", "nil"]}}},
        {**OPEN, "properties": {"a": {"$ref": "#/nope"}}},
        {**OPEN, "properties": {"a": {"$ref": "elsewhere#/a"}}},
    ],
)
def test_a_broken_schema_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError):
        check_strict_schema(schema, what="function 'f'", param="tools[0].parameters", code="c")
    assert strict_form(schema) is None


@pytest.mark.parametrize("reference", ["#", "#/$defs/b", "#/$defs/x~1y"])
def test_a_reference_into_the_schema_is_fine(reference: str) -> None:
    schema = {
        **OPEN,
        "properties": {"a": {"$ref": reference}},
        "$defs": {"b": {"type": "string"}, "x/y": {"type": "string"}},
    }
    check_strict_schema(schema, what="function 'f'", param="tools[0].parameters", code="c")

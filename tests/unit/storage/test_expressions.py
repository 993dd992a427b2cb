"""Expressions name nothing but placeholders, so no name is reserved and no value is syntax."""

from __future__ import annotations

import re

import pytest

from lambda_responses.storage.keyed.conditions import ROW, Absent, AnyOf, Compare, OneOf, Present, equals
from lambda_responses.storage.keyed.expressions import Expression
from lambda_responses.storage.keyed.port import Key, Range, Update

WORDS = {"AND", "OR", "IN", "BETWEEN", "SET", "REMOVE", "ADD", "attribute_exists", "attribute_not_exists"}
HOSTILE = 'x" OR attribute_exists(pk)'
CONDITIONS = [
    (),
    (Absent(ROW),),
    (Present(HOSTILE), equals("status", HOSTILE)),
    (AnyOf([Absent("f"), Compare("f", "<=", 3)]), OneOf("st", ["queued", "in_progress"])),
    (Absent("nxt"), AnyOf([Absent("a"), Absent("b")])),
]


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", re.sub(r"[#:]\d+", "", text)))


@pytest.mark.parametrize("when", CONDITIONS)
def test_conditions_hold_placeholders_only(when: tuple[Present, ...]) -> None:
    for write in (Expression.on_any_row, Expression.on_live_row):
        expression = Expression()
        text = write(expression, when, 1.5)
        assert words(text) <= WORDS
        placeholders = expression.placeholders()
        assert set(re.findall(r"#\d+", text)) == set(placeholders.get("ExpressionAttributeNames", ()))
        assert set(re.findall(r":\d+", text)) == set(placeholders.get("ExpressionAttributeValues", ()))
        assert "((" not in text  # DynamoDB refuses redundant parentheses.


def test_no_condition_is_no_expression() -> None:
    expression = Expression()
    assert expression.on_any_row((), 1.5) == ""
    assert expression.placeholders() == {}


def test_updates_and_ranges_hold_placeholders_only() -> None:
    expression = Expression()
    update = Update(Key("p", "s"), set={HOSTILE: 1, "size": HOSTILE}, remove=["status"], add={"count": 2})
    assert words(expression.update(update)) <= WORDS
    assert words(expression.key_within(Range(HOSTILE, "a", "b"))) <= WORDS

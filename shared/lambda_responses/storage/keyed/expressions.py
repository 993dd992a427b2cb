"""Conditions and updates in DynamoDB's expression language: every name and every value a placeholder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambda_responses.storage.keyed.attributes import to_attribute
from lambda_responses.storage.keyed.conditions import ROW, Absent, AnyOf, Compare, OneOf, Present, holds

if TYPE_CHECKING:
    from lambda_responses.storage.keyed.conditions import Condition, Test
    from lambda_responses.storage.keyed.port import Range, Update


class Expression:
    """Writes expressions that share one set of placeholders."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[str, Any] = {}

    def placeholders(self) -> dict[str, Any]:
        """What the placeholders stand for, as request parameters. DynamoDB refuses empty ones."""
        parameters: dict[str, Any] = {}
        if self._names:
            parameters["ExpressionAttributeNames"] = {sign: name for name, sign in self._names.items()}
        if self._values:
            parameters["ExpressionAttributeValues"] = self._values
        return parameters

    def name(self, name: str) -> str:
        """The placeholder of an attribute's name."""
        return self._names.setdefault(name, f"#{len(self._names)}")

    def value(self, value: Any) -> str:
        """A placeholder for a value."""
        sign = f":{len(self._values)}"
        self._values[sign] = to_attribute(value)
        return sign

    def key_within(self, rows: Range) -> str:
        """The rows of a range."""
        partition = f"{self.name('pk')} = {self.value(rows.pk)}"
        return f"{partition} AND {self.name('sk')} BETWEEN {self.value(rows.low)} AND {self.value(rows.high)}"

    def update(self, update: Update) -> str:
        """The changes of an update."""
        clauses = {
            "SET": [f"{self.name(name)} = {self.value(value)}" for name, value in update.set.items()],
            "REMOVE": [self.name(name) for name in update.remove],
            "ADD": [f"{self.name(name)} {self.value(amount)}" for name, amount in update.add.items()],
        }
        return " ".join(f"{verb} {', '.join(parts)}" for verb, parts in clauses.items() if parts)

    def on_live_row(self, when: Condition, now: float) -> str:
        """There is a row, it has not expired, and the condition holds for it."""
        return " AND ".join([self._live(now), *map(self._test, when)])

    def on_any_row(self, when: Condition, now: float) -> str:
        """The condition holds for the live row, or there is none and it holds for none. Empty for no test."""
        if not when:
            return ""
        if not holds(when, None):
            return self.on_live_row(when, now)
        none = f"attribute_not_exists({self.name(ROW)}) OR {self.name('ttl')} <= {self.value(now)}"
        return f"{none} OR {' AND '.join(map(self._test, when))}"

    def _live(self, now: float) -> str:
        ttl = self.name("ttl")
        return (
            f"attribute_exists({self.name(ROW)})"
            f" AND (attribute_not_exists({ttl}) OR {ttl} > {self.value(now)})"
        )

    def _test(self, test: Test) -> str:
        match test:
            case Absent(name):
                return f"attribute_not_exists({self.name(name)})"
            case Present(name):
                return f"attribute_exists({self.name(name)})"
            case Compare(name, sign, value):
                return f"{self.name(name)} {sign} {self.value(value)}"
            case OneOf(name, values):
                return f"{self.name(name)} IN ({', '.join(map(self.value, values))})"
            case AnyOf(tests):
                return f"({' OR '.join(map(self._test, tests))})"

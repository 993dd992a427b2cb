"""A string that matches a regular expression, for the expressions that JSON schemas hold in practice.

Literals, classes, groups, the first of several alternatives, and as few repetitions as are allowed. The
expression is never run: whoever wrote it may have written one that does not come to an end.
"""

from __future__ import annotations

_CLASSES = {"d": "0", "w": "a", "s": " ", "D": "a", "W": " ", "S": "a", "n": "\n", "t": "\t", "r": "\r"}
_RANGES = {
    "d": (("0", "9"),),
    "w": (("a", "z"), ("A", "Z"), ("0", "9"), ("_", "_")),
    "s": ((" ", " "), ("\t", "\r")),
}
_EDGES = "bB"
_CANDIDATES = "a0A _-.~é"
_QUANTIFIERS = {"*": (0, True), "+": (1, True), "?": (0, False)}


class NoExample(ValueError):
    """The expression uses something else, or is broken."""


def matching(pattern: str, *, repeats: int = 1) -> str:
    """A match of the whole pattern; what may repeat without end is repeated at least `repeats` times.

    Raises `NoExample`.
    """
    try:
        parser = _Parser(pattern, repeats)
        text = parser.alternatives()
    except (IndexError, ValueError, RecursionError):
        raise NoExample(pattern) from None
    if parser.at < len(pattern):
        raise NoExample(pattern)
    return text


class _Parser:
    def __init__(self, pattern: str, repeats: int) -> None:
        self._pattern = pattern
        self._repeats = repeats
        self.at = 0

    def alternatives(self) -> str:
        first = self._sequence()
        while self._peek() == "|":
            self.at += 1
            self._sequence()
        return first

    def _sequence(self) -> str:
        text = ""
        while self._peek() not in ("", "|", ")"):
            text += self._quantified(self._atom())
        return text

    def _atom(self) -> str:
        match self._next():
            case "(":
                return self._group()
            case "[":
                return self._class()
            case ".":
                return "a"
            case "^" | "$":
                return ""
            case "\\":
                return self._escape()
            case "*" | "+" | "?":
                raise NoExample
            case character:
                return character

    def _group(self) -> str:
        if self._peek() == "?":
            self.at += 1
            match self._next():
                case ":":
                    pass
                case "P" | "<":
                    if self._peek() in "=!":  # a look-behind
                        raise NoExample
                    self.at = self._pattern.index(">", self.at) + 1
                case _:
                    raise NoExample
        text = self.alternatives()
        if self._next() != ")":
            raise NoExample
        return text

    def _escape(self) -> str:
        character = self._next()
        if character in _EDGES:
            return ""
        if character == "u":
            self.at += 4
            return chr(int(self._pattern[self.at - 4 : self.at], 16))
        if character.isalnum() and character not in _CLASSES:
            raise NoExample
        return _CLASSES.get(character, character)

    def _class(self) -> str:
        negated = self._peek() == "^"
        self.at += negated
        members: list[tuple[str, str]] = []
        while self._peek() != "]" or not members:
            if self._peek() == "\\" and self._pattern[self.at + 1] in _RANGES:
                members += _RANGES[self._pattern[self.at + 1]]
                self.at += 2
                continue
            first = last = self._member()
            if self._peek() == "-" and self._pattern[self.at + 1] != "]":
                self.at += 1
                last = self._member()
            members.append((first, last))
        self.at += 1
        if not negated:
            return members[0][0]
        for candidate in _CANDIDATES:
            if not any(first <= candidate <= last for first, last in members):
                return candidate
        raise NoExample

    def _member(self) -> str:
        character = self._next()
        return self._escape() if character == "\\" else character

    def _quantified(self, text: str) -> str:
        character = self._peek()
        if character in _QUANTIFIERS:
            self.at += 1
            least, endless = _QUANTIFIERS[character]
        elif character == "{":
            least, endless = self._counted()
        else:
            return text
        if self._peek() in ("?", "+"):  # lazy or possessive: the same strings
            self.at += 1
        count = max(least, self._repeats) if endless else least
        if count * len(text) > 10_000:
            raise NoExample
        return text * count

    def _counted(self) -> tuple[int, bool]:
        end = self._pattern.index("}", self.at)
        least, comma, most = self._pattern[self.at + 1 : end].partition(",")
        self.at = end + 1
        return int(least or 0), bool(comma and not most)

    def _peek(self) -> str:
        return self._pattern[self.at : self.at + 1]

    def _next(self) -> str:
        character = self._pattern[self.at]
        self.at += 1
        return character

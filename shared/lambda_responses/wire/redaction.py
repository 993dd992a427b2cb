"""Secrets taken out of what others say.

Upstreams quote the key that they refuse. Some cut it short, some write more escapes into JSON than it needs
(PHP's `\\/`, the `\\u002B` of .NET), some repeat an address with everything in it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

REDACTED = "[redacted]"

SHORTEST = 8
"""Characters from which a text is taken for a secret; anything shorter may be part of a word."""

GIVEN_AWAY = 12
"""Characters of a longer secret's beginning by which it is given away."""

LONGEST = 4_096
"""Characters of a secret that are compared; what follows goes with them."""

_REST = re.compile(r"[\w%+/=\\~*-]*")
"""What may follow in a writing that is not known here."""


def redacted(text: str, secrets: Iterable[str]) -> str:
    """The text without these secrets and without their beginnings, as they are, in JSON or in an address."""
    # The longest first: one may be a part of another.
    for secret in sorted({each for each in secrets if len(each) >= SHORTEST}, key=len, reverse=True):
        text = _without(text, secret)
    return text


def _without(text: str, secret: str) -> str:
    beginning, rest = _written(secret)
    kept: list[str] = []
    place = 0
    while found := beginning.search(text, place):
        kept += text[place : found.start()], REDACTED
        place = _end(text, found.end(), rest)
    return "".join([*kept, text[place:]]) if kept else text


def _end(text: str, place: int, rest: Sequence[re.Pattern[str]]) -> int:
    """Where a secret ends whose beginning has been found."""
    for character in rest:
        found = character.match(text, place)
        if found is None:
            found = _REST.match(text, place)
            return found.end() if found else place
        place = found.end()
    return place


@lru_cache(maxsize=128)
def _written(secret: str) -> tuple[re.Pattern[str], Sequence[re.Pattern[str]]]:
    """How a secret's beginning may be written, and each character that follows it."""
    # Neither a secret nor what is said about it may take long to compare, whoever made them: repeats give
    # nothing back, and no beginning is looked for in the middle of a run of backslashes.
    characters = [_character(each) for each in re.findall(r"\\+|[^\\]", secret[:LONGEST], re.DOTALL)]
    escapable = not (secret[0].isascii() and secret[0].isalnum())
    beginning = re.compile(r"(?<!\\)" * escapable + "".join(characters[:GIVEN_AWAY]))
    rest = [re.compile(each) for each in characters[GIVEN_AWAY:]]
    return beginning, [*rest, _REST] if len(secret) > LONGEST else rest


def _character(character: str) -> str:
    """A pattern of the ways to write a character, or a run of backslashes: in JSON in JSON, and so on."""
    if character.startswith("\\"):
        return r"(?:\\|%(?:25)*+(?i:5c)|u005(?i:c))++"
    if character.isascii() and character.isalnum():
        return character
    in_address = "".join(f"%(?:25)*{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))
    in_json = "".join(f"u{unit:04x}\\\\*" for unit in _units(character)).removesuffix("\\\\*")
    plain = r"[ +]" if character == " " else re.escape(character)
    return rf"\\*+(?:(?i:{in_address}|{in_json})|{plain})"


def _units(character: str) -> Sequence[int]:
    """A character in UTF-16, which JSON's escapes are of."""
    encoded = character.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(encoded[start : start + 2]) for start in range(0, len(encoded), 2)]

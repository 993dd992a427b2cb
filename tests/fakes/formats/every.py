"""Every format that an upstream may speak, by hand."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.fakes.formats.anthropic import Anthropic, Invoked
from tests.fakes.formats.chat import Chat, Details
from tests.fakes.formats.cohere import Cohere
from tests.fakes.formats.converse import Converse
from tests.fakes.formats.gemini import Gemini
from tests.fakes.formats.native import Native

if TYPE_CHECKING:
    from tests.fakes.formats.base import Format

CHAT: Format = Chat()
NATIVE: Format = Native()
ANTHROPIC: Format = Anthropic()
GEMINI: Format = Gemini()
CONVERSE: Format = Converse()
COHERE: Format = Cohere()
INVOKED: Format = Invoked()
DETAILS: Format = Details()

FORMATS: dict[str, Format] = {
    "chat": CHAT,
    "native": NATIVE,
    "anthropic": ANTHROPIC,
    "gemini": GEMINI,
    "converse": CONVERSE,
    "cohere": COHERE,
}

PATHS: dict[str, Format] = {
    r"/v2/chat$": COHERE,
    r"/chat/completions$": CHAT,
    r"/responses$": NATIVE,
    r"/messages$": ANTHROPIC,
    r":(stream)?[rR]awPredict$": ANTHROPIC,
    r":(stream)?[gG]enerateContent$": GEMINI,
    r"/converse(-stream)?$": CONVERSE,
    r"/invoke(-with-response-stream)?$": INVOKED,
}


COUNTS: dict[str, str] = {
    r"/messages/count_tokens$": "input_tokens",
    r":countTokens$": "totalTokens",
    r"/count-tokens$": "inputTokens",
    r"/responses/input_tokens$": "input_tokens",
}
"""Where tokens are counted, and what the count is called there."""


def count_at(path: str) -> str | None:
    """The member that holds the count, where that path is for counting."""
    where = path.partition("?")[0]
    return next((name for pattern, name in COUNTS.items() if re.search(pattern, where)), None)


def spoken_at(path: str) -> Format:
    """The format in which something is asked for at that path."""
    where = path.partition("?")[0]
    [format] = [format for pattern, format in PATHS.items() if re.search(pattern, where)]
    return format

"""What servers say of their tools, made fit to be shown: to models, which obey what they read, and to people.

A description is written by whoever runs the server. What no reader would see is taken out of it, and it is
cut at a length at which it still describes. A tool whose name has such characters is not offered: nobody
could tell it from another.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

from lambda_responses.wire.json import to_bytes
from lambda_responses.wire.redaction import REDACTED, SHORTEST, redacted

if TYPE_CHECKING:
    from collections.abc import Collection

    from lambda_responses.tools.servers.server import ListedTool

LONGEST_DESCRIPTION = 1_024
"""Bytes of UTF-8."""
LONGEST_NAME = 128
"""Characters: https://modelcontextprotocol.io/specification/2025-11-25/server/tools#tool-names"""
LONGEST_SCHEMA = 65_536
"""Bytes of what a tool says that it takes, with its annotations: more than fits beside a conversation."""

_CUT = "…"
_DESCRIBING = frozenset({"description", "title", "$comment"})
"""Members of a schema, or of annotations, that are read as text."""
_LONG_NUMBER = 10 ** (SHORTEST - 1)
"""The least that has as many digits as a secret."""
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # control characters other than tab and line ends
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # that turn the direction of writing
    "\u00ad\u180e\u200b\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb"  # without width
    "\ud800-\udfff\U000e0000-\U000e0fff]"  # halves of a character; tags, which spell a second text
)


def cleaned_text(text: str, secrets: Collection[str] = ()) -> str:
    """The text without what nobody sees in it, and without these secrets; not too long."""
    seen = redacted(_UNSEEN.sub("", text), secrets)
    told = seen.encode()
    if len(told) <= LONGEST_DESCRIPTION:
        return seen
    return told[: LONGEST_DESCRIPTION - len(_CUT.encode())].decode(errors="ignore") + _CUT


def is_usable_name(name: str) -> bool:
    """Whether a tool of that name can be offered."""
    return 0 < len(name) <= LONGEST_NAME and not _UNSEEN.search(name) and not re.search(r"[\t\r\n]", name)


def is_usable_schema(tool: ListedTool) -> bool:
    """Whether a cleaned tool is described in few enough words to be offered."""
    return len(to_bytes([tool.input_schema, tool.annotations])) <= LONGEST_SCHEMA


def cleaned_tool(tool: ListedTool, secrets: Collection[str] = ()) -> ListedTool:
    """The tool with its descriptions cleaned, all without these secrets; its name, which calls it, stays."""
    return replace(
        tool,
        description=None if tool.description is None else cleaned_text(tool.description, secrets),
        input_schema=_cleaned(tool.input_schema, secrets),
        annotations=_cleaned(tool.annotations, secrets),
        output_schema=None if tool.output_schema is None else _without(tool.output_schema, secrets),
    )


def pin_of(tool: ListedTool) -> str:
    """64 hexadecimal digits that change with whatever a model would be told of the tool."""
    shown = cleaned_tool(tool)
    told = json.dumps([shown.name, shown.description, shown.input_schema], sort_keys=True)
    return sha256(told.encode()).hexdigest()


def _cleaned(value: Any, secrets: Collection[str]) -> Any:
    match value:
        case dict():
            members = cast("dict[str, Any]", value)
            return {
                _without(name, secrets): cleaned_text(member, secrets)
                if name in _DESCRIBING and isinstance(member, str)
                else _cleaned(member, secrets)
                for name, member in members.items()
            }
        case list():
            return [_cleaned(each, secrets) for each in cast("list[Any]", value)]
        case _:
            return _without(value, secrets)


def _without(value: Any, secrets: Collection[str]) -> Any:
    """Data, without secrets wherever they stand; what is too short to have one costs nothing."""
    match value:
        case str():
            return redacted(value, secrets) if secrets and len(value) >= SHORTEST else value
        case bool() | None:
            return value
        case dict():
            members = cast("dict[str, Any]", value)
            return {_without(name, secrets): _without(member, secrets) for name, member in members.items()}
        case list():
            return [_without(each, secrets) for each in cast("list[Any]", value)]
        case _:
            seen = str(value) if secrets and abs(value) >= _LONG_NUMBER else ""
            return REDACTED if redacted(seen, secrets) != seen else value

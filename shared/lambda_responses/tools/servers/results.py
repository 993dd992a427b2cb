"""From what a server answered to a call to what models are told of it.

https://modelcontextprotocol.io/specification/2025-11-25/server/tools#tool-result
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from lambda_responses.wire.json import to_bytes
from lambda_responses.wire.redaction import redacted
from lambda_responses.wire.tool_outcomes import Outcome, tool_failed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lambda_responses.wire.json import Json

LONGEST_BASE64 = 8_192
"""Characters of binary content that models are shown: unreadable, but some hand it on to another tool."""
OMITTED = "[{kind} {size} omitted]"
CUT = "\n[The rest was left out: {bytes} bytes in all.]"
NEEDS_INPUT = "The tool asks for input from the user, which is not supported here."

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_KILOBYTE = 1_024


def outcome_of(result: Json, largest: int, credentials: Iterable[str] = ()) -> Outcome:
    """What came of a call, from the `result` of its answer; `largest` bounds its text, in bytes of UTF-8.

    A server that repeats the `credentials` which it was shown does not get them into an outcome.
    """
    if result.get("resultType") == "input_required":
        return tool_failed(NEEDS_INPUT)
    text = bounded(redacted(_text_of(result), credentials), largest)
    return tool_failed(text) if result.get("isError") else Outcome(text)


def bounded(text: str, largest: int) -> str:
    """As much of a text as has so many bytes, with a word on what is missing."""
    if len(text) * 4 <= largest:
        return text
    told = text.encode(errors="replace")
    if len(told) <= largest:
        return text
    return told[:largest].decode(errors="ignore") + CUT.format(bytes=len(told))


def _text_of(result: Json) -> str:
    blocks: Sequence[Json] = result.get("content") or ()
    structured = result.get("structuredContent")
    parts = [_shown(block) for block in blocks]
    if structured is not None and not any(block.get("type") == "text" for block in blocks):
        parts.insert(0, _as_json(structured))
    return _CONTROL.sub("", "\n".join(parts))


def _shown(block: Json) -> str:
    match block:
        case {"type": "text", "text": str(text)}:
            return text
        case {"data": str(data)}:
            return _as_json({**block, "data": _short(data, block)})
        case {"resource": {"blob": str(blob)}}:
            resource = cast("Json", block["resource"])
            return _as_json({**block, "resource": {**resource, "blob": _short(blob, resource)}})
        case _:
            return _as_json(block)


def _short(base64: str, holder: Json) -> str:
    if len(base64) <= LONGEST_BASE64:
        return base64
    size = len(base64) * 3 // 4
    return OMITTED.format(kind=holder.get("mimeType") or "binary", size=f"{-(-size // _KILOBYTE)} KB")


def _as_json(value: Any) -> str:
    return to_bytes(value).decode()

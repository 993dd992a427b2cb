"""Ids of approval requests that prove what was asked, for responses that nobody keeps.

    mcpr_ + 8 hex (seconds since 1970) + 8 hex (chance) + 8 hex (the tool's mark) + 32 hex (mark of all that)

Both marks are first parts of a tenant's own, so nobody else can make one, nor turn one to another call. They
say as much as the record of a stored response would: that the call was asked for here, when, of which server,
with which arguments, and what its tool was at that time.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lambda_responses.sealing.sealer import APPROVAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.sealing.sealer import Sealer

_TOOL_DIGITS = 8
_MARK_DIGITS = 32
_SEALED = re.compile(r"mcpr_(([0-9a-f]{8})([0-9a-f]{8})([0-9a-f]{8}))([0-9a-f]{32})")


def is_sealed_id(id: str) -> bool:
    """Whether it has the form of such an id."""
    return _SEALED.fullmatch(id) is not None


def sealed_id(sealer: Sealer, asked: Sequence[str], *, tool: str, asked_at: int, chance: str) -> str:
    """The id of a request for what is `asked` of a tool.

    `tool` is a hash that changes with whatever a model is told of it; `chance` has 8 hexadecimal digits.
    """
    of_tool = sealer.mark(APPROVAL, _tool(tool, chance))[:_TOOL_DIGITS]
    said = f"{asked_at & 0xFFFFFFFF:08x}{chance}{of_tool}"
    return f"mcpr_{said}{sealer.mark(APPROVAL, _all_of(said, asked))[:_MARK_DIGITS]}"


def asked_at(sealer: Sealer, id: str, asked: Sequence[str]) -> int | None:
    """When that was asked, in seconds since 1970; None unless the id was made of it, for this tenant."""
    parts = _SEALED.fullmatch(id)
    if parts is None or not sealer.is_marked(APPROVAL, _all_of(parts[1], asked), parts[5]):
        return None
    return int(parts[2], 16)


def is_of_tool(sealer: Sealer, id: str, tool: str) -> bool:
    """Whether the id was made for the tool by that hash; that it was made here at all is not looked at."""
    parts = _SEALED.fullmatch(id)
    return parts is not None and sealer.is_marked(APPROVAL, _tool(tool, parts[3]), parts[4])


def _tool(tool: str, chance: str) -> dict[str, object]:
    return {"tool": tool, "chance": chance}


def _all_of(said: str, asked: Sequence[str]) -> dict[str, object]:
    return {"said": said, "asked": list(asked)}

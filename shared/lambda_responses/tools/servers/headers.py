"""Which header fields an operator or a client may have sent to a server of tools: RFC 9110 §5, and what the
protocol and the connection have no other use for.
"""

from __future__ import annotations

import re

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_VALUE = re.compile(r"[!-~\x80-\xff](?:[\t -~\x80-\xff]{0,16382}[!-~\x80-\xff])?")
_OURS = frozenset(
    (
        *("accept", "connection", "content-encoding", "content-length", "content-type", "expect", "host"),
        *("keep-alive", "last-event-id", "te", "trailer", "transfer-encoding", "upgrade"),
    )
)
"""What this server says itself of its requests."""
_OURS_BEGIN = ("mcp-", "proxy-", "sec-")


def is_field(name: str, value: str) -> bool:
    """Whether it may be sent along."""
    lower = name.lower()
    if lower in _OURS or lower.startswith(_OURS_BEGIN):
        return False
    return _NAME.fullmatch(name) is not None and _VALUE.fullmatch(value) is not None

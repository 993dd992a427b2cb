"""The members of events that Converse is known to send, so that a new one is noticed."""

from __future__ import annotations

_PADDING = frozenset({"p"})

EVENTS: dict[str, frozenset[str]] = {
    "messageStart": _PADDING | {"role"},
    "contentBlockStart": _PADDING | {"contentBlockIndex", "start"},
    "contentBlockDelta": _PADDING | {"contentBlockIndex", "delta"},
    "contentBlockStop": _PADDING | {"contentBlockIndex"},
    "messageStop": _PADDING | {"stopReason", "additionalModelResponseFields"},
    "metadata": _PADDING | {"usage", "metrics", "trace", "performanceConfig", "serviceTier"},
}

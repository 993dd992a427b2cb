"""Server-sent events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.fakes.formats.base import Chunk

EVENT_STREAM = "text/event-stream"


def unnamed(chunk: Chunk) -> bytes:
    """An event that has data alone."""
    return b"data: %b\n\n" % (chunk if isinstance(chunk, str) else json.dumps(chunk)).encode()


def named(chunk: Chunk) -> bytes:
    """An event that is named as it names itself."""
    if isinstance(chunk, str):
        return unnamed(chunk)
    return b"event: %b\n%b" % (chunk["type"].encode(), unnamed(chunk))

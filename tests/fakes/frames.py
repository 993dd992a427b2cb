"""Frames of `application/vnd.amazon.eventstream`, as AWS writes them."""

from __future__ import annotations

import json
from binascii import crc32
from struct import pack
from typing import Any


def event(kind: str, payload: Any) -> bytes:
    """An event with a payload in JSON; bytes are a payload as they are."""
    return frame(payload, {":message-type": "event", ":event-type": kind})


def exception(kind: str, payload: Any) -> bytes:
    """What Bedrock says instead of an event when the model, or the caller, has failed."""
    return frame(payload, {":message-type": "exception", ":exception-type": kind})


def error(code: str, message: str) -> bytes:
    """What the service says when it has failed itself."""
    return frame(b"", {":message-type": "error", ":error-code": code, ":error-message": message})


def frame(payload: Any, headers: dict[str, str]) -> bytes:
    """A frame with these headers, all of them strings."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    named = b"".join(_header(name, value) for name, value in headers.items())
    prelude = pack("!II", 16 + len(named) + len(body), len(named))
    checked = prelude + pack("!I", crc32(prelude)) + named + body
    return checked + pack("!I", crc32(checked))


def _header(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    return pack("!B", len(key)) + key + pack("!BH", 7, len(text)) + text

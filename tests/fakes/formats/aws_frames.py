"""Messages of AWS event streams, byte by byte:
https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html.
"""

from __future__ import annotations

import json
from struct import pack
from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    from tests.fakes.formats.base import Json

AWS_EVENT_STREAM = "application/vnd.amazon.eventstream"

_TEXT = 7
"""The type of a header whose value is text."""


def event(name: str, payload: Json) -> bytes:
    """An ordinary message."""
    kinds = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    return message(kinds, json.dumps(payload).encode())


def exception(name: str, payload: Json) -> bytes:
    """A fault that the service knows of."""
    kinds = {":exception-type": name, ":content-type": "application/json", ":message-type": "exception"}
    return message(kinds, json.dumps(payload).encode())


def error(code: str, text: str) -> bytes:
    """A fault that it does not."""
    return message({":error-code": code, ":error-message": text, ":message-type": "error"}, b"")


def message(headers: dict[str, str], payload: bytes) -> bytes:
    """Lengths, their checksum, headers, payload, the checksum of it all."""
    head = b"".join(_header(name, value) for name, value in headers.items())
    lengths = pack(">II", 16 + len(head) + len(payload), len(head))
    body = lengths + pack(">I", crc32(lengths)) + head + payload
    return body + pack(">I", crc32(body))


def _header(name: str, value: str) -> bytes:
    text = value.encode()
    return pack(">B", len(name)) + name.encode() + pack(">BH", _TEXT, len(text)) + text

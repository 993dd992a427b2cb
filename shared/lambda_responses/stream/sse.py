"""Server-sent events: what we send and what we read.

Framing: https://html.spec.whatwg.org/multipage/server-sent-events.html. Lines end in LF, CRLF or CR and in
nothing else: U+2028 and U+0085 belong to the data.
"""

from __future__ import annotations

import codecs
from hashlib import blake2b
from typing import TYPE_CHECKING

from lambda_responses.wire.json import to_bytes

if TYPE_CHECKING:
    from lambda_responses.wire.json import Event

KEEP_ALIVE = b": keep-alive\n\n"
"""A comment: the only thing that every client accepts between events."""

DONE = b"data: [DONE]\n\n"
"""The end marker of the Open Responses specification; the live API sends none."""

_PAD_TO = 16


def encode(event: Event, *, obfuscated_for: str | None = None) -> bytes:
    """One event as one frame. `obfuscated_for` is the response's id where deltas are to be padded."""
    name: str = event["type"]
    data = to_bytes(event)
    if obfuscated_for is not None and name.endswith(".delta"):
        length = _PAD_TO - len(data) % _PAD_TO
        data = b'%b,"obfuscation":"%b"}' % (
            data[:-1],
            _padding(obfuscated_for, event["sequence_number"], length),
        )
    # As JSON, so that no name that an upstream gave its event can end the line.
    return b"event: %b\ndata: %b\n\n" % (to_bytes(name)[1:-1], data)


def _padding(response_id: str, sequence_number: int, length: int) -> bytes:
    """What hides how long a delta is from those who can only see the size of packets.

    It follows from the response's id and the event's number, so every replay is equal to the byte.
    """
    seed = f"{response_id}/{sequence_number}".encode()
    return blake2b(seed, digest_size=_PAD_TO // 2).hexdigest()[:length].encode()


class SSEDecoder:
    """Reads a stream of bytes, cut anywhere, into the `data` of its events."""

    def __init__(self) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")("strict")
        self._line: list[str] = []
        self._data: list[str] = []
        self._after_cr = False
        self._at_start = True

    def feed(self, data: bytes) -> list[str]:
        """The data of every event that is complete now. Raises `ValueError` for bytes that are not UTF-8."""
        return self._take(self._utf8.decode(data))

    def end(self) -> list[str]:
        """The data of a last event that no blank line ended. Raises `ValueError` inside a character."""
        return self._take(self._utf8.decode(b"", final=True) + "\n\n")

    def _take(self, text: str) -> list[str]:
        if self._at_start and text:
            text = text.removeprefix("\ufeff")
            self._at_start = False
        if "\r" in text or self._after_cr:
            text = self._with_plain_line_ends(text)
        if "\n" not in text:
            self._line.append(text)
            return []
        lines = "".join([*self._line, text]).split("\n")
        self._line = [lines.pop()]
        events: list[str] = []
        for line in lines:
            if line.startswith("data:"):
                self._data.append(line[6:] if line.startswith(" ", 5) else line[5:])
            elif not line:
                if self._data:
                    events.append("\n".join(self._data))
                    self._data = []
            elif line == "data":
                self._data.append("")
        return events

    def _with_plain_line_ends(self, text: str) -> str:
        if self._after_cr and text:
            text = text.removeprefix("\n")
            self._after_cr = False
        if text.endswith("\r"):
            self._after_cr = True
        return text.replace("\r\n", "\n").replace("\r", "\n")

"""The frames of `application/vnd.amazon.eventstream`, in which Bedrock streams.

Each has a checksum, headers that say what it is, and a payload in JSON. Its layout is read by botocore, which
is imported for the first such answer.
"""

from __future__ import annotations

from struct import error as StructError
from typing import TYPE_CHECKING, Any

from lambda_responses.providers.base import UpstreamCutShort, UpstreamError, UpstreamUnreadable
from lambda_responses.providers.framings import parsed_object

if TYPE_CHECKING:
    from lambda_responses.providers.base import Marker
    from lambda_responses.wire.json import Json


class FrameFraming:
    """`Framing` of these frames. One chunk says what kind its frame was, and what was in it:

    an event `{"contentBlockDelta": {…}}`, an exception `{"throttlingException": {"message": …}}`, and an
    error, which has no kind, `{"error": {"code": …, "message": …}}`.
    """

    def __init__(self, name: str) -> None:
        from botocore.eventstream import EventStreamBuffer, ParserError

        self.fault: UpstreamError | None = None
        self.over = False
        self._name = name
        self._buffer: Any = EventStreamBuffer()
        self._pending = 0
        self._malformed = (ParserError, StructError, LookupError, ValueError)

    def feed(self, data: bytes) -> list[Json | Marker]:
        """See `Framing.feed`."""
        chunks: list[Json | Marker] = []
        self._buffer.add_data(data)
        self._pending += len(data)
        try:
            for frame in self._buffer:
                self._pending -= frame.prelude.total_length
                chunk = _chunk_of(frame)
                if chunk is None:
                    raise ValueError("a payload that is no JSON object")
                chunks.append(chunk)
        except self._malformed:
            self.fault = UpstreamUnreadable(f"{self._name}: a frame that is damaged")
        return chunks

    def end(self) -> list[Json | Marker]:
        """See `Framing.end`."""
        if self._pending:
            self.fault = UpstreamCutShort(f"{self._name}: the stream ended inside a frame")
        return []


def _chunk_of(frame: Any) -> Json | None:
    headers: dict[str, Any] = frame.headers
    match headers.get(":message-type"):
        case "error":
            code, message = headers.get(":error-code"), headers.get(":error-message")
            return {"error": {"code": code, "message": message}}
        case "exception":
            kind = headers.get(":exception-type")
        case _:
            kind = headers.get(":event-type")
    payload = parsed_object(frame.payload or b"{}")
    return None if payload is None else {str(kind): payload}

"""An upstream that answers at once, in every format: `python -m tests.bench.upstream` prints its port.

The number of deltas is the end of the model's name (`bench-16`). Every event is an HTTP chunk of its own, as
servers that stream tokens send them; all are written together and were made beforehand, so that next to
nothing of what is measured is this process.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import json

from tests.fakes.formats.base import Words, stream_of
from tests.fakes.formats.every import spoken_at
from tests.fakes.upstream import model_of, streams

WORDS = (" hello", " world", " again", " there", " where", " stand")
"""In turn, since there are servers that take a repeated word for a model gone astray."""


class Conversation(asyncio.Protocol):
    """One connection: requests one after another."""

    def __init__(self) -> None:
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self._heard += data
        while b"\r\n\r\n" in self._heard:
            head, _, rest = self._heard.partition(b"\r\n\r\n")
            length = _content_length(head)
            if len(rest) < length:
                return
            body, self._heard = json.loads(rest[:length] or b"{}"), rest[length:]
            path = head.split(b" ", 2)[1].decode()
            reply = answer(path.partition("?")[0], model_of(path, body), streams(path, body))
            self._transport.write(reply)  # type: ignore[attr-defined]


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def text_of(words: int) -> list[str]:
    """So many words, each with its space."""
    return list(itertools.islice(itertools.cycle(WORDS), words))


@functools.cache
def answer(path: str, model: str, stream: bool) -> bytes:
    """The whole reply, head and body."""
    format, words = spoken_at(path), int(model.rpartition("-")[2])
    said = [Words(word) for word in text_of(words)]
    if not stream:
        body = json.dumps(format.plain([Words("".join(text_of(words)))])).encode()
        return _head("application/json", f"content-length: {len(body)}") + body
    chunks = [b"%x\r\n%b\r\n" % (len(frame), frame) for frame in stream_of(format, said)]
    return _head(format.kind, "transfer-encoding: chunked") + b"".join(chunks) + b"0\r\n\r\n"


def _head(kind: str, framing: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n{framing}\r\n\r\n".encode()


async def main() -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Conversation, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())

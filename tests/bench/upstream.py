"""An upstream that answers at once, in two formats: `python -m tests.bench.upstream` prints its port.

The number of deltas is the end of the model's name (`bench-16`). Every event is an HTTP chunk of its own, as
servers that stream tokens send them; all are written together and were made beforehand, so that next to
nothing of what is measured is this process.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
from typing import Any

Json = dict[str, Any]

WORDS = (" hello", " world", " again", " there", " where", " stand")
"""In turn, since there are servers that take a repeated word for a model gone astray."""

_CREATED = 1_750_000_000


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
            path = head.split(b" ", 2)[1]
            self._transport.write(answer(path, body.get("model", "bench-0"), bool(body.get("stream"))))  # type: ignore[attr-defined]


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
def answer(path: bytes, model: str, stream: bool) -> bytes:
    """The whole reply, head and body."""
    words = int(model.rpartition("-")[2])
    chat = path.endswith(b"/chat/completions")
    if not stream:
        body = json.dumps(_chat(model, words) if chat else _response("completed", words)).encode()
        return _head(b"application/json", b"content-length: %d" % len(body)) + body
    events = _chat_events(model, words) if chat else _response_events(words)
    chunks = [b"%x\r\n%b\r\n" % (len(event), event) for event in events]
    return _head(b"text/event-stream", b"transfer-encoding: chunked") + b"".join(chunks) + b"0\r\n\r\n"


def _head(kind: bytes, framing: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\n%b\r\n\r\n" % (kind, framing)


def _usage(words: int, read: str, written: str) -> Json:
    return {read: 8, written: words, "total_tokens": 8 + words}


# Chat Completions.


def _chat(model: str, words: int) -> Json:
    message = {"role": "assistant", "content": "".join(text_of(words))}
    return _chat_envelope(
        model,
        "chat.completion",
        [{"index": 0, "message": message, "finish_reason": "stop"}],
        usage=_usage(words, "prompt_tokens", "completion_tokens"),
    )


def _chat_events(model: str, words: int) -> list[bytes]:
    deltas: list[Json] = [
        {"role": "assistant", "content": ""},
        *({"content": word} for word in text_of(words)),
        {},
    ]
    chunks = [
        _chat_envelope(
            model,
            "chat.completion.chunk",
            [{"index": 0, "delta": delta, "finish_reason": None if delta else "stop"}],
        )
        for delta in deltas
    ]
    usage = _usage(words, "prompt_tokens", "completion_tokens")
    chunks.append(_chat_envelope(model, "chat.completion.chunk", [], usage=usage))
    return [*(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks), b"data: [DONE]\n\n"]


def _chat_envelope(model: str, kind: str, choices: list[Json], **more: Any) -> Json:
    return {
        "id": "chatcmpl-1",
        "object": kind,
        "created": _CREATED,
        "model": model,
        "choices": choices,
        **more,
    }


# Responses.


def _response(status: str, words: int) -> Json:
    part = {"type": "output_text", "text": "".join(text_of(words)), "annotations": [], "logprobs": []}
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }
    usage = _usage(words, "input_tokens", "output_tokens")
    details: Json = {
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
    }
    done = status == "completed"
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": _CREATED,
        "status": status,
        "model": "bench",
        "output": [message] if done else [],
        "usage": {**usage, **details} if done else None,
        "error": None,
        "incomplete_details": None,
    }


def _response_events(words: int) -> list[bytes]:
    [message] = _response("completed", words)["output"]
    [part] = message["content"]
    place: Json = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    opened = {**message, "status": "in_progress", "content": []}
    events: list[Json] = [
        {"type": "response.created", "response": _response("in_progress", 0)},
        {"type": "response.in_progress", "response": _response("in_progress", 0)},
        {"type": "response.output_item.added", "output_index": 0, "item": opened},
        {"type": "response.content_part.added", **place, "part": {**part, "text": ""}},
        *(
            {"type": "response.output_text.delta", **place, "delta": word, "logprobs": []}
            for word in text_of(words)
        ),
        {"type": "response.output_text.done", **place, "text": part["text"], "logprobs": []},
        {"type": "response.content_part.done", **place, "part": part},
        {"type": "response.output_item.done", "output_index": 0, "item": message},
        {"type": "response.completed", "response": _response("completed", words)},
    ]
    return [
        b"event: %b\ndata: %b\n\n"
        % (event["type"].encode(), json.dumps({**event, "sequence_number": n}).encode())
        for n, event in enumerate(events)
    ]


async def main() -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Conversation, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())

"""The two formats that an upstream may speak, as far as a test makes one speak by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from tests.fakes.chat_model import USAGE, chunk

if TYPE_CHECKING:
    from tests.fakes.upstream import Exchange

Json = dict[str, Any]


class Format(Protocol):
    """How an upstream of that format says things."""

    provider: str
    """What `server` calls an upstream that speaks it."""

    async def begin(self, exchange: Exchange) -> None:
        """The head of a stream, and what comes before any text."""
        ...

    async def say(self, exchange: Exchange, text: str) -> None:
        """A piece of text."""
        ...

    async def stop(self, exchange: Exchange) -> None:
        """The word that all is said, and what follows it."""
        ...

    def in_stream_error(self, code: str, message: str) -> Json:
        """An error as an event."""
        ...

    def plain(self, text: str) -> Json:
        """A plain answer."""
        ...


class Chat:
    """Chat Completions."""

    provider = "groq"

    async def begin(self, exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.event(chunk({"role": "assistant", "content": ""}))

    async def say(self, exchange: Exchange, text: str) -> None:
        await exchange.event(chunk({"content": text}))

    async def stop(self, exchange: Exchange) -> None:
        await exchange.event({**chunk({}, "stop"), "usage": USAGE})
        await exchange.event("[DONE]")
        await exchange.end()

    def in_stream_error(self, code: str, message: str) -> Json:
        return {"error": {"message": message, "type": code, "code": code}}

    def plain(self, text: str) -> Json:
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return {"id": "c", "object": "chat.completion", "created": 1, "choices": [choice], "usage": USAGE}


class Native:
    """The Responses API."""

    provider = "xai"

    def __init__(self) -> None:
        self._said: dict[int, str] = {}

    async def begin(self, exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.event({"type": "response.created", "response": _response("in_progress", [])})
        await exchange.event({"type": "response.in_progress", "response": _response("in_progress", [])})
        item = {**_message(""), "status": "in_progress", "content": []}
        await exchange.event({"type": "response.output_item.added", "output_index": 0, "item": item})
        await exchange.event({"type": "response.content_part.added", **_PLACE, "part": _part("")})
        self._said[id(exchange)] = ""

    async def say(self, exchange: Exchange, text: str) -> None:
        self._said[id(exchange)] += text
        event = {"type": "response.output_text.delta", **_PLACE, "delta": text, "logprobs": []}
        await exchange.event(event)

    async def stop(self, exchange: Exchange) -> None:
        text = self._said.pop(id(exchange))
        await exchange.event({"type": "response.output_text.done", **_PLACE, "text": text, "logprobs": []})
        await exchange.event({"type": "response.content_part.done", **_PLACE, "part": _part(text)})
        item = _message(text)
        await exchange.event({"type": "response.output_item.done", "output_index": 0, "item": item})
        await exchange.event({"type": "response.completed", "response": _response("completed", [item])})
        await exchange.end()

    def in_stream_error(self, code: str, message: str) -> Json:
        return {"type": "error", "error": {"type": code, "code": code, "message": message, "param": None}}

    def plain(self, text: str) -> Json:
        return _response("completed", [_message(text)])


_PLACE = {"item_id": "msg_up", "output_index": 0, "content_index": 0}


def _part(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _message(text: str) -> Json:
    shown = [_part(text)]
    return {
        "type": "message",
        "id": "msg_up",
        "role": "assistant",
        "status": "completed",
        "content": shown,
    }


def _response(status: str, output: list[Json]) -> Json:
    usage = {
        "input_tokens": 7,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 12,
    }
    return {
        "id": "resp_up",
        "object": "response",
        "created_at": 1,
        "status": status,
        "model": "up",
        "output": output,
        "usage": usage if status == "completed" else None,
    }


CHAT: Format = Chat()
NATIVE: Format = Native()
FORMATS = {"chat": CHAT, "native": NATIVE}

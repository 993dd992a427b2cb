"""Upstreams that tell what they were sent: keys, addresses and prompts, in every way in which some do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tests.fakes.formats.base import begin
from tests.fakes.formats.every import spoken_at

if TYPE_CHECKING:
    from tests.fakes.upstream import Behaviour, Exchange

Json = dict[str, Any]

STATUSES = (307, 400, 401, 403, 404, 413, 429, 500, 503)

_PLAIN = ("host", "content-type", "content-length", "accept", "accept-encoding", "user-agent", "connection")
_WORDS = ("message", "msg", "detail", "param", "code")
"""Members of errors that are for people, or may be."""
_MADE: Json = {"id": "resp_x", "object": "response", "status": "in_progress", "output": [], "model": "x"}


def sent(exchange: Exchange) -> str:
    """What an upstream was sent: each value, each word of it, as an address has it, and cut short."""
    values = [value for name, value in exchange.headers.items() if name not in _PLAIN]
    words = [word for value in (*values, exchange.path.partition("?")[2]) for word in value.split()]
    parts = [part for word in words for part in (word, quote(word, safe=""), f"{word[:24]}...")]
    asked = json.dumps(exchange.body)
    return f"Incorrect API key provided: {'; '.join([*values, exchange.path, *parts])} for {asked[:400]}"


def saying(value: Any, said: str) -> Any:
    """The same JSON with that in place of each of its words for people."""
    match value:
        case dict():
            return {
                name: said if isinstance(each, str) and name.lower() in _WORDS else saying(each, said)
                for name, each in value.items()
            }
        case list():
            return [saying(each, said) for each in value]
        case _:
            return value


def refusing(status: int, *, escaped: bool = False) -> Behaviour:
    """Refuse with that status; `escaped`, in JSON as PHP and .NET write it."""

    async def behave(exchange: Exchange) -> None:
        said = sent(exchange)
        troubles = spoken_at(exchange.path).troubles
        _, body, _ = troubles["bad key" if status in (401, 403) else "invalid"]
        text = json.dumps(saying(body, said))
        if escaped:
            for character, escape in (("/", "\\/"), ("+", "\\u002B"), ("'", "\\u0027"), ("&", "\\u0026")):
                text = text.replace(character, escape)
        told = said[:2_000].encode("ascii", "replace").decode()
        headers = {"retry_after": told, "location": f"/?{told}", "x_request_id": told}
        await exchange.answer(status, text, content_type="application/json", **headers)

    return behave


async def page(exchange: Exchange) -> None:
    """What a reverse proxy in front of an upstream shows."""
    await exchange.answer(502, f"<!doctype html><html><body>{sent(exchange)}</body></html>")


async def prose(exchange: Exchange) -> None:
    """A refusal in no format."""
    await exchange.answer(400, sent(exchange), content_type="text/plain")


async def greeting(exchange: Exchange) -> None:
    """A success in no format."""
    await exchange.answer(200, sent(exchange), content_type="text/plain")


async def stuttering(exchange: Exchange) -> None:
    """A stream in which there is no sense."""
    await exchange.begin(spoken_at(exchange.path).kind)
    await exchange.send(f"data: {{{sent(exchange)}\n\n".encode())
    await exchange.end()


async def failing(exchange: Exchange) -> None:
    """A fault in mid-stream."""
    format = spoken_at(exchange.path)
    await (await begin(format, exchange)).say("So far ")
    for chunk in format.fault(format.faults[0], "Oh"):
        told = saying(chunk, sent(exchange)) if isinstance(chunk, dict) else chunk
        await exchange.send(format.frame(told))
    await exchange.end()


async def breaking(exchange: Exchange) -> None:
    """A stream that is cut."""
    await (await begin(spoken_at(exchange.path), exchange)).say("So far ")
    exchange.cut()


async def leaving(exchange: Exchange) -> None:
    """No answer at all."""
    exchange.cut()


EVERY: tuple[Behaviour, ...] = (
    *(refusing(status) for status in STATUSES),
    refusing(400, escaped=True),
    *(page, prose, greeting, stuttering, failing, breaking, leaving),
)


async def repeating(exchange: Exchange) -> None:
    """A native upstream that shows tools as they were sent."""
    response = {**_MADE, "tools": exchange.body["tools"]}
    await exchange.begin()
    await exchange.event({"type": "response.created", "response": response})
    ended = {**response, "status": "completed", "usage": None}
    await exchange.event({"type": "response.completed", "response": ended})
    await exchange.end()


def quoting_tools(status: int | None) -> Behaviour:
    """A native upstream that quotes the secrets of a request's tools; without a status in mid-stream."""

    async def behave(exchange: Exchange) -> None:
        [mcp, *_] = exchange.body["tools"]
        said = f"The server refused {mcp['authorization']} and {mcp['headers']}"
        if status is not None:
            await exchange.answer(status, {"error": {"type": "x", "code": "http_error", "message": said}})
            return
        await exchange.begin()
        await exchange.event({"type": "response.created", "response": _MADE})
        failed = {**_MADE, "status": "failed", "error": {"code": "server_error", "message": said}}
        await exchange.event({"type": "response.failed", "response": failed})
        await exchange.end()

    return behave


OF_TOOLS: tuple[Behaviour, ...] = (
    repeating,
    *(quoting_tools(status) for status in (400, 401, 424, 500, None)),
)

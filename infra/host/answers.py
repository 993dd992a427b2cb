"""What a function answers, as an HTTP answer: proxy output in one piece, or a prelude and what follows it.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html for 1.0,
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html for 2.0, and for streams
https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from infra.host.connections import Headers
    from infra.host.invocation import Stream
    from infra.host.template import Json

PRELUDE = "application/vnd.awslambda.http-integration-response"
"""The content type of a stream that begins with status and headers."""
DELIMITER = b"\0" * 8
"""What ends them."""

_OURS = ("content-length", "transfer-encoding", "connection")
"""Headers that whoever sends the answer writes."""
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")


class Malformed(Exception):
    """A function's answer is no HTTP answer."""


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers."""

    status: int
    headers: Headers


def proxy_answer(payload: bytes, *, decoding: bool = False) -> tuple[Head, bytes]:
    """An answer in API Gateway's payload 1.0; base64 is undone by APIs of binary types alone.

    Raises `Malformed`.
    """
    match _json(payload):
        case {"statusCode": _} as told:
            return _with_type(_head(told)), _body(cast("Json", told), decoding=decoding)
        case _:
            raise Malformed("There is no status code")


def url_answer(payload: bytes) -> tuple[Head, bytes]:
    """An answer in payload 2.0: what has no status code is itself the body. Raises `Malformed`."""
    match _json(payload):
        case {"statusCode": _} as told:
            body = _body(cast("Json", told), decoding=True)
            return _with_type(_head({**told, "multiValueHeaders": None})), body
        case _:
            return Head(200, [("content-type", "application/json")]), payload


async def opened(stream: Stream) -> tuple[Head, bytes, AsyncIterator[bytes]]:
    """Head, first bytes and the rest of a stream with a prelude.

    Raises `Malformed`, `StreamCut`; the stream is abandoned then.
    """
    pieces, read = aiter(stream), b""
    try:
        async for piece in pieces:
            read += piece
            prelude, delimiter, first = read.partition(DELIMITER)
            if delimiter:
                return _with_type(_head(_json(prelude))), first, pieces
        raise Malformed("There is no end of a prelude")
    except BaseException:
        stream.abandon()
        raise


def _json(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except ValueError:
        raise Malformed("It is not JSON") from None


def _head(told: Any) -> Head:
    if not isinstance(told, dict):
        raise Malformed("It is not an object")
    head = cast("Json", told)
    try:
        status = int(head.get("statusCode", 200))
    except (TypeError, ValueError):
        raise Malformed("The status code is not a number") from None
    if not 200 <= status <= 599:
        raise Malformed("The status code is not one of an answer")
    headers = list(_headers(head))
    if not all(_NAME.fullmatch(name) and _VALUE.fullmatch(value) for name, value in headers):
        raise Malformed("A header cannot be sent")
    return Head(status, [each for each in headers if each[0].lower() not in _OURS])


def _headers(told: Json) -> Iterator[tuple[str, str]]:
    several = {name: _list(values) for name, values in _map(told.get("multiValueHeaders")).items()}
    named = {name.lower() for name in several}
    for name, value in _map(told.get("headers")).items():
        if name.lower() not in named:
            yield name, _text(value)
    for name, values in several.items():
        for value in values:
            yield name, _text(value)
    for cookie in _list(told.get("cookies")):
        yield "set-cookie", _text(cookie)


def _map(value: Any) -> Json:
    match value:
        case None:
            return {}
        case dict():
            return cast("Json", value)
        case _:
            raise Malformed("The headers are no object")


def _list(value: Any) -> list[Any]:
    match value:
        case None:
            return []
        case list():
            return cast("list[Any]", value)
        case _:
            raise Malformed("What has several values is no array")


def _text(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str() | int() | float():
            return str(value).strip(" \t")
        case _:
            raise Malformed("A header is no text")


def _body(told: Json, *, decoding: bool) -> bytes:
    body = told.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise Malformed("The body is no text")
    if not (decoding and told.get("isBase64Encoded")):
        return body.encode()
    try:
        return base64.b64decode(body)
    except binascii.Error:
        raise Malformed("The body is not base64") from None


def _with_type(head: Head) -> Head:
    if any(name.lower() == "content-type" for name, _ in head.headers):
        return head
    return Head(head.status, [*head.headers, ("content-type", "application/json")])

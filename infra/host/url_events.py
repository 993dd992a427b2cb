"""Requests to a function URL as its function gets them: events of payload version 2.0.

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
"""

from __future__ import annotations

import base64
import re
from time import gmtime, strftime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from infra.host.rest_events import CLOCK, FORWARDED, forwarded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from infra.host.connections import Exchange

URL_ID = "functionurl000"

_DROPPED = ("connection", "cookie", "expect", "keep-alive", "transfer-encoding", *FORWARDED)
_DEFAULT = "$default"
_TEXT = re.compile(r"text/.*|application/(json|javascript|xml|.+\+json|.+\+xml)")
"""Media types whose bodies arrive as they are."""


def url_event(
    exchange: Exchange,
    body: bytes,
    *,
    path: str,
    authorizer: Mapping[str, Any] | None,
    call: tuple[str, str],
    at: float,
) -> dict[str, Any]:
    """The event of a call, known by its id and its trace.

    `path` is what was asked for, as it was written; `at` is in seconds since the epoch.
    """
    request_id, trace = call
    query = exchange.target.partition("?")[2]
    text = _text(exchange, body)
    headers = [each for each in exchange.headers if each[0].lower() not in _DROPPED]
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": _DEFAULT,
        "rawPath": path,
        "rawQueryString": query,
        "headers": _joined((name.lower(), value) for name, value in [*headers, *forwarded(exchange)])
        | {"x-amzn-trace-id": trace},
        "requestContext": _context(exchange, path, request_id, at)
        | ({} if authorizer is None else {"authorizer": authorizer}),
        "isBase64Encoded": text is None,
    }
    if cookies := exchange.header("cookie"):
        event["cookies"] = re.split(r";\s*", cookies)
    if query:
        event["queryStringParameters"] = _joined(parse_qsl(query, keep_blank_values=True))
    if body:
        event["body"] = base64.b64encode(body).decode() if text is None else text
    return event


def _context(exchange: Exchange, path: str, request_id: str, at: float) -> dict[str, Any]:
    host = exchange.header("host") or ""
    return {
        "accountId": "anonymous",
        "apiId": URL_ID,
        "domainName": host,
        "domainPrefix": host.partition(".")[0],
        "http": {
            "method": exchange.method,
            "path": path,
            "protocol": "HTTP/1.1",
            "sourceIp": exchange.client,
            "userAgent": exchange.header("user-agent") or "",
        },
        "requestId": request_id,
        "routeKey": _DEFAULT,
        "stage": _DEFAULT,
        "time": strftime(CLOCK, gmtime(at)),
        "timeEpoch": round(at * 1000),
    }


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _text(exchange: Exchange, body: bytes) -> str | None:
    """A body that is passed as it is; None for one that needs base64."""
    if not body:
        return ""
    kind = (exchange.header("content-type") or "").partition(";")[0].strip().lower()
    if exchange.header("content-encoding") is not None or not _TEXT.fullmatch(kind):
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None

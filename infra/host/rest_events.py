"""Requests to a REST API as its functions get them: proxy events of payload version 1.0.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html#api-gateway-simple-proxy-for-lambda-input-format
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from fnmatch import fnmatch
from time import gmtime, strftime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from infra.host.intrinsics import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from infra.host.connections import Exchange, Headers

API_ID = "restapi000"
CLOCK = "%d/%b/%Y:%H:%M:%S +0000"
"""How AWS writes times."""

FORWARDED = ("x-amzn-trace-id", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto")
"""Headers that AWS writes, whatever clients have put there."""
_DROPPED = ("connection", "content-length", "expect", "keep-alive", "transfer-encoding", *FORWARDED)
"""Headers that no function sees as clients have sent them."""
_NOBODY = (
    *("accessKey", "accountId", "caller", "cognitoAuthenticationProvider", "cognitoAuthenticationType"),
    *("cognitoIdentityId", "cognitoIdentityPoolId", "principalOrgId", "user", "userArn"),
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as far as API Gateway has found out."""

    context: Mapping[str, str] | None = None
    """What an authorizer says."""
    identity: Mapping[str, str] = field(default_factory=dict[str, str])
    """What a signature says."""


@dataclass(frozen=True, slots=True)
class Matched:
    """Where a request goes."""

    stage: str
    resource: str
    """A route's path, such as `/responses/{response_id}`."""
    path: str
    """What was asked for, below the stage, as it was written."""
    parameters: Mapping[str, str]
    """The parts of the path that have names, decoded."""


def rest_event(
    exchange: Exchange,
    body: bytes,
    *,
    to: Matched,
    caller: Caller,
    call: tuple[str, str],
    at: float,
    binary: Iterable[str] = (),
) -> dict[str, Any]:
    """The event of a request, known by its id and its trace.

    `at` is in seconds since the epoch; bodies of `binary` media types are in base64.
    """
    request_id, trace = call
    headers = [(name, value) for name, value in exchange.headers if name.lower() not in _DROPPED]
    headers += [*forwarded(exchange), ("X-Amzn-Trace-Id", trace)]
    query = parse_qsl(exchange.target.partition("?")[2], keep_blank_values=True)
    encoded = _is_binary(exchange.header("content-type") or "application/json", binary)
    return {
        "resource": to.resource,
        "path": to.path,
        "httpMethod": exchange.method,
        "headers": dict(headers),
        "multiValueHeaders": _several(headers),
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": _several(query) or None,
        "pathParameters": {name: unquote(value) for name, value in to.parameters.items()} or None,
        "stageVariables": None,
        "requestContext": _context(exchange, to, caller, request_id, at),
        "body": (base64.b64encode(body).decode() if encoded else body.decode(errors="replace")) or None,
        "isBase64Encoded": encoded and bool(body),
    }


def forwarded(exchange: Exchange) -> Headers:
    """The headers that tell of the client."""
    _, _, port = (exchange.header("host") or "").rpartition(":")
    way = [*filter(None, [exchange.header("x-forwarded-for")]), exchange.client]
    return [
        ("X-Forwarded-For", ", ".join(way)),
        ("X-Forwarded-Port", port if port.isdecimal() else "80"),
        ("X-Forwarded-Proto", "http"),
    ]


def _context(exchange: Exchange, to: Matched, caller: Caller, request_id: str, at: float) -> dict[str, Any]:
    host = exchange.header("host") or ""
    context: dict[str, Any] = {
        "accountId": ACCOUNT,
        "apiId": API_ID,
        "deploymentId": "deploy0",
        "domainName": host,
        "domainPrefix": host.partition(".")[0],
        "extendedRequestId": request_id,
        "httpMethod": exchange.method,
        "identity": {
            **dict.fromkeys(_NOBODY),
            "sourceIp": exchange.client,
            "userAgent": exchange.header("user-agent"),
            **caller.identity,
        },
        "path": f"/{to.stage}{to.path}",
        "protocol": "HTTP/1.1",
        "requestId": request_id,
        "requestTime": strftime(CLOCK, gmtime(at)),
        "requestTimeEpoch": round(at * 1000),
        "resourceId": "resource",
        "resourcePath": to.resource,
        "stage": to.stage,
    }
    return context if caller.context is None else {**context, "authorizer": dict(caller.context)}


def _several(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


def _is_binary(content_type: str, binary: Iterable[str]) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return any(fnmatch(kind, pattern) for pattern in binary)

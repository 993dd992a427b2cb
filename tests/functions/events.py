"""What Lambda hands to a door: an event of the way that the request came in by, and a context."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    Headers = Sequence[tuple[str, str]]

ACCOUNT = "123456789012"


@dataclass
class Context:
    """What Lambda tells of an invocation, as far as anybody asks."""

    function_name: str = "door"
    aws_request_id: str = "1"
    milliseconds: int = 60_000

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


def by_api(method: str, path: str, body: Any = None, headers: Headers = (), **context: Any) -> dict[str, Any]:
    """A proxy event of the REST API (payload version 1.0); `context` goes into `requestContext`."""
    several: dict[str, list[str]] = {}
    for name, value in (*_own(body), *headers):
        several.setdefault(name, []).append(value)
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": {name: values[-1] for name, values in several.items()},
        "multiValueHeaders": several,
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "stage": "v1",
            "requestId": "1",
            "httpMethod": method,
            "path": f"/v1{path}",
            "identity": {"sourceIp": "192.0.2.1", "accountId": None, "caller": None},
            **context,
        },
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


def by_url(method: str, path: str, body: Any = None, headers: Headers = (), **context: Any) -> dict[str, Any]:
    """An event of a function URL (payload version 2.0), which joins headers of one name by commas."""
    joined: dict[str, str] = {}
    for name, value in (*_own(body), *headers):
        joined[name.lower()] = f"{joined[name.lower()]},{value}" if name.lower() in joined else value
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": joined,
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "url",
            "domainName": "url.lambda-url.us-east-1.on.aws",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
            "requestId": "1",
            "routeKey": "$default",
            "stage": "$default",
            **context,
        },
        "body": "" if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


def _own(body: Any) -> Headers:
    return [("Host", "api.example"), *([] if body is None else [("Content-Type", "application/json")])]

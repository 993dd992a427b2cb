"""Events of HTTP requests: as a REST API sends them, and as a function URL does."""

from __future__ import annotations

import json
from typing import Any

Json = dict[str, Any]


def rest_event(body: Any = None, *, method: str = "POST", path: str = "/responses", **query: str) -> Json:
    """Payload format 1.0, of stage `v1`, from a caller who signed."""
    headers = {"Content-Type": "application/json", "Host": "api.example", "X-Forwarded-Proto": "https"}
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": query or None,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} or None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "stage": "v1",
            "requestId": "1",
            "httpMethod": method,
            "path": f"/v1{path}",
            "identity": {"sourceIp": "192.0.2.1", "accountId": "123456789012", "caller": "AIDA:me"},
        },
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


def url_event(
    body: Any = None, *, method: str = "POST", path: str = "/v1/responses", query: str = ""
) -> Json:
    """Payload format 2.0, from a caller who signed."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"content-type": "application/json", "host": "id.lambda-url.eu-west-1.on.aws"},
        "requestContext": {
            "accountId": "anonymous",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
            "requestId": "1",
            "stage": "$default",
            "authorizer": {"iam": {"accountId": "123456789012", "callerId": "AIDA"}},
        },
        **({} if body is None else {"body": json.dumps(body)}),
        "isBase64Encoded": False,
    }

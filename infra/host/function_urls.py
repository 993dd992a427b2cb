"""The functions' own addresses, gathered under one: a route's path leads to the URL of its function.

On AWS each URL has a host name of its own, and every path of it leads to its one function.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from typing import TYPE_CHECKING, Any

from infra.host.answers import PRELUDE, Head, Malformed, opened, url_answer
from infra.host.connections import BodyTooLarge
from infra.host.deployment import IAM
from infra.host.functions import LARGEST_EVENT, EventTooLarge, Throttled
from infra.host.gateway_responses import Refused
from infra.host.invocation import Payload, Stream, StreamCut, new_trace
from infra.host.relay import relay
from infra.host.routes import Routes
from infra.host.url_events import url_event

if TYPE_CHECKING:
    from infra.host.connections import Exchange, Headers
    from infra.host.deployment import Deployment, Function
    from infra.host.functions import Functions
    from infra.host.signatures import Signatures

PREFIX = "/url"
"""What this host adds in front of a URL's own paths."""

_TOO_LARGE = f"Request must be smaller than {LARGEST_EVENT} bytes for the InvokeFunction operation"


class _Told(Exception):
    """Lambda answers in the place of the function: a status, and a message or no word."""

    def __init__(self, status: int, message: str | None) -> None:
        super().__init__(message)
        self.status = status
        self.body = b"Internal Server Error" if message is None else json.dumps({"Message": message}).encode()


class FunctionUrls:
    """Serves what comes to functions' own addresses."""

    def __init__(self, deployment: Deployment, functions: Functions, signatures: Signatures) -> None:
        self._stage = f"/{deployment.api.stage}"
        self._routes = Routes(deployment.api.routes)
        self._functions = functions
        self._signatures = signatures

    async def serve(self, exchange: Exchange) -> None:
        """Answer one request."""
        path = exchange.target.partition("?")[0].removeprefix(PREFIX)
        try:
            function = self._function(exchange, path)
            await self._call(exchange, function, path)
        except _Told as told:
            await exchange.answer(told.status, [("Content-Type", "application/json")], told.body)

    def _function(self, exchange: Exchange, path: str) -> Function:
        """The function whose URL a client that knows the paths of the API would have asked."""
        found = self._routes.find(path.removeprefix(self._stage))
        if found is None:
            raise _Told(404, "Not Found")
        resource, _ = found
        asked = exchange.header("access-control-request-method") or exchange.method
        route = resource.route(asked) or next(iter(resource.routes.values()))
        return route.function

    async def _call(self, exchange: Exchange, function: Function, path: str) -> None:
        id, trace = str(uuid.uuid4()), new_trace()
        try:
            body = await exchange.body(LARGEST_EVENT)
            event = self._event(exchange, function, path, body, (id, trace))
            invocation = self._functions.invoke(function, event, id=id, trace=trace)
        except (BodyTooLarge, EventTooLarge):
            raise _Told(413, _TOO_LARGE) from None
        except Throttled:
            raise _Told(429, "Rate Exceeded.") from None
        told = [("x-amzn-RequestId", id), ("X-Amzn-Trace-Id", trace)]
        match await asyncio.shield(invocation.answer):
            case Stream() as stream if function.url.streams:
                await _stream(exchange, stream, told)
            case Payload(content) if function.url.streams:
                await exchange.answer(200, [("content-type", "application/octet-stream"), *told], content)
            case Payload(content):
                head, answer = _whole(content)
                await exchange.answer(head.status, [*head.headers, *told], answer)
            case Stream() as stream:  # collected, it would not be JSON
                stream.abandon()
                raise _Told(502, None)
            case _:
                raise _Told(502, None)

    def _event(
        self, exchange: Exchange, function: Function, path: str, body: bytes, call: tuple[str, str]
    ) -> dict[str, Any]:
        signed = function.url.auth == IAM
        authorizer = {"iam": self._signer(exchange, body)} if signed else None
        return url_event(exchange, body, path=path, authorizer=authorizer, call=call, at=time.time())

    def _signer(self, exchange: Exchange, body: bytes) -> dict[str, str | None]:
        try:
            identity = self._signatures.identity(exchange, body)
        except Refused:
            raise _Told(403, "Forbidden") from None
        return {
            "accessKey": identity["accessKey"],
            "accountId": identity["accountId"],
            "callerId": identity["caller"],
            "cognitoIdentity": None,
            "principalOrgId": None,
            "userArn": identity["userArn"],
            "userId": identity["user"],
        }


async def _stream(exchange: Exchange, stream: Stream, told: Headers) -> None:
    if stream.content_type != PRELUDE:  # the bytes are the body
        head = Head(200, [("content-type", "application/octet-stream")])
        first, rest = b"", aiter(stream)
    else:
        try:
            head, first, rest = await opened(stream)
        except (Malformed, StreamCut):
            raise _Told(502, None) from None
    await relay(exchange, Head(head.status, [*head.headers, *told]), first, rest, stream)


def _whole(content: bytes) -> tuple[Head, bytes]:
    try:
        return url_answer(content)
    except Malformed:
        raise _Told(502, None) from None

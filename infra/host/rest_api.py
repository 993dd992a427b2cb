"""The REST API of a template, as API Gateway serves it: below its stage's name."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import TYPE_CHECKING

from infra.host.answers import PRELUDE, Head, Malformed, opened, proxy_answer
from infra.host.authorizers import Authorizers
from infra.host.connections import BodyTooLarge
from infra.host.deployment import IAM
from infra.host.functions import EventTooLarge, Throttled
from infra.host.gateway_responses import GatewayResponses, Refused
from infra.host.intrinsics import ACCOUNT
from infra.host.invocation import Payload, Stream, StreamCut, new_trace
from infra.host.relay import relay
from infra.host.rest_events import API_ID, Caller, Matched, rest_event
from infra.host.routes import Routes

if TYPE_CHECKING:
    from infra.host.connections import Exchange, Headers
    from infra.host.deployment import Deployment, Route
    from infra.host.functions import Functions
    from infra.host.invocation import Answer, Invocation
    from infra.host.routes import Resource
    from infra.host.signatures import Signatures

LARGEST_BODY = 10 * 1024 * 1024
"""Bytes of a request's body."""

_ALL_METHODS = {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}
_NO_STAGE = GatewayResponses({})
_REMAPPED = ("connection", "content-length", "content-md5", "date", "server", "www-authenticate")
"""Headers of functions that reach clients by the name `x-amzn-Remapped-…`."""


class RestApi:
    """Serves the requests of one API."""

    def __init__(self, deployment: Deployment, functions: Functions, signatures: Signatures) -> None:
        self._api = deployment.api
        self._arn = f"arn:aws:execute-api:{deployment.region}:{ACCOUNT}:{API_ID}/{self._api.stage}"
        self._functions = functions
        self._signatures = signatures
        self._routes = Routes(self._api.routes)
        self._authorizers = Authorizers(self._api.authorizers, functions)
        self._responses = GatewayResponses(self._api.responses)

    async def serve(self, exchange: Exchange) -> None:
        """Answer one request."""
        call = str(uuid.uuid4()), new_trace()
        path = exchange.target.partition("?")[0]
        stage, slash, below = path.removeprefix("/").partition("/")
        try:
            if stage != self._api.stage:
                raise Refused("DEFAULT_4XX")
            await self._serve(exchange, slash + below, call)
        except Refused as refused:
            responses = self._responses if stage == self._api.stage else _NO_STAGE
            head, body = responses.render(refused, call[0])
            await exchange.answer(head.status, head.headers, body)

    async def _serve(self, exchange: Exchange, path: str, call: tuple[str, str]) -> None:
        found = self._routes.find(path)
        if found is None:
            raise Refused("MISSING_AUTHENTICATION_TOKEN")
        resource, parameters = found
        route = resource.route(exchange.method)
        if exchange.method == "OPTIONS" and self._api.cors is not None:
            await self._preflight(exchange, resource, path)
            return
        if route is None:
            raise Refused("MISSING_AUTHENTICATION_TOKEN")
        try:
            body = await exchange.body(LARGEST_BODY)
        except BodyTooLarge:
            raise Refused("REQUEST_TOO_LARGE") from None
        caller = await self._caller(exchange, route.authorizer, path, body)
        event = rest_event(
            exchange,
            body,
            to=Matched(self._api.stage, resource.path, path, parameters),
            caller=caller,
            call=call,
            at=time.time(),
            binary=self._api.binary,
        )
        await self._integrate(exchange, route, event, call)

    async def _preflight(self, exchange: Exchange, resource: Resource, path: str) -> None:
        """What the mock integration that SAM makes of `Cors` answers."""
        cors = self._api.cors
        assert cors is not None
        if cors.authorized:
            await self._caller(exchange, self._api.default_authorizer, path, b"")
        methods = _ALL_METHODS if "ANY" in resource.routes else {*resource.routes, "OPTIONS"}
        headers = {
            "Content-Type": "application/json",
            **cors.headers,
            "Access-Control-Allow-Methods": cors.methods or ",".join(sorted(methods)),
        }
        await exchange.answer(200, [*headers.items()], b"{}\n")

    async def _caller(self, exchange: Exchange, authorizer: str | None, path: str, body: bytes) -> Caller:
        match authorizer:
            case None:
                return Caller()
            case str(name) if name == IAM:
                return Caller(identity=self._signatures.identity(exchange, body))
            case str(name):
                token = exchange.header(self._authorizers.header(name))
                arn = f"{self._arn}/{exchange.method}/{path.removeprefix('/')}"
                return Caller(context=await self._authorizers.judge(name, token, arn))

    async def _integrate(
        self, exchange: Exchange, route: Route, event: object, call: tuple[str, str]
    ) -> None:
        request_id, trace = call
        try:
            invocation = self._functions.invoke(route.function, event, trace=trace)
        except EventTooLarge:
            raise Refused("REQUEST_TOO_LARGE") from None
        except Throttled:
            # API Gateway itself would make a 500 of Lambda's 429; clients of this host may know.
            raise Refused("THROTTLED") from None
        told = [("x-amzn-RequestId", request_id), ("X-Amzn-Trace-Id", trace)]
        deadline = asyncio.get_running_loop().time() + route.timeout
        match await _answer(invocation, deadline):
            case Stream() as stream:
                await _stream(exchange, stream, deadline, told, streams=route.streams)
            case Payload(content) if not route.streams:
                await self._answer_whole(exchange, content, told)
            case _:
                raise Refused("DEFAULT_5XX")

    async def _answer_whole(self, exchange: Exchange, content: bytes, told: Headers) -> None:
        try:
            head, body = proxy_answer(content, decoding=bool(self._api.binary))
        except Malformed:
            raise Refused("DEFAULT_5XX") from None
        await exchange.answer(head.status, [*_remapped(head), *told], body)


async def _answer(invocation: Invocation, deadline: float) -> Answer:
    try:
        async with asyncio.timeout_at(deadline):
            return await asyncio.shield(invocation.answer)
    except TimeoutError:
        raise Refused("INTEGRATION_TIMEOUT") from None


async def _stream(
    exchange: Exchange, stream: Stream, deadline: float, told: Headers, *, streams: bool
) -> None:
    try:
        async with asyncio.timeout_at(deadline):
            if not streams or stream.content_type != PRELUDE:
                stream.abandon()
                raise Malformed("The integration takes another kind of answer")
            head, first, rest = await opened(stream)
    except TimeoutError:
        raise Refused("INTEGRATION_TIMEOUT") from None
    except (Malformed, StreamCut):
        raise Refused("DEFAULT_5XX") from None
    with_told = Head(head.status, [*_remapped(head), *told])
    try:
        async with asyncio.timeout_at(deadline):
            await relay(exchange, with_told, first, rest, stream)
    except TimeoutError:
        exchange.cut()


def _remapped(head: Head) -> Headers:
    return [
        (f"x-amzn-Remapped-{name}" if name.lower() in _REMAPPED else name, value)
        for name, value in head.headers
    ]

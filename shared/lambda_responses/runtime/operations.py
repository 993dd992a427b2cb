"""How an operation becomes an ASGI application: routes, request ids, error bodies, CORS, one log line."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match, Route

from lambda_responses.runtime.logs import lines_of, logger, place_of
from lambda_responses.runtime.metrics import publish_refusal, publish_response
from lambda_responses.wire.errors import (
    APIError,
    InvalidRequestError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ServerError,
)
from lambda_responses.wire.json import to_bytes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request
    from starlette.types import ASGIApp, Lifespan, Message, Receive, Scope, Send

    from lambda_responses.runtime.metrics import Meter
    from lambda_responses.runtime.runtime import Runtime
    from lambda_responses.wire.json import Json

    Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the API: where it is found, and what answers."""

    name: str
    routes: tuple[tuple[str, str], ...]
    """Method and path, such as `("GET", "/v1/responses/{response_id}")`."""
    endpoint: Endpoint
    stored: bool = True
    """Whether it reads or writes what is stored."""
    asks_models: bool = False
    """Whether it sends requests to providers."""


def operation(
    *routes: str, stored: bool = True, asks_models: bool = False
) -> Callable[[Endpoint], Operation]:
    """Say which routes (`"POST /v1/responses"`) an endpoint serves, and what it needs for that."""
    pairs = tuple((method, path) for method, _, path in (route.partition(" ") for route in routes))
    return lambda endpoint: Operation(getattr(endpoint, "__name__", ""), pairs, endpoint, stored, asks_models)


def application(
    *operations: Operation, runtime: Runtime, lifespan: Lifespan[Starlette] | None = None
) -> Starlette:
    """The operations as one ASGI application. `lifespan` is what a server does before and after serving.

    A client may know the base URL with or without `/v1`: API Gateway takes its stage name off the path.
    """
    from lambda_responses.storage.keyed.port import (
        StoreUnavailable,  # here, so that importing a door stays cheap
    )

    app = Starlette(
        routes=[
            Route(prefix, each.endpoint, methods=[method])
            for each in operations
            for method, path in each.routes
            for prefix in (path, path.removeprefix("/v1"))
        ],
        middleware=[*_admission(trusting=runtime.settings.auth == "none"), Middleware(_Exchange)],
        exception_handlers={
            APIError: _api_error,
            HTTPException: _http_error,
            StoreUnavailable: _store_unavailable,
        },
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # a path with a slash too many is another path, as on the live API
    app.state.runtime = runtime
    return app


def json_response(body: Json, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer, serialised as everything else that leaves."""
    return Response(to_bytes(body), status, dict(headers or {}), "application/json")


def error_response(error: APIError) -> Response:
    """An error in OpenAI's envelope."""
    return json_response(error.body(), status=error.status, headers=error.headers)


def _admission(*, trusting: bool) -> list[Middleware]:
    """Which web pages may ask: where credentials are asked for, any; `trusting`, those of this machine."""
    cors: dict[str, Any] = {name: ["*"] for name in ("allow_methods", "allow_headers", "expose_headers")}
    if not trusting:
        return [Middleware(CORSMiddleware, allow_origins=["*"], **cors)]
    from lambda_responses.runtime import loopback

    refusal = _Exchange(error_response(PermissionDeniedError(_FOREIGN)))
    return [
        Middleware(loopback.LoopbackOnly, refusal=refusal),
        Middleware(CORSMiddleware, allow_origin_regex=loopback.ORIGIN, **cors),
    ]


async def _api_error(request: Request, error: Exception) -> Response:
    return error_response(error if isinstance(error, APIError) else ServerError(_UNFORESEEN))


async def _store_unavailable(request: Request, error: Exception) -> Response:
    logger.error("store unavailable", fault=str(error), at=place_of(error))
    return error_response(
        OverloadedError("The store did not answer. Please try again.", headers={"retry-after": "1"})
    )


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    place = f"{request.method} /v1{request.url.path.removeprefix('/v1')[:200]}"
    headers: dict[str, str] = {}
    match status:
        case 404:
            fault: APIError = NotFoundError(f"Invalid URL ({place})")
        case 405:
            fault = InvalidRequestError(f"Not allowed to {place}", code="method_not_supported")
            headers["allow"] = ", ".join(sorted(_methods_of(request)))
        case _:
            fault = ServerError(_UNFORESEEN)
    return json_response(fault.body(), status=status, headers=headers)


def _methods_of(request: Request) -> set[str]:
    """What its path can be asked for, over all routes; Starlette names those of the first one."""
    routes = (route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE)
    return {method for route in routes for method in route.methods}


CLIENT_CLOSED_REQUEST = 499
"""For the log alone: nobody was left to be told a status."""

_FOREIGN = (
    "This server tells no callers apart, so it answers only its own machine: 'Host', and 'Origin' where a web"
    " page asks, must be localhost, 127.0.0.1 or [::1]."
)
_UNFORESEEN = "The server had an error while processing your request. Sorry about that!"


class _Exchange:
    """Around every exchange: its id, the last resort, and what the operator is told when it has ended."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send)
        scope.setdefault("state", {})["started"] = answer.started
        with lines_of(answer.request_id, scope.get("aws.context")):
            try:
                await self._app(scope, receive, answer.send)
            except ClientDisconnect:
                answer.status = CLIENT_CLOSED_REQUEST
            except Exception as error:
                answer.failed = True
                logger.error("unforeseen", fault=type(error).__name__, at=place_of(error))
                if answer.status:
                    raise
                await error_response(ServerError(_UNFORESEEN))(scope, receive, answer.send)
            finally:
                _tell(scope, answer)


class _Answer:
    """An answer on its way out: gets the headers that all have, and is remembered by its status."""

    def __init__(self, send: Send) -> None:
        self.started = time.perf_counter()
        self.request_id = f"req_{uuid.uuid4().hex}"
        self.status = 0
        self.failed = False
        self._send = send

    @property
    def milliseconds(self) -> float:
        """Since the request came in."""
        return (time.perf_counter() - self.started) * 1000

    async def send(self, message: Message) -> None:
        """Send it on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["x-request-id"] = self.request_id
            headers["openai-version"] = "2020-10-01"
            headers["openai-processing-ms"] = str(round(self.milliseconds))
        await self._send(message)


_NOTED = ("tenant", "key_id", "response_id", "conversation_id", "target", "replayed")
"""What endpoints note of an exchange for the log."""


def _tell(scope: Scope, answer: _Answer) -> None:
    """One line in the log and, where a response was made, its metrics. The body has ended by now."""
    state: Mapping[str, Any] = scope["state"]
    ids = {name: state[name] for name in _NOTED if name in state}
    meter: Meter | None = state.get("meter")
    figures = meter.figures() if meter is not None else {}
    if meter is not None and not 400 <= answer.status < 500:  # refused, or nobody waited
        failed = answer.failed or answer.status >= 500 or figures.get("response_status") == "failed"
        publish_response(figures, failed=failed, request_id=answer.request_id, **ids)
    if answer.status == 401:
        publish_refusal()
    route: str | None = getattr(scope.get("route"), "path", None)
    logger.info(
        "exchange",
        method=scope["method"],
        route=route and route.removeprefix("/v1"),  # of which API Gateway has taken its stage
        status=answer.status,
        milliseconds=round(answer.milliseconds, 1),
        **ids,
        **figures,
    )

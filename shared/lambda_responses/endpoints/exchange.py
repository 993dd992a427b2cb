"""What every endpoint does with its request: who asks, what the body is, whether anybody still listens."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from starlette.requests import ClientDisconnect

from lambda_responses.lifecycle.ports import Unbounded
from lambda_responses.runtime.metrics import Meter
from lambda_responses.wire.errors import PermissionDeniedError
from lambda_responses.wire.ids import thread_of
from lambda_responses.wire.requests import MAX_BODY_BYTES
from lambda_responses.wire.scopes import scope_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from lambda_responses.lifecycle.ports import Deadline, Principal
    from lambda_responses.runtime.runtime import Runtime

T = TypeVar("T")

CLOSING_SECONDS = 3.0
"""What a run that is out of time gets to close its items, to be stored and to say so."""

_MOST_OF_AN_ID = 200
_ROUNDS = 6
"""Of the event loop, until what has happened to a connection by now is known to whoever waits for it."""
_MOST_OF_A_HEADER = 1_000
_SAFE = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")


def runtime_of(request: Request) -> Runtime:
    """The runtime that the application was made with."""
    return request.app.state.runtime


async def principal_of(request: Request) -> Principal:
    """Who asks, and may ask for this. Raises `AuthenticationError`, `PermissionDeniedError`."""
    principal = await runtime_of(request).principal_of(request.scope)
    note(request, tenant=principal.tenant, key_id=principal.key_id)
    wanted = scope_of(request.method, request.scope["route"].path)
    if wanted not in principal.scopes:
        raise PermissionDeniedError(
            f"You have insufficient permissions for this operation. Missing scopes: {wanted}.",
            code="missing_scope",
        )
    return principal


def deadline_of(request: Request) -> Deadline:
    """How long this request's run may take: on Lambda, until shortly before the invocation ends."""
    context: Any = request.scope.get("aws.context")
    return Unbounded() if context is None else InvocationDeadline(context)


class InvocationDeadline:
    """What is left of a Lambda invocation, less what it takes to keep and tell the end."""

    def __init__(self, context: Any) -> None:
        self._remaining_milliseconds: Callable[[], int] = context.get_remaining_time_in_millis

    def remaining(self) -> float:
        """Seconds until the run has to end."""
        return self._remaining_milliseconds() / 1000 - CLOSING_SECONDS


def note(request: Request, **ids: str | None) -> None:
    """Ids for this exchange's line in the log; clients have a say in some of them."""
    request.scope["state"].update({name: id[:_MOST_OF_AN_ID] for name, id in ids.items() if id})


def response_id_of(request: Request) -> str:
    """The id in the path. It is noted only where it is one: people put other things there."""
    response_id: str = request.path_params["response_id"]
    if thread_of(response_id):
        note(request, response_id=response_id)
    return response_id


def meter_of(request: Request) -> Meter:
    """What measures the response that this request asks for."""
    meter = Meter(request.scope["state"]["started"])
    request.scope["state"]["meter"] = meter
    return meter


def printable(text: str) -> str:
    """What a client wrote, in characters that a header may hold, and not too many of them."""
    return quote(text[:_MOST_OF_A_HEADER], safe=_SAFE).strip()


async def read_body(request: Request) -> bytes:
    """The whole body, or as much of it as shows that it is larger than any request may be."""
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        pieces.append(piece)
        size += len(piece)
        if size > MAX_BODY_BYTES:
            break
    return b"".join(pieces)


async def unless_gone(request: Request, work: Awaitable[T]) -> T:
    """Do that work as long as the client listens.

    Raises `ClientDisconnect` when it goes; the work has been cancelled, and has ended, by then.
    """
    doing = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(disconnected(request.receive))
    try:
        await asyncio.wait({doing, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise ClientDisconnect
        return doing.result()
    finally:
        await end(doing, gone)


async def unless_gone_already(request: Request) -> None:
    """Raises `ClientDisconnect` where nobody waits any more: what has not begun need not begin.

    The body has been read, or this would take it for its own.
    """
    gone = asyncio.ensure_future(disconnected(request.receive))
    for _ in range(_ROUNDS):
        await asyncio.sleep(0)
        if gone.done():
            raise ClientDisconnect
    await end(gone)


async def disconnected(receive: Any) -> None:
    """Return when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def end(*tasks: asyncio.Future[Any]) -> None:
    """Cancel what still runs and wait until it has cleaned up."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

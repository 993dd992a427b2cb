"""What every endpoint does with its request: who asks, what the body is, whether anybody still listens."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.requests import ClientDisconnect

from lambda_responses.wire.requests import MAX_BODY_BYTES

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from starlette.requests import Request

    from lambda_responses.lifecycle.ports import Principal
    from lambda_responses.runtime.services import Runtime

T = TypeVar("T")


def runtime_of(request: Request) -> Runtime:
    """The runtime that the application was made with."""
    return request.app.state.runtime


def principal_of(request: Request) -> Principal:
    """Who asks. Raises `AuthenticationError`."""
    principal = runtime_of(request).principal_of(request.scope)
    note(request, tenant=principal.tenant)
    return principal


def note(request: Request, **ids: str) -> None:
    """Ids for this exchange's line in the log."""
    request.scope["state"].update(ids)


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


async def disconnected(receive: Any) -> None:
    """Return when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def end(*tasks: asyncio.Future[Any]) -> None:
    """Cancel what still runs and wait until it has cleaned up."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

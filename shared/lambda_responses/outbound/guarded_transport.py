"""The guard for programs that bring a client of their own, made with httpx2: a transport to make it with.

Each request is judged as it leaves, those of redirects included, and each connection as it is opened, as
`guarded` does it for httpcore.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, cast

import httpcore2
import httpx2

from lambda_responses.outbound.faults import Interrupted, Refused, TooLarge, TooSlow, Unreachable
from lambda_responses.outbound.guarded import CONNECT_SECONDS
from lambda_responses.outbound.policy import check_url
from lambda_responses.outbound.resolving import vetted

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Generator, Iterable

    from httpcore2 import SOCKET_OPTION, AsyncNetworkStream

    from lambda_responses.outbound.client import Outbound
    from lambda_responses.outbound.policy import OutboundPolicy
    from lambda_responses.outbound.resolving import Resolver

EVENTS = "text/event-stream"


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Keeps connections for one caller, to where the policy lets it. No proxy of the environment is heeded.

    TLS is asked for, except where the operator has opened a place. What answers have is counted as it comes;
    only a stream of events that was asked for with GET may go on for as long as its connection does.
    """

    def __init__(self, outbound: Outbound, *, largest: int) -> None:
        """`largest` bounds the body of an answer, in bytes."""
        self._policy = outbound.policy
        self._largest = largest
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=outbound.tls,
            max_connections=None,
            network_backend=_Backend(outbound.policy, outbound.resolver),
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer, of which only the head has been read. Raises `OutboundFault`, and so does its body."""
        place = check_url(str(request.url), self._policy)
        if place.scheme == "http" and not self._policy.opens_for_us_alone(place):
            raise Refused
        with _told():
            answer = await self._pool.handle_async_request(
                httpcore2.Request(
                    method=request.method,
                    url=httpcore2.URL(
                        scheme=place.scheme, host=place.host, port=place.port, target=place.target
                    ),
                    headers=request.headers.raw,
                    content=cast("AsyncIterable[bytes]", request.stream),
                    extensions=request.extensions,
                )
            )
        body = _Body(cast("AsyncIterable[bytes]", answer.stream), self._largest)
        response = httpx2.Response(answer.status, headers=answer.headers, stream=body)
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            await body.aclose()
            raise Unreachable  # asked for as it is, because what is packed has no bound before it is unfolded
        if request.method == "GET" and response.headers.get("content-type", "").startswith(EVENTS):
            body.largest = None
        return response

    async def aclose(self) -> None:
        """Closes all connections."""
        await self._pool.aclose()


class _Body(httpx2.AsyncByteStream):
    """What an answer has, up to a bound."""

    def __init__(self, stream: AsyncIterable[bytes], largest: int | None) -> None:
        self.largest = largest
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = 0
        with _told():
            async for chunk in self._stream:
                read += len(chunk)
                if self.largest is not None and read > self.largest:
                    raise TooLarge
                yield chunk

    async def aclose(self) -> None:
        if isinstance(self._stream, httpx2.AsyncByteStream) or hasattr(self._stream, "aclose"):
            await cast("httpx2.AsyncByteStream", self._stream).aclose()


class _Backend(httpcore2.AsyncNetworkBackend):
    """Opens sockets to vetted addresses, and to nothing else."""

    def __init__(self, policy: OutboundPolicy, resolver: Resolver) -> None:
        self._policy = policy
        self._resolver = resolver
        self._sockets = cast("httpcore2.AsyncNetworkBackend", httpcore2.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (the interface is httpcore2's)
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        patience = CONNECT_SECONDS if timeout is None else timeout
        for address in await vetted(host, port, self._policy, self._resolver):
            with suppress(httpcore2.ConnectError, httpcore2.ConnectTimeout):
                return await self._sockets.connect_tcp(address, port, patience, local_address, socket_options)
        raise Unreachable

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        raise Refused

    async def sleep(self, seconds: float) -> None:
        await self._sockets.sleep(seconds)


@contextmanager
def _told() -> Generator[None]:
    """Tells what went wrong in our own words."""
    try:
        yield
    except httpcore2.TimeoutException:
        raise TooSlow from None
    except httpcore2.ConnectError:
        raise Unreachable from None
    except (httpcore2.NetworkError, httpcore2.ProtocolError, OSError):
        raise Interrupted from None

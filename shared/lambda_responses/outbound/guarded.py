"""Connections that end where they were vetted: the name is resolved here, every address of it is judged, and
the socket is opened to one of these very addresses.

A name that resolves to something else a moment later (DNS rebinding) changes nothing, because nobody asks
again. TLS still asks for, and checks, the name.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, cast

import httpcore

from lambda_responses.outbound.faults import Refused, Unreachable
from lambda_responses.outbound.resolving import vetted

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

    from httpcore import SOCKET_OPTION, AsyncNetworkStream

    from lambda_responses.outbound.policy import OutboundPolicy
    from lambda_responses.outbound.resolving import Resolver

CONNECT_SECONDS = 5.0
"""For one address; the next one is tried then."""


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens sockets to vetted addresses, and to nothing else."""

    def __init__(self, policy: OutboundPolicy, resolver: Resolver) -> None:
        self._policy = policy
        self._resolver = resolver
        self._sockets = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (the interface is httpcore's)
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """A connection to the first vetted address that takes one. Raises `Refused`, `Unreachable`."""
        patience = CONNECT_SECONDS if timeout is None else timeout
        for address in await vetted(host, port, self._policy, self._resolver):
            with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return await self._sockets.connect_tcp(address, port, patience, local_address, socket_options)
        raise Unreachable

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """Raises `Refused`: a file is nowhere on the internet."""
        raise Refused

    async def sleep(self, seconds: float) -> None:
        """Wait before another try."""
        await self._sockets.sleep(seconds)


def guarded_pool(
    policy: OutboundPolicy, resolver: Resolver, tls: ssl.SSLContext | None
) -> httpcore.AsyncConnectionPool:
    """Connections for one exchange: nothing is kept for the next, whose caller may be another tenant."""
    return httpcore.AsyncConnectionPool(
        ssl_context=tls, max_keepalive_connections=0, network_backend=GuardedBackend(policy, resolver)
    )

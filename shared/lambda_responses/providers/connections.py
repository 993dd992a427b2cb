"""The pooled connections that all upstreams of a process share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl

    import httpx


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait for a connection, and for the next byte of an answer.

    Reasoning models say nothing for minutes. NAT gateways forget a silent connection after 350 seconds.
    """

    connect: float = 5.0
    silence: float = 300.0


class Connections:
    """Keep-alive connections, pooled for the loop that runs.

    Nothing is opened before the first request. A process that starts another loop gets another pool: the
    connections of a loop die with it. `through_proxies` heeds `HTTPS_PROXY`, `NO_PROXY` and `SSL_CERT_FILE`.
    """

    def __init__(self, patience: Patience | None = None, *, through_proxies: bool = True) -> None:
        self.patience = patience or Patience()
        self._through_proxies = through_proxies
        self._client: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @cached_property
    def trust(self) -> ssl.SSLContext:
        """Which certificates upstreams may show. Reading them takes longer than making a pool."""
        import httpx

        return httpx.create_ssl_context(trust_env=self._through_proxies)

    @property
    def client(self) -> httpx.AsyncClient:
        """The pool of the running loop."""
        import httpx  # with the first request, because doors that make none should start fast

        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            self._client = httpx.AsyncClient(
                limits=httpx.Limits(
                    max_connections=None,  # whoever admits requests bounds them; a queue here would hide it
                    max_keepalive_connections=100,
                    keepalive_expiry=60.0,
                ),
                timeout=httpx.Timeout(self.patience.silence, connect=self.patience.connect),
                trust_env=self._through_proxies,
                verify=self.trust,
            )
            self._loop = loop
        return self._client

    async def aclose(self) -> None:
        """Close every connection; the next request opens new ones."""
        client, self._client = self._client, None
        if client is not None and self._loop is asyncio.get_running_loop():
            await client.aclose()

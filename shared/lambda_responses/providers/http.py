"""The telephone of every upstream that is spoken to over HTTP.

What is said is the transformers' business. This file knows connections, statuses and when to try again. No
text of an error it raises holds an address, a header or a key.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING

import httpx

from lambda_responses.providers.addresses import filled, join, secrets_in
from lambda_responses.providers.answers import HttpAnswer
from lambda_responses.providers.base import (
    UpstreamError,
    UpstreamRefused,
    UpstreamSilent,
    UpstreamUnreachable,
)
from lambda_responses.providers.inflow import Inflow
from lambda_responses.providers.retries import Retries
from lambda_responses.transformers.base import UpstreamFailure
from lambda_responses.wire.json import to_bytes
from lambda_responses.wire.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence

    from lambda_responses.providers.base import Credential
    from lambda_responses.providers.connections import Connections
    from lambda_responses.transformers.base import Rendered

LONGEST_COMPLAINT = 64 * 1024
"""Bytes of an error's body that are read."""

_SECONDS_FOR_COMPLAINT = 5.0
_HEADERS = {
    "content-type": "application/json",
    "accept": "text/event-stream, application/json",
    "accept-encoding": "identity",  # a compressor holds tokens back until it has enough of them
    "user-agent": "lambda-responses",
}
_PRIVATE_HEADERS = {"set-cookie", "www-authenticate", "authorization"}
_MADE_HEADERS = ("authorization", "x-amz-security-token")
_NO_CONNECTION = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


class HttpProvider:
    """A place with a base URL, in which `{model}` stands for the id of the model that is asked.

    `headers` go with every request; no fault tells of the `secrets` in them, nor of those in the address. A
    `credential` adds what is made for one request.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        connections: Connections,
        headers: Mapping[str, str] | None = None,
        secrets: Iterable[str] = (),
        query: str = "",
        credential: Credential | None = None,
        retries: Retries | None = None,
    ) -> None:
        self.name = name
        self.base_url = base_url.rstrip("/")
        self._connections = connections
        self._secrets = (*secrets, *secrets_in(base_url))
        self._headers = httpx.Headers({**_HEADERS, **(headers or {})}, encoding="utf-8")
        self._query = query
        self._credential = credential
        self._retries = retries or Retries()

    def __repr__(self) -> str:
        return f"HttpProvider({self.name!r})"

    @asynccontextmanager
    async def open(self, rendered: Rendered) -> AsyncGenerator[HttpAnswer]:
        """See `Provider.open`."""
        response = await self._send(rendered)
        inflow = Inflow(response)
        try:
            secrets = self._secrets_in(response.request)
            answer = HttpAnswer(self.name, response.headers.get("content-type", ""), inflow, secrets)
            await answer.look()
            yield answer
            await answer.take_last_bytes()
        finally:
            await inflow.stop()
            await response.aclose()

    async def _send(self, rendered: Rendered) -> httpx.Response:
        """The first successful response, its body unread."""
        url, body = self._url(rendered), to_bytes(rendered.body)
        attempt = 0
        while True:
            request = await self._request(url, rendered.headers, body)
            try:
                response = await self._connections.client.send(
                    request, stream=True, auth=None, follow_redirects=False
                )
            except httpx.TransportError as error:
                fault, delay = self._fault_of(error), self._delay_after(error, attempt)
            else:
                if response.is_success:
                    return response
                failure = await self._read_failure(response)
                fault = UpstreamRefused(failure)
                delay = self._retries.delay_after_status(attempt, failure.status, failure.headers)
            if delay is None:
                raise fault  # out here, without its cause: that holds the request, and the request the key
            await self._retries.sleep(delay)
            attempt += 1

    def _url(self, rendered: Rendered) -> httpx.URL:
        base_url = self.base_url
        if "{model}" in base_url:
            base_url = filled(base_url, rendered.body["model"])
        return _parsed_url(base_url, rendered.path, self._query)

    async def _request(self, url: httpx.URL, own: Mapping[str, str], body: bytes) -> httpx.Request:
        """Made here, not by the client, which would add the cookies of other tenants' answers."""
        headers = self._headers
        if own or self._credential:
            headers = headers.copy()
            headers.update(own)
        if self._credential:
            headers.update(await self._credential.headers_for(str(url), body))
        extensions = {"timeout": self._connections.client.timeout.as_dict()}
        return httpx.Request("POST", url, headers=headers, content=body, extensions=extensions)

    def _delay_after(self, error: httpx.TransportError, attempt: int) -> float | None:
        """A request that was heard but met silence may be at work: to send it again would pay twice."""
        return None if isinstance(error, httpx.ReadTimeout) else self._retries.delay(attempt)

    def _fault_of(self, error: httpx.TransportError) -> UpstreamError:
        kind = UpstreamUnreachable if isinstance(error, _NO_CONNECTION) else UpstreamSilent
        return kind(f"{self.name}: {type(error).__name__} before an answer")

    async def _read_failure(self, response: httpx.Response) -> UpstreamFailure:
        """Status, headers and the start of the body, or as much of it as comes in time."""
        body = bytearray()
        try:
            with suppress(httpx.TransportError, httpx.DecodingError, TimeoutError):
                async with asyncio.timeout(_SECONDS_FOR_COMPLAINT):
                    async for data in response.aiter_bytes():
                        body += data
                        if len(body) >= LONGEST_COMPLAINT:
                            break
        finally:
            await response.aclose()
        headers = {k: v for k, v in response.headers.items() if k not in _PRIVATE_HEADERS}
        text = body[:LONGEST_COMPLAINT].decode("utf-8", "replace")
        text = redacted(text, self._secrets_in(response.request))
        return UpstreamFailure(response.status_code, headers, text)

    def _secrets_in(self, request: httpx.Request) -> Sequence[str]:
        """What of this server's own the upstream was sent, and nobody else may see."""
        if not self._credential:
            return self._secrets
        made = (request.headers.get(name, "") for name in _MADE_HEADERS)
        return [*self._secrets, *(word for value in made for word in value.split())]


@lru_cache(maxsize=512)
def _parsed_url(base_url: str, path: str, query: str) -> httpx.URL:
    return httpx.URL(join(base_url, path, query))

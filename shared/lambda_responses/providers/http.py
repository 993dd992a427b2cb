"""The telephone of every upstream that is spoken to over HTTP and answers with server-sent events or JSON.

What is said is the transformers' business. This file knows connections, statuses, framing and when to try
again. No text of an error it raises holds an address, a header or a key.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, cast

import httpx

from lambda_responses.providers.base import (
    Marker,
    UpstreamCutShort,
    UpstreamError,
    UpstreamRefused,
    UpstreamSilent,
    UpstreamUnreachable,
    UpstreamUnreadable,
)
from lambda_responses.providers.inflow import Inflow
from lambda_responses.providers.retries import Retries
from lambda_responses.stream.sse import SSEDecoder
from lambda_responses.transformers.base import UpstreamFailure
from lambda_responses.wire.json import from_text, to_bytes

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence

    from lambda_responses.providers.connections import Connections
    from lambda_responses.transformers.base import Rendered
    from lambda_responses.wire.json import Json

LONGEST_COMPLAINT = 64 * 1024
"""Bytes of an error's body that are read."""

SHORTEST_SECRET = 8
"""Characters from which a credential is taken out of texts; anything shorter may be part of a word."""

LARGEST_CHUNK = 64 * 1024 * 1024
"""Bytes of a plain answer, or of one event of a stream, that are read."""

_SECONDS_FOR_COMPLAINT = 5.0
_SECONDS_FOR_LAST_BYTES = 0.05
_MARKER = Marker()
_HEADERS = {
    "content-type": "application/json",
    "accept": "text/event-stream, application/json",
    "accept-encoding": "identity",  # a compressor holds tokens back until it has enough of them
    "user-agent": "lambda-responses",
}
_PRIVATE_HEADERS = {"set-cookie", "www-authenticate", "authorization"}
_NO_CONNECTION = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


class HttpProvider:
    """A place with a base URL. `headers` go with every request; no fault tells of the `secrets` in them."""

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        connections: Connections,
        headers: Mapping[str, str] | None = None,
        secrets: Iterable[str] = (),
        query: str = "",
        retries: Retries | None = None,
    ) -> None:
        self.name = name
        self.base_url = base_url.rstrip("/")
        self._connections = connections
        # The longest first: one may be a part of another.
        long_enough = {each for each in secrets if len(each) >= SHORTEST_SECRET}
        self._secrets = sorted(long_enough, key=len, reverse=True)
        self._headers = httpx.Headers({**_HEADERS, **(headers or {})}, encoding="utf-8")
        self._query = f"?{query}" if query else ""
        self._retries = retries or Retries()
        self._urls: dict[str, httpx.URL] = {}

    def __repr__(self) -> str:
        return f"HttpProvider({self.name!r})"

    @asynccontextmanager
    async def open(self, rendered: Rendered) -> AsyncGenerator[HttpAnswer]:
        """See `Provider.open`."""
        response = await self._send(rendered)
        inflow = Inflow(response)
        try:
            answer = HttpAnswer(self.name, response.headers.get("content-type", ""), inflow)
            await answer.look()
            yield answer
            await answer.take_last_bytes()
        finally:
            await inflow.stop()
            await response.aclose()

    async def _send(self, rendered: Rendered) -> httpx.Response:
        """The first successful response, its body unread."""
        body = to_bytes(rendered.body)
        attempt = 0
        while True:
            try:
                response = await self._post(rendered, body)
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

    async def _post(self, rendered: Rendered, body: bytes) -> httpx.Response:
        client = self._connections.client
        url = self._urls.get(rendered.path)
        if url is None:
            url = self._urls[rendered.path] = httpx.URL(f"{self.base_url}/{rendered.path}{self._query}")
        headers = self._headers
        if rendered.headers:
            headers = headers.copy()
            headers.update(rendered.headers)
        extensions = {"timeout": client.timeout.as_dict()}
        # Made here, not by the client, which would add the cookies of other tenants' answers.
        request = httpx.Request("POST", url, headers=headers, content=body, extensions=extensions)
        return await client.send(request, stream=True, auth=None, follow_redirects=False)

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
        text = self._without_secrets(body[:LONGEST_COMPLAINT].decode("utf-8", "replace"))
        return UpstreamFailure(response.status_code, headers, text)

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[redacted]")
        return text


class HttpAnswer:
    """See `Answer`. Its own iterator: whoever peeks at the first chunks may go on later."""

    def __init__(self, name: str, content_type: str, inflow: Inflow) -> None:
        self.plain = False
        self._name = name
        self._content_type = content_type.lower()
        self._inflow = inflow
        self._sse = SSEDecoder()
        self._first = b""
        self._unfinished = 0
        self._fault: UpstreamError | None = None
        self._over = False

    async def look(self) -> None:
        """Tell a stream from a plain answer, by its first bytes where its type does not say it is a stream.

        Raises `UpstreamUnreadable` for what is neither.
        """
        if self._content_type.startswith("text/event-stream"):
            return
        while not self._first.strip():
            data = await self._read()
            if data is None:
                raise UpstreamUnreadable(f"{self._name}: a success without a body")
            self._first += data
        start = self._first.removeprefix(b"\xef\xbb\xbf").lstrip()
        self.plain = start.startswith((b"{", b"["))
        if not self.plain and not start.startswith((b"data:", b"event:", b"id:", b"retry:", b":")):
            raise UpstreamUnreadable(f"{self._name}: a success that is neither JSON nor an event stream")

    async def take_last_bytes(self) -> None:
        """Read to the end of the body, which is mostly there, so that the connection can serve again."""
        if self._inflow.ended:
            return
        with suppress(UpstreamError, TimeoutError):
            async with asyncio.timeout(_SECONDS_FOR_LAST_BYTES):
                while await self._read() is not None:
                    pass

    def __aiter__(self) -> HttpAnswer:
        return self

    async def __anext__(self) -> Sequence[Json | Marker]:
        if self._fault is not None:
            raise self._fault
        if self._over:
            raise StopAsyncIteration
        if self.plain:
            self._over = True
            return [await self._whole_body()]
        while not self._over:
            if chunks := await self._next_chunks():
                return chunks
            if self._fault is not None:
                raise self._fault
        raise StopAsyncIteration

    async def _next_chunks(self) -> list[Json | Marker]:
        """What the next network read holds. A fault behind good chunks is kept for the next call."""
        data, self._first = self._first or await self._read(), b""
        try:
            payloads = self._sse.end() if data is None else self._sse.feed(data)
        except ValueError:
            payloads = self._before_the_fault(data or b"")
            self._fault = self._broken("bytes that are no UTF-8", at_end=data is None)
        self._over = data is None
        self._unfinished = 0 if payloads else self._unfinished + len(data or b"")
        if self._unfinished > LARGEST_CHUNK:
            self._fault = UpstreamUnreadable(f"{self._name}: an event of more than {LARGEST_CHUNK} bytes")
        return self._chunks_of(payloads, at_end=data is None)

    def _before_the_fault(self, data: bytes) -> list[str]:
        """The events before the line that is no UTF-8, however many of them came together with it."""
        payloads: list[str] = []
        with suppress(ValueError):
            for line in data.splitlines(keepends=True):
                payloads += self._sse.feed(line)
        return payloads

    def _chunks_of(self, payloads: Iterable[str], *, at_end: bool) -> list[Json | Marker]:
        chunks: list[Json | Marker] = []
        for payload in payloads:
            if not payload.startswith("{"):
                text = payload.strip()
                if text == "[DONE]":
                    chunks.append(_MARKER)
                    self._over = True
                    self._fault = None  # whatever came behind it
                    break
                if not text:
                    continue
            try:
                chunk: Any = from_text(payload)
            except ValueError:
                chunk = None
            if not isinstance(chunk, dict):
                self._fault = self._broken("an event that is no JSON object", at_end=at_end)
                break
            chunks.append(cast("Json", chunk))
        return chunks

    def _broken(self, what: str, *, at_end: bool) -> UpstreamError:
        if at_end:  # what the last bytes begin, nobody finished
            return UpstreamCutShort(f"{self._name}: the stream ended inside an event")
        return UpstreamUnreadable(f"{self._name}: {what}")

    async def _whole_body(self) -> Json:
        body = bytearray(self._first)
        while (data := await self._read()) is not None:
            body += data
            if len(body) > LARGEST_CHUNK:
                raise UpstreamUnreadable(f"{self._name}: a plain answer of more than {LARGEST_CHUNK} bytes")
        try:
            parsed: Any = from_text(bytes(body).removeprefix(b"\xef\xbb\xbf"))
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            raise UpstreamUnreadable(f"{self._name}: a plain answer that is no JSON object")
        return cast("Json", parsed)

    async def _read(self) -> bytes | None:
        """What has come; None at the end of the body."""
        try:
            return await self._inflow.take()
        except httpx.TransportError as error:
            fault = UpstreamCutShort(f"{self._name}: {type(error).__name__} in mid-answer")
        except httpx.DecodingError:
            fault = UpstreamUnreadable(f"{self._name}: an encoding that was not asked for")
        self._over = True
        raise fault

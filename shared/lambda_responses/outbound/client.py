"""Outbound requests: bounded in time and bytes, to public addresses, with nothing of ours in them.

No proxy and no setting of the environment is heeded, no cookie kept, no credential added. Nothing is imported
before the first request.
"""

from __future__ import annotations

import asyncio
import functools
import zlib
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

from lambda_responses.outbound.faults import Refused, TooLarge, TooSlow, Unreachable, Unsuccessful
from lambda_responses.outbound.media_types import file_name, media_type_of
from lambda_responses.outbound.policy import OutboundPolicy, check_url
from lambda_responses.outbound.resolving import resolve
from lambda_responses.outbound.urls import PORTS, read_url

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Mapping, Sequence

    import httpcore

    from lambda_responses.outbound.resolving import Resolver
    from lambda_responses.outbound.urls import Destination

LARGEST_ANSWER = 20_000_000
SECONDS = 10.0
MOST_REDIRECTS = 3
REDIRECTS = frozenset((301, 302, 303, 307, 308))
OWN = {"user-agent": "lambda-responses", "accept-encoding": "identity"}
INFLATED = frozenset(("gzip", "x-gzip", "deflate"))
"""Encodings that some servers use without being asked, and that unfold within bounds."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name; of several by one name, the first."""
    data: bytes


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that was fetched."""

    media_type: str
    """`type/subtype` in lower case, without parameters."""
    data: bytes
    name: str
    """A file name with an ending that fits."""


class Outbound:
    """Asks servers that clients name, as far as the policy goes."""

    def __init__(
        self,
        policy: OutboundPolicy | None = None,
        *,
        seconds: float = SECONDS,
        largest: int = LARGEST_ANSWER,
        resolver: Resolver = resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`seconds` bound an exchange with all its look-ups and redirects, `largest` its answer in bytes."""
        self.policy = policy or OutboundPolicy()
        self._seconds = seconds
        self._largest = largest
        self.resolver = resolver
        self._given_tls = tls

    def opening(self, url: str) -> Outbound:
        """The same, with the host of one URL open besides, which the operator has named. Raises `Refused`."""
        return Outbound(
            self.policy.opening(read_url(url)),
            seconds=self._seconds,
            largest=self._largest,
            resolver=self.resolver,
            tls=self._given_tls,
        )

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        largest: int | None = None,
        seconds: float | None = None,
    ) -> Answer:
        """One exchange, whatever its status; no redirect is followed. Raises `OutboundFault`.

        `Host`, `User-Agent` and `Accept-Encoding` are not the caller's to set.
        """
        async with _bounded(seconds or self._seconds):
            place = check_url(url, self.policy)
            return await self._exchange(method, place, headers or {}, body, self._bound(largest))

    async def tell(
        self, url: str, body: bytes, *, headers: Mapping[str, str], seconds: float | None = None
    ) -> int:
        """Post something, and say with which status it was taken; nothing else of the answer is read.

        See `request`. Raises `OutboundFault`.
        """
        async with _bounded(seconds or self._seconds):
            place = check_url(url, self.policy)
            async with self._asked("POST", place, headers, body) as response:
                return response.status

    async def fetch(self, url: str, *, largest: int | None = None) -> Fetched:
        """The file at a URL, by way of at most three redirects within its origin. Raises `OutboundFault`."""
        async with _bounded(self._seconds):
            place = check_url(url, self.policy)
            for remaining in reversed(range(MOST_REDIRECTS + 1)):
                answer = await self._exchange("GET", place, {}, None, self._bound(largest))
                onward = self._onward(place, answer) if remaining else None
                if onward is None:
                    return _file(place, answer)
                place = onward
        raise AssertionError("the last answer is taken as it is")

    def _onward(self, place: Destination, answer: Answer) -> Destination | None:
        """Where a redirect leads, if that is the same origin, or the same host with TLS."""
        if answer.status not in REDIRECTS or "location" not in answer.headers:
            return None
        try:
            onward = check_url(urljoin(place.url, answer.headers["location"]), self.policy)
        except (Refused, ValueError):
            return None
        origins = (place.origin, ("https", place.host, PORTS["https"]))
        return onward if onward.origin in origins else None

    async def _exchange(
        self, method: str, place: Destination, headers: Mapping[str, str], body: bytes | None, largest: int
    ) -> Answer:
        async with self._asked(method, place, headers, body) as response:
            received = _by_name(response.headers)
            return Answer(response.status, received, await _read(response, received, largest))

    @asynccontextmanager
    async def _asked(
        self, method: str, place: Destination, headers: Mapping[str, str], body: bytes | None
    ) -> AsyncGenerator[httpcore.Response]:
        """The answer, of which only the head has been read."""
        import httpcore

        from lambda_responses.outbound.guarded import guarded_pool

        tls = self.tls if place.scheme == "https" else None
        async with (
            guarded_pool(self.policy, self.resolver, tls) as pool,
            pool.stream(
                method,
                httpcore.URL(scheme=place.scheme, host=place.host, port=place.port, target=place.target),
                headers={**_sent(headers), "host": place.authority, **OWN},
                content=body,
            ) as response,
        ):
            yield response

    def _bound(self, largest: int | None) -> int:
        return self._largest if largest is None else min(self._largest, largest)

    @property
    def tls(self) -> ssl.SSLContext:
        """What certificates are checked with: one for the process, because to make it takes milliseconds."""
        return self._given_tls or _usual_tls()


@functools.cache
def _usual_tls() -> ssl.SSLContext:
    import httpcore

    return httpcore.default_ssl_context()


@asynccontextmanager
async def _bounded(seconds: float) -> AsyncGenerator[None]:
    """Ends what takes longer, and tells what went wrong in our own words."""
    import httpcore

    try:
        async with asyncio.timeout(seconds):
            yield
    except (TimeoutError, httpcore.TimeoutException):
        raise TooSlow from None
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError):
        raise Unreachable from None


def _sent(headers: Mapping[str, str]) -> dict[str, str]:
    return {"accept": "*/*"} | {name.lower(): value for name, value in headers.items()}


def _by_name(headers: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in reversed(headers)}


async def _read(response: httpcore.Response, headers: Mapping[str, str], largest: int) -> bytes:
    """The body as it was before it was packed. Raises `TooLarge` as soon as it is known to be."""
    declared = headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > largest:
        raise TooLarge
    data = bytearray()
    async for chunk in response.aiter_stream():
        data += chunk
        if len(data) > largest:
            raise TooLarge
    packing = headers.get("content-encoding", "").strip().lower()
    if packing in ("", "identity"):
        return bytes(data)
    if packing not in INFLATED:
        raise Unreachable
    return _inflated(data, largest)


def _inflated(data: bytes | bytearray, largest: int) -> bytes:
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        content = inflater.decompress(data, largest)
    except zlib.error:
        raise Unreachable from None
    if inflater.unconsumed_tail:
        raise TooLarge
    if not inflater.eof:
        raise Unreachable
    return content


def _file(place: Destination, answer: Answer) -> Fetched:
    if answer.status != 200:
        raise Unsuccessful(answer.status)
    name = unquote(urlsplit(place.target).path).rpartition("/")[2]
    media_type = media_type_of(answer.data, answer.headers.get("content-type", ""), name)
    return Fetched(media_type, answer.data, file_name(name, media_type))

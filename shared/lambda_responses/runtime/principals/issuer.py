"""The public keys that an issuer of tokens signs with: fetched when they are needed, and kept.

Where they are is said by the issuer's configuration (OpenID Connect Discovery 1.0 §4); what they look like,
by RFC 7517. Only keys for signatures of two halves are taken: a secret has no business in a public list.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from lambda_responses.outbound.faults import OutboundFault, Refused, Unsuccessful
from lambda_responses.outbound.urls import read_url
from lambda_responses.runtime.logs import logger
from lambda_responses.wire.errors import OverloadedError
from lambda_responses.wire.json import from_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lambda_responses.outbound.client import Outbound
    from lambda_responses.wire.json import Json

FRESH_SECONDS = 3_600.0
"""How long keys are used without another look."""

PAUSE_SECONDS = 30.0
"""How long nobody looks again, whatever unknown keys tokens name."""

RETRY_SECONDS = 2.0
"""How long nobody looks again when a look has failed."""

LARGEST = 262_144
"""Bytes of each of the two documents."""

KEY_TYPES = ("RSA", "EC", "OKP")
_PUBLIC_MEMBERS = ("kty", "kid", "alg", "n", "e", "crv", "x", "y")
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


class UnknownKey(Exception):
    """The issuer has no key of that id."""


class IssuerKeys:
    """An issuer's keys by their id.

    Old keys stay in use while the issuer does not answer: what they signed ends by itself.
    """

    def __init__(
        self, issuer: str, *, address: str | None, outbound: Outbound, now: Callable[[], float]
    ) -> None:
        """`address` is where the keys are, if the issuer's configuration is not to be asked."""
        self._issuer = issuer
        self._address = address
        self._outbound = outbound
        self._now = now
        self._keys: Mapping[str | None, Json] = {}
        self._stale_at = self._next_look = float("-inf")
        self._looking = asyncio.Lock()

    async def find(self, key_id: str | None) -> Json:
        """The key as a JWK; without an id the only one. Raises `UnknownKey`, `OverloadedError`."""
        key = self._named(key_id)
        if key is None or self._now() >= self._stale_at:
            key = await self._looked_up(key_id, known=key)
        if key is not None:
            return key
        if not self._keys:
            raise OverloadedError(
                "The keys of the token issuer cannot be fetched. Please try again.",
                headers={"retry-after": "2"},
            )
        raise UnknownKey

    def _named(self, key_id: str | None) -> Json | None:
        if key_id is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(key_id)

    async def _looked_up(self, key_id: str | None, *, known: Json | None) -> Json | None:
        if known is not None and self._now() < self._next_look:
            return known  # somebody is looking, or did a moment ago in vain
        async with self._looking:
            if self._now() >= self._next_look:
                self._next_look = self._now() + PAUSE_SECONDS
                await self._renew()
        return self._named(key_id)

    async def _renew(self) -> None:
        try:
            address = self._address or await self._configured_address()
            keys = _signing_keys(await self._fetch(address))
        except (OutboundFault, ValueError) as fault:
            logger.warning("no keys of the token issuer", fault=type(fault).__name__)
            self._next_look = self._now() + RETRY_SECONDS
            return
        self._keys = keys
        self._stale_at = self._now() + FRESH_SECONDS

    async def _configured_address(self) -> str:
        document = await self._fetch(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        match document:
            case {"issuer": self._issuer, "jwks_uri": str(address)} if is_safe(address):
                return address
            case _:
                raise ValueError("the configuration is another issuer's, or names no address of keys")

    async def _fetch(self, url: str) -> Json:
        answer = await self._outbound.request("GET", url, largest=LARGEST)
        if answer.status != 200:
            raise Unsuccessful(answer.status)
        document: Any = from_text(answer.data)
        if not isinstance(document, dict):
            raise ValueError("the document is no JSON object")
        return cast("Json", document)


def is_safe(url: str) -> bool:
    """Whether what is fetched there is what its owner wrote: over TLS, or on this machine."""
    try:
        place = read_url(url)
    except Refused:
        return False
    return place.scheme == "https" or place.host in _THIS_MACHINE


def _signing_keys(document: Json) -> dict[str | None, Json]:
    """The public keys for signatures in a JWK set, by id. Raises ValueError where there is none."""
    listed: Any = document.get("keys")
    found: dict[str | None, Json] = {}
    for key in cast("list[Any]", listed) if isinstance(listed, list) else []:
        match key:
            case {"use": use} if use != "sig":
                continue
            case {"kid": kid} if not isinstance(kid, str):
                continue
            case {"kty": str(kind)} if kind in KEY_TYPES:
                public = {name: key[name] for name in _PUBLIC_MEMBERS if name in key}
                found[public.get("kid")] = public
            case _:
                continue
    if not found:
        raise ValueError("no key for signatures")
    return found

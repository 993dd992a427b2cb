"""Google's cloud: where a project's models are, and the access token that pays for them."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from lambda_responses.providers.base import UpstreamRefused, UpstreamUnreachable
from lambda_responses.providers.google_tokens import Token, World, token_source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lambda_responses.providers.connections import Connections
    from lambda_responses.providers.google_tokens import TokenSource
    from lambda_responses.wire.json import Json

EARLY = 240.0
"""Seconds before its end from which on a token is renewed."""


def host_of(location: str) -> str:
    """Where the models of a location are. Two locations are continents, with hosts named in another way."""
    match location:
        case "global":
            return "aiplatform.googleapis.com"
        case "us" | "eu":
            return f"aiplatform.{location}.rep.googleapis.com"
        case _:
            return f"{location}-aiplatform.googleapis.com"


class GoogleToken:
    """`Credential` with a token of `source`, which is kept until shortly before its end."""

    def __init__(
        self, source: TokenSource, *, quota_project: str = "", clock: Callable[[], float] = time.time
    ) -> None:
        self._source = source
        self._quota_project = quota_project
        self._clock = clock
        self._token = Token("", 0.0)
        self._renewing: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None

    async def headers_for(self, url: str, body: bytes) -> Mapping[str, str]:
        """See `Credential.headers_for`."""
        async with self._one_at_a_time():
            if self._token.ends - EARLY <= self._clock():
                await self._renew()
        headers = {"authorization": f"Bearer {self._token.value}"}
        if self._quota_project:
            headers["x-goog-user-project"] = self._quota_project
        return headers

    async def _renew(self) -> None:
        try:
            self._token = await self._source.token()
        except (UpstreamRefused, UpstreamUnreachable):
            if self._token.ends <= self._clock():
                raise

    def _one_at_a_time(self) -> asyncio.Lock:
        """The running loop's: a process may have one loop after another."""
        loop = asyncio.get_running_loop()
        if self._renewing is None or self._renewing[0] is not loop:
            self._renewing = (loop, asyncio.Lock())
        return self._renewing[1]


def google_token(
    info: Json,
    environment: Mapping[str, str],
    connections: Connections,
    *,
    clock: Callable[[], float] = time.time,
) -> GoogleToken:
    """That of a credentials file of this content. Raises `ProviderSettingsError`."""
    source = token_source(info, World(environment, connections, clock))
    return GoogleToken(source, quota_project=info.get("quota_project_id") or "", clock=clock)

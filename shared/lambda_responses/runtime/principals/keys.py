"""`keys`: who holds an API key, looked up by its SHA-256 and remembered for a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.lifecycle.ports import Principal
from lambda_responses.runtime.principals.recent import Recent
from lambda_responses.wire.api_keys import fingerprint
from lambda_responses.wire.unauthenticated import key_refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambda_responses.storage.api_keys import ApiKey, ApiKeys

VALID_SECONDS = 30.0
"""How long a key is taken on trust. API Gateway does so too with our answer: revoked is gone in a minute."""

REFUSED_SECONDS = 5.0
"""How long a key is refused without a look. Nobody can show a key before it is made, so no new one is hit."""

MOST = 1_000
"""Keys that a process remembers of each kind. Wrong ones, of which there are as many as anybody likes to
invent, push no right one out."""


class KeyHolders:
    """`Bearers` of API keys. A look-up costs one read; a mistyped key costs none."""

    def __init__(self, keys: ApiKeys, *, now: Callable[[], float]) -> None:
        self._keys = keys
        self._now = now
        self._valid: Recent[ApiKey] = Recent(seconds=VALID_SECONDS, most=MOST, now=now)
        self._refused: Recent[bool] = Recent(seconds=REFUSED_SECONDS, most=MOST, now=now)

    async def holder(self, credential: str) -> Principal:
        """See `Bearers`."""
        mark = fingerprint(credential)
        if mark is None or self._refused.get(mark):
            raise key_refused()
        key = self._valid.get(mark)
        if key is None:
            key = await self._keys.find(credential)
            if key is None:
                self._refused.keep(mark, True)
                raise key_refused()
            self._valid.keep(mark, key)
        if key.expires is not None and key.expires <= self._now():
            raise key_refused()
        return Principal(
            key.tenant,
            key_id=key.key_id,
            scopes=key.scopes,
            mcp_servers=key.mcp_servers,
            mcp_urls=key.mcp_urls,
        )

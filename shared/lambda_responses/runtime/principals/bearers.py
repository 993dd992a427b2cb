"""`keys` and `jwt`: callers show a credential in `Authorization: Bearer …`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from lambda_responses.runtime.principals.vouched import vouched_for
from lambda_responses.wire.unauthenticated import key_ambiguous, key_missing, key_refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Scope

    from lambda_responses.lifecycle.ports import Principal

LONGEST = 8_192
"""Characters of a header that is read at all. API Gateway takes 10,240 bytes of headers."""

_BEARER = re.compile(r"[ \t]*bearer(?:[ \t]+([^ \t].*)?)?", re.IGNORECASE | re.DOTALL)


class Bearers(Protocol):
    """Knows who holds a credential."""

    async def holder(self, credential: str) -> Principal:
        """Raises `AuthenticationError`, and `StoreUnavailable` or `OverloadedError` where nobody can say."""
        ...


class ByBearer:
    """Who asks: whom the authorizer let in, or else the holder of the credential in the header.

    `bearers` is asked for when the first header has to be read: behind an authorizer that is never.
    """

    def __init__(self, bearers: Callable[[], Bearers]) -> None:
        self._bearers = bearers

    async def __call__(self, scope: Scope) -> Principal:
        """Raises what `Bearers.holder` raises."""
        principal = vouched_for(scope)
        if principal is None:
            credential = credential_of(scope)
            principal = await self._bearers().holder(credential)
        return principal


def credential_of(scope: Scope) -> str:
    """The credential in a request's header. Raises `AuthenticationError`."""
    given: list[bytes] = [value for name, value in scope["headers"] if name.lower() == b"authorization"]
    if len(given) > 1:
        raise key_ambiguous()
    if not given:
        raise key_missing()
    return read_authorization(given[0].decode("latin-1"))


def read_authorization(header: str) -> str:
    """The credential in the header's text, whatever it may be. Raises `AuthenticationError`."""
    if len(header) > LONGEST:
        raise key_refused()
    parts = _BEARER.fullmatch(header)
    if parts is None or parts[1] is None:
        raise key_missing()
    return parts[1].rstrip(" \t")

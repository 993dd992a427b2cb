"""`jwt`: who holds a token that an issuer has signed (RFC 7519, in the manner of RFC 8725).

Only signatures of two halves are taken, each by an algorithm that fits its key, from the issuer and for the
audience that the operator names, within their time. Which tenant a token is for, one of its claims says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jwt

from lambda_responses.lifecycle.ports import Principal
from lambda_responses.runtime.logs import logger
from lambda_responses.runtime.principals.issuer import UnknownKey
from lambda_responses.storage.table import is_tenant
from lambda_responses.wire.scopes import SCOPES
from lambda_responses.wire.unauthenticated import key_refused

if TYPE_CHECKING:
    from lambda_responses.runtime.principals.issuer import IssuerKeys
    from lambda_responses.wire.json import Json

LEEWAY_SECONDS = 10.0
"""By how much the issuer's clock may differ from ours."""

ALGORITHMS = {
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "EC": ("ES256", "ES384", "ES512"),
    "OKP": ("EdDSA",),
}
"""By type of key, what may be signed with it."""

SCOPE_CLAIMS = ("scope", "scp")
"""What a token may do: RFC 8693 §4.2, and as Okta and Entra name it."""

LONGEST_ID = 128


class NoTenant(Exception):
    """A good token whose claim is no tenant's name."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What tokens have to say."""

    issuer: str
    audience: str
    tenant_claim: str


class TokenHolders:
    """`Bearers` of an issuer's tokens."""

    def __init__(self, expected: Expected, keys: IssuerKeys) -> None:
        self._expected = expected
        self._keys = keys

    async def holder(self, credential: str) -> Principal:
        """See `Bearers`. Why a token is refused stands in the log, and in no answer."""
        try:
            claims = await self._claims(credential)
            return self._principal(claims)
        except (jwt.PyJWTError, UnknownKey, NoTenant) as fault:
            logger.info("token refused", reason=type(fault).__name__)
            raise key_refused() from None

    async def _claims(self, token: str) -> Json:
        header = jwt.get_unverified_header(token)
        algorithm: Any = header.get("alg")
        if not any(algorithm in algorithms for algorithms in ALGORITHMS.values()):
            raise jwt.InvalidAlgorithmError
        found = await self._keys.find(header.get("kid"))
        if algorithm not in ALGORITHMS[found["kty"]] or found.get("alg", algorithm) != algorithm:
            raise jwt.InvalidAlgorithmError
        return jwt.decode(
            token,
            jwt.PyJWK(found, algorithm),
            algorithms=[algorithm],
            issuer=self._expected.issuer,
            audience=self._expected.audience,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud"], "enforce_minimum_key_length": True},
        )

    def _principal(self, claims: Json) -> Principal:
        match claims.get(self._expected.tenant_claim):
            case str(tenant) if is_tenant(tenant):
                return Principal(tenant, key_id=_key_id(claims), scopes=_scopes(claims))
            case _:
                raise NoTenant


def _key_id(claims: Json) -> str | None:
    """Who was given the token, for the log."""
    subject: str | None = claims.get("sub")
    return subject[:LONGEST_ID] if subject else None


def _scopes(claims: Json) -> frozenset[str]:
    """Those of ours that the token names. One that says nothing of scopes at all has every one."""
    told = [claims[claim] for claim in SCOPE_CLAIMS if claims.get(claim) is not None]
    named: set[str] = set()
    for scopes in told:
        match scopes:
            case str(text):
                named.update(text.split())
            case [*names]:
                named.update(name for name in names if isinstance(name, str))
            case _:
                pass
    return SCOPES & named if told else SCOPES

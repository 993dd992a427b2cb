"""How callers are known, as the settings say. What that takes is made when the first caller needs it."""

from __future__ import annotations

import functools
import secrets
from typing import TYPE_CHECKING

from lambda_responses.runtime.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Scope

    from lambda_responses.lifecycle.ports import Principal
    from lambda_responses.runtime.principals.bearers import Bearers
    from lambda_responses.runtime.settings import Settings
    from lambda_responses.storage.api_keys import ApiKeys
    from lambda_responses.storage.keyed.port import KeyedStore

FETCH_SECONDS = 5.0
"""How long each of an issuer's documents may take."""


class Callers:
    """Who asks. `store` gives the store, which is made when it is first asked for."""

    def __init__(
        self, settings: Settings, *, store: Callable[[], KeyedStore], now: Callable[[], float]
    ) -> None:
        """Raises `SettingsError` for settings that are not enough."""
        self._settings = settings
        self._store = store
        self._now = now
        if settings.auth == "jwt":
            _check_tokens(settings)
        self.principal_of = self._way()

    def _way(self) -> Callable[[Scope], Awaitable[Principal]]:
        match self._settings.auth:
            case "none":
                from lambda_responses.runtime.principals.anybody import anybody

                return anybody
            case "iam":
                from lambda_responses.runtime.principals.signers import signer

                return signer
            case "keys" | "jwt":
                from lambda_responses.runtime.principals.bearers import ByBearer

                return ByBearer(lambda: self.bearers)

    @functools.cached_property
    def keys(self) -> ApiKeys:
        """The API keys in the store."""
        from lambda_responses.storage.api_keys import ApiKeys

        return ApiKeys(self._store(), now=self._now, entropy=secrets.token_bytes)

    @functools.cached_property
    def bearers(self) -> Bearers:
        """Who holds which credential. Raises `SettingsError` where callers show none."""
        match self._settings.auth:
            case "keys":
                from lambda_responses.runtime.principals.keys import KeyHolders

                return KeyHolders(self.keys, now=self._now)
            case "jwt":
                return self._token_holders()
            case other:
                raise SettingsError(f"RESPONSES_AUTH is {other}, with which callers show no credential.")

    def _token_holders(self) -> Bearers:
        from lambda_responses.outbound.client import Outbound
        from lambda_responses.outbound.policy import read_policy
        from lambda_responses.outbound.urls import read_url
        from lambda_responses.runtime.principals.issuer import IssuerKeys
        from lambda_responses.runtime.principals.tokens import Expected, TokenHolders

        settings = self._settings
        issuer, audience = settings.jwt_issuer or "", settings.jwt_audience or ""
        addresses = [address for address in (issuer, settings.jwt_jwks_url) if address]
        # Whoever names an issuer means it, wherever it is; where its keys are, it may say itself.
        named = [f"{place.host}:{place.port}" for place in map(read_url, addresses)]
        outbound = Outbound(read_policy(",".join([settings.outbound_allow, *named])), seconds=FETCH_SECONDS)
        keys = IssuerKeys(issuer, address=settings.jwt_jwks_url, outbound=outbound, now=self._now)
        return TokenHolders(Expected(issuer, audience, settings.jwt_tenant_claim), keys)


def _check_tokens(settings: Settings) -> None:
    """Raises `SettingsError` where the settings do not say whose tokens to take."""
    from lambda_responses.runtime.principals.issuer import is_safe

    if not settings.jwt_issuer or not settings.jwt_audience:
        raise SettingsError(
            "RESPONSES_AUTH is jwt, which needs RESPONSES_JWT_ISSUER and RESPONSES_JWT_AUDIENCE."
        )
    for name, address in (("ISSUER", settings.jwt_issuer), ("JWKS_URL", settings.jwt_jwks_url)):
        if address and not is_safe(address):
            raise SettingsError(
                f"RESPONSES_JWT_{name} cannot be used: it is no address that begins with https://."
            )

"""Webhook endpoints: who of a tenant is told of what, and with which secrets it is proven who tells.

A row holds secrets in sealed envelopes alone. Attributes: `v` version, `name`, `url`, `event_types`,
`created`, `updated`, `secret` and its `hint`, `old` and `old_until` while an earlier secret stays valid,
`gone` since when the endpoint has asked not to be told any more (HTTP 410), which any change takes back.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambda_responses.storage.keyed.conditions import ROW, Absent, Present, equals
from lambda_responses.storage.keyed.port import ConditionFailed, StoreFact
from lambda_responses.storage.table import TenantTable
from lambda_responses.wire.ids import is_webhook_endpoint_id, new_webhook_endpoint_id

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lambda_responses.storage.keyed.port import Key, KeyedStore, Row
    from lambda_responses.wire.ids import Entropy
    from lambda_responses.wire.json import Json

RECORD_VERSION = 1
MOST_ENDPOINTS = 40
"""Of one tenant; each is told of all that it asks for."""
OLD_SECRET_KEPT = 86_400
"""Seconds that an earlier secret stays valid where that is asked for."""


class EndpointNotFound(StoreFact):
    """The tenant has no such endpoint."""


class TooManyEndpoints(StoreFact):
    """The tenant has as many as it may."""


@dataclass(frozen=True, slots=True)
class SealedSecret:
    """A secret that only this installation can read, and what its holder knows it by."""

    envelope: str = field(repr=False)
    hint: str


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """An endpoint. Times are whole seconds since 1970."""

    id: str
    settings: Json
    """`name`, `url` and `event_types`."""
    created: int
    updated: int
    secret: SealedSecret
    old_secret: str | None = field(default=None, repr=False)
    """The envelope of an earlier secret that is still valid."""
    gone: int | None = None
    """Since when it wants to hear no more."""


class WebhookEndpoints:
    """Endpoints in a store. Every method may raise `StoreUnavailable`; tenants come from credentials only."""

    def __init__(self, store: KeyedStore, *, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now

    async def create(
        self, tenant: str, settings: Json, secret: SealedSecret, *, entropy: Entropy
    ) -> WebhookEndpoint:
        """A new endpoint. Raises `TooManyEndpoints`."""
        table = TenantTable(tenant)
        if len(await self._store.query(table.webhook_endpoints(), limit=MOST_ENDPOINTS)) == MOST_ENDPOINTS:
            raise TooManyEndpoints
        now = self._now()
        id = new_webhook_endpoint_id(epoch=now, entropy=entropy)
        made = WebhookEndpoint(id, settings, int(now), int(now), secret)
        values: dict[str, Any] = {
            "v": RECORD_VERSION,
            **settings,
            **_secret(secret),
            "created": made.created,
            "updated": made.updated,
        }
        try:
            await self._store.put(table.webhook_endpoint(id), values, (Absent(ROW),))
        except ConditionFailed as fact:
            # A store may repeat a write whose answer was lost, and then meet its own first try.
            if fact.old is None or fact.old.values["secret"] != secret.envelope:
                raise
        return made

    async def get(self, tenant: str, id: str) -> WebhookEndpoint:
        """The endpoint. Raises `EndpointNotFound`."""
        row = await self._store.get(self._key(tenant, id))
        if row is None:
            raise EndpointNotFound
        return self._endpoint(row)

    async def list(self, tenant: str) -> Sequence[WebhookEndpoint]:
        """All of them, oldest first."""
        rows = await self._store.query(TenantTable(tenant).webhook_endpoints())
        return [self._endpoint(row) for row in rows]

    async def update(self, tenant: str, id: str, changes: Json) -> WebhookEndpoint:
        """The endpoint with other settings; what is as it was changes nothing. Raises `EndpointNotFound`."""
        known = await self.get(tenant, id)
        if known.gone is None and {**known.settings, **changes} == known.settings:
            return known
        return await self._change(tenant, id, changes, remove=("gone",))

    async def rotate(self, tenant: str, id: str, secret: SealedSecret, *, keep_old: bool) -> WebhookEndpoint:
        """The endpoint with another secret. Raises `EndpointNotFound`."""
        while True:
            known = await self.get(tenant, id)
            if known.secret == secret:  # a write whose answer was lost
                return known
            kept: dict[str, Any] = {}
            if keep_old:
                kept = {"old": known.secret.envelope, "old_until": self._now() + OLD_SECRET_KEPT}
            with suppress(ConditionFailed):  # somebody else rotated meanwhile, or deleted it
                return await self._change(
                    tenant,
                    id,
                    {**_secret(secret), **kept},
                    remove=() if keep_old else ("old", "old_until"),
                    seen=known.secret,
                )

    async def silence(self, tenant: str, endpoint: WebhookEndpoint) -> None:
        """Tell it no more, as it has asked; unless it was changed since it was read."""
        with suppress(ConditionFailed):
            await self._store.update(
                self._key(tenant, endpoint.id),
                set={"gone": int(self._now())},
                when=(equals("url", endpoint.settings["url"]), equals("updated", endpoint.updated)),
            )

    async def delete(self, tenant: str, id: str) -> None:
        """Raises `EndpointNotFound`."""
        if await self._store.delete(self._key(tenant, id)) is None:
            raise EndpointNotFound

    async def _change(
        self,
        tenant: str,
        id: str,
        values: dict[str, Any],
        *,
        remove: Sequence[str],
        seen: SealedSecret | None = None,
    ) -> WebhookEndpoint:
        """Raises `EndpointNotFound`, and `ConditionFailed` where its secret is not what was seen."""
        when = (Present(ROW),) if seen is None else (equals("secret", seen.envelope),)
        try:
            row = await self._store.update(
                self._key(tenant, id),
                set={**values, "updated": int(self._now())},
                remove=remove,
                when=when,
            )
        except ConditionFailed as fact:
            if fact.old is None:
                raise EndpointNotFound from None
            raise
        return self._endpoint(row)

    def _key(self, tenant: str, id: str) -> Key:
        """Where it lies. Raises `EndpointNotFound` for an id that is none of ours."""
        if not is_webhook_endpoint_id(id):
            raise EndpointNotFound
        return TenantTable(tenant).webhook_endpoint(id)

    def _endpoint(self, row: Row) -> WebhookEndpoint:
        values = row.values
        is_kept = values.get("old_until", 0) > self._now()
        return WebhookEndpoint(
            id=row.key.sk.removeprefix("WH#"),
            settings={
                "name": values["name"],
                "url": values["url"],
                "event_types": list(values["event_types"]),
            },
            created=values["created"],
            updated=values["updated"],
            secret=SealedSecret(values["secret"], values["hint"]),
            old_secret=values["old"] if is_kept else None,
            gone=values.get("gone"),
        )


def _secret(secret: SealedSecret) -> dict[str, Any]:
    return {"secret": secret.envelope, "hint": secret.hint}

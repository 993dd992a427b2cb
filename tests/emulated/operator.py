"""The operator of a deployed stack: makes keys in its table, takes them back, and looks at rows."""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lambda_responses.storage.api_keys import ApiKeys
from lambda_responses.storage.keyed.dynamodb import DynamoDBStore

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from infra.emulator.stack import Stack

LONG_AGO = 1_000


class Operator:
    """Whoever has the account's credentials."""

    def __init__(self, stack: Stack) -> None:
        self._client = stack.client("dynamodb")
        self._table = stack.outputs["TableName"]
        self._store = DynamoDBStore(self._table, client=self._client)
        self._ids: dict[str, str] = {}

    def key(self, tenant: str = "default", *, now: Callable[[], float] = time.time, **options: Any) -> str:
        """A new key's text."""
        key, text = asyncio.run(self._keys(now).create(tenant, **options))
        self._ids[text] = key.key_id
        return text

    def expired_key(self) -> str:
        """A key that was good long ago."""
        return self.key(now=lambda: LONG_AGO, expires=2 * LONG_AGO)

    def revoked_key(self) -> str:
        """A key that was taken back before anybody used it."""
        text = self.key()
        self.revoke(text)
        return text

    def revoke(self, text: str) -> None:
        """Take a key back."""
        asyncio.run(self._keys(time.time).revoke(self.id_of(text)))

    def id_of(self, text: str) -> str:
        """The id of a key that was made here."""
        return self._ids[text]

    def rows(self) -> list[dict[str, Any]]:
        """All rows of the table."""
        return self._client.scan(TableName=self._table)["Items"]

    @contextmanager
    def without_seals(self) -> Generator[None]:
        """Take away the key ring, as before anything was sealed, and put it back."""
        ring = {"pk": {"S": "#"}, "sk": {"S": "K#seals"}}
        taken = self._client.delete_item(TableName=self._table, Key=ring, ReturnValues="ALL_OLD")
        try:
            yield
        finally:
            if row := taken.get("Attributes"):
                self._client.put_item(TableName=self._table, Item=row)

    def close(self) -> None:
        self._store.close()

    def _keys(self, now: Callable[[], float]) -> ApiKeys:
        return ApiKeys(self._store, now=now, entropy=secrets.token_bytes)

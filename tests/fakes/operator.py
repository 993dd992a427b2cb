"""The operator, who works on a store from outside while others serve from it."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from lambda_responses.storage.api_keys import ApiKeys
from lambda_responses.storage.keyed.sqlite import SQLiteStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LONG_AGO = 1_000


class Operator:
    """Makes API keys, takes them back, and looks at rows."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._store = SQLiteStore(file)
        self._ids: dict[str, str] = {}

    def key(self, tenant: str, *, now: Callable[[], float] = time.time, **options: Any) -> str:
        """A new key's text."""
        keys = ApiKeys(self._store, now=now, entropy=secrets.token_bytes)
        key, text = asyncio.run(keys.create(tenant, **options))
        self._ids[text] = key.key_id
        return text

    def expired_key(self, tenant: str) -> str:
        """A key that was good long ago."""
        return self.key(tenant, now=lambda: LONG_AGO, expires=2 * LONG_AGO)

    def revoked_key(self, tenant: str) -> str:
        """A key that was taken back."""
        text = self.key(tenant)
        self.revoke(text)
        return text

    def revoke(self, text: str) -> None:
        """Take a key back."""
        keys = ApiKeys(self._store, now=time.time, entropy=secrets.token_bytes)
        asyncio.run(keys.revoke(self.id_of(text)))

    def id_of(self, text: str) -> str:
        """The id of a key that was made here."""
        return self._ids[text]

    def rows(self, tenant: str = "") -> list[tuple[Any, ...]]:
        """The rows whose partition begins so, as they lie in the file."""
        with closing(sqlite3.connect(self.file)) as file:
            found = "SELECT * FROM rows WHERE substr(pk, 1, length(?)) = ? ORDER BY pk, sk"
            return file.execute(found, (tenant, tenant)).fetchall()

    def close(self) -> None:
        self._store.close()

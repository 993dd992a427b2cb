"""The keyed port on one SQLite file: no server, no dependency, several processes at once.

WAL with `synchronous=NORMAL`: a commit is handed to the operating system before `await` returns, so `kill -9`
of this or any other process loses nothing. A power cut may lose the last moments before it, never the file's
consistency; `power_safe=True` waits for the disk at each commit (milliseconds instead of microseconds).

Reads and writes run where they are called, since a hop to a thread and back costs several times what they do.
What may wait does take the hop, to one thread of the store's own: a write that finds another process writing,
a write that must reach the disk, and the checkpoints that move the log into the file.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lambda_responses.storage.keyed.conditions import ROW, Present, holds
from lambda_responses.storage.keyed.port import (
    WORK_INDEX_VALUES,
    Check,
    ConditionFailed,
    Delete,
    Key,
    Put,
    Row,
    StoreUnavailable,
    Update,
    checked_transaction,
)
from lambda_responses.storage.keyed.sizes import checked_size
from lambda_responses.storage.keyed.sqlite_files import make_private, switch_to_wal, transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from lambda_responses.storage.keyed.conditions import Condition
    from lambda_responses.storage.keyed.port import Range, Values, Write

SCHEMA = 1
BUSY_SECONDS = 5.0
PAGE_BYTES = 4_096
PAGES_PER_WRITE = 4
CHECKPOINT_PAGES = 1_000
"""After about so many pages the log is moved into the file; SQLite's own habit, off the event loop."""
PURGED_PER_WRITE = 8
"""Expired rows removed in passing; a turn writes two or three rows, so this keeps up with any load."""

_TABLES = (
    "CREATE TABLE IF NOT EXISTS schema (version INTEGER NOT NULL)",
    f"INSERT INTO schema SELECT {SCHEMA} WHERE NOT EXISTS (SELECT 1 FROM schema)",
    # `doc` is JSON: the attributes that are not bytes, then [name, length] of those that lie in `bytes`.
    "CREATE TABLE IF NOT EXISTS rows (pk TEXT NOT NULL, sk TEXT NOT NULL, doc TEXT NOT NULL, bytes BLOB,"
    " ttl NUMERIC, wk TEXT, wt NUMERIC, PRIMARY KEY (pk, sk))",
    "CREATE INDEX IF NOT EXISTS work ON rows (wk, wt) WHERE wk IS NOT NULL AND wt IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS expiry ON rows (ttl) WHERE ttl IS NOT NULL",
)
_LIVE = "(ttl IS NULL OR ttl > :now)"
_GET = f"SELECT pk, sk, doc, bytes FROM rows WHERE pk = :pk AND sk = :sk AND {_LIVE}"
_QUERY = (
    "SELECT pk, sk, doc, bytes FROM rows"
    f" WHERE pk = :pk AND sk BETWEEN :low AND :high AND {_LIVE} ORDER BY sk"
)
_DUE = (
    "SELECT pk, sk, doc, bytes FROM rows"
    f" WHERE wk = :wk AND wt IS NOT NULL AND wt <= :before AND {_LIVE} ORDER BY wt LIMIT :limit"
)
_PUT = "INSERT OR REPLACE INTO rows VALUES (:pk, :sk, :doc, :bytes, :ttl, :wk, :wt)"
_DELETE = "DELETE FROM rows WHERE pk = :pk AND sk = :sk"
_PURGE = "DELETE FROM rows WHERE rowid IN (SELECT rowid FROM rows WHERE ttl <= :now LIMIT :limit)"


class SQLiteStore:
    """A `KeyedStore` in a file, which is made where it is missing."""

    def __init__(
        self,
        path: str | Path,
        *,
        now: Callable[[], float] = time.time,
        power_safe: bool = False,
        busy_seconds: float = BUSY_SECONDS,
    ) -> None:
        self._now = now
        self._path = Path(path)
        self._power_safe = power_safe
        self._moving: Future[None] = Future()
        self._moving.set_result(None)
        self._turn_to_write = threading.Lock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite")
        with _faults(), ExitStack() as connections:
            make_private(self._path)
            self._patient = self._connect(connections, busy_seconds)
            self._prepare(busy_seconds)
            self._reader = self._connect(connections, busy_seconds)
            self._writer = self._connect(connections, 0)
            self._unmoved_pages = os.stat(f"{self._path}-wal").st_size // PAGE_BYTES
            self._connections = connections.pop_all()

    async def get(self, key: Key, *, consistent: bool = True) -> Row | None:
        """See `KeyedStore`."""
        with _faults():
            found = self._reader.execute(_GET, {"pk": key.pk, "sk": key.sk, "now": self._now()}).fetchone()
        return _row(found) if found else None

    async def query(
        self, within: Range, *, descending: bool = False, limit: int | None = None, consistent: bool = True
    ) -> Sequence[Row]:
        """See `KeyedStore`."""
        bounds = {"pk": within.pk, "low": within.low, "high": within.high, "now": self._now(), "limit": limit}
        order = " DESC" if descending else ""
        cut = "" if limit is None else " LIMIT :limit"
        with _faults():
            return [_row(found) for found in self._reader.execute(_QUERY + order + cut, bounds).fetchall()]

    async def put(self, key: Key, values: Values, when: Condition = ()) -> None:
        """See `KeyedStore`."""
        await self._write([Put(key, values, when)])

    async def update(
        self,
        key: Key,
        *,
        set: Values | None = None,
        remove: Sequence[str] = (),
        add: Mapping[str, int] | None = None,
        when: Condition = (),
    ) -> Row:
        """See `KeyedStore`."""
        (row,) = await self._write([Update(key, set or {}, remove, add or {}, when)])
        assert row is not None
        return row

    async def delete(self, key: Key, when: Condition = ()) -> Row | None:
        """See `KeyedStore`."""
        (row,) = await self._write([Delete(key, when)])
        return row

    async def transact(self, writes: Sequence[Write]) -> None:
        """See `KeyedStore`."""
        await self._write(checked_transaction(writes))

    async def due(self, wk: str, before: float, *, limit: int = 100) -> Sequence[Row]:
        """See `KeyedStore`."""
        bounds = {"wk": wk, "before": before, "limit": limit, "now": self._now()}
        with _faults():
            rows = [_row(found) for found in self._reader.execute(_DUE, bounds).fetchall()]
        kept = {"wk", "wt", *WORK_INDEX_VALUES}
        return [Row(row.key, {k: v for k, v in row.values.items() if k in kept}) for row in rows]

    def close(self) -> None:
        """Finish what was begun and close the file."""
        self._thread.shutdown(wait=True)
        self._connections.close()

    def _connect(self, connections: ExitStack, busy_seconds: float) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=busy_seconds, isolation_level=None, check_same_thread=False
        )
        connections.callback(connection.close)
        connection.execute(f"PRAGMA synchronous={'FULL' if self._power_safe else 'NORMAL'}")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        return connection

    def _prepare(self, busy_seconds: float) -> None:
        """Switch to WAL and create what is missing, while other processes may be doing the same."""
        switch_to_wal(self._patient, busy_seconds)
        with transaction(self._patient):
            for statement in _TABLES:
                self._patient.execute(statement)
            (version,) = self._patient.execute("SELECT version FROM schema").fetchone()
        if version != SCHEMA:
            raise StoreUnavailable(f"the file has schema {version}, this version reads schema {SCHEMA}")

    async def _write(self, writes: Sequence[Write]) -> list[Row | None]:
        with _faults():
            rows = None if self._power_safe else self._commit_at_once(writes)
            if rows is None:
                loop = asyncio.get_running_loop()
                rows = await loop.run_in_executor(self._thread, self._commit, self._patient, writes)
        self._unmoved_pages += sum(map(_pages, writes))
        if self._unmoved_pages >= CHECKPOINT_PAGES and self._moving.done():
            self._unmoved_pages = 0
            self._moving = self._thread.submit(self._checkpoint)
        return rows

    def _commit_at_once(self, writes: Sequence[Write]) -> list[Row | None] | None:
        """Commit here and now; None where that would mean waiting for somebody."""
        if not self._turn_to_write.acquire(blocking=False):
            return None
        try:
            return self._commit(self._writer, writes)
        except sqlite3.OperationalError as fault:
            if fault.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                return None
            raise
        finally:
            self._turn_to_write.release()

    def _commit(self, connection: sqlite3.Connection, writes: Sequence[Write]) -> list[Row | None]:
        now = self._now()
        with transaction(connection):
            rows = [_apply(connection, index, write, now) for index, write in enumerate(writes)]
            connection.execute(_PURGE, {"now": now, "limit": PURGED_PER_WRITE})
        return rows

    def _checkpoint(self) -> None:
        """Move the log into the file: most of it beside the writers, the rest before any other write.

        Only a log that was moved to its end starts over; under steady writing it would grow and grow.
        """
        with suppress(sqlite3.Error):  # Another process may be in the way: there is a next time.
            self._patient.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            with self._turn_to_write:
                self._patient.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def _apply(connection: sqlite3.Connection, index: int, write: Write, now: float) -> Row | None:
    """Do one write inside the open transaction; gives the row that a caller may want to see."""
    key = write.key
    at = {"pk": key.pk, "sk": key.sk}
    old = None
    if write.when or not isinstance(write, Put):
        found = connection.execute(_GET, {**at, "now": now}).fetchone()
        old = _row(found) if found else None
    required = (Present(ROW),) if isinstance(write, Update) else ()
    if not holds([*required, *write.when], old.values if old else None):
        raise ConditionFailed(old, index=index)
    match write:
        case Put(key, values):
            connection.execute(_PUT, at | _columns(key, values))
            return None
        case Update():
            values = write.applied_to(old.values if old else {})
            connection.execute(_PUT, at | _columns(key, values))
            return Row(key, values)
        case Delete():
            connection.execute(_DELETE, at)
            return old
        case Check():
            return None


def _columns(key: Key, values: Values) -> dict[str, Any]:
    checked_size(key, values)
    blobs = {name: value for name, value in values.items() if isinstance(value, bytes)}
    plain = {name: value for name, value in values.items() if name not in blobs}
    cuts = [[name, len(value)] for name, value in blobs.items()]
    return {
        "doc": json.dumps([plain, cuts], separators=(",", ":")),
        "bytes": b"".join(blobs.values()) if blobs else None,
        "ttl": values.get("ttl"),
        "wk": values.get("wk"),
        "wt": values.get("wt"),
    }


def _row(found: tuple[str, str, str, bytes | None]) -> Row:
    pk, sk, doc, blobs = found
    values, cuts = json.loads(doc)
    start = 0
    for name, length in cuts:
        values[name] = (blobs or b"")[start : start + length]
        start += length
    return Row(Key(pk, sk), values)


def _pages(write: Write) -> int:
    """About how many pages of the log a write takes."""
    if not isinstance(write, Put):
        return PAGES_PER_WRITE
    large = sum(len(value) for value in write.values.values() if isinstance(value, bytes))
    return PAGES_PER_WRITE + large // PAGE_BYTES


@contextmanager
def _faults() -> Generator[None]:
    """Name the file's troubles (locked for too long, full, unreadable) without its path."""
    try:
        yield
    except (sqlite3.Error, OSError) as fault:
        raise StoreUnavailable(type(fault).__name__) from fault

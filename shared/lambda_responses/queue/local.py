"""A queue in one SQLite file, beside the store's: several processes at once, and `kill -9` loses nothing.

A message is handed out from the group that has the fewest in flight, and of those the one that has been due
for longest. Reads run where they are called; what writes may wait for another process, and takes a thread.
"""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from lambda_responses.queue.port import QueueUnavailable, Received
from lambda_responses.storage.keyed.sqlite_files import make_private, switch_to_wal, transaction
from lambda_responses.wire.json import from_text, to_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from lambda_responses.queue.port import Message

P = ParamSpec("P")
T = TypeVar("T")

SCHEMA = 2
BUSY_SECONDS = 5.0

_TABLES = (
    "CREATE TABLE IF NOT EXISTS messages (number INTEGER PRIMARY KEY, id TEXT NOT NULL, queue TEXT NOT NULL,"
    " sender TEXT NOT NULL, body BLOB NOT NULL, attributes BLOB NOT NULL, due NUMERIC NOT NULL, receipt TEXT,"
    " count INTEGER NOT NULL)",
    "CREATE INDEX IF NOT EXISTS due ON messages (queue, sender, due)",
    "CREATE INDEX IF NOT EXISTS in_flight ON messages (queue, sender, due) WHERE receipt IS NOT NULL",
    "CREATE UNIQUE INDEX IF NOT EXISTS receipts ON messages (receipt) WHERE receipt IS NOT NULL",
)
_SEND = "INSERT INTO messages VALUES (NULL, :id, :queue, :sender, :body, :attributes, :due, NULL, 0)"
# One step of the index for each group, however many messages it has.
_SENDERS = (
    "WITH RECURSIVE senders (sender) AS (SELECT min(sender) FROM messages WHERE queue = :queue UNION ALL"
    " SELECT (SELECT min(sender) FROM messages WHERE queue = :queue AND sender > senders.sender)"
    " FROM senders WHERE sender IS NOT NULL)"
)
_NEXT = (
    f"{_SENDERS} SELECT number, first.id, first.sender, body, attributes, count FROM senders"
    " JOIN messages first ON first.number = (SELECT number FROM messages WHERE queue = :queue"
    " AND sender = senders.sender AND due <= :now ORDER BY due, number LIMIT 1)"
    " ORDER BY (SELECT count(*) FROM messages WHERE queue = :queue AND sender = senders.sender"
    " AND receipt IS NOT NULL AND due > :now), due, number LIMIT 1"
)
_ANY = (
    f"{_SENDERS} SELECT 1 FROM senders WHERE EXISTS"
    " (SELECT 1 FROM messages WHERE queue = :queue AND sender = senders.sender AND due <= :now) LIMIT 1"
)
_HAND_OUT = "UPDATE messages SET due = :due, receipt = :receipt, count = count + 1 WHERE number = :number"
_EXTEND = "UPDATE messages SET due = :due WHERE receipt = :receipt"
_PUT_BACK = "UPDATE messages SET due = :due, receipt = NULL, count = 0 WHERE receipt = :receipt"
_ACKNOWLEDGE = "DELETE FROM messages WHERE receipt = :receipt"


class SQLiteQueue:
    """A `PolledQueue` in a file, which is made where it is missing and holds one for each `name`.

    Raises `QueueUnavailable` for a file that cannot be used.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        name: str = "background",
        now: Callable[[], float] = time.time,
        busy_seconds: float = BUSY_SECONDS,
    ) -> None:
        self.on_send: Callable[[], object] = lambda: None
        self._name = name
        self._now = now
        self._path = Path(path)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="queue")
        with _faults(), ExitStack() as connections:
            make_private(self._path)
            self._writer = self._connect(connections, busy_seconds)
            switch_to_wal(self._writer, busy_seconds)
            self._prepare()
            self._reader = self._connect(connections, busy_seconds)
            self._connections = connections.pop_all()

    async def send(
        self, message: Message, *, group: str, delay: float = 0, attributes: Mapping[str, str] | None = None
    ) -> None:
        """See `Queue`."""
        values = {
            "id": secrets.token_hex(16),
            "queue": self._name,
            "sender": group,
            "body": to_bytes(message),
            "attributes": to_bytes(dict(attributes or {})),
            "due": self._now() + delay,
        }
        await self._in_thread(self._write, _SEND, values)
        if delay <= 0:
            self.on_send()

    async def receive(self, most: int, *, visible_after: float) -> Sequence[Received]:
        """See `PolledQueue`. Looks before it writes, so that whoever finds nothing disturbs nobody."""
        with _faults():
            found = self._reader.execute(_ANY, {"queue": self._name, "now": self._now()}).fetchone()
        return [] if found is None else await self._in_thread(self._hand_out, most, visible_after)

    async def extend(self, receipt: str, seconds: float) -> None:
        """See `Queue`."""
        await self._in_thread(self._write, _EXTEND, {"receipt": receipt, "due": self._now() + seconds})

    async def put_back(self, receipt: str, delay: float) -> None:
        """See `PolledQueue`."""
        await self._in_thread(self._write, _PUT_BACK, {"receipt": receipt, "due": self._now() + delay})

    async def acknowledge(self, receipt: str) -> None:
        """See `PolledQueue`."""
        await self._in_thread(self._write, _ACKNOWLEDGE, {"receipt": receipt})

    def close(self) -> None:
        """Finish what was begun and close the file."""
        self._thread.shutdown(wait=True)
        self._connections.close()

    def _connect(self, connections: ExitStack, busy_seconds: float) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=busy_seconds, isolation_level=None, check_same_thread=False
        )
        connections.callback(connection.close)
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    def _prepare(self) -> None:
        with transaction(self._writer):
            (version,) = self._writer.execute("PRAGMA user_version").fetchone()
            if version not in (0, SCHEMA):
                raise QueueUnavailable(f"the file has schema {version}, this version reads schema {SCHEMA}")
            for statement in _TABLES:
                self._writer.execute(statement)
            self._writer.execute(f"PRAGMA user_version = {SCHEMA}")

    def _hand_out(self, most: int, visible_after: float) -> list[Received]:
        now = self._now()
        handed: list[Received] = []
        with transaction(self._writer):
            while len(handed) < most:
                found = self._writer.execute(_NEXT, {"queue": self._name, "now": now}).fetchone()
                if found is None:
                    break
                number, id, group, body, attributes, count = found
                receipt, due = secrets.token_hex(16), now + visible_after
                self._writer.execute(_HAND_OUT, {"number": number, "receipt": receipt, "due": due})
                beside = from_text(attributes)
                handed.append(Received(id, from_text(body), group, receipt, count + 1, beside))
        return handed

    def _write(self, statement: str, values: Mapping[str, Any]) -> None:
        with transaction(self._writer):
            self._writer.execute(statement, values)

    async def _in_thread(self, call: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        def run() -> T:
            return call(*arguments, **named)

        loop = asyncio.get_running_loop()
        with _faults():
            return await loop.run_in_executor(self._thread, run)


@contextmanager
def _faults() -> Generator[None]:
    """Name the file's troubles (locked for too long, full, unreadable) without its path."""
    try:
        yield
    except (sqlite3.Error, OSError) as fault:
        raise QueueUnavailable(type(fault).__name__) from fault

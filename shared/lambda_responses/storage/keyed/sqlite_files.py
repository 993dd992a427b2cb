"""Opening a file of SQLite's that several processes share."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


def make_private(path: Path) -> None:
    """Make the file where it is missing, for nobody but the user who runs this.

    SQLite gives its side files the same mode. Raises `OSError`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def switch_to_wal(connection: sqlite3.Connection, busy_seconds: float) -> None:
    """Let readers and one writer go on beside each other, while other processes may be switching too.

    Raises `sqlite3.OperationalError` when they take longer than that.
    """
    deadline = time.monotonic() + busy_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:  # The switch does not honour the busy timeout.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Generator[None]:
    """All or nothing, with nobody else writing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise

"""What the SQLite store promises besides: it outlives its process, and shares its file."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lambda_responses.storage.keyed.conditions import Absent
from lambda_responses.storage.keyed.port import Key, Range, Row, StoreUnavailable
from lambda_responses.storage.keyed.sqlite import SQLiteStore
from lambda_responses.storage.responses import ResponseStore
from tests.contracts.stores.kit import Clock, Talk, texts

if TYPE_CHECKING:
    from collections.abc import Generator

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]
TENANT = "acme"


@contextmanager
def writer(file: Path, turns: int = 0, *more: str) -> Generator[subprocess.Popen[str]]:
    """A process that writes into the file, killed at the end if it still runs."""
    command = [sys.executable, "-m", "tests.contracts.stores.writer", str(file), TENANT, str(turns), *more]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def response_ids(file: Path) -> set[str]:
    """Every response that a control row in the file stands for."""
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = connection.execute("SELECT sk FROM rows WHERE sk LIKE 'R#%' AND length(sk) = 55").fetchall()
    return {sk.removeprefix("R#") for (sk,) in rows}


async def test_a_killed_writer_loses_nothing_it_committed_and_leaves_nothing_half(tmp_path: Path) -> None:
    file = tmp_path / "responses.db"
    committed: list[str] = []
    dice = random.Random(9)
    for _ in range(6):
        with writer(file) as process:
            assert process.stdout is not None
            for _ in range(dice.randrange(1, 25)):
                committed.append(process.stdout.readline().strip())
            process.kill()
            committed += process.stdout.read().split()
    store = SQLiteStore(file)
    responses = ResponseStore(store)
    found = response_ids(file)
    assert set(committed) <= found
    for response_id in found:
        stored = await responses.get(TENANT, response_id)
        context = await responses.context(TENANT, response_id)
        assert stored.response["id"] == response_id
        assert list(context.items[-2:]) == [*stored.input, *stored.response["output"]]
    store.close()


async def test_processes_share_a_file(tmp_path: Path) -> None:
    file = tmp_path / "responses.db"
    store = SQLiteStore(file)
    talk = Talk(ResponseStore(store), TENANT)
    root = await talk.say("root")
    with ExitStack() as processes:
        writers = [processes.enter_context(writer(file, 30, root)) for _ in range(3)]
        mine = [await talk.say(f"{index}") for index in range(100)]
        ids = [process.communicate(timeout=60)[0].split() for process in writers]
        assert [process.returncode for process in writers] == [0, 0, 0]
    assert [len(written) for written in ids] == [30, 30, 30]
    assert response_ids(file) == {root, *mine, *(each for written in ids for each in written)}
    assert [written[0][13:37] for written in ids].count(root[13:37]) == 1
    for first, *_ in ids:
        assert texts((await talk.after(first)).items)[:2] == ["ask root", "answer root"]
    store.close()


async def test_a_write_waits_for_another_process_without_holding_up_the_loop(tmp_path: Path) -> None:
    file = tmp_path / "responses.db"
    store = SQLiteStore(file)
    await store.put(Key("p", "a"), {"n": 1})
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(store.update(Key("p", "a"), add={"n": 1}))
        await asyncio.sleep(0)
        assert await store.get(Key("p", "a")) == Row(Key("p", "a"), {"n": 1})
        assert not waiting.done()
        other.execute("COMMIT")
        assert (await waiting).values == {"n": 2}
    store.close()


async def test_a_file_that_stays_locked_is_unavailable(tmp_path: Path) -> None:
    file = tmp_path / "responses.db"
    store = SQLiteStore(file, busy_seconds=0.05)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable):
            await store.put(Key("p", "a"), {})
    await store.put(Key("p", "a"), {})
    store.close()


@pytest.mark.parametrize("shared", [True, False], ids=["one store", "a store each"])
async def test_threads_that_write_at_once_lose_nothing(tmp_path: Path, shared: bool) -> None:
    file = tmp_path / "responses.db"
    with ExitStack() as opened:
        stores = [opened.enter_context(closing(SQLiteStore(file))) for _ in range(1 if shared else 4)]
        await stores[0].put(Key("p", "a"), {"n": 0})

        async def add(store: SQLiteStore) -> None:
            for _ in range(150):
                await store.update(Key("p", "a"), add={"n": 1})

        threads = [
            threading.Thread(target=asyncio.run, args=[add(stores[index % len(stores)])])
            for index in range(4)
        ]
        for thread in threads:
            thread.start()
        await asyncio.gather(*(asyncio.to_thread(thread.join) for thread in threads))
        assert await stores[0].get(Key("p", "a")) == Row(Key("p", "a"), {"n": 600})


@pytest.mark.parametrize("power_safe", [False, True])
async def test_a_store_opened_again_holds_what_it_held(tmp_path: Path, power_safe: bool) -> None:
    file = tmp_path / "deeper" / "down" / "responses.db"
    for n in range(3):
        store = SQLiteStore(file, power_safe=power_safe)
        await store.put(Key("p", f"{n}"), {"n": n}, [Absent("n")])
        assert len(await store.query(Range("p", "0", "9"))) == n + 1
        store.close()


async def test_what_is_stored_is_private(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "responses.db")
    await store.put(Key("p", "a"), {})
    names = ("responses.db", "responses.db-wal", "responses.db-shm")
    assert modes(tmp_path) == dict.fromkeys(names, 0o600)
    store.close()


def modes(directory: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in directory.iterdir()}


async def test_a_file_of_a_later_version_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "responses.db"
    SQLiteStore(file).close()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE schema SET version = 2")
        connection.commit()
    with pytest.raises(StoreUnavailable, match="schema 2"):
        SQLiteStore(file)


async def test_what_is_no_database_is_unavailable_and_its_name_stays_untold(tmp_path: Path) -> None:
    file = tmp_path / "responses.db"
    file.write_text("not a database, and long enough to be looked at" * 100)
    with pytest.raises(StoreUnavailable) as fact:
        SQLiteStore(file)
    assert "responses" not in str(fact.value)


async def test_expired_rows_leave_the_file_in_passing(tmp_path: Path) -> None:
    file, clock = tmp_path / "responses.db", Clock()
    store = SQLiteStore(file, now=clock)
    for index in range(40):
        await store.put(Key("p", f"{index}"), {"ttl": int(clock()) + 1})
    clock.advance(1)
    for index in range(10):
        await store.put(Key("q", f"{index}"), {})
    store.close()
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM rows WHERE pk = 'p'").fetchone() == (0,)


async def test_the_log_does_not_grow_without_end(tmp_path: Path) -> None:
    store, a_round = SQLiteStore(tmp_path / "responses.db"), 30 * 350_000
    for _ in range(16):
        for index in range(30):
            await store.put(Key("p", "a"), {"d": bytes([index]) * 350_000})
        await asyncio.wrap_future(store._moving)  # however slow the machine, a log that was moved starts over
    assert os.stat(tmp_path / "responses.db-wal").st_size < 4 * a_round
    store.close()

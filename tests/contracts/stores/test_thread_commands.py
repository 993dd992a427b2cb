"""`python -m lambda_responses threads`, as an operator types it, on each store."""

from __future__ import annotations

import asyncio
import io
import json
import secrets
import sys
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.__main__ import main
from lambda_responses.runtime.runtime import Runtime
from lambda_responses.storage.keyed.dynamodb import create_table
from tests.contracts.stores.kit import Talk, asked_and_answered, texts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(params=["sqlite", "dynamodb"])
def stores(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, str]:
    """A store that has responses, and one that has none, as the environment names them."""
    here = f"sqlite:///{tmp_path}/here/responses.db"
    if request.param == "sqlite":
        return here, f"sqlite:///{tmp_path}/there/responses.db"
    client = request.getfixturevalue("dynamodb")
    table = f"threads-{secrets.token_hex(8)}"
    create_table(client, table)
    monkeypatch.setenv("AWS_ENDPOINT_URL", client.meta.endpoint_url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return here, f"dynamodb://{table}"


@pytest.fixture
def run(capfdbinary: Any, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command on a store: its exit status, and what it said on each stream."""

    def run_on(store: str, *arguments: str, given: str = "") -> tuple[int, str, str]:
        monkeypatch.setenv("RESPONSES_STORE", store)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
        status = main(["threads", *arguments])
        sys.stdout.flush()
        said = capfdbinary.readouterr()
        return status, said.out.decode(), said.err.decode()

    return run_on


def on(store: str, work: Callable[[Talk], Awaitable[Any]], tenant: str = "default") -> Any:
    async def done() -> Any:
        runtime = Runtime({"RESPONSES_STORE": store})
        try:
            return await work(Talk(runtime.services.responses, tenant))
        finally:
            await runtime.aclose()

    return asyncio.run(done())


async def small_tree(talk: Talk) -> list[str]:
    root = await talk.say("root")
    left = await talk.say("left", after=root)
    right = await talk.say("right", after=root)
    return [root, left, right, await talk.say("after\x1b[2J right", after=right)]


def test_a_thread_goes_from_store_to_store(stores: tuple[str, str], run: Run):
    here, there = stores
    root, left, right, last = on(here, small_tree)
    status, exported, err = run(here, "export", left)
    assert (status, err) == (0, "")
    assert json.loads(exported.splitlines()[0])["id"] == root
    assert run(there, "import", given=exported) == (0, "", "4 imported, 0 there already.\n")
    assert run(there, "import", given=exported) == (0, "", "0 imported, 4 there already.\n")
    assert run(there, "list", last) == run(here, "list", root)
    assert texts(on(there, lambda talk: talk.after(last)).items) == asked_and_answered(
        "root", "right", "after\x1b[2J right"
    )
    assert texts(on(there, lambda talk: talk.after(left)).items) == asked_and_answered("root", "left")
    assert right in exported


def test_a_tree_is_drawn_with_a_row_for_each_turn(tmp_path: Path, run: Run):
    store = f"sqlite:///{tmp_path}/responses.db"
    root, left, right, last = on(store, small_tree)
    on(store, lambda talk: talk.store.delete("default", right))
    status, drawn, _ = run(store, "list", last)
    assert status == 0
    assert [row.rstrip() for row in drawn.splitlines()] == [
        f"{root}  2027-01-15 08:00  completed  scripted/parrot  ask root",
        f"└─ {right}  2027-01-15 08:00  deleted  scripted/parrot",
        f"   {last}  2027-01-15 08:00  completed  scripted/parrot  ask after [2J right",
        f"{left}  2027-01-15 08:00  completed  scripted/parrot  ask left",
    ]


def test_to_look_for_a_thread_makes_no_database(tmp_path: Path, run: Run):
    file = tmp_path / "mistyped" / "responses.db"
    for verb in ("list", "export"):
        status, said, complained = run(f"sqlite:///{file}", verb, "resp_" + "0" * 48)
        assert (status, said, complained) == (1, "", f"There is no database {file}.\n")
    assert not file.parent.exists()


def test_tenants_are_apart(tmp_path: Path, run: Run):
    store = f"sqlite:///{tmp_path}/responses.db"
    root, *_ = on(store, small_tree, tenant="acme")
    assert run(store, "list", root) == (1, "", f"Response with id '{root}' not found.\n")
    assert run(store, "export", root)[:2] == (1, "")
    exported = run(store, "export", root, "--tenant", "acme")[1]
    assert run(store, "import", "--tenant", "other", given=exported)[0] == 0
    assert run(store, "list", root, "--tenant", "other") == run(store, "list", root, "--tenant", "acme")
    status, _, err = run(store, "list", root, "--tenant", "a#b")
    assert (status, err) == (
        2,
        "--tenant cannot be used: a tenant's name is 1 to 128 letters, digits and . _ @ : + -.\n",
    )


def test_origins_stay_when_they_are_to(tmp_path: Path, run: Run):
    store = f"sqlite:///{tmp_path}/responses.db"
    root, *_ = on(store, small_tree)
    assert '"origins"' in run(store, "export", root)[1]
    assert '"origins"' not in run(store, "export", root, "--no-origins")[1]


def test_a_line_that_cannot_be_imported_is_told(tmp_path: Path, run: Run):
    store = f"sqlite:///{tmp_path}/responses.db"
    assert run(store, "import", given="\n{}\n") == (
        1,
        "",
        "Line 2 cannot be imported: its version is not 1.\n",
    )

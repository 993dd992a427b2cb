"""`python -m lambda_responses threads list|export|import`: the operator's hand on trees of responses.

The store is the one that `RESPONSES_STORE` names, that of `make dev` by default. What is listed or exported
is all that goes to standard output; the rest goes to standard error.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lambda_responses.library.home import Home
from lambda_responses.library.threads import read_elsewhere
from lambda_responses.lifecycle.thread_moves import export_thread, import_thread
from lambda_responses.lifecycle.threads import list_thread
from lambda_responses.runtime.principals.anybody import TENANT
from lambda_responses.storage.keyed.port import StoreUnavailable
from lambda_responses.storage.table import TENANT_RULE, is_tenant
from lambda_responses.wire.errors import APIError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator, Mapping

    from lambda_responses.wire.json import Json

DONE, FAILED, MISUSED = 0, 1, 2
"""Exit statuses."""


def add_thread_commands(parser: ArgumentParser) -> None:
    """Say which arguments the commands take."""
    commands = parser.add_subparsers(dest="verb", required=True)
    listing = commands.add_parser("list", help="draw the tree that a response is part of")
    export = commands.add_parser("export", help="write that tree as JSON Lines")
    importing = commands.add_parser("import", help="keep what was exported, read from standard input")
    for command in (listing, export):
        command.add_argument("response_id", help="any response of the tree: resp_…")
    for command in (listing, export, importing):
        command.add_argument("--tenant", default=TENANT, help=f"whose responses (default: {TENANT})")
    export.add_argument(
        "--no-origins",
        action="store_true",
        help="leave out what providers gave for themselves alone, such as signed reasoning",
    )


def run_thread_command(arguments: Namespace, environment: Mapping[str, str]) -> int:
    """Run one of them; the exit status. Raises `SettingsError` for an environment that cannot be used."""
    if not is_tenant(arguments.tenant):
        _say(f"--tenant cannot be used: {TENANT_RULE}.")
        return MISUSED
    try:
        return asyncio.run(_run(arguments, Home(environment, arguments.tenant)))
    except BrokenPipeError:  # whoever read has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


async def _run(arguments: Namespace, home: Home) -> int:
    file = home.settings.database
    if arguments.verb != "import" and file is not None and not file.exists():
        _say(f"There is no database {file}.")  # and looking for what is in it makes none
        return FAILED
    try:
        match arguments.verb:
            case "list":
                await _list(arguments.response_id, home)
            case "export":
                await _export(arguments.response_id, home, origins=not arguments.no_origins)
            case _:
                await _import(home)
    except APIError as fault:
        _say(fault.message)
        return FAILED
    except StoreUnavailable as fault:
        _say(f"The store cannot be used: {fault}.")
        return FAILED
    finally:
        await home.aclose()
    return DONE


async def _list(response_id: str, home: Home) -> None:
    thread = await list_thread(response_id, principal=home.principal, using=home.services)
    for row in drawn(thread["data"]):
        print(row)


async def _export(response_id: str, home: Home, *, origins: bool) -> None:
    export = export_thread(response_id, origins=origins, principal=home.principal, using=home.services)
    async with aclosing(export) as lines:
        async for line in lines:
            sys.stdout.buffer.write(line.encode() + b"\n")
    sys.stdout.buffer.flush()


async def _import(home: Home) -> None:
    lines = read_elsewhere(sys.stdin.buffer)
    done = await import_thread(lines, principal=home.principal, using=home.services)
    _say(f"{done['imported']} imported, {done['present']} there already.")


def drawn(line: list[Json]) -> Iterator[str]:
    """A tree with a row for each turn: what continues a turn stands below it, forks to the right of it."""
    waiting = [("", "", line, 0)]
    while waiting:
        head, rest, turns, at = waiting.pop()
        turn, forks = turns[at], turns[at]["forks"]
        yield f"{head}{_row(turn)}".rstrip()
        if at + 1 < len(turns):
            waiting.append((rest, rest, turns, at + 1))
        for place, fork in enumerate(reversed(forks)):
            branch, beside = ("└─ ", "   ") if place == 0 else ("├─ ", "│  ")
            waiting.append((rest + branch, rest + beside, fork, 0))


def _row(turn: Json) -> str:
    made = datetime.fromtimestamp(turn["created_at"], UTC).strftime("%Y-%m-%d %H:%M")
    return "  ".join((turn["id"], made, turn["status"], turn["model"], turn["preview"]))


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)

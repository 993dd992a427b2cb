"""`python -m lambda_responses keys create|list|revoke`: the operator's hand on API keys.

The store is the one that `RESPONSES_STORE` names, that of `make dev` by default. A new key is all that
`create` writes to standard output, so that a script can take it; the rest goes to standard error.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from lambda_responses.runtime.runtime import Runtime
from lambda_responses.runtime.settings import local_environment
from lambda_responses.storage.api_keys import KeyNotFound
from lambda_responses.storage.keyed.port import StoreUnavailable
from lambda_responses.wire.scopes import SCOPES

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Mapping, Sequence

    from lambda_responses.storage.api_keys import ApiKey, ApiKeys

DONE, FAILED, MISUSED = 0, 1, 2
"""Exit statuses."""

_DAYS = re.compile(r"([1-9][0-9]{0,4})d")
_NAMES = re.compile(r"[^\s,]+")
_COLUMNS = ("key", "tenant", "name", "ends in", "created", "expires", "state", "scopes", "MCP servers")


def add_key_commands(parser: ArgumentParser) -> None:
    """Say which arguments the commands take."""
    commands = parser.add_subparsers(dest="verb", required=True)
    create = commands.add_parser("create", help="make a key and print it, once")
    create.add_argument("--tenant", default="default", help="whose responses it opens (default: default)")
    create.add_argument("--name", default="", help="what to call it in the list")
    create.add_argument(
        "--scopes",
        help=f"what it may do, with commas between (default: everything): {', '.join(sorted(SCOPES))}",
    )
    create.add_argument(
        "--expires",
        help="days such as 30d, or a date such as 2027-01-31: as it begins in UTC (default: never)",
    )
    create.add_argument(
        "--mcp-servers",
        help="the MCP servers that it may name, with commas between, each <server> or <server>/<tool>"
        " (default: all that are configured; '' for none)",
    )
    create.add_argument("--mcp-urls", action="store_true", help="it may name MCP servers by their addresses")
    create.add_argument("--first", action="store_true", help="make it only if there was never any key")
    listing = commands.add_parser("list", help="list the keys, those that were revoked included")
    listing.add_argument("--json", action="store_true", help="as JSON")
    revoke = commands.add_parser("revoke", help="let a key open nothing any more, within a minute")
    revoke.add_argument("key_id", help="as listed: key_…")


def run_key_command(arguments: Namespace, environment: Mapping[str, str]) -> int:
    """Run one of them; the exit status. Raises `SettingsError` for an environment that cannot be used."""
    return asyncio.run(_run(arguments, Runtime(local_environment(environment))))


async def _run(arguments: Namespace, runtime: Runtime) -> int:
    keys = runtime.callers.keys
    try:
        match arguments.verb:
            case "create":
                return await _create(arguments, keys)
            case "list":
                return _list(await keys.list(), as_json=arguments.json)
            case _:
                return await _revoke(arguments.key_id, keys)
    except StoreUnavailable as fault:
        _say(f"The store cannot be used: {fault}.")
        return FAILED
    finally:
        await runtime.aclose()


async def _create(arguments: Namespace, keys: ApiKeys) -> int:
    if arguments.first and not await keys.is_empty():
        _say("There are keys already, so none was made.")
        return DONE
    try:
        expires = _seconds(arguments.expires) if arguments.expires is not None else None
        scopes = re.split(r"[\s,]+", arguments.scopes.strip()) if arguments.scopes is not None else None
        servers = None if arguments.mcp_servers is None else _NAMES.findall(arguments.mcp_servers)
        key, text = await keys.create(
            arguments.tenant,
            name=arguments.name,
            scopes=scopes,
            expires=expires,
            mcp_servers=servers,
            mcp_urls=arguments.mcp_urls,
        )
    except ValueError as fault:
        _say(f"No key was made: {fault}.")
        return MISUSED
    print(text, flush=True)
    _say(f"This is {key.key_id}, for tenant {key.tenant}. It is shown this once.")
    return DONE


def _seconds(expires: str) -> int:
    """When a key ends, in seconds since 1970. Raises ValueError, in a sentence."""
    if days := _DAYS.fullmatch(expires):
        return int((datetime.now(UTC) + timedelta(days=int(days[1]))).timestamp())
    try:
        moment = datetime.fromisoformat(expires)
    except ValueError:
        raise ValueError("--expires takes days such as 30d, or a date such as 2027-01-31") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


async def _revoke(key_id: str, keys: ApiKeys) -> int:
    try:
        key = await keys.revoke(key_id)
    except KeyNotFound:
        _say("There is no key with that id.")
        return FAILED
    print(f"{key.key_id} is revoked. Whoever used it in the last minute may still do so for a minute.")
    return DONE


def _list(keys: Sequence[ApiKey], *, as_json: bool) -> int:
    if as_json:
        print(json.dumps([_as_json(key) for key in keys], indent=2, ensure_ascii=False))
    elif keys:
        rows = [_COLUMNS, *(_as_row(key) for key in keys)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    else:
        _say("There are no keys.")
    return DONE


def _as_json(key: ApiKey) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "tenant": key.tenant,
        "name": key.name,
        "last_characters": key.tail,
        "scopes": sorted(key.scopes),
        "mcp_servers": None if key.mcp_servers is None else sorted(key.mcp_servers),
        "mcp_urls": key.mcp_urls,
        "state": _state(key),
        "created_at": key.created,
        "expires_at": key.expires,
        "revoked_at": key.revoked,
    }


def _as_row(key: ApiKey) -> tuple[str, ...]:
    scopes = "all" if key.scopes == SCOPES else ",".join(sorted(key.scopes))
    expires = _day(key.expires) if key.expires is not None else "never"
    return (
        *(key.key_id, key.tenant, key.name, f"…{key.tail}", _day(key.created), expires, _state(key)),
        *(scopes, _servers(key)),
    )


def _servers(key: ApiKey) -> str:
    named = "all" if key.mcp_servers is None else ",".join(sorted(key.mcp_servers))
    return ",".join(each for each in (named, "by address" if key.mcp_urls else "") if each) or "none"


def _state(key: ApiKey) -> str:
    if key.revoked is not None:
        return "revoked"
    expired = key.expires is not None and key.expires <= datetime.now(UTC).timestamp()
    return "expired" if expired else "valid"


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)

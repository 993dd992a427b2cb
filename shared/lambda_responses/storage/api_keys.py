"""API keys: whom they belong to, what they may do, how long they live. The keys themselves are not kept.

A key is two rows, written together: one under the SHA-256 of the key, which answers who holds it, and one in
the list that operators see. Revoking deletes the first. What a key is made of is in `wire.api_keys`; why it
is stored like this, in docs/adr/0011-api-keys.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lambda_responses.storage.keyed.conditions import ROW, Absent
from lambda_responses.storage.keyed.port import ConditionFailed, Delete, Put, Update
from lambda_responses.storage.table import API_KEYS, TENANT_RULE, api_key, is_tenant, listed_api_key
from lambda_responses.wire.api_keys import RANDOM_BYTES, fingerprint, render_key
from lambda_responses.wire.scopes import SCOPES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from lambda_responses.storage.keyed.port import KeyedStore, Values

RECORD_VERSION = 1
SHOWN = 4
"""How many of a key's last characters are kept, for its holder to know it by."""

LONGEST_NAME = 100
LONGEST_SERVERS = 2_000
"""Characters of all names of a key's MCP servers: API Gateway hands them on, and takes only so many."""
_KEY_ID = re.compile(r"key_[0-9a-f]{16}")
_SERVER = re.compile(r"[A-Za-z0-9_-]{1,64}(?:/[^\s,/]{1,128})?")
"""An MCP server, or one of its tools."""


class KeyNotFound(Exception):
    """There is no key with that id."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key, without what would let anybody use it. Times are seconds since 1970."""

    key_id: str
    """`key_` and 16 hexadecimal digits."""
    tenant: str
    name: str
    """What its maker calls it; may be empty."""
    scopes: frozenset[str]
    tail: str
    """The last characters of the key."""
    created: int
    expires: int | None
    revoked: int | None = None
    mcp_servers: frozenset[str] | None = None
    """The operator's MCP servers that it may name, as `<server>` or `<server>/<tool>`; None for all."""
    mcp_urls: bool = False
    """Whether it may name MCP servers by their addresses."""


class ApiKeys:
    """The keys in a store. `entropy` gives that many random bytes. Methods may raise `StoreUnavailable`."""

    def __init__(
        self, store: KeyedStore, *, now: Callable[[], float], entropy: Callable[[int], bytes]
    ) -> None:
        self._store = store
        self._now = now
        self._entropy = entropy

    async def create(
        self,
        tenant: str,
        *,
        name: str = "",
        scopes: Collection[str] | None = None,
        expires: int | None = None,
        mcp_servers: Collection[str] | None = None,
        mcp_urls: bool = False,
    ) -> tuple[ApiKey, str]:
        """A new key, and the text that its holder shows, which nobody can find out again.

        Without `scopes` it may do everything, also what later versions add; without `mcp_servers` it may use
        all that the operator opens to it. Raises ValueError, in a sentence, for what cannot be.
        """
        now = int(self._now())
        _check(tenant, name, scopes, expires, now)
        if mcp_servers is not None:
            _check_servers(mcp_servers)
        text = render_key(self._entropy(RANDOM_BYTES))
        values: dict[str, Any] = {
            "v": RECORD_VERSION,
            "key_id": f"key_{self._entropy(8).hex()}",
            "tenant": tenant,
            "name": name,
            "tail": text[-SHOWN:],
            "created": now,
        }
        if scopes is not None:
            values["scopes"] = sorted(scopes)
        if mcp_servers is not None:
            values["mcp_servers"] = sorted(set(mcp_servers))
        if mcp_urls:
            values["mcp_urls"] = True
        lifetime = {}
        if expires is not None:
            values["exp"] = expires
            lifetime["ttl"] = expires  # from then on the row is absent, whoever asks
        mark = str(fingerprint(text))
        listed = listed_api_key(values["key_id"])
        await self._store.transact(
            [
                Put(api_key(mark), values | lifetime, (Absent(ROW),)),
                Put(listed, values | {"sha256": mark}, (Absent(ROW),)),
            ]
        )
        return _api_key(values), text

    async def find(self, text: str) -> ApiKey | None:
        """The key with that text; None where it is mistyped, unknown, revoked or expired."""
        mark = fingerprint(text)
        row = await self._store.get(api_key(mark)) if mark is not None else None
        return _api_key(row.values) if row is not None else None

    async def list(self) -> Sequence[ApiKey]:
        """All keys that were ever made, oldest first."""
        keys = [_api_key(row.values) for row in await self._store.query(API_KEYS)]
        return sorted(keys, key=lambda key: (key.created, key.key_id))

    async def is_empty(self) -> bool:
        """Whether no key was ever made."""
        return not await self._store.query(API_KEYS, limit=1)

    async def revoke(self, key_id: str) -> ApiKey:
        """Let a key open nothing any more; a second time changes nothing. Raises `KeyNotFound`."""
        place = listed_api_key(key_id)
        row = await self._store.get(place) if _KEY_ID.fullmatch(key_id) else None
        if row is None:
            raise KeyNotFound
        if "revoked_at" in row.values:
            return _api_key(row.values)
        revoked = {"revoked_at": int(self._now())}
        try:
            await self._store.transact(
                [
                    Delete(api_key(row.values["sha256"])),
                    Update(place, set=revoked, when=(Absent("revoked_at"),)),
                ]
            )
        except ConditionFailed as failed:
            if failed.old is None:
                raise
            return _api_key(failed.old.values)  # somebody was faster
        return _api_key({**row.values, **revoked})


def _check(tenant: str, name: str, scopes: Collection[str] | None, expires: int | None, now: int) -> None:
    if not is_tenant(tenant):
        raise ValueError(TENANT_RULE)
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise ValueError(f"a key's name is at most {LONGEST_NAME} characters that can be printed")
    if scopes is not None and not (scopes and SCOPES.issuperset(scopes)):
        raise ValueError(f"scopes are {', '.join(sorted(SCOPES))}")
    if expires is not None and expires <= now:
        raise ValueError("a key expires in the future")


def _check_servers(servers: Collection[str]) -> None:
    if not all(map(_SERVER.fullmatch, servers)):
        raise ValueError("MCP servers are named as <server> or <server>/<tool>")
    if len(" ".join(servers)) > LONGEST_SERVERS:
        raise ValueError(f"the names of a key's MCP servers have at most {LONGEST_SERVERS} characters in all")


def _api_key(values: Values) -> ApiKey:
    servers = values.get("mcp_servers")
    return ApiKey(
        key_id=values["key_id"],
        tenant=values["tenant"],
        name=values["name"],
        scopes=frozenset(values.get("scopes", SCOPES)),
        tail=values["tail"],
        created=values["created"],
        expires=values.get("exp"),
        revoked=values.get("revoked_at"),
        mcp_servers=None if servers is None else frozenset(servers),
        mcp_urls=values.get("mcp_urls", False),
    )

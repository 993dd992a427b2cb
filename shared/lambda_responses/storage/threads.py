"""Trees of responses: up to the root by what each names as its previous, down by threads and links.

A thread is one line of a tree. It is read by one query, a page at a time, whose rows tell of its responses
and of what forked off them; what its turns said is another query, for those who want it. Nothing but the
thread at hand, those above it, and the ids of the forks still to be visited is held.

A tree holds together by its living rows. What was deleted but is still stood upon is shown as gone; where a
response has expired, what continued it is a tree of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lambda_responses.storage.blobs.lifting import MediaMissing
from lambda_responses.storage.chains import ResponseNotFound, Turn, addressed, is_deleted, read_turns
from lambda_responses.storage.records import RUNNING
from lambda_responses.storage.table import TenantTable, fork_of, response_of, turn_of
from lambda_responses.wire.ids import own_part_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence

    from lambda_responses.storage.blobs.port import Blobs
    from lambda_responses.storage.keyed.port import KeyedStore, Range, Row
    from lambda_responses.wire.ids import ThreadKey

PAGE = 50
"""Rows that are asked for at once."""


@dataclass(frozen=True, slots=True)
class TreeNode:
    """One response of a tree, without what was said."""

    response_id: str
    previous_id: str | None
    """As it was made; where that has expired, the tree begins here."""
    created_at: int
    expires: int
    """In seconds since 1970, like `created_at`."""
    status: str
    target: str
    """`provider/model` that answered."""
    depth: int
    gone: bool
    """Deleted, and kept only for those that stand on it."""


@dataclass(slots=True)
class _Thread:
    """The responses of a thread by id, and by id of a response those that forked off it."""

    nodes: dict[str, TreeNode] = field(default_factory=dict[str, TreeNode])
    forks: dict[str, list[str]] = field(default_factory=dict[str, list[str]])


class ThreadStore:
    """Reads trees. Every method may raise `StoreUnavailable`; tenants come from credentials only."""

    def __init__(self, store: KeyedStore, blobs: Blobs | None = None) -> None:
        self._store = store
        self._blobs = blobs

    async def lines(self, tenant: str, response_id: str) -> AsyncGenerator[Sequence[TreeNode], None]:
        """The whole tree that the response is part of, a thread at a time, none before what it stands on.

        Raises `ResponseNotFound` for a response that is not there.
        """
        table = TenantTable(tenant)
        root, known = await self._root(table, response_id)
        waiting = [root.response_id]
        while waiting:
            first = waiting.pop()
            thread, _ = addressed(first)
            here = known.pop(thread, None) or await self._thread(table, thread)
            if first not in here.nodes:
                continue  # A fork that was never committed, or is gone.
            line = list(_standing_on(here.nodes[first], here.nodes))
            yield line
            told = {node.response_id for node in line}
            forks = {fork for node in line for fork in here.forks.get(node.response_id, ())}
            waiting += sorted(forks - told, reverse=True)  # what was imported may fork off in its own thread

    async def turns(self, tenant: str, thread: ThreadKey) -> AsyncGenerator[tuple[str, Turn], None]:
        """What each turn of a thread added, by its own part, as it is stored.

        Turns that were abandoned, or belong to responses that are gone, are among them.
        """
        rows: list[Row] = []
        async for row in self._rows(TenantTable(tenant).turns(thread)):
            if rows and turn_of(row.key) != turn_of(rows[0].key):
                yield await self._turn_in(rows)
                rows = []
            rows.append(row)
        if rows:
            yield await self._turn_in(rows)

    async def _turn_in(self, rows: Sequence[Row]) -> tuple[str, Turn]:
        _, own = turn_of(rows[0].key)
        try:
            [turn] = await read_turns([rows], blobs=self._blobs)
        except MediaMissing:  # being deleted
            return own, Turn((), (), {})
        return own, turn

    async def _root(self, table: TenantTable, response_id: str) -> tuple[TreeNode, dict[ThreadKey, _Thread]]:
        """The oldest response that this one stands on, and the threads that were read on the way to it."""
        thread, _ = addressed(response_id)
        known = {thread: await self._thread(table, thread)}
        root = known[thread].nodes.get(response_id)
        if root is None or root.gone:
            raise ResponseNotFound
        while root.previous_id is not None:
            thread, _ = addressed(root.previous_id)
            if thread not in known:
                known[thread] = await self._thread(table, thread)
            above = known[thread].nodes.get(root.previous_id)
            if above is None:
                break
            root = above
        return root, known

    async def _thread(self, table: TenantTable, thread: ThreadKey) -> _Thread:
        found = _Thread()
        links: list[tuple[str, str]] = []
        by_own: dict[str, str] = {}
        async for row in self._rows(table.branches(thread)):
            if row.key.sk.startswith("F#"):
                links.append(fork_of(row.key))
            elif "v" in row.values and not _is_passing(row):  # else part of an envelope
                node = _node_of(row)
                found.nodes[node.response_id] = node
                by_own[own_part_of(node.response_id) or ""] = node.response_id
                if isinstance(first := row.values.get("frk"), str):
                    links.append((own_part_of(node.response_id) or "", first))
        for own, fork in links:
            if own in by_own:
                found.forks.setdefault(by_own[own], []).append(fork)
        return found

    async def _rows(self, within: Range) -> AsyncGenerator[Row, None]:
        """The rows of a range, a page at a time."""
        while True:
            rows = await self._store.query(within, limit=PAGE)
            for row in rows:
                yield row
            if len(rows) < PAGE:
                return
            # Parts of a row have its sort key, `#` and a number: they sort behind it and before nothing else.
            within = replace(within, low=f"{rows[-1].key.sk}!")


def _node_of(control: Row) -> TreeNode:
    values = control.values
    return TreeNode(
        response_id=response_of(control.key),
        previous_id=values.get("prev"),
        created_at=values["created"],
        expires=values["ttl"],
        status=values["st"],
        target=values["target"],
        depth=values["depth"],
        gone=is_deleted(control),
    )


def _is_passing(control: Row) -> bool:
    """Whether a response is still being made, or not to be kept. Nothing stands on it."""
    return "eph" in control.values or control.values["st"] in RUNNING


def _standing_on(first: TreeNode, nodes: Mapping[str, TreeNode]) -> Iterator[TreeNode]:
    """That response and those of its thread that continue it, by depth."""
    reached = {first.response_id}
    yield first
    for node in sorted(nodes.values(), key=lambda node: (node.depth, node.response_id)):
        if node.previous_id in reached and node.response_id not in reached:
            reached.add(node.response_id)
            yield node

"""What is known of the tools of servers, and what has to be asked for.

A list is looked for where it costs least: in the conversation, in this process, in the table, and at the
server. What a server says is kept for other requests of the same tenant, with the same credentials, where the
operator named the server or where the server says for how long its tools stay as they are.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from lambda_responses.storage.keyed.port import StoreUnavailable
from lambda_responses.storage.scheduling import HEAVY, at_once, off_the_loop, weight_of
from lambda_responses.storage.tool_lists import STALE, KeptList
from lambda_responses.tools.catalog import ServerList, usable
from lambda_responses.tools.servers.credentials import credentials_of
from lambda_responses.tools.servers.server import ListedTool, ServerFault
from lambda_responses.tools.tool_text import cleaned_text, cleaned_tool, is_usable_schema
from lambda_responses.wire.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from lambda_responses.storage.tool_lists import ToolLists
    from lambda_responses.tools.catalog import ListsBefore
    from lambda_responses.tools.servers.server import Server, ToolList

LONGEST = 86_400.0
"""Seconds for which a list may count as known, whatever its server says."""
SHORTEST = 1.0
"""What is known for less is not worth keeping."""
RETRIED = 30.0
"""Seconds after which a server is asked again that did not answer, while an older list of it is in use."""
MOST_KEPT, MOST_CHARACTERS = 128, 16_000_000
"""Lists that a process remembers, and how much they are together."""
EACH = 500
"""Characters that are as much work as a tool is, however little it says."""
MOST_TOLD = 1_000
"""Dropped tools that a process tells of."""


class Lister(Protocol):
    """Asks servers; `Connections` do."""

    async def list_tools(self, server: Server) -> ToolList:
        """All its tools, within its `list_seconds`. Raises `ServerFault`."""
        ...


class Listing:
    """Lists the tools of servers; one for all requests of a process.

    `dropped` is told of each tool of a named server that is not offered because of what it has become, once:
    the server's name, the tool's. `jitter` gives numbers from 0 to 1, lest what was listed together is asked
    for together again.
    """

    def __init__(
        self,
        rows: ToolLists,
        *,
        now: Callable[[], float],
        dropped: Callable[[str, str], None],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._rows = rows
        self._now = now
        self._dropped = dropped
        self._jitter = jitter
        self._memory = _Memory()
        self._told: set[tuple[str, str]] = set()

    async def lists(
        self,
        servers: Sequence[Server],
        *,
        tenant: str,
        before: ListsBefore,
        connections: Lister,
        anew: Collection[str] = (),
    ) -> list[ServerList]:
        """What each of the servers offers, or why nobody knows, in their order, all looked up at once.

        `before` is what the context has of them: what can be told from there is looked up nowhere. Servers
        whose labels are among `anew` are asked all the same, whatever is known of them.
        """
        return await at_once(
            self._list(server, tenant, before, connections, anew=server.label in anew) for server in servers
        )

    async def _list(
        self, server: Server, tenant: str, before: ListsBefore, connections: Lister, *, anew: bool
    ) -> ServerList:
        tools = None
        if not anew:
            tools = await off_the_loop(weight_of(before.item(server), HEAVY), before.tools, server)
        if tools is None:
            try:
                tools = await self._known(server, tenant, connections, anew=anew)
            except ServerFault as fault:
                return ServerList(server, fault=fault, shown=server.label in before.shown)
        weight = weight_of([_members(tool) for tool in tools], HEAVY) + EACH * len(tools)
        shown = server.label in before.shown
        listed, dropped = await off_the_loop(weight, _listed, server, tools, weight, shown=shown)
        self._tell(server, dropped)
        if anew and (past := before.item(server)) is not None and past["tools"] != listed.item["tools"]:
            return replace(listed, shown=False)  # later turns would read the old one again
        return listed

    async def _known(
        self, server: Server, tenant: str, connections: Lister, *, anew: bool
    ) -> tuple[ListedTool, ...]:
        """All tools of a server; `anew`, as it tells them now. Raises `ServerFault`.

        Where the operator answers for the server, what counts as known no more is still better than a fault.
        """
        known = None if anew else self._memory.get((tenant, server.digest))
        if not anew and (known is None or known.fresh <= self._now()):
            known = await self._kept(server, tenant) or known
        if known is not None and known.fresh > self._now():
            return known.tools
        try:
            listed = await connections.list_tools(server)
        except ServerFault:
            if known is None or server.named is None or known.ends <= self._now():
                raise
            self._memory.put((tenant, server.digest), replace(known, fresh=self._now() + RETRIED))
            return known.tools
        tools, dropped = await off_the_loop(listed.weight + EACH * len(listed), presentable, server, listed)
        self._tell(server, dropped)
        await self._keep(server, tenant, tools, max(listed.ttl, server.list_ttl), listed.weight)
        return tools

    async def _kept(self, server: Server, tenant: str) -> _Remembered | None:
        """What the table has, which is remembered from then on."""
        try:
            kept = await self._rows.get(tenant, server.digest)
        except StoreUnavailable:
            return None
        if kept is None:
            return None
        tools = tuple(ListedTool(*tool) for tool in kept.tools)
        return self._memory.put((tenant, server.digest), _remembered(tools, kept))

    async def _keep(
        self, server: Server, tenant: str, tools: tuple[ListedTool, ...], seconds: float, weight: int
    ) -> None:
        seconds = min(seconds, LONGEST) * (1 - self._jitter() / 10)
        if seconds < SHORTEST:
            return
        members = [_members(tool) for tool in tools]
        weight = await off_the_loop(weight, weight_of, members)
        kept = KeptList(members, self._now() + seconds, weight)
        self._memory.put((tenant, server.digest), _remembered(tools, kept))
        try:
            await self._rows.keep(tenant, server.digest, kept)
        except StoreUnavailable:
            return  # Another process asks the server itself.

    def _tell(self, server: Server, dropped: Sequence[str]) -> None:
        for tool in dropped:
            drop = (server.named or "", tool)
            if server.named is not None and drop not in self._told and len(self._told) < MOST_TOLD:
                self._told.add(drop)
                self._dropped(*drop)


@dataclass(frozen=True, slots=True)
class _Remembered:
    """A list in this process."""

    tools: tuple[ListedTool, ...]
    fresh: float
    ends: float
    """When it is too old for anything."""
    weight: int


def _remembered(tools: tuple[ListedTool, ...], kept: KeptList) -> _Remembered:
    return _Remembered(tools, kept.fresh, kept.fresh + STALE, kept.weight)


class _Memory:
    """The lists that were used last, by tenant and server."""

    def __init__(self) -> None:
        self._lists: OrderedDict[tuple[str, str], _Remembered] = OrderedDict()

    def get(self, key: tuple[str, str]) -> _Remembered | None:
        known = self._lists.get(key)
        if known is not None:
            self._lists.move_to_end(key)
        return known

    def put(self, key: tuple[str, str], known: _Remembered) -> _Remembered:
        self._lists[key] = known
        self._lists.move_to_end(key)
        while len(self._lists) > MOST_KEPT or self._weight > MOST_CHARACTERS:
            self._lists.popitem(last=False)
        return known

    @property
    def _weight(self) -> int:
        return sum(known.weight for known in self._lists.values())


def presentable(server: Server, listed: Iterable[ListedTool]) -> tuple[tuple[ListedTool, ...], list[str]]:
    """A server's tools, cleaned, and the names of those that nobody can be shown.

    A server that repeats the credentials which it was shown does not get them to anybody, as with results.
    """
    credentials = frozenset(credentials_of(server))
    tools: list[ListedTool] = []
    dropped: list[str] = []
    for tool in listed:
        cleaned, name = cleaned_tool(tool, credentials), redacted(tool.name, credentials)
        if name == tool.name and is_usable_schema(cleaned):
            tools.append(cleaned)
        else:
            dropped.append(cleaned_text(name))
    return tuple(tools), dropped


def _listed(
    server: Server, tools: Iterable[ListedTool], weight: int, *, shown: bool
) -> tuple[ServerList, Sequence[str]]:
    """What may be offered of the tools, and what was dropped."""
    offered, dropped = usable(server, tools)
    listed = ServerList(server, offered, shown=shown, weight=weight)
    if not shown:
        listed.origin  # noqa: B018 - made here, where its hash holds nobody up
    return listed, dropped


def _members(tool: ListedTool) -> list[Any]:
    """A tool as rows have it: its members, in their order."""
    return [tool.name, tool.description, tool.input_schema, tool.annotations, tool.output_schema]

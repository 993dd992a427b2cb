"""A server of tools in memory, and a journal of calls that lies there too."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambda_responses.storage.background.tool_journal import Noted
from lambda_responses.storage.keyed.port import StoreUnavailable
from lambda_responses.tools.approvals import NEVER
from lambda_responses.tools.servers.registry import Limits, NamedServer, ServerRegistry
from lambda_responses.tools.servers.server import Http, ListedTool, ToolList
from lambda_responses.wire.tool_outcomes import Outcome, tool_failed

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambda_responses.tools.servers.server import Server
    from tests.played import PlayedServices

Json = dict[str, Any]

DICE: Json = {"type": "mcp", "server_url": "mcp://dice"}
"""How requests ask for them."""


class Died(StoreUnavailable):
    """As good as dead: the store does not answer."""


@dataclass
class Notes:
    """A journal in memory that counts what it notes, and dies at one of the notes, before or after it."""

    kept: dict[str, Outcome | None] = field(default_factory=dict)
    asked: int = 0
    dies_at: int = 0
    after: bool = False

    async def intend(self, call_id: str) -> Noted | None:
        known = Noted(self.kept[call_id]) if call_id in self.kept else None
        await self._written(lambda: self.kept.setdefault(call_id, None))
        return known

    async def intend_again(self, call_id: str) -> None:
        await self._written(lambda: self.kept.setdefault(call_id, None))

    async def conclude(self, call_id: str, outcome: Outcome) -> None:
        await self._written(lambda: self.kept.update({call_id: outcome}))

    async def _written(self, write: Callable[[], object]) -> None:
        self.asked += 1
        dies = self.asked == self.dies_at
        if dies and not self.after:
            raise Died
        write()
        if dies:
            raise Died


@dataclass
class Dice:
    """Tools `roll`, `look` and `drop`: the second only reads, and the third always fails."""

    ran: list[str] = field(default_factory=list)
    """What was called, with its arguments where there were any."""
    listed: int = 0
    at_once: int = 0
    most_at_once: int = 0
    says: str = "6"

    def known_to(self, services: PlayedServices, *, required: bool = True) -> None:
        """Let requests ask those services for these tools, with no approval of anybody's."""
        where = Http("https://dice.example.com/mcp")
        limits = Limits(required=required)
        server = NamedServer("dice", where, limits, approval=NEVER, trusts_hints=True)
        services.mcp_servers = ServerRegistry({"dice": server})
        services.connecting = lambda secrets: self

    async def list_tools(self, server: Server) -> ToolList:
        self.listed += 1
        look = ListedTool("look", annotations={"readOnlyHint": True})
        return ToolList((ListedTool("roll"), look, ListedTool("drop")))

    async def call(self, server: Server, tool: ListedTool | str, arguments: Json) -> Outcome:
        name = tool if isinstance(tool, str) else tool.name
        self.ran.append(f"{name} {json.dumps(arguments)}" if arguments else name)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        for _ in range(3):
            await asyncio.sleep(0)
        self.at_once -= 1
        return tool_failed("dropped") if name == "drop" else Outcome(f"{self.says} by {name}")

    async def aclose(self) -> None:
        """Nothing was opened."""

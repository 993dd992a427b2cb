"""Tools that this server runs in tests, and a journal of them that lies in memory."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambda_responses.storage.background.tool_journal import Noted, Outcome
from lambda_responses.storage.keyed.port import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Json = dict[str, Any]


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
    """Tools `roll` and `look`, of which only the second may run twice."""

    ran: list[str] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    says: str = "6"

    @property
    def offered(self) -> Sequence[Json]:
        return [{"type": "function", "name": name, "parameters": {}} for name in ("roll", "look")]

    def runs(self, call: Json) -> bool:
        return call["name"] in ("roll", "look")

    def may_run_twice(self, call: Json) -> bool:
        return call["name"] == "look"

    async def run(self, call: Json) -> Outcome:
        self.ran.append(call["call_id"])
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        for _ in range(3):
            await asyncio.sleep(0)
        self.at_once -= 1
        return Outcome(f"{self.says} by {call['name']}")

    def render_outcome(self, call: Json, outcome: Outcome) -> Json:
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": outcome.output}
        return {**output, "status": "incomplete" if outcome.failed else "completed"}

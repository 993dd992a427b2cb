"""An approved call is made once, in however many responses it is approved, and whatever dies on the way."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.approval_journal import SHORTEST_PAUSE, UNDERWAY, ApprovalJournal
from lambda_responses.storage.approvals import SLACK, UNKEPT
from lambda_responses.storage.background.tool_journal import Noted
from lambda_responses.storage.keyed.port import StoreUnavailable
from lambda_responses.tools.calls import PendingCall
from lambda_responses.tools.port import Unjournaled
from lambda_responses.tools.runner import INTERRUPTED, ToolRunner
from lambda_responses.tools.servers.server import Http, ListedTool, Server
from lambda_responses.tools.tool_text import pin_of
from lambda_responses.wire.tool_outcomes import Outcome
from tests.contracts.stores.kit import Clock
from tests.played import Played

if TYPE_CHECKING:
    from lambda_responses.tools.port import ToolJournal
    from tests.played import Play, PlayedServices

pytestmark = pytest.mark.anyio

ROLL = ListedTool("roll")
DICE = Server("dice", Http("https://dice.example/mcp"))
WAS = {"approval": {"tool": pin_of(ROLL)}}
APPROVED = PendingCall("call_a", "dice", "roll", "{}", WAS, approval_request_id="mcpr_1")
FREE = PendingCall("call_b", "dice", "roll", "{}")
SECONDS = DICE.call_seconds


class Died(Exception):
    """A process is gone."""


@dataclass
class Rolls:
    """A caller of whom it is known what he has called."""

    made: list[str] = field(default_factory=list)
    repeats: bool = False
    dies: bool = False
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    waits_for: asyncio.Event | None = None

    def may_run_twice(self, call: PendingCall) -> bool:
        return self.repeats

    async def call(self, call: PendingCall) -> Outcome:
        self.made.append(call.call_id)
        self.begun.set()
        if self.waits_for is not None:
            await self.waits_for.wait()
        if self.dies:
            raise Died
        return Outcome(f"roll {len(self.made)}")


@dataclass
class Notes:
    """A response's own journal."""

    intended: set[str] = field(default_factory=set)
    came_of: dict[str, Outcome] = field(default_factory=dict)

    async def intend(self, call_id: str) -> Noted | None:
        if call_id in self.intended:
            return Noted(self.came_of.get(call_id))
        self.intended.add(call_id)
        return None

    async def intend_again(self, call_id: str) -> None:
        self.intended.add(call_id)

    async def conclude(self, call_id: str, outcome: Outcome) -> None:
        self.came_of[call_id] = outcome


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def using(play: Play, clock: Clock) -> PlayedServices:
    return play(Played([]), now=clock)


def journal(
    using: PlayedServices,
    response: str = "resp_a",
    *,
    store: bool = True,
    beside: ToolJournal | None = None,
    tool: ListedTool | None = ROLL,
    until: float = inf,
) -> ApprovalJournal:
    return ApprovalJournal(
        beside or Unjournaled(),
        [APPROVED, FREE],
        response={"id": response, "store": store},
        tenant="me",
        using=using,
        seconds_left=lambda: until - using.now(),
        tool=lambda label, name: (DICE, tool) if tool else None,
    )


async def run(rolls: Rolls, journal: ApprovalJournal, *calls: PendingCall) -> list[Any]:
    runner = ToolRunner(rolls, journal)
    async with runner.running(calls or (APPROVED,), parallel=True) as outcomes:
        return [await outcome for outcome in outcomes]


async def test_an_approval_that_is_sent_again_gets_the_same_outcome(using: PlayedServices) -> None:
    rolls = Rolls()
    first = await run(rolls, journal(using), APPROVED, FREE)
    again = await run(rolls, journal(using, "resp_b"), APPROVED, FREE)
    assert rolls.made == ["call_a", "call_b", "call_b"]
    assert again[0] == first[0] == Outcome("roll 1")


async def test_two_branches_at_once_share_one_call(using: PlayedServices) -> None:
    rolls = Rolls(waits_for=asyncio.Event())
    first = asyncio.ensure_future(run(rolls, journal(using)))
    second = asyncio.ensure_future(run(rolls, journal(using, "resp_b")))
    await rolls.begun.wait()
    assert rolls.waits_for is not None
    rolls.waits_for.set()
    assert await first == await second == [Outcome("roll 1")]
    assert rolls.made == ["call_a"]


async def test_nobody_waits_for_the_dead(using: PlayedServices, clock: Clock) -> None:
    rolls = Rolls(dies=True)
    with pytest.raises(Died):
        await run(rolls, journal(using))
    waiting = asyncio.ensure_future(run(Rolls(), journal(using, "resp_b")))
    clock.advance(SECONDS + SLACK + 1)
    assert await waiting == [INTERRUPTED]


async def test_another_responses_call_is_waited_for_as_long_as_there_is_time(
    using: PlayedServices, clock: Clock
) -> None:
    rolls = Rolls(waits_for=asyncio.Event())
    first = asyncio.ensure_future(run(rolls, journal(using)))
    await rolls.begun.wait()
    notes = Notes()
    second = asyncio.ensure_future(run(rolls, journal(using, "resp_b", beside=notes, until=clock() + 5)))
    await asyncio.wait((second,), timeout=4 * SHORTEST_PAUSE)
    assert not second.done()
    clock.advance(6)
    assert await asyncio.wait_for(second, 5) == [UNDERWAY]
    assert notes.came_of == {"call_a": UNDERWAY}
    assert rolls.waits_for is not None
    rolls.waits_for.set()
    assert await first == [Outcome("roll 1")]
    assert await run(rolls, journal(using, "resp_c", until=clock())) == [Outcome("roll 1")]
    assert rolls.made == ["call_a"]


async def test_who_takes_over_says_for_all_that_nobody_knows(using: PlayedServices) -> None:
    with pytest.raises(Died):
        await run(Rolls(dies=True), journal(using))
    waiting = asyncio.ensure_future(run(Rolls(), journal(using, "resp_b")))
    assert await run(Rolls(), journal(using)) == [INTERRUPTED]
    assert await waiting == [INTERRUPTED]


async def test_what_does_no_harm_is_done_again_where_nobody_knows(using: PlayedServices) -> None:
    with pytest.raises(Died):
        await run(Rolls(dies=True), journal(using))
    rolls = Rolls(repeats=True)
    assert await run(rolls, journal(using)) == [Outcome("roll 1")]
    assert await run(rolls, journal(using, "resp_b")) == [Outcome("roll 1")]


async def test_a_call_that_was_not_begun_is_made_by_who_takes_over(using: PlayedServices) -> None:
    """The process died between its two notes: that it was about to call, and that the approval is used."""
    notes = Notes()
    rolls = Rolls()
    await notes.intend("call_a")
    assert await run(rolls, journal(using, beside=notes)) == [Outcome("roll 1")]
    assert notes.came_of == {"call_a": Outcome("roll 1")}
    assert await run(rolls, journal(using, beside=notes)) == [Outcome("roll 1")]
    assert rolls.made == ["call_a"]


@pytest.mark.parametrize("tool", [None, ListedTool("roll", "Wipes disks.")])
async def test_an_approval_is_not_used_up_by_a_tool_that_is_another(
    using: PlayedServices, tool: ListedTool | None
) -> None:
    rolls, notes = Rolls(), Notes()
    (refused,) = await run(rolls, journal(using, tool=tool, beside=notes))
    assert "Not called" in str(refused.error)
    assert notes.came_of == {"call_a": refused}
    assert rolls.made == []
    assert await run(rolls, journal(using, "resp_b")) == [Outcome("roll 1")]
    assert await run(rolls, journal(using, "resp_c", tool=tool)) == [Outcome("roll 1")]


async def test_what_is_not_stored_is_not_told_again(using: PlayedServices) -> None:
    rolls = Rolls()
    assert await run(rolls, journal(using, store=False)) == [Outcome("roll 1")]
    assert await run(rolls, journal(using, "resp_b", store=False)) == [UNKEPT]
    assert rolls.made == ["call_a"]


async def test_a_call_of_which_nobody_could_note_that_it_is_made_is_not_made(
    using: PlayedServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nobody_there(*_: Any, **__: Any) -> None:
        raise StoreUnavailable("not now")

    rolls = Rolls()
    monkeypatch.setattr(using.store, "put", nobody_there)
    with pytest.raises(StoreUnavailable):
        await run(rolls, journal(using))
    assert rolls.made == []


async def test_a_call_that_was_made_is_told_although_it_cannot_be_noted(
    using: PlayedServices, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    async def nobody_there(*_: Any, **__: Any) -> None:
        raise StoreUnavailable("not now")

    rolls = Rolls()
    with monkeypatch.context() as outage:
        outage.setattr(using.store, "update", nobody_there)
        assert await run(rolls, journal(using)) == [Outcome("roll 1")]
    assert [type(fault) for fault in using.reported] == [StoreUnavailable]
    clock.advance(SECONDS + SLACK + 1)
    assert await run(rolls, journal(using, "resp_b")) == [INTERRUPTED]
    assert rolls.made == ["call_a"]

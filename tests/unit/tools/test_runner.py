"""Tools that this server runs: each call once, whatever dies in between, or its model is told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.tools.bounds import ANSWERS
from lambda_responses.tools.calls import PendingCall
from lambda_responses.tools.runner import INTERRUPTED, ToolRunner
from lambda_responses.wire.tool_outcomes import Outcome
from tests.fakes.dice import Died, Notes

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.anyio

Json = dict[str, Any]


@dataclass
class Caller:
    """Runs `roll` and `look`, of which only the second may run twice."""

    ran: list[str] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    def may_run_twice(self, call: PendingCall) -> bool:
        return call.name == "look"

    async def call(self, call: PendingCall) -> Outcome:
        self.ran.append(call.call_id)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        for _ in range(3):
            await asyncio.sleep(0)
        self.at_once -= 1
        return Outcome(f"6 by {call.name}")


def call(number: int, name: str = "roll") -> PendingCall:
    return PendingCall(f"c{number}", "dice", name, "{}")


async def outcomes(
    caller: Caller, notes: Notes, *calls: PendingCall, parallel: bool = True
) -> Sequence[Outcome]:
    async with ToolRunner(caller, notes).running(calls, parallel=parallel) as coming:
        return [await each for each in coming]


async def test_calls_run_beside_each_other_unless_they_may_not() -> None:
    for parallel, most in ((True, 8), (False, 1)):
        caller = Caller()
        said = await outcomes(caller, Notes(), *map(call, range(12)), parallel=parallel)
        assert said == [Outcome("6 by roll")] * 12
        assert caller.ran == [f"c{number}" for number in range(12)]
        assert caller.most_at_once == most


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("dies_at", range(1, 8))
async def test_a_call_is_made_once_or_its_model_is_told(dies_at: int, after: bool) -> None:
    caller, notes = Caller(), Notes(dies_at=dies_at, after=after)
    calls = [call(1), call(2, "look"), call(3)]
    try:
        said = await outcomes(caller, notes, *calls, parallel=False)
    except Died:
        said = await outcomes(caller, notes, *calls, parallel=False)
    else:
        assert dies_at == 7
        notes.dies_at = 0
    assert max(caller.ran.count(each) for each in ("c1", "c3")) == 1
    assert caller.ran.count("c2") in (1, 2)
    for each, outcome in zip(calls, said, strict=True):
        lost = each.name == "roll" and outcome == INTERRUPTED
        assert lost or outcome == Outcome(f"6 by {each.name}")
    assert await outcomes(caller, notes, *calls) == said


async def test_what_is_raised_ends_the_step_and_all_that_runs_beside_it() -> None:
    class Broken(Caller):
        async def call(self, call: PendingCall) -> Outcome:
            if call.call_id == "c1":
                raise ValueError("broken")
            return await super().call(call)

    caller, notes = Broken(), Notes()
    with pytest.raises(ValueError, match="broken"):
        await outcomes(caller, notes, call(1), call(2))
    assert caller.ran in ([], ["c2"])
    assert notes.kept["c1"] is None
    assert caller.at_once in (0, 1)


async def test_a_call_that_is_not_made_is_answered_and_not_noted() -> None:
    caller, notes = Caller(), Notes()
    again = replace(call(1), unmade="repeated")
    given_up = replace(call(2), unmade="given_up")
    assert await outcomes(caller, notes, again, given_up) == [ANSWERS["repeated"], ANSWERS["given_up"]]
    assert (caller.ran, notes.kept) == ([], {})

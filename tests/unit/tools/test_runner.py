"""Tools that this server runs: each call once, whatever dies in between, or its model is told."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_responses.storage.background.tool_journal import Outcome
from lambda_responses.tools.runner import INTERRUPTED, LONGEST_OUTPUT, ToolRunner, unanswered
from lambda_responses.tools.steps import goes_on
from tests.fakes.dice import Dice, Died, Notes

pytestmark = pytest.mark.anyio

Json = dict[str, Any]


def call(number: int, name: str = "roll") -> Json:
    return {"type": "function_call", "id": f"fc_{number}", "call_id": f"c{number}", "name": name}


async def outcomes(tools: Dice, notes: Notes, *calls: Json, parallel: bool = True) -> list[Json]:
    runner = ToolRunner(tools, notes)
    return [item async for items in runner.outcomes(calls, parallel=parallel) for item in items]


async def test_calls_run_beside_each_other_unless_they_may_not() -> None:
    for parallel, most in ((True, 8), (False, 1)):
        dice = Dice()
        said = await outcomes(dice, Notes(), *map(call, range(12)), parallel=parallel)
        assert [item["call_id"] for item in said] == [f"c{number}" for number in range(12)]
        assert {item["output"] for item in said} == {"6 by roll"}
        assert dice.most_at_once == most


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("dies_at", range(1, 8))
async def test_a_call_is_made_once_or_its_model_is_told(dies_at: int, after: bool) -> None:
    dice, notes = Dice(), Notes(dies_at=dies_at, after=after)
    calls = [call(1), call(2, "look"), call(3)]
    try:
        said = await outcomes(dice, notes, *calls, parallel=False)
    except Died:
        said = await outcomes(dice, notes, *calls, parallel=False)
    else:
        assert dies_at == 7
        notes.dies_at = 0
    assert max(dice.ran.count(each) for each in ("c1", "c3")) == 1
    assert dice.ran.count("c2") in (1, 2)
    for item in said:
        if item["status"] == "completed":
            assert item["output"] == ("6 by look" if item["call_id"] == "c2" else "6 by roll")
        else:
            assert item["output"] == INTERRUPTED.output
            assert item["call_id"] in ("c1", "c3")
    assert await outcomes(dice, notes, *calls) == said


async def test_what_a_tool_raises_ends_the_step_and_all_that_runs_beside_it() -> None:
    class Broken(Dice):
        async def run(self, call: Json) -> Outcome:
            if call["call_id"] == "c1":
                raise ValueError("broken")
            return await super().run(call)

    dice, notes = Broken(), Notes()
    with pytest.raises(ValueError, match="broken"):
        await outcomes(dice, notes, call(1), call(2))
    assert dice.ran in ([], ["c2"])
    assert notes.kept["c1"] is None


async def test_too_long_an_outcome_is_cut_and_says_so() -> None:
    notes = Notes()
    [item] = await outcomes(Dice(says="é" * LONGEST_OUTPUT), notes, call(1))
    assert item["output"].endswith(f"[The rest was left out: {2 * LONGEST_OUTPUT + 8} bytes in all.]")
    assert len(item["output"].encode()) < LONGEST_OUTPUT + 100
    assert notes.kept["c1"] == Outcome(item["output"])


def test_a_call_waits_until_an_item_tells_what_came_of_it() -> None:
    outcome = {"type": "mcp_thing", "call_id": "c1"}
    message = {"type": "message", "id": "m"}
    assert unanswered([call(1), message, call(2), outcome]) == [call(2)]


def test_a_step_follows_on_a_pause_with_words_and_on_calls_of_ours() -> None:
    assert goes_on("pause", progressed=True)
    assert not goes_on("pause", progressed=False)
    assert goes_on("tool_calls", progressed=True, waiting=True)
    assert not goes_on("tool_calls", progressed=True)
    assert not goes_on("max_output_tokens", progressed=True, waiting=True)
    assert not goes_on(None, progressed=True)

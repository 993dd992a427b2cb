"""Tools that this server runs between the steps of a response, whatever dies on the way."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.bounds import RunBounds
from lambda_responses.lifecycle.run import ResponseRun
from lambda_responses.lifecycle.waiting import Interrupted
from lambda_responses.stream.deltas import Stopped, Text, ToolArguments, ToolCall
from lambda_responses.tools.runner import INTERRUPTED, ToolRunner
from tests.fakes.dice import Dice, Died, Notes
from tests.interrupted import Kept, content, drained, queued, standing
from tests.kit import check, counted
from tests.played import ME, Played

if TYPE_CHECKING:
    from tests.played import Play

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

STEPS: list[list[Any]] = [
    [
        Text(0, "I roll."),
        ToolCall(1, "call_r", "roll"),
        ToolCall(2, "call_l", "look"),
        ToolArguments(2, '{"at":1}'),
        Stopped("tool_calls"),
    ],
    [Text(0, "Once more."), ToolCall(1, "call_s", "roll"), Stopped("tool_calls")],
    [Text(0, "Done."), Stopped("end")],
]


async def until_it_ends(play: Play, kept: Kept, dice: Dice, notes: Notes) -> int:
    """Take it up until it ends; how often that was."""
    for taken in range(9):
        steps = kept.at.progress["steps"] if kept.at.progress else 0
        using = play(Played(deepcopy(STEPS[steps:])))
        using.entropy = counted(1 + 1_000 * taken)
        try:
            await drained(kept.run(using, tools=ToolRunner(dice, notes)))
        except (Interrupted, Died):
            kept.dies_at = None
        if kept.ended is not None:
            return taken
    pytest.fail("it does not end")


async def ended(play: Play, **dies: Any) -> tuple[Kept, Dice, Notes]:
    kept, dice, notes = await queued(play(Played([]))), Dice(), Notes(**dies)
    await until_it_ends(play, kept, dice, notes)
    check(kept.events)
    return kept, dice, notes


async def test_what_came_of_calls_is_shown_to_the_model_and_the_client(play: Play) -> None:
    provider, dice = Played(deepcopy(STEPS)), Dice()
    using = play(provider)
    kept = await queued(using)
    await drained(kept.run(using, tools=ToolRunner(dice, Notes())))
    check(kept.events)
    assert kept.ended is not None
    output = kept.ended.response["output"]
    assert [item["type"] for item in output] == [
        *("message", "function_call", "function_call", "function_call_output", "function_call_output"),
        *("message", "function_call", "function_call_output", "message"),
    ]
    assert [item["output"] for item in output if "output" in item] == ["6 by roll", "6 by look", "6 by roll"]
    assert [item["type"] for item in provider.turns[1].items] == ["message", *map(_type, output[:5])]
    assert [tool["name"] for tool in provider.turns[0].request["tools"]] == ["search", "roll", "look"]
    assert [tool["name"] for tool in kept.ended.response["tools"]] == ["search"]
    assert [at.progress["steps"] for _, at in kept.saves if at.progress] == [1, 1, 2, 2]


def _type(item: Json) -> str:
    return item["type"]


@pytest.mark.parametrize("dies_at", range(45))
async def test_a_run_with_tools_that_dies_at_any_event_comes_to_the_same(play: Play, dies_at: int) -> None:
    whole, _, _ = await ended(play)
    kept, dice, notes = await queued(play(Played([]))), Dice(), Notes()
    kept.dies_at = dies_at
    await until_it_ends(play, kept, dice, notes)
    check(kept.events)
    assert kept.ended is not None
    assert whole.ended is not None
    assert _said(kept) == _said(whole)
    assert max(map(dice.ran.count, dice.ran)) == 1


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("dies_at", range(1, 7))
async def test_a_run_that_dies_at_any_note_makes_no_call_twice(play: Play, dies_at: int, after: bool) -> None:
    whole, _, _ = await ended(play)
    kept, dice, _ = await ended(play, dies_at=dies_at, after=after)
    assert all(dice.ran.count(each) <= 1 for each in ("call_r", "call_s"))
    lost = [item for item in _said(kept) if item.get("output") == INTERRUPTED.output]
    assert [item["status"] for item in lost] == ["incomplete"] * len(lost)
    assert len(lost) <= 1
    assert len(_said(kept)) == len(_said(whole))
    if not lost:
        assert _said(kept) == _said(whole)


async def test_calls_of_the_client_too_are_left_to_it_once_ours_are_made(play: Play) -> None:
    both = [ToolCall(0, "call_r", "roll"), ToolCall(1, "call_x", "theirs"), Stopped("tool_calls")]
    using = play(Played([both]))
    kept, dice = await queued(using), Dice()
    await drained(kept.run(using, tools=ToolRunner(dice, Notes())))
    check(kept.events)
    assert kept.ended is not None
    assert kept.ended.response["status"] == "completed"
    assert [item["type"] for item in kept.ended.response["output"]] == [
        *("function_call", "function_call", "function_call_output"),
    ]
    assert dice.ran == ["call_r"]


async def test_a_call_that_was_cut_is_not_made(play: Play) -> None:
    cut = [ToolCall(0, "call_r", "roll"), ToolArguments(0, '{"at":'), Stopped("tool_calls")]
    using = play(Played([cut]))
    kept, dice = await queued(using), Dice()
    await drained(kept.run(using, tools=ToolRunner(dice, Notes())))
    assert kept.ended is not None
    assert (kept.ended.response["status"], dice.ran) == ("incomplete", [])


async def test_a_foreground_run_runs_tools_as_well(play: Play) -> None:
    using = play(Played(deepcopy(STEPS)))
    kept, dice = await queued(using, background=False), Dice()
    asked, runner = kept.asked, ToolRunner(dice, Notes())
    run = ResponseRun(asked.request, asked.targets, ME.tenant, asked.known, using, RunBounds(tools=runner))
    events = [event async for batch in run.events() for event in batch]
    check(events)
    assert dice.ran == ["call_r", "call_l", "call_s"]


def _said(kept: Kept) -> list[Json]:
    """What stands of the output; what is called again may be told in another order."""
    assert kept.ended is not None
    return sorted(content(standing(kept.ended)), key=str)

"""Tools that this server runs between the steps of a response, whatever dies on the way."""

from __future__ import annotations

from copy import deepcopy
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.bounds import RunBounds
from lambda_responses.lifecycle.create import create_response
from lambda_responses.lifecycle.steps import goes_on
from lambda_responses.lifecycle.waiting import Interrupted
from lambda_responses.stream.deltas import BlockEnded, Envelope, Stopped, Text, ToolArguments, ToolCall, Usage
from lambda_responses.tools.runner import INTERRUPTED
from tests.fakes.dice import DICE, Dice, Died, Notes
from tests.interrupted import SEARCH, Kept, content, drained, queued, standing
from tests.kit import check, counted
from tests.played import ME, Played

if TYPE_CHECKING:
    from tests.played import Play, PlayedServices

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

TOOLS: list[Json] = [SEARCH, DICE]
STEPS: list[list[Any]] = [
    [
        Text(0, "I roll."),
        ToolCall(1, "call_r", "dice__roll"),
        ToolCall(2, "call_l", "dice__look"),
        ToolArguments(2, '{"at":1}'),
        Stopped("tool_calls"),
    ],
    [Text(0, "Once more."), ToolCall(1, "call_r", "dice__roll"), Stopped("tool_calls")],
    [Text(0, "Done."), Stopped("end")],
]
LOST = INTERRUPTED.error
_NUMBERS = count(1, 10_000)


def services(play: Play, dice: Dice, *steps: list[Any]) -> tuple[PlayedServices, Played]:
    """Over a model that takes these steps, with that server."""
    provider = Played(deepcopy([*steps]))
    using = play(provider)
    dice.known_to(using)
    return using, provider


async def begun(play: Play, dice: Dice, **body: Any) -> Kept:
    return await queued(services(play, dice)[0], tools=TOOLS, **body)


async def until_it_ends(play: Play, kept: Kept, dice: Dice, notes: Notes) -> None:
    """Take it up until it ends."""
    for taken in range(9):
        steps = kept.at.progress["steps"] if kept.at.progress else 0
        using, _ = services(play, dice, *STEPS[steps:])
        using.entropy = counted(1 + 1_000 * taken)
        try:
            await drained(kept.run(using, journal=notes))
        except (Interrupted, Died):
            kept.dies_at = None
        if kept.ended is not None:
            return
    pytest.fail("it does not end")


async def ended(play: Play, **dies: Any) -> tuple[Kept, Dice, Notes]:
    dice, notes = Dice(), Notes(**dies)
    kept = await begun(play, dice)
    await until_it_ends(play, kept, dice, notes)
    check(kept.events)
    return kept, dice, notes


async def made(play: Play, dice: Dice, *steps: list[Any], **body: Any) -> tuple[Json, Played]:
    """A response of the foreground, plain and streamed, which have to be the same."""
    responses: list[Json] = []
    for _ in range(2):
        dice.ran.clear()
        using, provider = services(play, dice, *steps)
        using.entropy = counted(next(_NUMBERS))
        asked = {"model": "m", "input": "hi", "tools": TOOLS, **body}
        run = await create_response(asked, principal=ME, using=using)
        if responses:
            events = [event async for batch in run.events() for event in batch]
            check(events)
            responses.append(events[-1]["response"])
        else:
            responses.append(await run.response())
    assert content(responses[0]["output"]) == content(responses[1]["output"])
    return responses[0], provider


async def test_what_came_of_calls_is_shown_to_the_model_and_the_client(play: Play) -> None:
    dice = Dice()
    kept = await begun(play, dice)
    using, provider = services(play, dice, *STEPS)
    await drained(kept.run(using, journal=Notes()))
    check(kept.events)
    assert kept.ended is not None
    output = kept.ended.response["output"]
    assert [item["type"] for item in output] == [
        *("mcp_list_tools", "message", "mcp_call", "mcp_call", "message", "mcp_call", "message"),
    ]
    calls = [item for item in output if item["type"] == "mcp_call"]
    assert [item["output"] for item in calls] == ["6 by roll", "6 by look", "6 by roll"]
    assert [item["arguments"] for item in calls] == ["{}", '{"at":1}', "{}"]
    assert [item["type"] for item in provider.turns[1].items] == ["message", *(i["type"] for i in output[:4])]
    offered = [tool["name"] for tool in provider.turns[0].request["tools"]]
    assert offered == ["search", "dice__roll", "dice__look", "dice__drop"]
    assert [tool["type"] for tool in kept.ended.response["tools"]] == ["function", "mcp"]
    assert [at.progress["steps"] for _, at in kept.saves if at.progress] == [1, 1, 2, 2]
    assert [len(at.pending) for _, at in kept.saves] == [2, 0, 1, 0]
    assert not kept.ended.pending
    ids = [kept.ended.origins[item["id"]]["call_id"] for item in calls]
    assert ids[:2] == ["call_r", "call_l"]
    assert len(set(ids)) == 3
    assert using.called_tools == [("dice", name, None) for name in ("roll", "look", "roll")]


@pytest.mark.parametrize("dies_at", range(60))
async def test_a_run_with_tools_that_dies_at_any_event_comes_to_the_same(play: Play, dies_at: int) -> None:
    whole, _, _ = await ended(play)
    dice = Dice()
    kept = await begun(play, dice)
    kept.dies_at = dies_at
    await until_it_ends(play, kept, dice, Notes())
    check(kept.events)
    assert _said(kept) == _said(whole)
    assert dice.ran.count("roll") == 2


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("dies_at", range(1, 7))
async def test_a_run_that_dies_at_any_note_makes_no_call_twice(play: Play, dies_at: int, after: bool) -> None:
    whole, _, _ = await ended(play)
    kept, dice, _ = await ended(play, dies_at=dies_at, after=after)
    assert dice.ran.count("roll") <= 2
    lost = [item for item in _said(kept) if item.get("error") == LOST]
    assert [item["status"] for item in lost] == ["failed"] * len(lost)
    assert [item["name"] for item in lost] in ([], ["roll"])
    assert len(_said(kept)) == len(_said(whole))
    if not lost:
        assert _said(kept) == _said(whole)


async def test_calls_of_the_client_too_are_left_to_it_once_ours_are_made(play: Play) -> None:
    both = [ToolCall(0, "call_r", "dice__roll"), ToolCall(1, "call_x", "search"), Stopped("tool_calls")]
    dice = Dice()
    response, _ = await made(play, dice, both)
    assert response["status"] == "completed"
    types = ["mcp_list_tools", "function_call", "mcp_call"]
    assert [item["type"] for item in response["output"]] == types
    assert dice.ran == ["roll"]


@pytest.mark.parametrize("stop", ["max_output_tokens", "content_filter"])
async def test_a_call_that_was_cut_is_not_made(play: Play, stop: Any) -> None:
    cut = [Text(0, "Well."), ToolCall(1, "call_r", "dice__roll"), ToolArguments(1, '{"at":'), Stopped(stop)]
    dice = Dice()
    response, _ = await made(play, dice, cut)
    assert (response["status"], response["incomplete_details"], dice.ran) == (
        *("incomplete", {"reason": stop}, []),
    )
    assert [item["type"] for item in response["output"]] == ["mcp_list_tools", "message"]


async def test_a_cut_call_of_the_client_leaves_ours_unmade(play: Play) -> None:
    cut = [
        ToolCall(0, "call_r", "dice__roll"),
        BlockEnded(0),
        ToolCall(1, "call_x", "search"),
        ToolArguments(1, '{"at":'),
        Stopped("tool_calls"),
    ]
    dice = Dice()
    response, _ = await made(play, dice, cut)
    assert (response["status"], dice.ran) == ("incomplete", [])


UNSENDABLE = {
    "no object": "[1]",
    "half a character": '{"a":"\\ud800"}',
    "half of one in a name": '{"\\udfff":1}',
    "too deep": '{"a":' * 300 + "1" + "}" * 300,
}


@pytest.mark.parametrize("arguments", UNSENDABLE.values(), ids=UNSENDABLE)
async def test_arguments_that_cannot_be_sent_are_a_failed_call_that_the_model_sees(
    play: Play, arguments: str
) -> None:
    """And nothing of it reaches the connection, which other calls are made over."""
    step = [
        ToolCall(0, "c", "dice__roll"),
        ToolArguments(0, arguments),
        BlockEnded(0),
        ToolCall(1, "d", "dice__look"),
        BlockEnded(1),
        Stopped("tool_calls"),
    ]
    dice = Dice()
    response, provider = await made(play, dice, step, [Text(0, "I see."), Stopped("end")])
    _, call, other, message = response["output"]
    assert (call["status"], call["error"]["type"]) == ("failed", "mcp_tool_execution_error")
    assert "the arguments are not a JSON object" in call["error"]["content"][0]["text"]
    assert provider.turns[1].items[-2]["error"] == call["error"]
    assert (other["status"], message["type"], dice.ran) == ("completed", "message", ["look"])


async def test_approved_calls_beyond_what_a_response_may_make_are_not_made(play: Play) -> None:
    """They are told as such, and their approvals are good for a response that may."""
    dice = Dice()
    blocks = [
        (ToolCall(n, f"c{n}", "dice__roll"), ToolArguments(n, f'{{"n":{n}}}'), BlockEnded(n))
        for n in range(3)
    ]
    calling = [*(delta for block in blocks for delta in block), Stopped("tool_calls")]
    using, provider = services(play, dice, calling, *([Text(0, "So."), Stopped("end")] for _ in range(2)))
    body: Json = {"model": "m", "tools": [{**DICE, "require_approval": "always"}]}

    async def response_to(**more: Any) -> Json:
        return await (await create_response({**body, **more}, principal=ME, using=using)).response()

    first = await response_to(input="hi")
    ids = [item["id"] for item in first["output"] if item["type"] == "mcp_approval_request"]
    answers = [{"type": "mcp_approval_response", "approval_request_id": id, "approve": True} for id in ids]
    bounded = await response_to(input=answers, previous_response_id=first["id"], max_tool_calls=1)
    assert dice.ran == ['roll {"n": 0}']
    made, *unmade, message = bounded["output"]
    assert (made["output"], message["type"], bounded["bound"]) == ("6 by roll", "message", "max_tool_calls")
    assert [call["approval_request_id"] for call in unmade] == ids[1:]
    for call in unmade:
        assert call["status"] == "failed"
        assert "Not called" in call["error"]["content"][0]["text"]
    assert [item["type"] for item in provider.turns[1].items].count("mcp_call") == 3
    free = await response_to(input=answers, previous_response_id=first["id"])
    assert dice.ran == [f'roll {{"n": {n}}}' for n in range(3)]
    assert "bound" not in free


async def test_a_stop_that_does_not_say_so_makes_the_calls_all_the_same(play: Play) -> None:
    step = [ToolCall(0, "c", "dice__roll"), BlockEnded(0), Stopped("end")]
    dice = Dice()
    response, _ = await made(play, dice, step, [Text(0, "Six."), Stopped("end")])
    assert [item["type"] for item in response["output"]] == ["mcp_list_tools", "mcp_call", "message"]


async def test_what_an_upstream_repeats_of_the_tools_is_not_told(play: Play) -> None:
    echo = Envelope(
        {"tools": [{"type": "function", "name": "dice__roll"}], "model": "m-1", "tool_choice": "none"}
    )
    response, _ = await made(play, Dice(), [echo, Text(0, "Hello."), Stopped("end")])
    assert [tool["type"] for tool in response["tools"]] == ["function", "mcp"]
    assert (response["tool_choice"], response["model"]) == ("auto", "m-1")


async def test_usage_counts_every_step_and_the_choice_is_forced_once(play: Play) -> None:
    usage = Usage({"input_tokens": 10, "output_tokens": 2, "total_tokens": 12})
    steps = [[*step[:-1], usage, step[-1]] for step in STEPS]
    response, provider = await made(play, Dice(), *steps, tool_choice="required")
    assert response["usage"]["total_tokens"] == 36
    assert [turn.request["tool_choice"] for turn in provider.turns] == ["required", "auto", "auto"]
    assert response["tool_choice"] == "required"


async def test_one_by_one_where_calls_may_not_run_beside_each_other(play: Play) -> None:
    calls = [ToolCall(n, f"c{n}", "dice__look") for n in range(4)]
    arguments = [ToolArguments(n, f'{{"at":{n}}}') for n in range(4)]
    for parallel, most in ((True, 4), (False, 1)):
        dice = Dice()
        step = [*calls, *arguments, Stopped("tool_calls")]
        await made(play, dice, step, [Text(0, "x"), Stopped("end")], parallel_tool_calls=parallel)
        assert dice.most_at_once == most


async def test_a_target_that_fails_in_mid_call_gives_way_to_another(play: Play) -> None:
    from lambda_responses.wire.errors import OverloadedError

    half = [ToolCall(0, "c", "dice__roll"), ToolArguments(0, '{"a'), OverloadedError("busy")]
    first, second = Played([half]), Played([[Text(0, "Hello."), Stopped("end")]])
    using, dice = play(first, second), Dice()
    dice.known_to(using)
    run = await create_response(
        {"model": "m", "input": "hi", "tools": TOOLS}, principal=ME, using=using, bounds=RunBounds()
    )
    response = await run.response()
    assert [item["type"] for item in response["output"]] == ["mcp_list_tools", "message"]
    assert dice.ran == []


def test_a_step_follows_on_a_pause_with_words_and_on_calls_of_ours() -> None:
    assert goes_on("pause", progressed=True)
    assert not goes_on("pause", progressed=False)
    assert goes_on("pause", progressed=False, waiting=True)
    assert goes_on("tool_calls", progressed=True, waiting=True)
    assert not goes_on("tool_calls", progressed=True)
    assert not goes_on("max_output_tokens", progressed=True, waiting=True)
    assert not goes_on(None, progressed=True)


def _said(kept: Kept) -> list[Json]:
    """What stands of the output; what is called again may be told in another order."""
    assert kept.ended is not None
    return sorted(content(standing(kept.ended)), key=str)

"""A tool that gave way to a function of the client's: models know calls of it by the name that they made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.create import create_response
from lambda_responses.stream.deltas import BlockEnded, Stopped, Text, ToolArguments, ToolCall
from lambda_responses.transformers.server_calls import with_plain_calls
from lambda_responses.wire.mcp_names import function_name_apart
from tests.fakes.dice import DICE, Dice
from tests.played import ME, Played

if TYPE_CHECKING:
    from tests.played import Play

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

OWN: Json = {"type": "function", "name": "dice__roll", "parameters": {"type": "object", "properties": {}}}
APART = function_name_apart("dice", "roll")
CALLED = [ToolCall(0, "c1", APART), ToolArguments(0, "{}"), BlockEnded(0), Stopped("tool_calls")]
DONE = [Text(0, "Six."), Stopped("end")]


async def made(play: Play, model: Played, **body: Any) -> Json:
    using = play(model)
    Dice().known_to(using)
    run = await create_response({"model": "m", "tools": [OWN, DICE], **body}, principal=ME, using=using)
    return await run.response()


def called(model: Played) -> list[str]:
    """The functions that were called, as the model was told in its last turn."""
    turn = model.turns[-1]
    told = with_plain_calls(turn.items, turn.origins)
    return [item["name"] for _, item in told if item["type"] == "function_call"]


@pytest.mark.parametrize("maker", ["played", "another"])
async def test_a_chain_keeps_it_whoever_goes_on(play: Play, maker: str) -> None:
    model = Played([CALLED, DONE])
    first = await made(play, model, input="Roll")
    assert [item["type"] for item in first["output"]] == ["mcp_list_tools", "mcp_call", "message"]
    assert called(model) == [APART]

    later = Played([DONE], name=maker)
    await made(play, later, input="And?", previous_response_id=first["id"])
    assert called(later) == [APART]


async def test_without_the_store_it_is_the_name_that_it_would_have_had(play: Play) -> None:
    first = await made(play, Played([CALLED, DONE]), input="Roll", store=False)
    later = Played([DONE])
    said = [{"role": "user", "content": "Roll"}, *first["output"], {"role": "user", "content": "And?"}]
    await made(play, later, input=said, store=False)
    assert called(later) == ["dice__roll"]

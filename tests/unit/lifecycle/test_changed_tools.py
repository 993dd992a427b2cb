"""A call that somebody has approved of is one of the tool that was shown, not of another by that name."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.create import create_response
from lambda_responses.stream.deltas import BlockEnded, Stopped, Text, ToolCall
from lambda_responses.tools.servers.server import ListedTool, ServerFault, ToolList
from lambda_responses.wire.errors import APIError
from tests.fakes.dice import DICE, Dice
from tests.played import ME, Played

if TYPE_CHECKING:
    from lambda_responses.tools.servers.server import Server
    from tests.played import Play, PlayedServices

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

ROLL = ListedTool("roll", "Rolls one of them.")
STEPS: list[list[Any]] = [
    [ToolCall(0, "call_r", "dice__roll"), BlockEnded(0), Stopped("tool_calls")],
    [Text(0, "So."), Stopped("end")],
]


@dataclass
class Changing(Dice):
    """A server whose tools are what a test says they are now."""

    tools: ToolList | None = field(default_factory=lambda: ToolList((ROLL,), ttl=300))

    async def list_tools(self, server: Server) -> ToolList:
        self.listed += 1
        if self.tools is None:
            raise ServerFault("It is gone.")
        return self.tools


async def made(body: Json, using: PlayedServices) -> Json:
    """The response to a request."""
    return await (await create_response(body, principal=ME, using=using)).response()


def approval_of(response: Json) -> Json:
    """What a client says who approves of the call that a response asks for."""
    asked = next(item for item in response["output"] if item["type"] == "mcp_approval_request")
    return {"type": "mcp_approval_response", "approval_request_id": asked["id"], "approve": True}


async def asked_and_approved(
    play: Play, dice: Changing, now: ToolList | None, played: Played, **more: Any
) -> tuple[Json, PlayedServices]:
    """The response in which a call of `roll` is approved, when the server has come to say that."""
    using: PlayedServices = play(played)
    dice.known_to(using)
    body: Json = {"model": "m", "input": "hi", "tools": [{**DICE, "require_approval": "always"}]}
    first = await made(body, using)
    assert [item["type"] for item in first["output"]] == ["mcp_list_tools", "mcp_approval_request"]
    dice.tools = now
    onwards = {"input": [approval_of(first)], "previous_response_id": first["id"]}
    return await made({**body, **onwards, **more}, using), using


async def approved(play: Play, dice: Changing, now: ToolList | None, **more: Any) -> tuple[Json, Played]:
    """The same, and what its model was asked."""
    played = Played([*STEPS])
    response, _ = await asked_and_approved(play, dice, now, played, **more)
    return response, played


async def test_an_approved_call_of_a_tool_that_is_what_it_was_is_made(play: Play) -> None:
    dice = Changing()
    response, _ = await approved(play, dice, dice.tools)
    assert [item["type"] for item in response["output"]] == ["mcp_call", "message"]
    assert (dice.ran, dice.listed) == (["roll"], 2)


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (ToolList((replace(ROLL, description="Sells them."),)), "has changed"),
        (ToolList((replace(ROLL, input_schema={"type": "object", "required": ["to"]}),)), "has changed"),
        (ToolList((ListedTool("look"),)), "any more"),
    ],
)
async def test_an_approved_call_of_a_tool_that_has_changed_is_not_made(
    play: Play, now: ToolList, words: str
) -> None:
    dice = Changing()
    response, played = await approved(play, dice, now)
    shown, call, _ = response["output"]
    assert (shown["type"], [tool["name"] for tool in shown["tools"]]) == ("mcp_list_tools", [now[0].name])
    assert (call["type"], call["status"], call["output"]) == ("mcp_call", "failed", None)
    assert words in call["error"]["content"][0]["text"]
    assert dice.ran == []
    [offered] = played.turns[1].request["tools"]
    assert offered["name"] == f"dice__{now[0].name}"
    assert offered["description"] == (now[0].description or "")


async def test_without_an_approved_call_the_list_of_the_context_is_enough(play: Play) -> None:
    dice = Changing()
    response, _ = await approved(play, dice, None, input="Never mind.")
    assert (response["status"], dice.listed) == ("completed", 1)


async def test_an_approval_of_the_tool_as_it_is_now_is_good(play: Play) -> None:
    """A list that the context has is not shown to models for ever once it is known to be old."""
    dice = Changing()
    sold = replace(ROLL, description="Sells them.")
    played = Played([STEPS[0], STEPS[1], STEPS[0], STEPS[1]])
    response, using = await asked_and_approved(play, dice, ToolList((sold,), ttl=300), played)
    body: Json = {"model": "m", "tools": [{**DICE, "require_approval": "always"}]}
    asked = await made({**body, "input": "Again.", "previous_response_id": response["id"]}, using)
    assert [item["type"] for item in asked["output"]] == ["mcp_approval_request"]
    assert played.turns[2].request["tools"][0]["description"] == "Sells them."
    onwards = {"input": [approval_of(asked)], "previous_response_id": asked["id"]}
    done = await made({**body, **onwards}, using)
    assert [item["type"] for item in done["output"]] == ["mcp_call", "message"]
    assert dice.ran == ["roll"]


async def test_no_approval_is_used_up_while_a_server_is_down_that_may_be(play: Play) -> None:
    dice = Changing()
    played = Played([*STEPS, STEPS[1]])
    using: PlayedServices = play(played)
    dice.known_to(using, required=False)
    body: Json = {"model": "m", "tools": [{**DICE, "require_approval": "always"}]}
    asked = await made({**body, "input": "hi"}, using)
    onwards = {**body, "input": [approval_of(asked)], "previous_response_id": asked["id"]}
    told, dice.tools = dice.tools, None
    with pytest.raises(APIError) as fault:
        await made(onwards, using)
    assert fault.value.status == 424
    dice.tools = told
    done = await made(onwards, using)
    assert [item["type"] for item in done["output"]] == ["mcp_call", "message"]
    assert dice.ran == ["roll"]

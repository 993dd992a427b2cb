"""Models call what nobody has offered them. They are told so; clients hear of their own functions only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.create import create_response
from lambda_responses.stream.deltas import BlockEnded, Stopped, Text, ToolCall
from lambda_responses.tools.approvals import ALWAYS
from lambda_responses.tools.catalog import Catalog, ServerList
from lambda_responses.tools.servers.server import Http, ListedTool, Server
from tests.fakes.dice import DICE, Dice
from tests.interrupted import SEARCH
from tests.played import ME, Played

if TYPE_CHECKING:
    from tests.played import Play

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

SO: list[Any] = [Text(0, "So."), Stopped("end")]
ROLL, LOOK, BOTH = ListedTool("roll"), ListedTool("look"), ListedTool("both")
A = ServerList(Server("a", Http("https://a.example")), (ROLL, BOTH))
AB = ServerList(Server("a__b", Http("https://b.example"), approval=(ALWAYS,)), (LOOK, BOTH))
CLIENTS: Json = {"type": "function", "name": "mine", "parameters": {}}


def calls(*names: str) -> list[Any]:
    said = [
        delta for at, name in enumerate(names) for delta in (ToolCall(at, f"c{at}", name), BlockEnded(at))
    ]
    return [*said, Stopped("tool_calls")]


async def made(play: Play, dice: Dice, *steps: list[Any], **body: Any) -> tuple[Json, Played]:
    played = Played([*steps])
    using = play(played)
    dice.known_to(using)
    body = {"model": "m", "input": "hi", "tools": [DICE], **body}
    run = await create_response(body, principal=ME, using=using)
    return await run.response(), played


@pytest.mark.parametrize("name", ["dice__nope", "nope", "dice.roll"])
async def test_a_call_of_nothing_is_a_failed_call_of_a_server(play: Play, name: str) -> None:
    response, played = await made(play, Dice(), calls(name), SO)
    _, call, message = response["output"]
    assert (call["type"], call["status"], call["server_label"]) == ("mcp_call", "failed", "dice")
    assert call["name"] == name.removeprefix("dice__")
    assert "no such tool" in call["error"]["content"][0]["text"]
    assert (message["type"], response["status"]) == ("message", "completed")
    assert played.turns[1].items[-1]["error"] == call["error"]


async def test_a_tool_may_be_called_by_its_own_name_where_there_is_no_other_function(play: Play) -> None:
    dice = Dice()
    response, _ = await made(play, dice, calls("roll"), SO)
    _, call, _ = response["output"]
    assert (call["type"], call["status"], call["name"], dice.ran) == (
        "mcp_call",
        "completed",
        "roll",
        ["roll"],
    )


async def test_a_clients_functions_remain_its_own_to_be_called(play: Play) -> None:
    mine = {**SEARCH, "name": "dice__mine"}
    for name, of_client in {"dice__mine": True, "roll": True, "else": True, "dice__nope": False}.items():
        dice = Dice()
        response, _ = await made(play, dice, calls(name), SO, tools=[mine, DICE])
        kind = "function_call" if of_client else "mcp_call"
        assert response["output"][1]["type"] == kind, name
        assert not dice.ran


async def test_calls_of_nothing_are_counted_and_no_server_is_given_up_for_them(play: Play) -> None:
    dice = Dice()
    odd = [f"dice__no_{n}" for n in range(4)]
    response, _ = await made(play, dice, calls(*odd), calls("dice__roll", "dice__look"), SO, max_tool_calls=5)
    made_calls = [item for item in response["output"] if item["type"] == "mcp_call"]
    assert [call["status"] for call in made_calls] == ["failed"] * 4 + ["completed"]
    assert (dice.ran, response["bound"]) == (["roll"], "max_tool_calls")


@pytest.mark.parametrize(
    ("function", "found", "made_up"),
    [
        ("a__roll", ("a", "roll"), None),
        ("roll", ("a", "roll"), None),
        ("both", None, ("a", "both")),
        ("a__b__look", ("a__b", "look"), None),
        ("a__b__nope", None, ("a__b", "nope")),
        ("a__", None, ("a", "a__")),
        ("", None, None),
    ],
)
def test_a_name_stands_for_one_tool_or_for_none(function: str, found: Any, made_up: Any) -> None:
    catalog = Catalog([A, AB])
    tool = catalog.find(function)
    assert (tool and (tool[0].label, tool[1].name)) == found
    assert catalog.made_up(function) == made_up
    assert catalog.runs(function) is bool(found or made_up)


@pytest.mark.parametrize(
    "more",
    [
        {"tools": [CLIENTS]},
        {"arrived": [CLIENTS]},
        {"tools": [{"type": "namespace", "name": "n", "tools": [CLIENTS]}]},
        {"prompted": True},
    ],
)
def test_where_there_are_other_functions_a_servers_have_its_label_in_front(more: Json) -> None:
    catalog = Catalog([A, AB], **more)
    assert [catalog.runs(name) for name in ("roll", "nope", "mine")] == [False] * 3
    assert [catalog.runs(name) for name in ("a__roll", "a__nope")] == [True] * 2


def test_without_servers_nothing_is_made_up() -> None:
    assert not Catalog([]).runs("nope")

"""What becomes of the calls of a step that is over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lambda_responses.tools.approvals import ALWAYS
from lambda_responses.tools.bounds import Bounds, Tally
from lambda_responses.tools.calls import PendingCall
from lambda_responses.tools.catalog import Catalog, ServerList
from lambda_responses.tools.decisions import decide
from lambda_responses.tools.gate import HeldCall
from lambda_responses.tools.servers.server import Http, ListedTool, Server

ROLL, LOOK = ListedTool("roll"), ListedTool("look")
FREE = Server("dice", Http("https://dice.example/mcp"))
ASKING = replace(FREE, approval=(ALWAYS,))


def decided(
    *names: str, server: Server = FREE, taken: str = "", **bounds: Any
) -> tuple[list[Any], list[Any]]:
    tools = [{"type": "function", "name": taken}] if taken else []
    catalog = Catalog([ServerList(server, (ROLL, LOOK))], tools=tools)
    held = [HeldCall(name, f"c{place}", {"id": f"fc_{place}"}, "{}") for place, name in enumerate(names)]
    pending, asked = decide(held, catalog, Tally(steps=3), Bounds(**bounds), unique=str.upper)
    return list(pending), list(asked)


def test_calls_keep_what_their_maker_wants_back():
    (first, second), asked = decided("dice__roll", "dice__look")
    origin = {"id": "fc_0", "step": 3, "place": 0, "call_id": "C0"}
    assert first == PendingCall("C0", "dice", "roll", "{}", origin)
    assert (second.name, second.origin["place"]) == ("look", 1)
    assert asked == []


def test_a_name_that_had_to_give_way_is_kept():
    catalog = Catalog([ServerList(FREE, (ROLL,))], tools=[{"type": "function", "name": "dice__roll"}])
    (offered,) = catalog.names("dice", "roll")
    (call,), _ = decided(offered, taken="dice__roll")
    assert (call.name, call.origin["function"]) == ("roll", offered)


def test_calls_wait_where_somebody_has_to_approve_of_them():
    pending, asked = decided("dice__roll", server=ASKING)
    assert pending == []
    assert [call.name for call in asked] == ["roll"]


def test_a_call_that_is_one_too_many_is_passed_over_and_asks_nobody():
    for server in (FREE, ASKING):
        pending, asked = decided("dice__roll", "dice__look", server=server, max_tool_calls=1)
        assert [call.name for call in (*pending, *asked)] == ["roll"]


def test_a_call_that_is_repeated_is_answered_and_asks_nobody():
    pending, _ = decided(*3 * ["dice__roll"])
    assert [call.unmade for call in pending] == [None, None, "repeated"]
    pending, asked = decided(*3 * ["dice__roll"], server=ASKING)
    assert ([call.unmade for call in pending], len(asked)) == (["repeated"], 2)


def test_a_search_for_tools_has_no_server():
    (call,), _ = decided("tool_search", server=replace(FREE, deferred=True))
    assert (call.server_label, call.name) == ("", "tool_search")

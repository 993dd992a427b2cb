"""The choice among tools, as the steps of a loop get it."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_responses.tools.choice import choice_for_step, last_choice
from lambda_responses.wire.errors import InvalidRequestError

NAMES = {"dice": {"roll": "dice__roll", "throw": "dice__throw"}, "one": {"only": "one__only"}, "empty": {}}


def function(name: str) -> dict[str, Any]:
    return {"type": "function", "name": name}


def mcp(label: str, name: str | None = None) -> dict[str, Any]:
    return {"type": "mcp", "server_label": label, **({"name": name} if name else {})}


def allowed(*tools: dict[str, Any], mode: str = "auto") -> dict[str, Any]:
    return {"type": "allowed_tools", "mode": mode, "tools": list(tools)}


@pytest.mark.parametrize(
    ("choice", "first", "later"),
    [
        (None, None, None),
        ("auto", "auto", "auto"),
        ("none", "none", "none"),
        ("required", "required", "auto"),
        (function("f"), function("f"), "auto"),
        ({"type": "custom", "name": "c"}, {"type": "custom", "name": "c"}, "auto"),
        ({"type": "web_search"}, {"type": "web_search"}, "auto"),
        (mcp("dice", "roll"), function("dice__roll"), "auto"),
        (mcp("one"), function("one__only"), "auto"),
        (
            mcp("dice"),
            allowed(function("dice__roll"), function("dice__throw"), mode="required"),
            "auto",
        ),
        (
            allowed(mcp("dice", "throw"), function("f"), mcp("one"), mode="required"),
            allowed(function("dice__throw"), function("f"), function("one__only"), mode="required"),
            allowed(function("dice__throw"), function("f"), function("one__only")),
        ),
    ],
)
def test_what_is_forced_is_forced_once(choice: Any, first: Any, later: Any):
    assert choice_for_step(choice, 0, NAMES) == first
    assert choice_for_step(choice, 1, NAMES) == choice_for_step(choice, 7, NAMES) == later


@pytest.mark.parametrize(
    ("choice", "named"),
    [
        (mcp("nobody"), "nobody"),
        (mcp("empty"), "empty"),
        (mcp("dice", "steal"), "dice.steal"),
        (allowed(mcp("dice"), mcp("nobody")), "nobody"),
    ],
)
def test_what_is_not_offered_cannot_be_chosen(choice: Any, named: str):
    with pytest.raises(InvalidRequestError) as raised:
        choice_for_step(choice, 0, NAMES)
    assert raised.value.param == "tool_choice"
    assert raised.value.message == f"Tool choice '{named}' not found in 'tools' parameter."


def test_a_tool_that_is_gone_later_is_allowed_no_more():
    choice = allowed(mcp("dice"), function("f"))
    assert choice_for_step(choice, 1, {}) == allowed(function("f"))


OWN = {**function("f"), "parameters": {}}
SERVER = {"type": "mcp", "server_label": "dice"}


@pytest.mark.parametrize(
    ("choice", "tools", "last"),
    [
        (None, [SERVER], "none"),
        ("auto", [], "none"),
        ("none", [OWN], "none"),
        (
            "auto",
            [SERVER, OWN, {"type": "custom", "name": "c"}],
            allowed(function("f"), {"type": "custom", "name": "c"}),
        ),
        (function("f"), [OWN], allowed(function("f"))),
        (allowed(mcp("dice"), function("g")), [SERVER, OWN, {**OWN, "name": "g"}], allowed(function("g"))),
        (allowed(mcp("dice"), mode="required"), [SERVER, OWN], "none"),
    ],
)
def test_a_client_may_still_be_called_when_servers_were_called_often_enough(
    choice: Any, tools: Any, last: Any
):
    assert last_choice(choice, "max_tool_calls", tools) == last
    assert last_choice(choice, "max_steps", tools) == "none"


def test_a_server_that_is_allowed_often_is_allowed_once():
    twice = [mcp("dice"), mcp("dice"), mcp("dice", "roll"), mcp("dice", "roll")]
    for step in (0, 1):
        chosen = choice_for_step(allowed(*twice, function("f")), step, {"dice": {"roll": "dice__roll"}})
        assert chosen == allowed(function("dice__roll"), function("dice__roll"), function("f"))

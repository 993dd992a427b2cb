"""How long a response may go on calling tools."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.tools.bounds import (
    ANSWERS,
    GIVEN_UP_AFTER,
    LEAST_SECONDS_LEFT,
    Bounds,
    Tally,
    fingerprint,
)
from lambda_responses.wire.json import from_text, to_bytes

OPERATORS = Bounds(max_steps=16, max_tool_calls=64, max_seconds=None, max_tokens=1000, max_cost=0.5)
NONE = Bounds()


def asked(*calls: str, bounds: Bounds = NONE, tally: Tally | None = None) -> list[str]:
    """What becomes of calls, each written as its arguments."""
    tally = tally or Tally()
    return [tally.admit(bounds, "dice", "roll", arguments) for arguments in calls]


# What a request may say.


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({}, {}),
        ({"bounds": {}}, {}),
        ({"bounds": {"max_steps": 3, "max_seconds": 2.5}}, {"max_steps": 3, "max_seconds": 2.5}),
        ({"bounds": {"max_steps": 99, "max_tokens": 2000, "max_cost": 1}}, {}),
        ({"max_tool_calls": 2}, {"max_tool_calls": 2}),
        ({"max_tool_calls": 100}, {}),
        ({"max_tool_calls": 2, "bounds": {"max_tool_calls": 5}}, {"max_tool_calls": 2}),
        ({"max_tool_calls": 5, "bounds": {"max_tool_calls": 2}}, {"max_tool_calls": 2}),
        ({"bounds": {"max_cost": 0}}, {"max_cost": 0}),
        ({"bounds": {"max_steps": None, "max_tool_calls": None}, "max_tool_calls": 9}, {"max_tool_calls": 9}),
    ],
)
def test_a_request_lowers_what_its_operator_allows(request_: dict[str, Any], expected: dict[str, Any]):
    lowered = OPERATORS.lowered_by(request_)
    assert lowered == Bounds(
        **{
            "max_steps": 16,
            "max_tool_calls": 64,
            "max_seconds": None,
            "max_tokens": 1000,
            "max_cost": 0.5,
            **expected,
        }
    )


# What is reached.


@pytest.mark.parametrize(
    ("bounds", "tally", "bound"),
    [
        (NONE, Tally(steps=10**6, calls=10**6, seconds=1e9, tokens=10**9, cost=1e6), None),
        (OPERATORS, Tally(), None),
        (OPERATORS, Tally(steps=15, calls=63, tokens=999, cost=0.49), None),
        (OPERATORS, Tally(steps=16), "max_steps"),
        (OPERATORS, Tally(calls=64), "max_tool_calls"),
        (OPERATORS, Tally(tokens=1000), "max_tokens"),
        (OPERATORS, Tally(cost=0.5), "max_cost"),
        (Bounds(max_seconds=5), Tally(seconds=4.9), None),
        (Bounds(max_seconds=5), Tally(seconds=5), "max_seconds"),
        (NONE, Tally(asked={"a": 4}), None),
        (NONE, Tally(asked={"a": 5}), "repeated_calls"),
    ],
)
def test_a_bound_is_reached_when_as_much_has_been_used(bounds: Bounds, tally: Tally, bound: str | None):
    assert tally.reached(bounds) == bound


def test_the_time_of_runs_before_counts():
    tally = Tally(seconds=3)
    assert tally.reached(Bounds(max_seconds=5), seconds=1.9) is None
    assert tally.reached(Bounds(max_seconds=5), seconds=2) == "max_seconds"
    assert tally.seconds_left(Bounds(max_seconds=5), seconds=1.5) == 0.5
    assert tally.seconds_left(Bounds(max_seconds=5), seconds=9) == 0
    assert tally.seconds_left(NONE) == inf


def test_a_run_that_is_cut_soon_keeps_time_for_a_last_turn():
    tally = Tally()
    assert tally.reached(NONE, remaining=LEAST_SECONDS_LEFT) is None
    assert tally.reached(NONE, remaining=LEAST_SECONDS_LEFT - 0.1) == "max_seconds"
    tally.step_over(tokens=0, seconds=20)
    tally.step_over(tokens=0, seconds=1)
    assert tally.reached(NONE, remaining=40) is None
    assert tally.reached(NONE, remaining=39) == "max_seconds"


def test_steps_add_up():
    tally = Tally()
    tally.step_over(tokens=10, cost=0.25, seconds=2)
    tally.step_over(tokens=5, cost=0.5)
    assert (tally.steps, tally.tokens, tally.cost, tally.slowest) == (2, 15, 0.75, 2)


# What becomes of a call.


def test_calls_over_the_bound_are_passed_over_and_do_not_count():
    tally = Tally()
    assert asked("1", "2", "3", bounds=Bounds(max_tool_calls=2), tally=tally) == ["run", "run", "ignored"]
    assert tally.calls == 2


def test_the_third_of_the_same_calls_is_answered_and_the_fifth_is_a_loop():
    tally = Tally()
    assert asked(*4 * ['{"a":1,"b":2}'], tally=tally) == ["run", "run", "repeated", "repeated"]
    assert tally.reached(NONE) is None
    assert asked('{ "b": 2, "a": 1 }', tally=tally) == ["repeated"]
    assert tally.reached(NONE) == "repeated_calls"
    assert tally.calls == 5


def test_calls_that_turn_in_a_circle_are_a_loop():
    tally = Tally()
    assert asked(*2 * ["1", "2"], tally=tally) == ["run"] * 4
    assert asked("1", "2", "1", "2", "1", "2", tally=tally)[-2:] == ["repeated"] * 2
    assert tally.reached(NONE) == "repeated_calls"


def test_to_look_again_after_something_new_is_no_loop():
    assert set(asked("look", "1", "look", "2", "look", "3", "look", "4", "look", "5", "look")) == {"run"}


def test_calls_of_other_tools_and_servers_are_others():
    tally = Tally()
    for server, name in (("a", "x"), ("a", "y"), ("b", "x")):
        assert [tally.admit(NONE, server, name, "{}") for _ in range(2)] == ["run", "run"]
    assert len({fingerprint("a", "x", "{}"), fingerprint("a", "y", "{}"), fingerprint("b", "x", "{}")}) == 3


def test_arguments_that_are_no_json_are_compared_as_they_stand():
    assert asked("{", "{", "{") == ["run", "run", "repeated"]


def test_a_server_that_fails_in_a_row_is_given_up():
    tally = Tally()
    for _ in range(GIVEN_UP_AFTER - 1):
        tally.came_of("dice", failed=True)
    assert asked("1", tally=tally) == ["run"]
    tally.came_of("dice", failed=True)
    assert asked("2", tally=tally) == ["given_up"]
    assert tally.admit(NONE, "other", "roll", "{}") == "run"


def test_a_success_lets_a_server_start_anew():
    tally = Tally()
    for failed in (True, True, False, True, True):
        tally.came_of("dice", failed=failed)
    assert asked("1", tally=tally) == ["run"]


def test_what_is_not_made_is_answered():
    assert ANSWERS["repeated"].output
    assert not ANSWERS["repeated"].failed
    assert ANSWERS["given_up"].failed


# Taken up by another.

CALLS = st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.sampled_from(['{"n":1}', "{}", "["]))
DONE = st.one_of(
    CALLS.map(lambda call: ("admit", call)),
    st.tuples(st.sampled_from("ab"), st.booleans()).map(lambda came: ("came_of", came)),
    st.integers(0, 50).map(lambda tokens: ("step_over", tokens)),
)


def follow(tally: Tally, done: tuple[str, Any], bounds: Bounds) -> tuple[Any, Any]:
    match done:
        case "admit", call:
            return tally.admit(bounds, *call), tally.reached(bounds)
        case "came_of", (server, failed):
            return tally.came_of(server, failed=failed), tally.reached(bounds)
        case _, tokens:
            return tally.step_over(tokens=tokens, cost=tokens / 100), tally.reached(bounds)


@given(st.lists(DONE, max_size=30), st.integers(0, 30))
def test_whoever_takes_a_response_up_decides_as_its_first_maker_would_have(done: list[Any], at: int):
    bounds = Bounds(max_steps=5, max_tool_calls=12, max_tokens=300, max_cost=2)
    one, other = Tally(), Tally()
    for number, each in enumerate(done):
        if number == at:
            other = Tally.of(from_text(to_bytes(other.kept())))
        assert follow(one, each, bounds) == follow(other, each, bounds)
    assert one.kept() == other.kept()


@given(st.lists(CALLS, max_size=60))
def test_no_more_calls_are_shown_than_the_bound_says(calls: list[Any]):
    tally = Tally()
    admitted = [tally.admit(Bounds(max_tool_calls=7), *call) for call in calls]
    assert sum(each != "ignored" for each in admitted) == min(7, len(calls))

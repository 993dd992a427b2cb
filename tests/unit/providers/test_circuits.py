"""Which targets are tried last, and for how long."""

from __future__ import annotations

from email.utils import formatdate
from types import SimpleNamespace
from typing import Any

import pytest

from lambda_responses.providers.circuits import (
    FAULTS,
    FIRST_PAUSE,
    LONGEST_PAUSE,
    MOST_REMEMBERED,
    Circuits,
)
from lambda_responses.wire.errors import OverloadedError, RateLimitError, UpstreamFaultError

START = 1_700_000_000.0
FAULT = UpstreamFaultError("It failed.")


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def circuits(clock: Clock) -> Circuits:
    return Circuits(clock)


def target(name: str) -> Any:
    return SimpleNamespace(name=name)


A, B, C = target("p/a"), target("p/b"), target("p/c")


def order(circuits: Circuits) -> str:
    return "".join(each.name[-1] for each in circuits.ordered([A, B, C]))


def fail(circuits: Circuits, of: Any, times: int = FAULTS) -> None:
    for _ in range(times):
        circuits.note(of, FAULT)


def test_the_order_is_the_operators_as_long_as_all_answer(circuits: Circuits):
    circuits.note(A, None)
    assert order(circuits) == "abc"


def test_three_faults_in_a_row_put_a_target_last(circuits: Circuits):
    fail(circuits, A, 2)
    assert order(circuits) == "abc"
    fail(circuits, A, 1)
    assert order(circuits) == "bca"


def test_an_answer_between_faults_makes_them_no_row(circuits: Circuits):
    fail(circuits, A, 2)
    circuits.note(A, None)
    fail(circuits, A, 2)
    assert order(circuits) == "abc"


def test_targets_that_are_all_open_keep_their_order(circuits: Circuits):
    for each in (A, B, C):
        fail(circuits, each)
    assert order(circuits) == "abc"


def test_nobody_is_refused_for_want_of_another_target(circuits: Circuits):
    fail(circuits, A)
    assert list(circuits.ordered([A])) == [A]


def test_one_request_tries_a_target_whose_time_is_over(circuits: Circuits, clock: Clock):
    fail(circuits, A)
    clock.now += FIRST_PAUSE - 1
    assert order(circuits) == "bca"
    clock.now += 1
    assert [order(circuits), order(circuits)] == ["abc", "bca"]
    circuits.note(A, None)
    assert order(circuits) == "abc"


def test_a_target_that_would_not_be_asked_first_is_not_on_trial(circuits: Circuits, clock: Clock):
    fail(circuits, B)
    clock.now += FIRST_PAUSE
    assert [order(circuits), order(circuits)] == ["abc", "abc"]


def test_a_failed_trial_doubles_the_pause_up_to_the_longest(circuits: Circuits, clock: Clock):
    fail(circuits, A)
    pause = FIRST_PAUSE
    for _ in range(6):
        clock.now += pause
        assert order(circuits) == "abc"
        circuits.note(A, FAULT)
        pause = min(pause * 2, LONGEST_PAUSE)
        clock.now += pause - 1
        assert order(circuits) == "bca"
        clock.now -= pause - 1
    assert pause == LONGEST_PAUSE


def test_a_trial_of_which_nobody_hears_again_is_repeated(circuits: Circuits, clock: Clock):
    fail(circuits, A)
    clock.now += FIRST_PAUSE
    assert order(circuits) == "abc"
    clock.now += FIRST_PAUSE
    assert order(circuits) == "abc"


def test_faults_of_requests_that_began_before_change_nothing(circuits: Circuits, clock: Clock):
    fail(circuits, A, FAULTS * 3)
    clock.now += FIRST_PAUSE
    assert order(circuits) == "abc"


@pytest.mark.parametrize(
    ("wish", "seconds"),
    [("7", 7), ("1.5", 1.5), ("86400", LONGEST_PAUSE), (formatdate(START + 60, usegmt=True), 60)],
)
def test_a_target_that_says_when_to_come_back_is_taken_at_its_word(
    circuits: Circuits, clock: Clock, wish: str, seconds: float
):
    circuits.note(A, RateLimitError("Slow down.", headers={"retry-after": wish}))
    clock.now += seconds - 0.5
    assert order(circuits) == "bca"
    clock.now += 0.5
    assert order(circuits) == "abc"


@pytest.mark.parametrize("wish", ["soon", "", "-5", "nan"])
def test_a_wish_that_nobody_can_read_is_a_fault_like_others(circuits: Circuits, wish: str):
    circuits.note(A, OverloadedError("Full.", headers={"retry-after": wish}))
    assert order(circuits) == "abc"


def test_only_so_many_faulty_targets_are_remembered(circuits: Circuits):
    fail(circuits, A)
    for number in range(MOST_REMEMBERED):
        circuits.note(target(f"p/{number}"), FAULT)
    assert order(circuits) == "abc"
    assert len(circuits._circuits) == MOST_REMEMBERED

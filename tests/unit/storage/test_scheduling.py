"""Heavy work leaves the event loop, light work does not, and many requests go a few at a time."""

from __future__ import annotations

import asyncio
import threading

import pytest

from lambda_responses.storage.scheduling import HEAVY, at_once, off_the_loop, weight_of

pytestmark = pytest.mark.anyio


async def test_only_heavy_work_goes_to_a_thread():
    assert await off_the_loop(HEAVY - 1, threading.get_ident) == threading.get_ident()
    assert await off_the_loop(HEAVY, threading.get_ident) != threading.get_ident()


async def test_faults_of_heavy_work_are_raised():
    with pytest.raises(ValueError, match="invalid literal"):
        await off_the_loop(HEAVY, int, "x")


@pytest.mark.parametrize("many", [0, 1, 2, 5])
@pytest.mark.parametrize("most", [None, 1, 2, 9])
async def test_results_are_in_order_and_no_more_run_than_may(many: int, most: int | None):
    running = peak = 0

    async def request(number: int) -> int:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await asyncio.sleep(0)
        running -= 1
        return number

    assert await at_once((request(number) for number in range(many)), most=most) == list(range(many))
    assert peak == min(many, most or many)


@pytest.mark.parametrize("most", [None, 2])
async def test_what_is_under_way_ends_before_a_fault_is_told_and_nothing_begins_after_it(most: int | None):
    begun: list[int] = []
    ended: list[int] = []

    async def request(number: int) -> None:
        begun.append(number)
        await asyncio.sleep(0)
        if number == 0:
            raise ValueError("zero")
        for _ in range(5):
            await asyncio.sleep(0)
        ended.append(number)

    with pytest.raises(ValueError, match="zero"):
        await at_once((request(number) for number in range(4)), most=most)
    assert ended == begun[1:] == list(range(1, most or 4))


@pytest.mark.parametrize(
    ("value", "weight"),
    [("abc", 3), ({"ab": "cd"}, 4), (["ab", ("c", 1)], 7), (None, 4), ([], 0), (1.5, 4)],
)
def test_a_weight_is_about_the_characters_of_the_json(value: object, weight: int):
    assert weight_of(value) == weight


def test_nobody_counts_on_once_a_value_is_heavy_enough():
    assert weight_of([[0] * 10] * 1_000, most=40) == 40

"""Every store lets an approval be used for one call, and remembers what came of that."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from lambda_responses.storage.approvals import KEPT, SLACK, UNKEPT, Approval, Approvals, Used
from lambda_responses.storage.keyed.port import StoreUnavailable
from lambda_responses.storage.table import TenantTable
from lambda_responses.wire.tool_outcomes import Outcome, tool_failed
from tests.contracts.stores.kit import WatchedStore
from tests.contracts.stores.rooms import Faulty

if TYPE_CHECKING:
    from lambda_responses.storage.keyed.port import KeyedStore
    from tests.contracts.stores.kit import Clock

pytestmark = pytest.mark.anyio

SIX = Outcome("six")
SECONDS = 60.0


@pytest.fixture
def watched(keyed: KeyedStore) -> WatchedStore:
    return WatchedStore(keyed)


@pytest.fixture
def approvals(watched: WatchedStore, clock: Clock) -> Approvals:
    return Approvals(watched, now=clock)


@pytest.fixture
def approval(pk: str, clock: Clock) -> Approval:
    return Approval(pk, f"mcpr_{'a' * 48}", clock() + 30 * 86_400)


async def begun(
    approvals: Approvals, approval: Approval, by: str = "a", response: str = "resp_a"
) -> Used | None:
    return await approvals.begin(approval, response_id=response, owner=by, seconds=SECONDS)


async def test_an_approval_is_used_once_and_what_came_of_it_is_told_to_all_others(
    approvals: Approvals, approval: Approval
) -> None:
    assert await approvals.known(approval, response_id="resp_b") is None
    assert await begun(approvals, approval) is None
    assert await begun(approvals, approval, "b", "resp_b") == Used(None, underway=True)
    await approvals.conclude(approval, SIX, owner="a", keep=True)
    assert await begun(approvals, approval, "b", "resp_b") == Used(SIX)
    assert await approvals.known(approval, response_id="resp_b") == Used(SIX)


async def test_of_many_at_once_one_uses_it(approvals: Approvals, approval: Approval) -> None:
    used = await asyncio.gather(*(begun(approvals, approval, f"{n}", f"resp_{n}") for n in range(8)))
    assert used.count(None) == 1
    assert used.count(Used(None, underway=True)) == 7


async def test_tenants_have_no_approvals_in_common(approvals: Approvals, approval: Approval) -> None:
    other = Approval(f"{approval.tenant}-other", approval.request_id, approval.expires)
    assert await begun(approvals, approval) is None
    assert await begun(approvals, other, "b", "resp_b") is None


async def test_a_call_that_failed_was_made_too(approvals: Approvals, approval: Approval) -> None:
    await begun(approvals, approval)
    await approvals.conclude(approval, tool_failed("out of six"), owner="a", keep=True)
    assert await begun(approvals, approval, "b", "resp_b") == Used(tool_failed("out of six"))


async def test_of_a_response_that_is_not_stored_nothing_is_kept_but_that_it_was_made(
    approvals: Approvals, approval: Approval, keyed: KeyedStore
) -> None:
    await begun(approvals, approval)
    await approvals.conclude(approval, Outcome("the canary sings"), owner="a", keep=False)
    assert await begun(approvals, approval, "b", "resp_b") == Used(UNKEPT)
    row = await keyed.get(TenantTable(approval.tenant).approval(approval.request_id))
    assert row is not None
    assert "canary" not in str(row.values)


async def test_a_call_whose_maker_died_is_not_under_way_for_long(
    approvals: Approvals, approval: Approval, clock: Clock
) -> None:
    await begun(approvals, approval)
    clock.advance(SECONDS + SLACK - 1)
    assert await begun(approvals, approval, "b", "resp_b") == Used(None, underway=True)
    clock.advance(2)
    assert await begun(approvals, approval, "b", "resp_b") == Used(None)


async def test_who_takes_a_response_over_need_not_wait_for_whom_he_took_it_from(
    approvals: Approvals, approval: Approval
) -> None:
    await begun(approvals, approval, "a")
    assert await begun(approvals, approval, "b") == Used(None)
    assert await begun(approvals, approval, "c", "resp_c") == Used(None, underway=True)
    await approvals.conclude(approval, Outcome("late"), owner="a", keep=True)
    assert await approvals.known(approval, response_id="resp_a") == Used(None)
    await approvals.begin_again(approval, response_id="resp_a", owner="b", seconds=SECONDS)
    assert await approvals.known(approval, response_id="resp_a") == Used(None)
    await approvals.conclude(approval, SIX, owner="b", keep=True)
    assert await approvals.known(approval, response_id="resp_a") == Used(SIX)
    assert await begun(approvals, approval, "d") == Used(SIX)


async def test_what_came_of_a_call_is_said_once(approvals: Approvals, approval: Approval) -> None:
    await begun(approvals, approval)
    await approvals.conclude(approval, SIX, owner="a", keep=True)
    await approvals.conclude(approval, Outcome("seven"), owner="a", keep=True)
    assert await approvals.known(approval, response_id="resp_a") == Used(SIX)


@pytest.mark.parametrize("often", [1, 2])
@pytest.mark.parametrize("after", [False, True])
async def test_a_lost_answer_does_not_make_a_call_somebody_elses(
    watched: WatchedStore, approvals: Approvals, approval: Approval, often: int, after: bool
) -> None:
    faults = Faulty(watched, 1, after=after, often=often)
    try:
        used = await begun(approvals, approval)
    except StoreUnavailable:
        assert often == 2
    else:
        assert used is None
    finally:
        faults.stop()
    assert await begun(approvals, approval) is None


async def test_what_is_long_is_remembered_whole_and_goes_when_the_approval_has_expired(
    approvals: Approvals, approval: Approval, clock: Clock
) -> None:
    await begun(approvals, approval)
    long = Outcome("é" * 131_072)
    await approvals.conclude(approval, long, owner="a", keep=True)
    clock.advance(approval.expires - clock() + KEPT - 1)
    assert await approvals.known(approval, response_id="resp_b") == Used(long)
    clock.advance(2)
    assert await approvals.known(approval, response_id="resp_b") is None

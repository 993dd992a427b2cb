"""What the job store promises on every keyed store: who may have a background response, and what then."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.storage.background.event_log import EventLog
from lambda_responses.storage.background.job import AFTERWARDS, MOST_ATTEMPTS
from lambda_responses.storage.background.jobs import (
    JobEnded,
    JobHeld,
    Lease,
    LeaseLost,
    NotCancellable,
    NotInBackground,
    TooManyAttempts,
)
from lambda_responses.storage.background.payloads import MOST_SECRETS, SecretsTooLarge
from lambda_responses.storage.keyed.port import Range, StoreUnavailable
from lambda_responses.storage.responses import DAY, ResponseNotFound, StoredResponse
from tests.contracts.stores.desk import LEASE, LIFETIME, desk_over, said_by
from tests.contracts.stores.kit import WatchedStore, texts

if TYPE_CHECKING:
    from lambda_responses.storage.background.job import Job
    from lambda_responses.storage.keyed.port import KeyedStore
    from tests.contracts.stores.desk import Desk
    from tests.contracts.stores.kit import Clock

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
FAULT = {"code": "server_error", "message": "No."}
SECRET = "Bearer 0123456789-canary"


@pytest.fixture
def watched(keyed: KeyedStore) -> WatchedStore:
    return WatchedStore(keyed)


@pytest.fixture
def desk(watched: WatchedStore, clock: Clock) -> Desk:
    return desk_over(watched, clock)


async def overdue(desk: Desk) -> list[Job]:
    """Of this tenant: on a shared table there are others."""
    faults: list[Exception] = []
    found = [job for job in await desk.jobs.overdue(faults.append) if job.tenant == desk.tenant]
    assert faults == []
    return found


# Being there


async def test_a_queued_response_can_be_read_at_once(desk: Desk) -> None:
    job = await desk.queue("hello")
    stored = await desk.read(job)
    assert (stored.response["status"], stored.response["output"]) == ("queued", [])
    shown = await desk.responses.shown(job.tenant, job.response_id)
    assert texts(shown.items) == ["ask hello"]


async def test_a_job_is_as_it_was_created(desk: Desk) -> None:
    job = await desk.queue(streamed=True, reply={"queue": "q", "custom_id": "7"})
    assert await desk.found(job) == job
    assert (job.status, job.streamed, job.fence, job.lease, job.attempts) == ("queued", True, 0, None, 0)
    assert (job.key_id, job.reply, job.kept) == ("key_1", {"queue": "q", "custom_id": "7"}, True)
    assert (job.deadline, job.progress, job.error) == (desk.clock() + LIFETIME, None, None)


async def test_a_job_may_be_born_in_somebodys_hands(desk: Desk) -> None:
    job = await desk.queue(owner="me", streamed=True)
    assert (job.status, job.fence, job.owner, job.lease) == ("in_progress", 1, "me", desk.clock() + LEASE)
    assert [tuple(each) for each in job.segments] == [(1, 0)]
    await desk.jobs.save(Lease(job, "me"), await desk.said(job, "a"), {"step": 1})
    assert said_by(await desk.read(job)) == ["a"]


async def test_a_response_of_the_foreground_is_no_job(desk: Desk) -> None:
    response_id = await desk.talk.say("1")
    for verb in (desk.jobs.find, desk.jobs.cancel):
        with pytest.raises(NotInBackground):
            await verb(desk.tenant, response_id)
    with pytest.raises(NotInBackground):
        await desk.jobs.take(desk.tenant, response_id, owner="me")


@pytest.mark.parametrize("response_id", ["resp_" + 48 * "0", "resp_elsewhere", ""])
async def test_what_was_never_created_is_not_found(desk: Desk, response_id: str) -> None:
    with pytest.raises(ResponseNotFound):
        await desk.jobs.find(desk.tenant, response_id)
    with pytest.raises(ResponseNotFound):
        await desk.jobs.cancel(desk.tenant, response_id)


async def test_another_tenant_finds_no_job(desk: Desk) -> None:
    job = await desk.queue()
    for verb in (desk.jobs.find, desk.jobs.cancel):
        with pytest.raises(ResponseNotFound):
            await verb("another", job.response_id)
    assert (await desk.found(job)).status == "queued"


async def test_queueing_takes_two_rounds_of_requests(desk: Desk, watched: WatchedStore) -> None:
    place = await desk.talk.reserve()
    watched.reset()
    await desk.queue_at(place)
    assert watched.requests == {"put": 3}  # turn and request at once, then the job
    assert watched.write_units == 3


async def test_what_a_small_response_costs_is_known(desk: Desk, watched: WatchedStore) -> None:
    job = await desk.queue()
    watched.reset()
    lease = await desk.take(job)
    assert (watched.read_units, watched.write_units) == (1, 1)
    await desk.jobs.save(lease, await desk.said(job, "a"), {})
    watched.reset()
    await desk.jobs.renew(lease)
    assert (watched.read_units, watched.write_units) == (0, 1)
    said = await desk.said(job, "a", "b")
    watched.reset()
    await desk.jobs.save(lease, said, {})
    assert (watched.requests, watched.write_units) == ({"transact": 1}, 4)


# Leases and fences


async def test_one_of_many_takers_has_it(desk: Desk) -> None:
    job = await desk.queue()
    tries = await asyncio.gather(*(desk.take(job) for _ in range(8)), return_exceptions=True)
    [lease] = [each for each in tries if isinstance(each, Lease)]
    held = [each for each in tries if isinstance(each, JobHeld)]
    assert len(held) == 7
    assert {each.until for each in held} == {desk.clock() + LEASE}
    assert (lease.job.fence, lease.job.status, lease.job.attempts) == (1, "in_progress", 1)


async def test_a_lease_that_is_renewed_holds_and_one_that_is_not_runs_out(desk: Desk, clock: Clock) -> None:
    job = await desk.queue()
    lease = await desk.take(job)
    for _ in range(5):
        clock.advance(LEASE - 1)
        await desk.jobs.renew(lease)
    with pytest.raises(JobHeld):
        await desk.take(job)
    clock.advance(LEASE)
    again = await desk.take(job)
    assert (again.job.fence, again.job.attempts) == (2, 2)


async def test_a_taker_that_was_late_changes_nothing_any_more(desk: Desk, clock: Clock) -> None:
    job = await desk.queue(streamed=True)
    late = await desk.take(job)
    clock.advance(LEASE)
    now = await desk.take(job)
    before = await desk.control(job)
    for write in (
        desk.jobs.renew(late),
        desk.jobs.look(late),
        desk.jobs.release(late, throttled=False),
        desk.jobs.give_up(late, FAULT),
        desk.jobs.save(late, await desk.said(job, "late"), {"step": 9}),
        desk.jobs.commit(late, await desk.said(job, "late", status="completed")),
    ):
        with pytest.raises(LeaseLost):
            await write
    assert await desk.control(job) == before
    await desk.jobs.commit(now, await desk.said(job, "in time", status="completed"))
    assert said_by(await desk.read(job)) == ["in time"]


async def test_a_lease_that_nobody_took_over_is_still_good_when_it_ran_out(desk: Desk, clock: Clock) -> None:
    job = await desk.queue()
    lease = await desk.take(job)
    clock.advance(LEASE * 3)
    await desk.jobs.save(lease, await desk.said(job, "slow"), {})
    await desk.jobs.look(lease)
    assert said_by(await desk.read(job)) == ["slow"]


async def test_a_lease_by_a_clock_that_was_set_back_keeps_nobody_from_the_job(
    desk: Desk, clock: Clock
) -> None:
    held, given_up = await desk.queue(), await desk.queue()
    for job in (held, given_up):
        await desk.take(job)
    clock.advance(-LEASE)
    for job in (held, given_up):  # clocks may disagree by as much
        with pytest.raises(JobHeld):
            await desk.take(job)
    clock.advance(-LEASE)
    assert (await desk.take(held)).job.fence == 2
    failed = await desk.jobs.fail(given_up.tenant, given_up.response_id, FAULT, unless_leased=True)
    assert failed.status == "failed"


async def test_each_fence_but_the_first_waits_for_its_cut(desk: Desk, clock: Clock) -> None:
    job = await desk.queue(streamed=True)
    first = await desk.take(job)
    assert not first.job.open_cut
    assert [tuple(each) for each in first.job.segments] == [(1, 0)]
    clock.advance(LEASE)
    second = await desk.take(job)
    assert second.job.open_cut
    assert [tuple(each) for each in second.job.segments] == [(1, 0), (2, None)]


async def test_a_job_without_a_log_has_nothing_to_cut(desk: Desk, clock: Clock) -> None:
    job = await desk.queue()
    await desk.take(job)
    clock.advance(LEASE)
    taken = (await desk.take(job)).job
    cancelled = await desk.jobs.cancel(job.tenant, job.response_id)
    assert not any(each.segments or each.open_cut for each in (job, taken, cancelled))


async def test_a_job_that_is_taken_in_vain_again_and_again_is_given_up(desk: Desk, clock: Clock) -> None:
    job = await desk.queue()
    for _ in range(MOST_ATTEMPTS):
        await desk.take(job)
        clock.advance(LEASE)
    with pytest.raises(TooManyAttempts) as fact:
        await desk.take(job)
    assert fact.value.job.attempts == MOST_ATTEMPTS


async def test_getting_on_begins_the_count_anew(desk: Desk, clock: Clock) -> None:
    job = await desk.queue()
    for _ in range(3 * MOST_ATTEMPTS):
        lease = await desk.take(job)
        await desk.jobs.save(lease, await desk.said(job, "on"), {})
        clock.advance(LEASE)
    assert (await desk.found(job)).attempts == 0


async def test_being_put_back_by_a_provider_is_no_attempt(desk: Desk) -> None:
    job = await desk.queue()
    for times in range(1, 3 * MOST_ATTEMPTS):
        await desk.jobs.release(await desk.take(job), throttled=True, delay=30)
        found = await desk.found(job)
        assert (found.status, found.attempts, found.throttled) == ("queued", 0, times)
        assert (found.lease, found.owner) == (None, None)


async def test_being_put_back_in_good_order_is_no_attempt(desk: Desk, clock: Clock) -> None:
    job = await desk.queue()
    await desk.take(job)
    clock.advance(LEASE)  # it was killed
    for _ in range(3 * MOST_ATTEMPTS):
        await desk.jobs.release(await desk.take(job))
        assert (await desk.found(job)).attempts == 1
    lease = await desk.take(job)
    await desk.jobs.save(lease, await desk.said(job, "on"), {})
    await desk.jobs.release(lease, throttled=True)
    assert (await desk.found(job)).attempts == 0  # as the save has it, whatever there was before
    for number in range(1, MOST_ATTEMPTS + 1):
        await desk.jobs.release(await desk.take(job), attempt=True)
        assert (await desk.found(job)).attempts == number
    with pytest.raises(TooManyAttempts):
        await desk.take(job)


async def test_a_job_whose_time_is_up_is_taken_by_nobody(desk: Desk, clock: Clock) -> None:
    job = await desk.queue()
    clock.advance(LIFETIME)
    with pytest.raises(JobEnded) as fact:
        await desk.take(job)
    assert fact.value.job.running


# Saving and going on


async def test_a_save_is_what_the_next_one_goes_on_from(desk: Desk, clock: Clock) -> None:
    job = await desk.queue("hello", request={"temperature": 0.5}, provider="scripted")
    lease = await desk.take(job)
    for step in (1, 2):
        said = await desk.said(job, *"ab"[:step])
        await desk.jobs.save(lease, said, {"step": step, "notes": [None, {"x": 1.5}]})
    clock.advance(LEASE)
    again = await desk.take(job)
    restart = await desk.jobs.restart(again, desk.sealer)
    assert [part["text"] for item in restart.response["output"] for part in item["content"]] == ["a", "b"]
    assert restart.progress == again.job.progress == {"step": 2, "notes": [None, {"x": 1.5}]}
    assert [origin["of"] for origin in restart.origins.values()] == ["a", "b"]
    assert texts(restart.input) == ["ask hello"]
    assert restart.request["input"] == restart.input
    assert (restart.request["temperature"], restart.provider, restart.key_id) == (0.5, "scripted", "key_1")
    assert restart.history == []


async def test_a_run_begins_with_all_that_was_said_before(desk: Desk) -> None:
    first = await desk.talk.say("1")
    job = await desk.queue("2", after=first)
    restart = await desk.jobs.restart(await desk.take(job), desk.sealer)
    assert texts(restart.history) == ["ask 1", "answer 1"]
    assert list(restart.history_origins.values()) == [{"id": "rs_1"}]


async def test_a_run_goes_on_though_what_it_continues_was_deleted(desk: Desk, clock: Clock) -> None:
    first = await desk.talk.say("1")
    job = await desk.queue("2", after=first)
    lease = await desk.take(job)
    await desk.responses.delete(desk.tenant, first)
    restart = await desk.jobs.restart(lease, desk.sealer)
    assert texts(restart.history) == ["ask 1", "answer 1"]
    await desk.jobs.commit(lease, await desk.said(job, "done", status="completed"))
    assert texts((await desk.talk.after(job.response_id)).items)[-1] == "done"


async def test_what_ended_can_be_continued_with_all_that_was_said(desk: Desk) -> None:
    job = await desk.queue("1")
    lease = await desk.take(job)
    await desk.jobs.save(lease, await desk.said(job, "a"), {})
    await desk.jobs.commit(lease, await desk.said(job, "a", "b", status="completed"))
    second = await desk.talk.say("2", after=job.response_id)
    assert texts((await desk.talk.after(second)).items) == ["ask 1", "a", "b", "ask 2", "answer 2"]


async def test_a_response_that_is_being_made_says_so_to_who_wants_to_continue_it(desk: Desk) -> None:
    job = await desk.queue()
    assert (await desk.talk.after(job.response_id)).status == "queued"
    await desk.take(job)
    assert (await desk.talk.after(job.response_id)).status == "in_progress"


async def test_the_response_is_the_one_that_was_committed(desk: Desk) -> None:
    job = await desk.queue()
    lease = await desk.take(job)
    stored = await desk.said(job, "a", status="incomplete")
    stored.response["incomplete_details"] = {"reason": "max_output_tokens"}
    await desk.jobs.commit(lease, stored)
    assert await desk.read(job) == stored
    ended = await desk.found(job)
    assert (ended.status, ended.lease, ended.owner) == ("incomplete", None, None)
    with pytest.raises(JobEnded):
        await desk.take(job)


async def test_a_job_ends_once(desk: Desk) -> None:
    job = await desk.queue()
    lease = await desk.take(job)
    await desk.jobs.commit(lease, await desk.said(job, "a", status="completed"))
    with pytest.raises(LeaseLost):
        await desk.jobs.commit(lease, await desk.said(job, "b", status="failed"))
    with pytest.raises(NotCancellable) as fact:
        await desk.jobs.cancel(job.tenant, job.response_id)
    assert fact.value.job.status == "completed"
    assert (await desk.jobs.fail(job.tenant, job.response_id, FAULT, unless_leased=False)).error is None
    assert said_by(await desk.read(job)) == ["a"]


# Ends without a run


@pytest.mark.parametrize("taken", [False, True])
async def test_a_cancelled_response_is_so_for_good(desk: Desk, taken: bool) -> None:
    job = await desk.queue()
    lease = await desk.take(job) if taken else None
    cancelled = await desk.jobs.cancel(job.tenant, job.response_id)
    assert cancelled.status == "cancelled" == (await desk.read(job)).response["status"]
    assert await desk.found(job) == cancelled == await desk.jobs.cancel(job.tenant, job.response_id)
    if lease is not None:
        with pytest.raises(LeaseLost):
            await desk.jobs.look(lease)
        with pytest.raises(LeaseLost):
            await desk.jobs.commit(lease, await desk.said(job, "late", status="completed"))
    assert (await desk.read(job)).response["output"] == []


async def test_a_cancelled_response_keeps_what_was_saved(desk: Desk) -> None:
    job = await desk.queue()
    lease = await desk.take(job)
    await desk.jobs.save(lease, await desk.said(job, "half"), {})
    await desk.jobs.cancel(job.tenant, job.response_id)
    stored = await desk.read(job)
    assert (stored.response["status"], said_by(stored)) == ("cancelled", ["half"])


async def test_a_job_that_is_failed_says_why(desk: Desk) -> None:
    job = await desk.queue()
    failed = await desk.jobs.fail(job.tenant, job.response_id, FAULT, unless_leased=True)
    assert (failed.status, failed.error) == ("failed", FAULT)
    response = (await desk.read(job)).response
    assert (response["status"], response["error"]) == ("failed", FAULT)


async def test_a_job_that_somebody_works_at_is_left_alone_where_that_is_asked(
    desk: Desk, clock: Clock
) -> None:
    job = await desk.queue()
    await desk.take(job)
    with pytest.raises(JobHeld) as fact:
        await desk.jobs.fail(job.tenant, job.response_id, FAULT, unless_leased=True)
    assert fact.value.until == clock() + LEASE
    clock.advance(LEASE)
    assert (await desk.jobs.fail(job.tenant, job.response_id, FAULT, unless_leased=True)).status == "failed"


async def test_of_all_who_end_it_at_once_one_does(desk: Desk) -> None:
    job = await desk.queue()
    lease = await desk.take(job)
    said = await desk.said(job, "a", status="completed")
    tries = await asyncio.gather(
        desk.jobs.commit(lease, said),
        desk.jobs.cancel(job.tenant, job.response_id),
        desk.jobs.fail(job.tenant, job.response_id, FAULT, unless_leased=False),
        return_exceptions=True,
    )
    assert all(not isinstance(each, Exception) or type(each) in (LeaseLost, NotCancellable) for each in tries)
    status = (await desk.found(job)).status
    assert (await desk.read(job)).response["status"] == status
    [announced] = await desk.rows(job, "N")
    assert announced.values["type"] == f"response.{status}"


async def test_an_end_is_announced_with_what_its_asker_wants(desk: Desk) -> None:
    job = await desk.queue(reply={"custom_id": "7"})
    assert await desk.rows(job, "N") == []
    lease = await desk.take(job)
    await desk.jobs.save(lease, await desk.said(job, "a"), {})
    assert await desk.rows(job, "N") == []
    await desk.jobs.commit(lease, await desk.said(job, "a", status="completed"))
    [announced] = await desk.rows(job, "N")
    assert announced.values["type"] == "response.completed"
    assert announced.values["reply"] == {"custom_id": "7"}


async def test_the_log_ends_in_the_write_that_ends_the_response(desk: Desk) -> None:
    job = await desk.queue(streamed=True, owner="me")
    end: Json = {"type": "response.completed", "sequence_number": 3, "response": {"id": job.response_id}}
    log = EventLog(desk.keyed, now=desk.clock)
    await desk.jobs.commit(Lease(job, "me"), await desk.said(job, "a", status="completed"), ending=[end])
    [chunk] = await log.read(job.tenant, job.response_id, fence=1, first=0)
    assert chunk.events == [{"type": "response.completed", "sequence_number": 3}]


async def test_the_log_does_not_end_where_the_response_did_before(desk: Desk) -> None:
    job = await desk.queue(streamed=True, owner="me")
    await desk.jobs.cancel(job.tenant, job.response_id)
    said = await desk.said(job, "a", status="completed")
    end: Json = {"type": "response.completed", "sequence_number": 3, "response": said.response}
    with pytest.raises(LeaseLost):
        await desk.jobs.commit(Lease(job, "me"), said, ending=[end])
    assert not await desk.rows(job, "E")


async def test_whoever_works_at_a_job_can_give_it_up(desk: Desk) -> None:
    job = await desk.queue(streamed=True)
    lease = await desk.take(job)
    failed = await desk.jobs.give_up(lease, FAULT)
    assert (failed.status, failed.error, failed.fence, failed.open_cut) == ("failed", FAULT, 2, True)
    assert await desk.found(job) == failed
    [announced] = await desk.rows(job, "N")
    assert announced.values["type"] == "response.failed"
    with pytest.raises(LeaseLost):
        await desk.jobs.give_up(lease, FAULT)


# What has to be looked after


async def test_a_job_whose_message_was_lost_is_found(desk: Desk, clock: Clock) -> None:
    job = await desk.queue()
    assert await overdue(desk) == []
    clock.advance(61)
    assert await overdue(desk) == [job]
    await desk.jobs.postpone(job, clock() + 60)
    assert await overdue(desk) == []


async def test_a_job_whose_worker_died_is_found_once_its_lease_is_over(desk: Desk, clock: Clock) -> None:
    job = await desk.queue()
    lease = await desk.take(job)
    for _ in range(10):
        clock.advance(LEASE / 2)
        assert await overdue(desk) == []
        await desk.jobs.renew(lease)
    clock.advance(LEASE)
    assert await overdue(desk) == []  # others may see a lease end some moments later
    clock.advance(5)
    assert [each.response_id for each in await overdue(desk)] == [job.response_id]


async def test_a_job_that_was_put_back_is_found_when_its_message_does_not_come(
    desk: Desk, clock: Clock
) -> None:
    job = await desk.queue()
    await desk.jobs.release(await desk.take(job), throttled=True, delay=300)
    clock.advance(300 + 59)
    assert await overdue(desk) == []
    clock.advance(1)
    assert [each.response_id for each in await overdue(desk)] == [job.response_id]


async def test_nobody_looks_after_what_has_ended(desk: Desk, clock: Clock) -> None:
    committed, cancelled, queued = [await desk.queue(streamed=True) for _ in range(3)]
    lease = await desk.take(committed)
    await desk.jobs.commit(lease, await desk.said(committed, "a", status="completed"))
    await desk.jobs.cancel(queued.tenant, queued.response_id)  # which nobody had, so its log is empty
    await desk.take(cancelled)
    ended = await desk.jobs.cancel(cancelled.tenant, cancelled.response_id)
    assert ended.open_cut
    assert await overdue(desk) == [ended]
    sealed = await EventLog(desk.keyed, now=clock).seal(ended)
    await desk.jobs.settle(sealed)
    clock.advance(10 * LEASE)
    assert await overdue(desk) == []


async def test_nobody_looks_after_what_was_deleted(desk: Desk, clock: Clock) -> None:
    job = await desk.queue(streamed=True)
    await desk.take(job)
    assert (await desk.jobs.cancel(job.tenant, job.response_id)).open_cut
    await desk.talk.say("2", after=job.response_id)
    await desk.responses.delete(job.tenant, job.response_id)  # which leaves a row for its descendant
    clock.advance(10 * LEASE)
    assert not {"wk", "wt"} & (await desk.control(job)).keys()
    assert await overdue(desk) == []


async def test_a_deleted_response_that_still_has_to_be_looked_after_is_left_alone(
    desk: Desk, clock: Clock, keyed: KeyedStore
) -> None:
    job = await desk.queue()
    [key] = [row.key for row in await _thread_of(keyed, desk, job) if row.key.sk.startswith("R#")]
    await keyed.update(key, set={"gone": True})
    clock.advance(61)
    assert await overdue(desk) == []


@pytest.mark.parametrize("fault", ["a row nobody can read", "no answer"])
async def test_what_is_wrong_with_one_job_keeps_nobody_from_the_others(
    desk: Desk, watched: WatchedStore, clock: Clock, keyed: KeyedStore, fault: str
) -> None:
    broken, sound = await desk.queue(), await desk.queue()
    [key] = [row.key for row in await _thread_of(keyed, desk, broken) if row.key.sk.startswith("R#")]

    async def no_answer(verb: str, place: object) -> None:
        if verb == "get" and place == key:
            raise StoreUnavailable("not now")

    if fault == "no answer":
        watched.before = no_answer
    else:
        await keyed.update(key, set={"bg": 1, "ck": b"?"})
    clock.advance(61)
    faults: list[Exception] = []
    found = await desk.jobs.overdue(faults.append)
    await keyed.delete(key)  # on a shared table it would be in the way of others
    assert [job for job in found if job.tenant == desk.tenant] == [sound]
    assert len(faults) == 1


async def test_to_put_off_does_nothing_to_a_job_that_has_moved_on(desk: Desk, clock: Clock) -> None:
    job = await desk.queue()
    clock.advance(61)
    [found] = await overdue(desk)
    await desk.take(job)
    before = await desk.control(job)
    await desk.jobs.postpone(found, clock() + 1_000)
    await desk.jobs.settle(found)
    assert await desk.control(job) == before


# Requests and their secrets


async def test_secrets_come_back_to_the_run_and_are_nowhere_to_be_read(desk: Desk, keyed: KeyedStore) -> None:
    tool = {"type": "mcp", "server_label": "x", "authorization": SECRET, "headers": {"X-Key": SECRET}}
    plain = {"type": "function", "name": "f", "parameters": {"headers": {"type": "string"}}}
    place = await desk.talk.reserve()
    own = place.response_id[5 + 8 :]
    brought = {"id": f"at_{own}00001111", "type": "additional_tools", "tools": [tool, plain]}
    body = {"tools": [plain, tool], "input": [brought]}
    job = await desk.queue_at(place, input=[brought], request=body)
    sealed = await desk.rows(job, "J")
    assert len(sealed) == 2
    lease = await desk.take(job)
    restart = await desk.jobs.restart(lease, desk.sealer)
    assert restart.request["tools"] == [plain, tool]
    assert restart.request["input"][0]["tools"] == [tool, plain]
    assert "canary" not in str(restart.input) + str((await desk.read(job)).input)
    assert not any(b"canary" in value for row in sealed for value in row.values.values() if value is bytes)
    await desk.jobs.save(lease, await desk.said(job, "a"), {})
    assert len(await desk.rows(job, "J")) == 2


async def test_no_more_secrets_are_kept_than_go_in_the_write_that_ends_the_job(desk: Desk) -> None:
    def with_secrets(size: int) -> Json:
        tool = {"type": "mcp", "server_label": "x", "authorization": desk.talk.noise(size)}
        return {"tools": [tool]}

    job = await desk.queue(request=with_secrets(2_700_000))
    assert (await desk.control(job))["sec"] == MOST_SECRETS
    await desk.jobs.cancel(job.tenant, job.response_id)
    assert await desk.rows(job, "J") == []
    with pytest.raises(SecretsTooLarge):
        await desk.queue(request=with_secrets(2_900_000))


@pytest.mark.parametrize("end", ["commit", "cancel", "fail"])
async def test_what_was_asked_goes_when_it_is_answered(desk: Desk, end: str) -> None:
    tool = {"type": "mcp", "server_label": "x", "authorization": SECRET}
    job = await desk.queue(request={"tools": [tool]})
    lease = await desk.take(job)
    assert len(await desk.rows(job, "J")) == 2
    match end:
        case "commit":
            await desk.jobs.commit(lease, await desk.said(job, "a", status="completed"))
        case "cancel":
            await desk.jobs.cancel(job.tenant, job.response_id)
        case _:
            await desk.jobs.fail(job.tenant, job.response_id, FAULT, unless_leased=False)
    assert await desk.rows(job, "J") == []
    assert "sec" not in await desk.control(job)


async def test_a_run_whose_response_was_deleted_has_lost_it(desk: Desk) -> None:
    job = await desk.queue()
    lease = await desk.take(job)
    await desk.responses.delete(job.tenant, job.response_id)
    for write in (
        desk.jobs.look(lease),
        desk.jobs.renew(lease),
        desk.jobs.save(lease, await _anything(desk, job), {}),
    ):
        with pytest.raises(LeaseLost):
            await write
    with pytest.raises(ResponseNotFound):
        await desk.found(job)


async def _anything(desk: Desk, job: Job) -> Any:
    return StoredResponse({"id": job.response_id, "status": "in_progress", "output": []}, [])


# Responses that are not to be stored


async def test_an_unkept_response_can_be_fetched_for_some_minutes_and_not_continued(
    desk: Desk, clock: Clock
) -> None:
    first = await desk.talk.say("1")
    job = await desk.queue("2", after=first, kept=False)
    assert not (await desk.found(job)).kept
    lease = await desk.take(job)
    restart = await desk.jobs.restart(lease, desk.sealer)
    assert texts(restart.history) == ["ask 1", "answer 1"]
    await desk.jobs.commit(lease, await desk.said(job, "a", status="completed"))
    with pytest.raises(ResponseNotFound):
        await desk.talk.after(job.response_id)
    clock.advance(599)
    assert said_by(await desk.read(job)) == ["a"]
    clock.advance(2)
    with pytest.raises(ResponseNotFound):
        await desk.read(job)


async def test_an_unkept_response_goes_in_time_though_what_it_continues_cannot_be_let_go(
    desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await desk.queue("2", after=await desk.talk.say("1"), kept=False)

    async def refused(*_: Any) -> None:
        raise StoreUnavailable("no right to")

    monkeypatch.setattr(desk.responses, "let_go", refused)
    await desk.jobs.cancel(job.tenant, job.response_id)
    clock.advance(601)
    own = job.response_id[-16:]
    assert not any(own in row.key.sk for row in await _thread_of(desk.keyed, desk, job))


@pytest.mark.parametrize("end", ["commit", "cancel"])
async def test_nothing_is_left_of_an_unkept_response(
    desk: Desk, clock: Clock, keyed: KeyedStore, end: str
) -> None:
    first = await desk.talk.say("1")
    job = await desk.queue("2", after=first, kept=False)
    lease = await desk.take(job)
    await desk.jobs.save(lease, await desk.said(job, "a"), {})
    if end == "commit":
        await desk.jobs.commit(lease, await desk.said(job, "a", "b", status="completed"))
    else:
        await desk.jobs.cancel(job.tenant, job.response_id)
    clock.advance(601)
    thread = await desk.responses.shown(desk.tenant, first)
    assert texts(thread.items) == ["ask 1"]
    second = await desk.talk.say("2", after=first)
    assert second[13:37] == first[13:37]  # its place in the thread is free again
    own = job.response_id[-16:]
    assert not any(own in row.key.sk for row in await _thread_of(keyed, desk, job))


async def _thread_of(keyed: KeyedStore, desk: Desk, job: Job) -> Any:
    return await keyed.query(Range(f"{desk.tenant}#T#{job.response_id[13:37]}", " ", "~"))


# How long they stay


@pytest.mark.parametrize("end", ["commit", "cancel"])
@pytest.mark.parametrize("took", [10.0, LIFETIME - 1])
async def test_a_response_can_be_read_for_as_long_as_others_however_long_it_took(
    watched: WatchedStore, clock: Clock, end: str, took: float
) -> None:
    desk = desk_over(watched, clock, retention_days=LIFETIME / 2 / DAY)
    deadline = clock() + LIFETIME
    place = await desk.responses.reserve(
        desk.tenant, None, epoch=int(clock()), entropy=desk.talk.entropy, until=deadline + AFTERWARDS
    )
    job = await desk.queue_at(place)
    clock.advance(took)
    lease = await desk.take(job)
    if end == "commit":
        await desk.jobs.commit(lease, await desk.said(job, "a", status="completed"))
    else:
        await desk.jobs.cancel(job.tenant, job.response_id)
    clock.advance(LIFETIME / 2 - 1)
    assert not (await desk.found(job)).running
    await desk.read(job)
    clock.advance(2)
    with pytest.raises(ResponseNotFound):
        await desk.read(job)


@pytest.mark.parametrize("took", [10.0, LIFETIME - 1])
async def test_a_response_stays_no_longer_than_was_foreseen_when_it_was_asked_for(
    desk: Desk, clock: Clock, took: float
) -> None:
    """What it stands on was to be there until then."""
    job = await desk.queue()
    foreseen = (await desk.control(job))["ttl"]
    clock.advance(took)
    await desk.jobs.commit(await desk.take(job), await desk.said(job, "a", status="completed"))
    assert (await desk.control(job))["ttl"] == foreseen


async def test_an_unkept_response_that_nobody_ends_goes_by_itself(desk: Desk, clock: Clock) -> None:
    job = await desk.queue(kept=False)
    clock.advance(LIFETIME + 3_599)
    assert (await desk.found(job)).running
    clock.advance(2)
    with pytest.raises(ResponseNotFound):
        await desk.found(job)

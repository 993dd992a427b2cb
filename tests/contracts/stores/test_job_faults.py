"""A store that fails at any write of a job, before it is done or after: the job is as one of the two says."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.storage.background.jobs import LeaseLost
from lambda_responses.storage.conversations.store import ConversationLocked, ConversationNotFound
from lambda_responses.storage.keyed.port import ConditionFailed, StoreUnavailable
from lambda_responses.storage.responses import ResponseNotFound
from tests.contracts.stores.desk import LEASE, LIFETIME, desk_over, said_by
from tests.contracts.stores.kit import WatchedStore, nothing, texts
from tests.contracts.stores.rooms import Faulty

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from lambda_responses.storage.background.job import Job, Lease
    from lambda_responses.storage.conversations.store import Hold
    from lambda_responses.storage.keyed.port import KeyedStore, Write
    from lambda_responses.storage.responses import StoredResponse
    from tests.contracts.stores.desk import Desk
    from tests.contracts.stores.kit import Clock

pytestmark = [pytest.mark.anyio, pytest.mark.slow_on_dynamodb]

MOST_WRITES = 12
FAULT = {"code": "server_error", "message": "No."}
TOOL = {"type": "mcp", "server_label": "x", "authorization": "Bearer 0123456789"}


@pytest.fixture
def watched(keyed: KeyedStore) -> WatchedStore:
    return WatchedStore(keyed)


@pytest.fixture
def desk(watched: WatchedStore, clock: Clock) -> Desk:
    return desk_over(watched, clock)


async def at_every_write(
    desk: Desk,
    watched: WatchedStore,
    prepared: Callable[[], Awaitable[Any]],
    act: Callable[[Any], Any],
    judge: Any,
) -> None:
    """Let each write of an act fail in turn, once and for good, before it is done and after."""
    for often in (1, 2, 100):
        for after in (False, True):
            for failing in range(1, MOST_WRITES):
                subject = await prepared()
                faults = Faulty(watched, failing, after=after, often=often)
                try:
                    outcome = await act(subject)
                except (StoreUnavailable, LeaseLost) as fault:
                    outcome = fault
                finally:
                    faults.stop()
                await judge(subject, outcome)
                if not faults.reached:
                    assert failing > 1
                    break
            else:
                pytest.fail("it writes more often than that")


async def test_a_save_is_done_or_it_is_not(desk: Desk, watched: WatchedStore) -> None:
    async def prepared() -> Lease:
        lease = await desk.take(await desk.queue())
        await desk.jobs.save(lease, await desk.said(lease.job, "a"), {"step": 1})
        return lease

    async def act(lease: Lease) -> None:
        await desk.jobs.save(lease, await desk.said(lease.job, "a", "b"), {"step": 2})

    async def judge(lease: Lease, outcome: object) -> None:
        assert outcome is None or isinstance(outcome, StoreUnavailable)
        found = await desk.found(lease.job)
        assert (said_by(await desk.read(lease.job)), found.progress) in (
            (["a"], {"step": 1}),
            (["a", "b"], {"step": 2}),
        )
        if outcome is None:
            assert found.progress == {"step": 2}
        await desk.jobs.save(lease, await desk.said(lease.job, "c"), {"step": 3})
        assert said_by(await desk.read(lease.job)) == ["c"]

    await at_every_write(desk, watched, prepared, act, judge)


async def unanswered(watched: WatchedStore, save: Awaitable[None], *, tries: int) -> Sequence[Write]:
    """The writes of a save that so many tries of are still under way when nobody waits for them any more."""
    under_way: list[Any] = []

    async def no_answer(verb: str, writes: object) -> None:
        if verb == "transact" and len(under_way) < tries:
            under_way.append(writes)
            raise StoreUnavailable("not in time")

    watched.before = no_answer
    with suppress(StoreUnavailable):
        await save
    watched.before = nothing
    return under_way[0]


async def test_a_save_that_comes_late_does_not_undo_a_newer_one(desk: Desk, watched: WatchedStore) -> None:
    lease = await desk.take(await desk.queue())
    first = await desk.said(lease.job, "a")
    late = await unanswered(watched, desk.jobs.save(lease, first, {"step": 1}), tries=1)
    await desk.jobs.save(lease, await desk.said(lease.job, "a", "b"), {"step": 2})
    with pytest.raises(ConditionFailed):
        await watched.transact(late)
    assert said_by(await desk.read(lease.job)) == ["a", "b"]
    assert (await desk.found(lease.job)).progress == {"step": 2}


async def test_a_save_is_not_taken_for_done_where_an_earlier_one_came_in_between(
    desk: Desk, watched: WatchedStore
) -> None:
    lease = await desk.take(await desk.queue())
    first, second = await desk.said(lease.job, "a"), await desk.said(lease.job, "a", "b")
    late = await unanswered(watched, desk.jobs.save(lease, first, {"step": 1}), tries=2)

    async def comes_in_between(verb: str, _argument: object) -> None:
        if verb == "transact":
            watched.before = nothing
            await watched.transact(late)

    watched.before = comes_in_between
    with pytest.raises(StoreUnavailable):
        await desk.jobs.save(lease, second, {"step": 2})
    assert (await desk.found(lease.job)).progress == {"step": 1}
    await desk.jobs.save(lease, second, {"step": 2})
    assert said_by(await desk.read(lease.job)) == ["a", "b"]


async def test_a_commit_is_told_of_where_it_was_done_and_only_there(
    desk: Desk, watched: WatchedStore
) -> None:
    async def prepared() -> Lease:
        lease = await desk.take(await desk.queue(request={"tools": [TOOL]}))
        await desk.jobs.save(lease, await desk.said(lease.job, "a"), {"step": 1})
        return lease

    async def act(lease: Lease) -> None:
        await desk.jobs.commit(lease, await desk.said(lease.job, "a", "b", status="completed"))

    async def judge(lease: Lease, outcome: object) -> None:
        assert outcome is None or isinstance(outcome, StoreUnavailable)
        stored = await desk.read(lease.job)
        done = stored.response["status"] == "completed"
        assert said_by(stored) == (["a", "b"] if done else ["a"])
        assert len(await desk.rows(lease.job, "N")) == done
        assert any(row.key.sk.startswith("S") for row in await desk.rows(lease.job, "J")) == (not done)
        assert done or outcome is not None

    await at_every_write(desk, watched, prepared, act, judge)


@pytest.mark.parametrize("end", ["cancel", "fail"])
async def test_an_end_without_a_run_is_announced_where_it_was_done_and_only_there(
    desk: Desk, watched: WatchedStore, end: str
) -> None:
    async def prepared() -> Lease:
        return await desk.take(await desk.queue(streamed=True))

    async def act(lease: Lease) -> Job:
        job = lease.job
        if end == "cancel":
            return await desk.jobs.cancel(job.tenant, job.response_id)
        return await desk.jobs.fail(job.tenant, job.response_id, FAULT, unless_leased=False)

    async def judge(lease: Lease, outcome: object) -> None:
        found = await desk.found(lease.job)
        assert found.running != bool(await desk.rows(lease.job, "N"))
        if isinstance(outcome, StoreUnavailable):
            outcome = await act(lease)
        assert outcome == await desk.found(lease.job)
        assert len(await desk.rows(lease.job, "N")) == 1
        assert (await desk.found(lease.job)).fence == 2

    await at_every_write(desk, watched, prepared, act, judge)


async def test_a_job_is_created_or_it_is_not(desk: Desk, watched: WatchedStore) -> None:
    async def prepared() -> Any:
        return await desk.talk.reserve()

    async def judge(place: Any, outcome: object) -> None:
        try:
            found = await desk.jobs.find(desk.tenant, place.response_id)
        except ResponseNotFound:
            assert isinstance(outcome, StoreUnavailable)
            return
        assert isinstance(outcome, StoreUnavailable) or outcome == found
        restart = await desk.jobs.restart(await desk.take(found), desk.sealer)
        assert texts(restart.input) == ["ask 1"]

    await at_every_write(desk, watched, prepared, desk.queue_at, judge)


async def test_a_job_that_nobody_heard_was_created_can_be_made(desk: Desk, watched: WatchedStore) -> None:
    place, put, tries = await desk.talk.reserve(), watched.put, 0

    async def unheard(key: Any, *given: Any) -> None:
        """The row by which it is there is written at the first try, and the second does not come through."""
        nonlocal tries
        tries += key.sk.startswith("R#")
        if tries < 2:
            await put(key, *given)
        if tries:
            raise StoreUnavailable("not in time")

    watched.put = unheard  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        await desk.queue_at(place, request={"tools": [TOOL]})
    job = await desk.jobs.find(desk.tenant, place.response_id)
    restart = await desk.jobs.restart(await desk.take(job), desk.sealer)
    assert (texts(restart.input), restart.request["tools"]) == (["ask 1"], [TOOL])


async def test_what_was_taken_with_the_answer_lost_can_be_taken_later(
    desk: Desk, watched: WatchedStore, clock: Clock
) -> None:
    job = await desk.queue()
    faults = Faulty(watched, 1, after=True)
    with pytest.raises(StoreUnavailable):
        await desk.take(job)
    faults.stop()
    clock.advance(LEASE)
    assert (await desk.take(job)).job.fence == 2


# In conversations


async def in_a_conversation(desk: Desk, text: str = "1") -> tuple[str, Hold, Job]:
    """A conversation, how it is locked, and the job that is made in it."""
    made = await desk.conversations.create(desk.tenant, {}, entropy=desk.talk.entropy)
    context = await desk.conversations.context(desk.tenant, made.id)
    place = await desk.responses.reserve(
        desk.tenant, None, epoch=1_800_000_000, entropy=desk.talk.entropy, stretch=context.stretch
    )
    hold = await desk.conversations.lock(desk.tenant, context, place.response_id)
    return made.id, hold, await desk.queue_at(place, text, hold=hold)


async def conversation_says(desk: Desk, id: str) -> list[str]:
    return texts((await desk.conversations.context(desk.tenant, id)).items)


async def append(desk: Desk, id: str) -> None:
    item = {"id": f"msg_{desk.talk.entropy(48)}", "type": "message", "content": [{"text": "new"}]}
    await desk.conversations.append(desk.tenant, id, [item], {}, writer=desk.talk.entropy(8))


async def test_a_conversation_is_locked_from_queueing_to_the_end(desk: Desk, clock: Clock) -> None:
    id, _, job = await in_a_conversation(desk)
    clock.advance(LIFETIME / 2)
    with pytest.raises(ConversationLocked):
        await append(desk, id)
    lease = await desk.take(job)
    await desk.jobs.save(lease, await desk.said(job, "a"), {})
    with pytest.raises(ConversationLocked):
        await append(desk, id)
    assert await conversation_says(desk, id) == []
    await desk.jobs.commit(lease, await desk.said(job, "a", "b", status="completed"))
    await append(desk, id)
    assert await conversation_says(desk, id) == ["ask 1", "a", "b", "new"]


async def test_what_becomes_of_its_request_changes_nothing_about_the_lock_of_a_job(
    desk: Desk, clock: Clock
) -> None:
    id, hold, job = await in_a_conversation(desk)
    with pytest.raises(ConversationLocked):
        await desk.conversations.renew(hold)
    await desk.conversations.release(hold)
    clock.advance(LIFETIME / 2)
    with pytest.raises(ConversationLocked):
        await append(desk, id)
    await desk.jobs.commit(await desk.take(job), await desk.said(job, "a", status="completed"))
    assert await conversation_says(desk, id) == ["ask 1", "a"]


@pytest.mark.parametrize("end", ["cancel", "fail", "commit a failure"])
async def test_a_conversation_is_free_and_unchanged_when_its_response_failed(desk: Desk, end: str) -> None:
    id, _, job = await in_a_conversation(desk)
    match end:
        case "cancel":
            await desk.jobs.cancel(job.tenant, job.response_id)
        case "fail":
            await desk.jobs.fail(job.tenant, job.response_id, FAULT, unless_leased=False)
        case _:
            lease = await desk.take(job)
            await desk.jobs.commit(lease, await desk.said(job, "a", status="failed"))
    await append(desk, id)
    assert await conversation_says(desk, id) == ["new"]


@pytest.mark.parametrize("status", ["completed", "failed"])
async def test_a_response_whose_conversation_was_deleted_can_only_fail(desk: Desk, status: str) -> None:
    id, _, job = await in_a_conversation(desk)
    lease = await desk.take(job)
    said = await desk.said(job, "a", status=status)
    await desk.conversations.delete(desk.tenant, id)
    if status == "completed":
        with pytest.raises(ConversationNotFound):
            await desk.jobs.commit(lease, said)
        said = replace(said, response={**said.response, "status": "failed"})
    await desk.jobs.commit(lease, said)
    assert (await desk.found(job)).status == "failed"


async def test_a_response_whose_conversation_was_deleted_can_be_cancelled(desk: Desk) -> None:
    id, _, job = await in_a_conversation(desk)
    await desk.conversations.delete(desk.tenant, id)
    assert (await desk.jobs.cancel(job.tenant, job.response_id)).status == "cancelled"


async def test_nothing_is_queued_in_a_conversation_whose_lock_was_lost(desk: Desk, clock: Clock) -> None:
    id = (await desk.conversations.create(desk.tenant, {}, entropy=desk.talk.entropy)).id
    context = await desk.conversations.context(desk.tenant, id)
    place = await desk.talk.reserve()
    hold = await desk.conversations.lock(desk.tenant, context, place.response_id)
    clock.advance(LEASE + 1)
    await append(desk, id)
    await desk.conversations.release(hold)
    with pytest.raises(ConversationLocked):
        await desk.queue_at(place, hold=hold)
    with pytest.raises(ResponseNotFound):
        await desk.jobs.find(desk.tenant, place.response_id)
    assert not await desk.keyed.query(_payload_of(desk, place))


def _payload_of(desk: Desk, place: Any) -> Any:
    from lambda_responses.storage.table import TenantTable

    return TenantTable(desk.tenant).whole_job(place.response_id)


async def test_whoever_lost_the_lease_leaves_nothing_in_the_conversation(
    desk: Desk, watched: WatchedStore, clock: Clock
) -> None:
    id, _, job = await in_a_conversation(desk)
    late = await desk.take(job)
    too_late = await desk.said(job, *(f"late {n}" for n in range(30)), status="completed")
    in_time = await desk.said(job, *(f"in time {n}" for n in range(30)), status="completed")
    clock.advance(LEASE)
    now = await desk.take(job)
    began = 0

    async def wake_up_meanwhile(verb: str, _argument: object) -> None:
        """Between the first of the items and the last, another writes its own."""
        nonlocal began
        began += verb == "transact"
        if began == 2:
            watched.before = nothing
            with pytest.raises(LeaseLost):
                await desk.jobs.commit(late, too_late)

    watched.before = wake_up_meanwhile
    await desk.jobs.commit(now, in_time)
    assert began == 2
    assert await conversation_says(desk, id) == ["ask 1", *said_by(in_time)]


@pytest.mark.parametrize("status", ["completed", "failed"])
async def test_a_response_and_its_conversation_end_at_one_instant(
    desk: Desk, watched: WatchedStore, status: str
) -> None:
    async def prepared() -> tuple[str, Lease, StoredResponse]:
        id, _, job = await in_a_conversation(desk)
        lease = await desk.take(job)
        return id, lease, await desk.said(job, "a", status=status)

    async def act(subject: Any) -> None:
        _, lease, said = subject
        await desk.jobs.commit(lease, said)

    async def judge(subject: Any, outcome: object) -> None:
        id, lease, _ = subject
        ended = not (await desk.found(lease.job)).running
        assert ended or outcome is not None
        added = ["ask 1", "a"] if ended and status == "completed" else []
        assert await conversation_says(desk, id) == added
        if ended:
            await append(desk, id)
        else:
            with pytest.raises(ConversationLocked):
                await append(desk, id)

    await at_every_write(desk, watched, prepared, act, judge)

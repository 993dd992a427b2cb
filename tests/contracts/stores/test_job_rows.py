"""What lies in a store of a response while it is made: one revision after another, each of them whole."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.storage.background.jobs import Lease, LeaseLost
from lambda_responses.storage.keyed.port import StoreUnavailable
from lambda_responses.storage.responses import TooLargeToStore
from tests.contracts.stores.desk import LEASE, desk_over, said_by
from tests.contracts.stores.holdings import blobs_among
from tests.contracts.stores.kit import WatchedStore, asked_and_answered, nothing, texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.storage.background.job import Job
    from lambda_responses.storage.blobs.port import Blobs
    from lambda_responses.storage.keyed.port import KeyedStore, Write
    from lambda_responses.storage.responses import StoredResponse
    from tests.contracts.stores.desk import Desk
    from tests.contracts.stores.holdings import Holdings
    from tests.contracts.stores.kit import Clock

pytestmark = pytest.mark.anyio

ROW = 350_000


@pytest.fixture
def watched(keyed: KeyedStore) -> WatchedStore:
    return WatchedStore(keyed)


@pytest.fixture(params=["rows", "blobs"])
def desk(watched: WatchedStore, clock: Clock, blobs: Blobs, request: pytest.FixtureRequest) -> Desk:
    return desk_over(watched, clock, blobs if request.param == "blobs" else None)


@pytest.fixture
def lifting(watched: WatchedStore, clock: Clock, blobs: Blobs) -> Desk:
    return desk_over(watched, clock, blobs)


def picture(seed: int) -> str:
    data = bytes((seed + place * place) % 251 for place in range(20_000 + seed))
    return b64encode(data).decode()


async def drawn(desk: Desk, job: Job, *seeds: int, status: str = "in_progress") -> StoredResponse:
    """What a run of the job has come to, having drawn these."""
    stored = await desk.read(job)
    own = job.response_id[5 + 8 :]
    output = [
        {"id": f"ig_{own}{seed:04x}9999", "type": "image_generation_call", "result": picture(seed)}
        for seed in seeds
    ]
    return replace(stored, response={**stored.response, "status": status, "output": output})


@pytest.mark.parametrize("sizes", [(10, 3 * ROW, 2 * ROW, 10), (ROW, ROW), (10, 10, 4 * ROW)])
async def test_what_was_said_is_whole_after_each_save(desk: Desk, clock: Clock, sizes: Any) -> None:
    job = await desk.queue("1")
    lease = await desk.take(job)
    for step, size in enumerate(sizes):
        text = desk.talk.noise(size)
        said = await desk.said(job, text)
        said.response["instructions"] = text[: size // 2]  # so that the envelope grows and shrinks too
        await desk.jobs.save(lease, said, {"step": step})
        assert await desk.read(job) == said
        if step % 2:  # the next one has not written any of it itself
            clock.advance(LEASE)
            lease = await desk.take(job)
    await desk.jobs.commit(lease, replace(said, response={**said.response, "status": "completed"}))
    assert said_by(await desk.read(job)) == [text]
    assert texts((await desk.talk.after(job.response_id)).items) == ["ask 1", text]


async def test_a_reader_never_sees_two_revisions_mixed(desk: Desk, watched: WatchedStore) -> None:
    job = await desk.queue()
    lease = await desk.take(job)
    saved = [await desk.said(job, str(step), desk.talk.noise(500 * step)) for step in range(6)]
    for step, stored in enumerate(saved):
        stored.response["instructions"] = str(step) * 3_000
    await desk.jobs.save(lease, saved[0], {})
    steps = iter(saved[1:])

    async def save_meanwhile(verb: str, _argument: object) -> None:
        """Between any two of a reader's requests, there is another save; three times in all."""
        if verb in ("get", "query") and (stored := next(steps, None)) is not None:
            watched.before = nothing
            await desk.jobs.save(lease, stored, {})
            watched.before = save_meanwhile if stored is not saved[3] else nothing

    watched.before = save_meanwhile
    assert await desk.read(job) == saved[3]


async def test_who_continues_a_response_that_ends_just_then_misses_nothing(
    desk: Desk, watched: WatchedStore
) -> None:
    job = await desk.queue("1")
    lease = await desk.take(job)
    await desk.jobs.save(lease, await desk.said(job, "a"), {})
    ended = await desk.said(job, "a", "b", status="completed")
    rows_read = False

    async def end_meanwhile(verb: str, _argument: object) -> None:
        nonlocal rows_read
        if verb == "get" and rows_read:
            watched.before = nothing
            await desk.jobs.commit(lease, ended)
        rows_read = rows_read or verb == "query"

    watched.before = end_meanwhile
    context = await desk.talk.after(job.response_id)
    watched.before = nothing
    assert texts(context.items) == (["ask 1", "a", "b"] if context.status == "completed" else ["ask 1", "a"])


async def test_a_picture_is_kept_once_however_often_its_response_is_saved(
    lifting: Desk, holdings: Holdings, clock: Clock
) -> None:
    desk, job = lifting, await lifting.queue()
    lease = await desk.take(job)
    for step in range(1, 4):
        await desk.jobs.save(lease, await drawn(desk, job, *range(step)), {})
        assert len(blobs_among(holdings(desk.tenant))) == step
        clock.advance(LEASE)
        lease = await desk.take(job)
    await desk.jobs.commit(lease, await drawn(desk, job, 0, 1, 2, status="completed"))
    assert len(blobs_among(holdings(desk.tenant))) == 3
    assert [item["result"] for item in (await desk.read(job)).response["output"]] == [*map(picture, range(3))]


async def test_what_a_save_no_longer_refers_to_goes(lifting: Desk, holdings: Holdings) -> None:
    desk, job = lifting, await lifting.queue()
    lease = await desk.take(job)
    for size in (2 * ROW, 3 * ROW, 4 * ROW):
        await desk.jobs.save(lease, await desk.said(job, desk.talk.noise(size)), {})
        assert len(blobs_among(holdings(desk.tenant))) == 1
    await desk.jobs.save(lease, await desk.said(job, "short"), {})
    assert blobs_among(holdings(desk.tenant)) == []


async def test_who_lost_the_lease_leaves_no_blobs(lifting: Desk, holdings: Holdings, clock: Clock) -> None:
    desk, job = lifting, await lifting.queue()
    late = await desk.take(job)
    await desk.jobs.save(late, await drawn(desk, job, 1), {})
    clock.advance(LEASE)
    now = await desk.take(job)
    with pytest.raises(LeaseLost):
        await desk.jobs.save(late, await drawn(desk, job, 1, 2), {})
    await desk.jobs.commit(now, await drawn(desk, job, 1, 3, status="completed"))
    assert [item["result"] for item in (await desk.read(job)).response["output"]] == [picture(1), picture(3)]
    assert len(blobs_among(holdings(desk.tenant))) == 2


async def test_a_save_that_landed_unheard_keeps_its_blobs_though_another_ended_the_job(
    lifting: Desk, keyed: KeyedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, job = lifting, await lifting.queue()
    lease, transact = await desk.take(job), keyed.transact

    async def unheard(writes: Sequence[Write]) -> None:
        await transact(writes)
        monkeypatch.undo()
        await desk.jobs.cancel(job.tenant, job.response_id)
        raise StoreUnavailable("no answer")

    monkeypatch.setattr(keyed, "transact", unheard)
    with pytest.raises(LeaseLost):
        await desk.jobs.save(lease, await drawn(desk, job, 1), {})
    assert [item["result"] for item in (await desk.read(job)).response["output"]] == [picture(1)]


async def test_a_blob_of_a_turn_before_stays_where_it_is(lifting: Desk, holdings: Holdings) -> None:
    desk, first = lifting, await lifting.queue()
    lease = await desk.take(first)
    await desk.jobs.commit(lease, await drawn(desk, first, 7, status="completed"))
    second = await desk.queue("2", after=first.response_id)
    lease = await desk.take(second)
    await desk.jobs.save(lease, await drawn(desk, second, 7, 8), {})
    await desk.jobs.save(lease, await drawn(desk, second, 8), {})
    await desk.jobs.commit(lease, await drawn(desk, second, 8, 9, status="completed"))
    for job, seeds in ((first, [7]), (second, [8, 9])):
        assert [each["result"] for each in (await desk.read(job)).response["output"]] == [
            *map(picture, seeds)
        ]


@pytest.mark.parametrize("running", [False, True])
async def test_nothing_is_left_of_a_deleted_response(
    lifting: Desk, holdings: Holdings, running: bool, keyed: KeyedStore
) -> None:
    desk, job = lifting, await lifting.queue()
    lease = await desk.take(job)
    await desk.jobs.save(lease, await drawn(desk, job, 1), {})
    said = await drawn(desk, job, 1, 2, status="completed")
    said.response["instructions"] = desk.talk.noise(ROW)
    if running:
        await desk.jobs.cancel(job.tenant, job.response_id)
    else:
        await desk.jobs.commit(lease, said)
    await desk.responses.delete(job.tenant, job.response_id)
    with pytest.raises(LeaseLost):
        await desk.jobs.save(lease, said, {})
    [announced] = await desk.rows(job, "N")
    assert holdings(desk.tenant) == [f"{announced.key.pk} {announced.key.sk}"]


async def test_more_than_one_write_can_replace_is_refused_before_a_model_is_asked(
    watched: WatchedStore, clock: Clock
) -> None:
    desk = desk_over(watched, clock)
    place = await desk.talk.reserve()
    turn = desk.talk.turn(place, desk.talk.noise(10 * ROW))
    with pytest.raises(TooLargeToStore):
        await desk.queue_at(place, input=turn.input)


async def test_more_than_one_write_can_replace_is_refused_at_the_end(
    watched: WatchedStore, clock: Clock
) -> None:
    desk = desk_over(watched, clock)
    job = await desk.queue(owner="me")
    lease = Lease(job, "me")
    await desk.jobs.save(lease, await desk.said(job, "a"), {})
    with pytest.raises(TooLargeToStore):
        await desk.jobs.commit(lease, await desk.said(job, desk.talk.noise(9 * ROW), status="completed"))
    assert said_by(await desk.read(job)) == ["a"]
    await desk.jobs.look(lease)


async def test_erasing_a_turn_leaves_what_is_made_on_it_readable(
    watched: WatchedStore, clock: Clock, blobs: Blobs
) -> None:
    desk = desk_over(watched, clock, blobs, delete_mode="erase")
    first = await desk.talk.say("1")
    second = await desk.queue("2", after=first)
    lease = await desk.take(second)
    await desk.jobs.save(lease, await desk.said(second, "answer 2"), {})
    await desk.jobs.commit(lease, await desk.said(second, "answer 2", status="completed"))
    third = await desk.talk.say("3", after=second.response_id)
    await desk.responses.delete(desk.tenant, first)
    assert said_by(await desk.read(second)) == ["answer 2"]
    await desk.responses.delete(desk.tenant, second.response_id)
    assert texts((await desk.talk.after(third)).items) == asked_and_answered("3")

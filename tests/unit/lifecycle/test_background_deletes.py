"""What is left of a background response once it is deleted: nothing, whoever was at work on it, and dies."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.background.enqueue import enqueue_response
from lambda_responses.lifecycle.background.messages import message_about
from lambda_responses.lifecycle.background.work import work
from lambda_responses.lifecycle.create import create_response
from lambda_responses.lifecycle.delete import delete_response
from lambda_responses.lifecycle.ports import Unbounded
from lambda_responses.storage.background.job import control_of
from lambda_responses.storage.keyed.port import StoreUnavailable
from lambda_responses.storage.responses import ResponseStore
from lambda_responses.storage.table import TenantTable
from lambda_responses.stream.deltas import Stopped, Text
from lambda_responses.wire.errors import NotFoundError
from tests.played import ME, Played, PlayedServices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.storage.background.job import Lease
    from lambda_responses.storage.keyed.port import Row
    from tests.played import Play

pytestmark = pytest.mark.anyio

BODY: dict[str, Any] = {
    "model": "m",
    "input": "hi",
    "instructions": "a secret",
    "background": True,
    "stream": True,
}
TABLE = TenantTable(ME.tenant)


def said(number: int) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "delta": "so", "sequence_number": number}


async def beside(services: PlayedServices, response_id: str) -> Sequence[Row]:
    """What is kept of a background response and is not what everybody reads."""
    stretches = (TABLE.whole_job, TABLE.tool_calls, TABLE.all_event_chunks)
    return [row for of in stretches for row in await services.store.query(of(response_id))]


async def being_made(services: PlayedServices) -> Lease:
    made = await enqueue_response(BODY, principal=ME, using=services)
    return await services.jobs.take(ME.tenant, made["id"], owner="w")


async def worked_on(services: PlayedServices, response_id: str) -> str:
    verdict = await work(
        message_about(ME.tenant, response_id), using=services, owner="w", deadline=Unbounded()
    )
    return verdict.outcome


async def test_what_its_maker_says_before_it_notices_goes_with_its_run(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = play(Played([[Text("b", "hello"), asyncio.Event()]]))
    look, begun, deleted = services.jobs.look, asyncio.Event(), asyncio.Event()

    async def looked(lease: Lease) -> None:
        begun.set()
        await deleted.wait()
        await look(lease)

    monkeypatch.setattr(services.jobs, "look", looked)
    monkeypatch.setattr("lambda_responses.lifecycle.background.watch.LOOK_EVERY", 0.01)
    made = await enqueue_response(BODY, principal=ME, using=services)
    working = asyncio.ensure_future(worked_on(services, made["id"]))
    await begun.wait()
    job = await services.jobs.find(ME.tenant, made["id"])
    await delete_response(made["id"], principal=ME, using=services)
    await services.events.append(job, [said(99)])
    deleted.set()
    assert await working == "lost"
    assert not await beside(services, made["id"])


async def test_what_a_maker_says_that_dies_before_it_notices_goes_with_its_message(play: Play) -> None:
    services = play(Played([]))
    job = (await being_made(services)).job
    await delete_response(job.response_id, principal=ME, using=services)
    await services.events.append(job, [said(0)])
    assert await worked_on(services, job.response_id) == "gone"
    assert not await beside(services, job.response_id)


async def test_it_goes_also_where_the_tenant_has_no_slot(play: Play) -> None:
    services = play(Played([]))
    job = (await being_made(services)).job
    await delete_response(job.response_id, principal=ME, using=services)
    await services.events.append(job, [said(0)])
    services.tenant_concurrency = 1
    assert await services.slots.take(ME.tenant, 1, "another")
    assert await worked_on(services, job.response_id) == "gone"
    assert not await beside(services, job.response_id)


async def test_what_was_asked_for_goes_though_its_maker_died_before_it_could_tidy(play: Play) -> None:
    services = play(Played([[Text("b", "hello"), Stopped("end")]]))
    made = await enqueue_response(BODY, principal=ME, using=services)
    asked = await services.store.query(TABLE.whole_job(made["id"]))
    assert await worked_on(services, made["id"]) == "ended"
    for row in asked:
        await services.store.put(row.key, row.values)
    await delete_response(made["id"], principal=ME, using=services)
    assert not await beside(services, made["id"])


async def test_nobody_has_to_look_after_its_log_by_the_time_it_is_deleted(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where somebody continues it at that moment, a part of it stays: nothing of that may be overdue."""
    services = play(Played([]))
    id = (await being_made(services)).job.response_id
    delete, found = services.responses.delete, list[Any]()

    async def deleted(tenant: str, response_id: str) -> None:
        control = await services.store.get(control_of(tenant, response_id))
        assert control is not None
        found.append({"wk", "wt"} & control.values.keys())
        await delete(tenant, response_id)

    monkeypatch.setattr(services.responses, "delete", deleted)
    await delete_response(id, principal=ME, using=services)
    assert found == [set()]


async def test_a_delete_that_was_cut_short_is_gone_on_with(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = play(Played([]))
    lease = await being_made(services)
    id = lease.job.response_id
    await services.events.append(lease.job, [said(0)])
    remove = services.events.remove

    async def fails(*_: Any) -> None:
        monkeypatch.setattr(services.events, "remove", remove)
        raise StoreUnavailable("not now")

    monkeypatch.setattr(services.events, "remove", fails)
    with pytest.raises(StoreUnavailable):
        await delete_response(id, principal=ME, using=services)
    assert await beside(services, id)
    with pytest.raises(NotFoundError):
        await delete_response(id, principal=ME, using=services)
    assert not await beside(services, id)


async def test_what_was_deleted_before_is_erased_by_being_deleted_again(play: Play) -> None:
    hello = [Text("b", "hello"), Stopped("end")]
    services = play(Played([hello, hello]))
    before = await create_response({"model": "m", "input": "a secret"}, principal=ME, using=services)
    previous = (await before.response())["id"]
    after = await create_response(
        {"model": "m", "input": "go on", "previous_response_id": previous}, principal=ME, using=services
    )
    following = (await after.response())["id"]
    await delete_response(previous, principal=ME, using=services)
    assert len((await services.responses.context(ME.tenant, following)).items) == 4
    services.responses = ResponseStore(
        services.store, now=services.now, blobs=services.blobs, delete_mode="erase"
    )
    with pytest.raises(NotFoundError):
        await delete_response(previous, principal=ME, using=services)
    assert len((await services.responses.context(ME.tenant, following)).items) == 2


@pytest.mark.parametrize("id", ["resp_1", "x" * 3_000, "resp_#"])
async def test_what_cannot_be_a_response_is_looked_for_nowhere(
    play: Play, monkeypatch: pytest.MonkeyPatch, id: str
) -> None:
    services = play(Played([]))
    monkeypatch.setattr(services, "events", None)
    with pytest.raises(NotFoundError):
        await delete_response(id, principal=ME, using=services)

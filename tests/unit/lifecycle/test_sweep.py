"""What nobody works at, as the sweeper finds it: queued again, failed, or left for others to go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.background import patience
from lambda_responses.lifecycle.background.messages import UnreadableMessage, message_about
from lambda_responses.lifecycle.background.sweep import bury, sweep
from lambda_responses.lifecycle.conversations import create_conversation
from lambda_responses.lifecycle.delete import delete_response
from lambda_responses.queue.port import QueueUnavailable
from lambda_responses.storage.background.jobs import JobStore
from lambda_responses.storage.responses import ResponseStore
from tests.contracts.stores.kit import Clock
from tests.played import ME, Played
from tests.queued import ANSWER, got, queued

if TYPE_CHECKING:
    from tests.played import Play

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_a_lost_message_is_sent_again(play: Play, clock: Clock, monkeypatch: pytest.MonkeyPatch):
    async def lost(*_: Any, **__: Any) -> None:
        raise QueueUnavailable("lost")

    services = play(Played([ANSWER]), now=clock)
    with monkeypatch.context() as broken:
        broken.setattr(services.queue, "send", lost)
        id = await queued(services)
    assert (await sweep(services, services.queue)).queued == 0
    clock.seconds += 61
    assert (await sweep(services, services.queue)).queued == 1
    assert (await sweep(services, services.queue)).queued == 0
    [received] = await services.queue.receive(9, visible_after=60)
    assert received.message == message_about("me", id)


async def test_one_whose_worker_died_is_queued_again(play: Play, clock: Clock):
    services = play(Played([ANSWER]), now=clock)
    id = await queued(services)
    await services.queue.receive(9, visible_after=900)
    await services.jobs.take("me", id, owner="killed")
    assert (await sweep(services, services.queue)).queued == 0
    clock.seconds += services.jobs.lease_seconds * 1.5
    assert (await sweep(services, services.queue)).queued == 1


async def test_one_that_took_too_long_is_failed_by_whoever_looks(play: Play, clock: Clock):
    services = play(Played([]), now=clock)
    id = await queued(services)
    clock.seconds += services.background_seconds
    assert (await sweep(services, services.queue)).failed == 1
    response = await got(services, id)
    assert (response["status"], response["error"]["message"]) == ("failed", patience.TOO_LATE)
    assert (await sweep(services, services.queue)).failed == 0


@pytest.mark.parametrize("asked", [{}, {"store": False}, {"conversation": True}], ids="".join)
async def test_one_that_may_take_longer_than_responses_stay_is_there_to_be_failed(
    play: Play, clock: Clock, asked: dict[str, Any]
):
    services = play(Played([]), now=clock)
    services.responses = ResponseStore(services.store, now=clock, retention_days=1)
    services.jobs = JobStore(services.store, services.responses, services.conversations, now=clock)
    services.background_seconds = 7 * 86_400.0
    if "conversation" in asked:
        conversation = await create_conversation({}, principal=ME, using=services)
        asked = {"conversation": conversation["id"]}
    id = await queued(services, **asked)
    clock.seconds += services.background_seconds
    assert (await sweep(services, services.queue)).failed == 1
    assert (await got(services, id))["status"] == "failed"
    assert await services.outbox.due() == [("me", id)]


async def test_a_message_that_was_given_up_fails_what_it_was_about(play: Play, clock: Clock):
    services = play(Played([]), now=clock)
    id = await queued(services)
    await services.jobs.take("me", id, owner="at work")
    await bury(message_about("me", id), using=services)
    assert (await got(services, id))["status"] == "in_progress"
    clock.seconds += 61
    await bury(message_about("me", id), using=services)
    response = await got(services, id)
    assert (response["status"], response["error"]["code"]) == ("failed", "server_error")
    assert "after 1 attempts" in response["error"]["message"]
    await bury(message_about("me", "resp_" + "0" * 48), using=services)
    with pytest.raises(UnreadableMessage):
        await bury("{", using=services)


async def test_one_that_is_deleted_meanwhile_does_not_end_the_round(
    play: Play, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    services = play(Played([]), now=clock)
    services.background_seconds = 60.0
    ids = [await queued(services) for _ in range(4)]
    overdue = services.jobs.overdue

    async def one_deleted(*given: Any) -> Any:
        found = await overdue(*given)
        await delete_response(found[0].response_id, principal=ME, using=services)
        return found

    monkeypatch.setattr(services.jobs, "overdue", one_deleted)
    clock.seconds += 61
    assert (await sweep(services, services.queue)).failed == len(ids) - 1
    assert services.reported == []


async def test_whatever_is_wrong_with_one_the_others_are_helped(
    play: Play, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    services = play(Played([]), now=clock)
    ids = [await queued(services) for _ in range(3)]
    postpone, wrong = services.jobs.postpone, ValueError("a row that nobody understands")

    async def postponed(job: Any, until: float) -> None:
        if job.response_id == ids[0]:
            raise wrong
        await postpone(job, until)

    monkeypatch.setattr(services.jobs, "postpone", postponed)
    clock.seconds += 61
    assert (await sweep(services, services.queue)).queued == 2
    assert services.reported == [wrong]


async def test_a_backlog_gets_few_messages_however_long_it_waits(play: Play, clock: Clock):
    services = play(Played([]), now=clock)
    for _ in range(3):
        await queued(services)
    sent = 0
    for _ in range(60):
        clock.seconds += 60
        sent += (await sweep(services, services.queue)).queued
    assert sent <= 3 * 6


async def test_one_that_waits_is_looked_at_again_before_its_time_is_up(play: Play, clock: Clock):
    services = play(Played([]), now=clock)
    services.background_seconds = 3_000.0
    await queued(services)
    for _ in range(49):
        clock.seconds += 60
        assert (await sweep(services, services.queue)).failed == 0
    clock.seconds += 60
    assert (await sweep(services, services.queue)).failed == 1

"""What becomes of messages about background responses, as their control rows say."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.background import asking, patience, watch
from lambda_responses.lifecycle.background.enqueue import enqueue_response
from lambda_responses.lifecycle.background.leased import FALTERED_FOR
from lambda_responses.lifecycle.background.messages import UnreadableMessage
from lambda_responses.lifecycle.background.sweep import sweep
from lambda_responses.lifecycle.background.work import work
from lambda_responses.lifecycle.cancel import cancel_response
from lambda_responses.lifecycle.conversations import create_conversation
from lambda_responses.lifecycle.create import create_response
from lambda_responses.lifecycle.delete import delete_response
from lambda_responses.lifecycle.ports import Unbounded
from lambda_responses.storage.keyed.port import StoreUnavailable
from lambda_responses.stream.deltas import Text
from lambda_responses.wire.errors import (
    InsufficientQuotaError,
    InvalidRequestError,
    NotFoundError,
    OverloadedError,
    RateLimitError,
    UnsupportedError,
)
from tests.contracts.stores.kit import Clock
from tests.played import ME, YOU, Played
from tests.queued import ANSWER, BODY, FIRST, Limited, Silence, done, got, queued, texts

if TYPE_CHECKING:
    from tests.played import Play, PlayedServices

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def stopped(services: PlayedServices, id: str, hold: Silence) -> None:
    """Have a worker begin, and be stopped where its model is silent."""
    working = asyncio.ensure_future(done(services, id))
    await hold.begun.wait()
    working.cancel()
    await asyncio.wait({working})


async def test_what_is_queued_is_made(play: Play):
    services = play(Played([ANSWER]))
    id = await queued(services)
    verdict = await done(services, id)
    assert (verdict.outcome, verdict.again, verdict.target) == ("ended", None, "played/m")
    response = await got(services, id)
    assert (response["status"], texts(response)) == ("completed", ["hello"])


async def test_a_message_that_comes_again_finds_nothing_to_be_done(play: Play):
    services = play(Played([ANSWER]))
    id = await queued(services)
    await done(services, id)
    assert (await done(services, id)).outcome == "gone"
    assert (await done(services, "resp_" + "0" * 48)).outcome == "gone"
    assert (await done(services, "no id")).outcome == "gone"


async def test_what_runs_in_the_foreground_is_no_worker_s_business(play: Play):
    services = play(Played([ANSWER]))
    run = await create_response({**BODY, "background": False}, principal=ME, using=services)
    assert (await done(services, (await run.response())["id"])).outcome == "gone"


@pytest.mark.parametrize(
    "message",
    [
        None,
        {},
        [],
        {"v": 2, "tenant": "me", "response_id": "resp_1"},
        {"v": 1, "tenant": "no#tenant", "response_id": "resp_1"},
    ],
)
async def test_what_is_no_message_of_ours_is_said_to_be_none(play: Play, message: Any):
    with pytest.raises(UnreadableMessage):
        await work(message, using=play(Played([])), owner="w", deadline=Unbounded())


async def test_one_that_somebody_is_at_comes_again_when_their_lease_may_have_run_out(
    play: Play, clock: Clock
):
    services = play(Played([ANSWER]), now=clock)
    id = await queued(services)
    await services.jobs.take("me", id, owner="another")
    verdict = await done(services, id)
    assert (verdict.outcome, verdict.again) == ("held", services.jobs.lease_seconds + 1)
    clock.seconds += verdict.again or 0
    assert (await done(services, id)).outcome == "ended"


async def test_no_more_run_at_once_than_a_tenant_may_have(play: Play):
    hold = Silence()
    services = play(Played([[hold, *ANSWER], ANSWER]))
    services.tenant_concurrency = 1
    first, second = await queued(services), await queued(services)
    working = asyncio.ensure_future(done(services, first))
    await hold.begun.wait()
    verdict = await done(services, second)
    assert verdict.outcome == "crowded"
    assert 10 <= (verdict.again or 0) <= 30
    assert (await got(services, second))["status"] == "queued"
    hold.set()
    assert (await working).outcome == "ended"
    assert (await done(services, second)).outcome == "ended"


async def test_one_that_never_got_on_is_failed(play: Play, clock: Clock):
    services = play(Played([]), now=clock)
    id = await queued(services)
    for number in range(5):
        await services.jobs.take("me", id, owner=f"killed {number}")
        clock.seconds += 61
    assert (await done(services, id)).outcome == "given_up"
    response = await got(services, id)
    assert (response["status"], response["error"]["code"]) == ("failed", "server_error")


async def test_a_provider_that_has_no_room_for_long_has_the_response_put_back(play: Play, clock: Clock):
    busy = RateLimitError("slow down", headers={"retry-after": "120"})
    services = play(Played([FIRST, [busy], ANSWER]), now=clock)
    id = await queued(services)
    verdict = await done(services, id)
    assert verdict.outcome == "put_back"
    assert 120 <= (verdict.again or 0) <= 150
    response = await got(services, id)
    assert (response["status"], texts(response)) == ("queued", ["first"])
    job = await services.jobs.find("me", id)
    assert (job.throttled, job.attempts) == (1, 0)
    assert (await done(services, id)).outcome == "ended"
    assert texts(await got(services, id)) == ["first", "hello"]


async def test_a_provider_that_has_no_room_for_a_moment_is_waited_for(play: Play):
    busy = OverloadedError("in a moment", headers={"retry-after": "0.05"})
    services = play(Played([[busy], ANSWER]))
    id = await queued(services)
    assert (await done(services, id)).outcome == "ended"
    assert texts(await got(services, id)) == ["hello"]


async def test_a_provider_that_says_a_moment_each_time_is_asked_less_and_less_often(
    play: Play, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    pauses: list[float] = []

    async def rest(_: Any, seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(patience.WorkersPatience, "_rest", rest)
    services = play(
        Played([[RateLimitError("slow down", headers={"retry-after": "1"})] for _ in range(99)]), now=clock
    )
    services.background_seconds = 200.0
    id = await queued(services)
    end, delays = clock.seconds + 200, list[float]()
    while clock.seconds < end:
        del pauses[:]
        verdict = await done(services, id)
        assert verdict.outcome == "put_back"
        assert 3 <= len(pauses) <= 4
        assert sum(pauses) <= patience.MOST_IN_PLACE
        assert all(2**n <= pause <= 1.25 * 2**n for n, pause in enumerate(pauses))
        delays.append(verdict.again or 0)
        clock.seconds += verdict.again or 0
    assert clock.seconds == pytest.approx(end)
    assert all(15 * 2**n <= delay <= 1.25 * 15 * 2**n for n, delay in enumerate(delays[:-1]))


async def test_a_provider_that_wants_money_is_not_waited_for(play: Play):
    services = play(Played([[InsufficientQuotaError("pay", headers={"retry-after": "1"})]]))
    id = await queued(services)
    assert (await done(services, id)).outcome == "ended"
    response = await got(services, id)
    assert (response["status"], response["error"]["code"]) == ("failed", "insufficient_quota")


async def test_a_worker_whose_time_is_nearly_up_lets_another_go_on(play: Play):
    services = play(Played([FIRST, ANSWER]))
    id = await queued(services)
    left = Limited(900)

    async def next_step() -> None:
        left.seconds = 30.0

    save = services.jobs.save

    async def saved(*arguments: Any) -> None:
        await save(*arguments)
        await next_step()

    services.jobs.save = saved  # type: ignore[method-assign]
    verdict = await done(services, id, left)
    assert (verdict.outcome, verdict.again) == ("put_back", 0)
    assert texts(await got(services, id)) == ["first"]
    assert (await done(services, id)).outcome == "ended"
    assert texts(await got(services, id)) == ["first", "hello"]


async def test_a_step_for_which_no_worker_has_the_time_fails(play: Play):
    services = play(Played([[asyncio.Event()]]))
    id = await queued(services)
    assert (await done(services, id, Limited(0.05))).outcome == "ended"
    response = await got(services, id)
    assert (response["status"], response["error"]["message"]) == ("failed", patience.TOO_LONG)


async def test_one_that_may_take_no_longer_fails_in_mid_step(play: Play):
    services = play(Played([[asyncio.Event()]]), now=time.time)
    services.background_seconds = 1.2  # from the second in which it was asked for
    id = await queued(services)
    verdict = await done(services, id)
    response = await got(services, id)
    assert (verdict.outcome, response["status"]) == ("ended", "failed")
    assert response["error"]["message"] == patience.TOO_LATE


@pytest.mark.parametrize("gone", ["cancelled", "deleted", "taken over"])
async def test_a_model_is_hung_up_on_once_nobody_waits_for_it(play: Play, clock: Clock, gone: str):
    hold = Silence()
    model = Played([[Text("b", "hel"), hold]])
    services = play(model, now=clock)
    id = await queued(services)
    working = asyncio.ensure_future(done(services, id))
    await hold.begun.wait()
    match gone:
        case "cancelled":
            await cancel_response(id, principal=ME, using=services)
        case "deleted":
            await delete_response(id, principal=ME, using=services)
        case _:
            clock.seconds += 61
            await services.jobs.take("me", id, owner="another")
    began_at = time.monotonic()
    assert (await working).outcome == "lost"
    assert time.monotonic() - began_at < 2
    assert model.open_answers == 0
    assert services.reported == []


async def test_what_was_cancelled_stays_cancelled_whatever_a_late_worker_does(play: Play):
    hold = Silence()
    model = Played([[hold, *ANSWER]])
    services = play(model)
    id = await queued(services)
    working = asyncio.ensure_future(done(services, id))
    await hold.begun.wait()
    cancelled = await cancel_response(id, principal=ME, using=services)
    hold.set()
    assert (await working).outcome == "lost"
    assert await got(services, id) == cancelled
    assert (cancelled["status"], cancelled["output"], cancelled["error"]) == ("cancelled", [], None)


async def test_a_lease_is_renewed_for_as_long_as_a_model_speaks(
    play: Play, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(watch, "LOOK_EVERY", 0.02)
    hold = Silence()
    model = Played([[hold, *ANSWER]])
    services = play(model, now=clock)
    services.jobs.lease_seconds = 0.1
    id = await queued(services)
    working = asyncio.ensure_future(done(services, id))
    await hold.begun.wait()
    renew, renewed = services.jobs.renew, asyncio.Event()

    async def renewing(lease: Any) -> None:
        await renew(lease)
        renewed.set()

    monkeypatch.setattr(services.jobs, "renew", renewing)
    clock.seconds += 100
    await renewed.wait()
    assert (await services.jobs.find("me", id)).lease == clock.seconds + services.jobs.lease_seconds
    hold.set()
    assert (await working).outcome == "ended"


async def test_a_run_ends_whose_lease_cannot_be_renewed(play: Play, monkeypatch: pytest.MonkeyPatch):
    async def unavailable(*_: Any) -> None:
        raise StoreUnavailable("throttled")

    model = Played([[asyncio.Event()]])
    services = play(model)
    services.jobs.lease_seconds = 0.1
    monkeypatch.setattr(services.jobs, "look", unavailable)
    monkeypatch.setattr(services.jobs, "renew", unavailable)
    id = await queued(services)
    assert (await done(services, id)).outcome == "lost"
    assert model.open_answers == 0


async def test_a_worker_that_is_stopped_lets_another_go_on_at_once(play: Play):
    hold = Silence()
    model = Played([[hold], ANSWER])
    services = play(model)
    id = await queued(services)
    await services.queue.receive(9, visible_after=900)
    await stopped(services, id, hold)
    assert (await got(services, id))["status"] == "queued"
    assert await services.queue.receive(9, visible_after=900) == []  # it has a message, which comes again
    assert (await done(services, id)).outcome == "ended"


async def test_a_worker_may_be_stopped_as_often_as_one_likes(play: Play):
    holds = [Silence() for _ in range(7)]
    services = play(Played([FIRST, *([hold] for hold in holds), ANSWER]))
    id = await queued(services)
    for hold in holds:
        await stopped(services, id, hold)
        assert (await services.jobs.find("me", id)).attempts == 0
    assert (await done(services, id)).outcome == "ended"
    assert texts(await got(services, id)) == ["first", "hello"]


async def test_a_store_that_falters_has_the_response_put_back_and_that_counts(
    play: Play, monkeypatch: pytest.MonkeyPatch
):
    services = play(Played([[*ANSWER] for _ in range(6)]))
    id = await queued(services, stream=True)

    async def unavailable(*_: Any) -> None:
        raise StoreUnavailable("throttled")

    with monkeypatch.context() as broken:
        broken.setattr(asking, "PAUSES", ())
        broken.setattr(services.events, "append", unavailable)
        for number in range(5):
            verdict = await done(services, id)
            assert (verdict.outcome, verdict.again) == ("put_back", FALTERED_FOR)
            job = await services.jobs.find("me", id)
            assert (job.status, job.lease, job.attempts) == ("queued", None, number + 1)
        assert [str(each) for each in services.reported] == ["throttled"] * 5
    assert (await done(services, id)).outcome == "given_up"


async def test_a_model_that_is_not_there_any_more_fails_the_response(play: Play):
    services = play(Played([ANSWER]))
    id = await queued(services)
    services.resolve = lambda *_, **__: (_ for _ in ()).throw(InvalidRequestError("Gone."))  # type: ignore[method-assign]
    assert (await done(services, id)).outcome == "given_up"
    response = await got(services, id)
    assert (response["status"], response["error"]) == (
        "failed",
        {"code": "invalid_prompt", "message": "Gone."},
    )


async def test_it_goes_on_though_what_it_continues_is_deleted(play: Play):
    model = Played([ANSWER, ANSWER])
    services = play(model)
    before = await queued(services)
    await done(services, before)
    id = await queued(services, previous_response_id=before, input="and?")
    await delete_response(before, principal=ME, using=services)
    assert (await done(services, id)).outcome == "ended"
    assert [item["type"] for item in model.turns[1].items] == ["message"] * 3


async def test_a_conversation_is_kept_for_it_until_it_has_ended(play: Play):
    services = play(Played([ANSWER, ANSWER]))
    conversation = await create_conversation({}, principal=ME, using=services)
    id = await queued(services, conversation=conversation["id"])
    with pytest.raises(InvalidRequestError) as caught:
        await queued(services, conversation=conversation["id"])
    assert caught.value.code == "conversation_locked"
    await done(services, id)
    context = await services.conversations.context("me", conversation["id"])
    assert [item["role"] for item in context.items] == ["user", "assistant"]
    await done(services, await queued(services, conversation=conversation["id"]))


async def test_nobody_else_s_response_can_be_cancelled(play: Play):
    services = play(Played([]))
    id = await queued(services)
    with pytest.raises(NotFoundError):
        await cancel_response(id, principal=YOU, using=services)
    assert (await got(services, id))["status"] == "queued"


async def test_without_a_queue_nothing_runs_in_the_background(play: Play, monkeypatch: pytest.MonkeyPatch):
    services = play(Played([]))
    monkeypatch.setattr(services, "queue", None)
    with pytest.raises(UnsupportedError) as caught:
        await enqueue_response(BODY, principal=ME, using=services)
    assert caught.value.param == "background"


async def test_a_message_that_finds_no_slot_is_about_what_is_left_to_do(play: Play, clock: Clock):
    services = play(Played([ANSWER]), now=clock)
    ended, held, waiting = [await queued(services) for _ in range(3)]
    await done(services, ended)
    await services.jobs.take("me", held, owner="another")
    services.tenant_concurrency = 1
    await services.slots.take("me", 1, "long")
    assert (await done(services, ended)).outcome == "gone"
    assert (await done(services, "resp_" + "0" * 48)).outcome == "gone"
    assert (await done(services, held)).outcome == "held"
    assert (await done(services, waiting)).outcome == "crowded"
    clock.seconds += services.background_seconds
    await services.slots.take("me", 1, "another that is long")
    assert (await done(services, waiting)).outcome == "gone"  # it is the sweeper's by now


async def test_what_waits_for_a_slot_gets_no_second_message(play: Play, clock: Clock):
    services = play(Played([]), now=clock)
    services.tenant_concurrency = 1
    slot = await services.slots.take("me", 1, "long")
    assert slot is not None
    lying = {await queued(services): clock.seconds for _ in range(5)}  # by id, when its message comes
    deliveries = 0
    for _ in range(600):
        clock.seconds += 1
        await services.slots.renew(slot)
        assert (await sweep(services, services.queue)).queued == 0
        for id in [id for id, due in lying.items() if due <= clock.seconds]:
            lying[id] = clock.seconds + ((await done(services, id)).again or 0)
            deliveries += 1
    assert deliveries <= 5 * 60


async def test_a_lease_that_would_end_in_days_is_over(play: Play, clock: Clock):
    services = play(Played([ANSWER]), now=clock)
    id = await queued(services)
    clock.seconds += 80_000
    await services.jobs.take("me", id, owner="another")
    clock.seconds -= 80_000  # a laptop's clock was set back
    assert (await done(services, id)).outcome == "ended"


async def test_what_nobody_foresaw_while_its_end_is_kept_fails_it_and_is_paid_once(
    play: Play, monkeypatch: pytest.MonkeyPatch
):
    wrong = ValueError("nobody foresaw this")

    async def commit(*_: Any, **__: Any) -> None:
        raise wrong

    services = play(Played([ANSWER]))
    id = await queued(services)
    monkeypatch.setattr(services.jobs, "commit", commit)
    assert (await done(services, id)).outcome == "given_up"
    response = await got(services, id)
    assert (response["status"], response["error"]["message"]) == (
        "failed",
        "The response could not be stored.",
    )
    assert services.reported == [wrong]
    assert (await done(services, id)).outcome == "gone"

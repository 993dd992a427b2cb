"""Background requests that their client has named and sends again: the record answers, if there is one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.background.enqueue import enqueue_response
from lambda_responses.lifecycle.delete import delete_response
from lambda_responses.lifecycle.once import once
from lambda_responses.lifecycle.ports import Unbounded
from lambda_responses.lifecycle.queued_requests import run_queued_request
from lambda_responses.wire.errors import NotFoundError
from tests.contracts.stores.kit import Clock
from tests.played import ME, Played
from tests.queued import ANSWER, BODY, done, got

if TYPE_CHECKING:
    from lambda_responses.lifecycle.once import Once
    from tests.played import Play, PlayedServices

pytestmark = pytest.mark.anyio

UNKEPT: dict[str, Any] = {**BODY, "store": False, "instructions": "secret instructions"}


@pytest.fixture
def clock() -> Clock:
    return Clock()


def named(services: PlayedServices) -> Once:
    sent = json.dumps(UNKEPT).encode()
    return once(sent, UNKEPT, key="mine", tries=None, principal=ME, using=services, attach=True)


async def queued(services: PlayedServices) -> str:
    asking = named(services)
    assert await asking.answer(Unbounded()) is None
    return (await enqueue_response(UNKEPT, principal=ME, using=services, claim=asking))["id"]


async def test_without_store_a_repetition_hears_how_it_is_by_now(play: Play):
    services = play(Played([ANSWER]))
    id = await queued(services)
    for status in ("queued", "completed"):
        again = await named(services).answer(Unbounded())
        assert again is not None
        assert again.response == await got(services, id)
        assert again.response["status"] == status
        await done(services, id)


async def test_without_store_nothing_of_it_outlives_its_record_but_its_name(play: Play, clock: Clock):
    services = play(Played([ANSWER]), now=clock)
    await done(services, await queued(services))
    clock.advance(700)
    with pytest.raises(NotFoundError):
        await named(services).answer(Unbounded())
    claim, kept = await services.claims.only(named(services)._request)  # type: ignore[attr-defined]
    assert kept is not None
    assert claim is not None
    assert kept.response == {"id": claim.response_id}


async def test_what_was_deleted_is_answered_anew(play: Play):
    services = play(Played([]))
    await delete_response(await queued(services), principal=ME, using=services)
    assert await named(services).answer(Unbounded()) is None


async def test_a_job_that_comes_again_when_its_answer_is_gone_is_a_repetition(play: Play, clock: Clock):
    services = play(Played([ANSWER]), now=clock)
    line = json.dumps({"custom_id": "one", "method": "POST", "url": "/v1/responses", "body": UNKEPT}).encode()
    assert await run_queued_request(line, name="m1", principal=ME, using=services) == {"queued": 1}
    [message] = await services.queue.receive(9, visible_after=60)
    await done(services, message.message["response_id"])
    clock.advance(700)
    assert await run_queued_request(line, name="m2", principal=ME, using=services) == {"repeated": 1}

"""What becomes of a leased run whose answer cannot be kept, and of one that has lost its lease by then."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.background.keeping import Keeping
from lambda_responses.lifecycle.background.leased import LeasedRun
from lambda_responses.lifecycle.ports import Unbounded, Unkept
from lambda_responses.lifecycle.waiting import Interrupted
from lambda_responses.storage.background.jobs import JobStore, LeaseLost
from lambda_responses.storage.responses import ResponseStore
from lambda_responses.wire.not_found import model_not_found
from tests.contracts.stores.kit import Clock
from tests.played import Played
from tests.queued import got, queued, texts

if TYPE_CHECKING:
    from lambda_responses.storage.background.job import Lease
    from lambda_responses.storage.responses import StoredResponse
    from tests.played import Play, PlayedServices

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def services(play: Play, clock: Clock) -> PlayedServices:
    """Without a place for what is too long for rows."""
    services = play(Played([]), now=clock)
    services.responses = ResponseStore(services.store, now=clock)
    services.jobs = JobStore(
        services.store, services.responses, services.conversations, now=clock, lease_seconds=4.0
    )
    return services


async def said(services: PlayedServices, lease: Lease, text: str, status: str) -> StoredResponse:
    stored = await services.responses.get("me", lease.job.response_id)
    content = [{"type": "output_text", "text": text, "annotations": []}]
    message = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed"}
    response = {**stored.response, "status": status, "output": [{**message, "content": content}]}
    return replace(stored, response=response)


def noise(size: int) -> str:
    made = random.Random(1)
    return "".join(chr(made.randrange(33, 127)) for _ in range(size))


async def test_what_is_too_long_to_be_stored_fails(services: PlayedServices) -> None:
    id = await queued(services)
    lease = await services.jobs.take("me", id, owner="one")
    with pytest.raises(Interrupted):
        await Keeping(lease, services, None).commit(
            await said(services, lease, noise(5_000_000), "completed"), []
        )
    response = await got(services, id)
    assert (response["status"], response["error"]["message"]) == (
        "failed",
        "The response could not be stored.",
    )


async def test_whoever_has_lost_the_lease_fails_nothing(services: PlayedServices, clock: Clock) -> None:
    id = await queued(services)
    late = await services.jobs.take("me", id, owner="late")
    await services.jobs.save(late, await said(services, late, "half", "in_progress"), {"told": -1})
    clock.advance(5)
    now = await services.jobs.take("me", id, owner="now")
    with pytest.raises(LeaseLost):
        await Keeping(late, services, None).commit(
            await said(services, late, noise(5_000_000), "completed"), []
        )
    await services.jobs.commit(now, await said(services, now, "whole", "completed"))
    response = await got(services, id)
    assert (response["status"], texts(response)) == ("completed", ["whole"])


async def test_whoever_was_taken_over_before_it_found_no_model_fails_nothing(
    services: PlayedServices, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await queued(services)
    late = await services.jobs.take("me", id, owner="late")
    clock.advance(5)
    now = await services.jobs.take("me", id, owner="now")

    def gone(model: str, **_: Any) -> Any:
        raise model_not_found(model)

    monkeypatch.setattr(services, "resolve", gone)
    run = LeasedRun(late, services, deadline=Unbounded(), telling=Unkept(), whole=True)
    assert (await run.go_on()).outcome == "lost"
    await services.jobs.commit(now, await said(services, now, "whole", "completed"))
    assert (await got(services, id))["status"] == "completed"

"""Whether a run notices that its lease is lost, whatever else hangs."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.background import watch
from lambda_responses.lifecycle.background.watch import watched
from lambda_responses.storage.keyed.port import StoreUnavailable
from tests.played import Played
from tests.queued import queued

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from lambda_responses.lifecycle.background.watch import Beat, Watch
    from lambda_responses.storage.background.job import Lease
    from tests.played import Play, PlayedServices

pytestmark = pytest.mark.anyio

LEASE_SECONDS = 0.6


@pytest.fixture
def services(play: Play, monkeypatch: pytest.MonkeyPatch) -> PlayedServices:
    monkeypatch.setattr(watch, "LOOK_EVERY", 0.05)
    services = play(Played([]), now=time.time)
    services.jobs.lease_seconds = LEASE_SECONDS
    return services


@asynccontextmanager
async def watching(
    services: PlayedServices, beats: Sequence[Beat] = ()
) -> AsyncGenerator[tuple[Watch, Lease]]:
    lease = await services.jobs.take("me", await queued(services), owner="w")
    async with watched(services, lease, beats) as watch:
        yield watch, lease


async def hang(*_: Any) -> None:
    await asyncio.Event().wait()


def stand_still(seconds: float) -> None:
    """The whole process, as on a laptop that was closed."""
    time.sleep(seconds)


async def test_a_cancel_is_noticed_while_a_beat_hangs(services: PlayedServices):
    async with watching(services, (hang,)) as (watch, lease):
        await asyncio.sleep(LEASE_SECONDS / 2)  # the beat hangs by now
        await services.jobs.cancel("me", lease.job.response_id)
        await asyncio.wait_for(watch.requested(), LEASE_SECONDS / 2)


async def test_a_lease_lives_on_while_a_beat_hangs(services: PlayedServices):
    async with watching(services, (hang,)) as (watch, lease):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(watch.requested(), 2 * LEASE_SECONDS)
        await services.jobs.look(lease)
        assert (await services.jobs.find("me", lease.job.response_id)).lease > time.time()  # type: ignore[operator]


async def test_a_cancel_is_noticed_after_a_look_that_hangs(
    services: PlayedServices, monkeypatch: pytest.MonkeyPatch
):
    looks = [hang]
    look = services.jobs.look

    async def looked(lease: Lease) -> None:
        await (looks.pop() if looks else look)(lease)

    monkeypatch.setattr(services.jobs, "look", looked)
    async with watching(services) as (watch, lease):
        await services.jobs.cancel("me", lease.job.response_id)
        await asyncio.wait_for(watch.requested(), LEASE_SECONDS / 2)


async def test_a_run_stops_when_its_lease_is_over_though_the_renewal_hangs(
    services: PlayedServices, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(services.jobs, "renew", hang)
    async with watching(services) as (watch, _):
        await asyncio.wait_for(watch.requested(), 2 * LEASE_SECONDS)


async def test_a_run_that_stood_still_for_longer_than_its_lease_goes_on_if_nobody_took_it(
    services: PlayedServices,
):
    async with watching(services) as (watch, lease):
        stand_still(1.5 * LEASE_SECONDS)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(watch.requested(), LEASE_SECONDS)
        await services.jobs.look(lease)


async def test_what_nobody_foresaw_is_reported_and_the_watch_goes_on(
    services: PlayedServices, monkeypatch: pytest.MonkeyPatch
):
    look, faults = services.jobs.look, [ValueError("unforeseen"), StoreUnavailable("busy")]

    async def looked(lease: Lease) -> None:
        if faults:
            raise faults.pop()
        await look(lease)

    monkeypatch.setattr(services.jobs, "look", looked)
    async with watching(services) as (watch, lease):
        await services.jobs.cancel("me", lease.job.response_id)
        await asyncio.wait_for(watch.requested(), LEASE_SECONDS)
    assert [str(each) for each in services.reported] == ["unforeseen"]

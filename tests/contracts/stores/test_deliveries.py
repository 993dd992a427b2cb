"""An end is told to everybody who wants to know, wherever those who tell it die: on every keyed store."""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle import webhook_endpoints as operations
from lambda_responses.lifecycle.notifications import DELAYS, deliver
from lambda_responses.lifecycle.ports import Principal
from lambda_responses.storage.background.job import Job
from lambda_responses.storage.background.outbox import LEASE, Outbox, outbox_row
from lambda_responses.storage.keyed.port import StoreUnavailable
from lambda_responses.storage.table import TenantTable
from lambda_responses.storage.webhook_endpoints import WebhookEndpoints
from tests.contracts.stores.kit import WatchedStore
from tests.contracts.stores.rooms import Faulty
from tests.fakes.mailbox import Mailbox
from tests.played import PlayedServices

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from lambda_responses.storage.keyed.port import KeyedStore
    from tests.contracts.stores.kit import Clock

pytestmark = pytest.mark.anyio

READS_AND_WRITES = ("get", "query", "update", "delete")
URLS = ("https://a.example/", "https://b.example/")
ANSWERS = ([200, 200, 200], [500, 200, 200], [500, 500, 200], [410, 200, 200])
"""Of the endpoints, in turn: all is well, one is late, both are, one is gone."""


class Dies(BaseException):
    """What a process that is killed leaves of a call: nothing at all."""


class Mortal:
    """Lets the process die at the so-manieth request to the store, before it is made or after."""

    def __init__(self, store: WatchedStore, at: int, *, after: bool) -> None:
        self.store, self.left, self.after = store, at, after
        for verb in READS_AND_WRITES:
            setattr(store, verb, self._mortal(verb, getattr(store, verb)))

    def _mortal(self, verb: str, request: Any) -> Any:
        async def made(*arguments: Any, **options: Any) -> Any:
            self.left -= 1
            if self.left == 0 and not self.after:
                raise Dies
            result = await request(*arguments, **options)
            if self.left == 0:
                raise Dies
            return result

        return made

    def revive(self) -> None:
        for verb in READS_AND_WRITES:
            delattr(self.store, verb)


class Telling:
    """Two endpoints of a tenant, and an end that they wait for."""

    def __init__(self, services: PlayedServices, keyed: KeyedStore, clock: Clock) -> None:
        self.services, self.keyed, self.clock = services, keyed, clock
        self.watched = WatchedStore(keyed)
        services.outbox = Outbox(self.watched, now=clock)
        services.webhook_endpoints = WebhookEndpoints(self.watched, now=clock)
        self.tenant = f"acme-{secrets.token_hex(6)}"
        self.response_id = f"resp_{secrets.token_hex(24)}"
        services.outbound = self.mail = Mailbox()

    async def begin(self) -> None:
        for url in URLS:
            body = {"name": "n", "url": url, "event_types": ["response.completed"]}
            await operations.create_endpoint(body, principal=Principal(self.tenant), using=self.services)
        job = Job(self.tenant, self.response_id, "in_progress", False, 1, None, 0, 0, 2e9, None)
        await self.keyed.transact([outbox_row(job, "completed", None, now=self.clock())])

    async def attempt(self) -> None:
        await deliver(self.tenant, self.response_id, using=self.services)

    async def go_on(self) -> None:
        """What any other process does, later."""
        for seconds in (LEASE, *(2 * delay for delay in DELAYS)):
            self.clock.advance(seconds)
            await self.attempt()

    async def check(self) -> None:
        """Everybody was told of one event, and nobody is waited for."""
        assert {post.url for post in self.mail.posted} == set(URLS)
        assert len({(post.id, post.body) for post in self.mail.posted}) == 1
        assert await self.keyed.get(TenantTable(self.tenant).notification(self.response_id)) is None


@pytest.fixture
async def telling(tmp_path: Path, keyed: KeyedStore, clock: Clock) -> AsyncIterator[Telling]:
    (tmp_path / "keys").mkdir()
    services = PlayedServices(tmp_path / "keys", now=clock)
    made = Telling(services, keyed, clock)
    await made.begin()
    yield made
    services.close()


@pytest.mark.parametrize("answers", ANSWERS)
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, 7))
async def test_a_process_may_die_at_every_request_to_the_store(
    telling: Telling, at: int, after: bool, answers: list[Any]
) -> None:
    telling.mail.answers = [*answers]
    mortal = Mortal(telling.watched, at, after=after)
    with suppress(Dies):
        await telling.attempt()
        telling.clock.advance(2 * DELAYS[0])
        await telling.attempt()
    mortal.revive()
    await telling.go_on()
    await telling.check()


@pytest.mark.parametrize("answers", ANSWERS)
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("failing", range(1, 5))
async def test_every_write_may_fail_or_its_answer_be_lost(
    telling: Telling, failing: int, after: bool, answers: list[Any]
) -> None:
    telling.mail.answers = [*answers]
    faulty = Faulty(telling.watched, failing, after=after)
    for _ in range(2):
        with suppress(StoreUnavailable):
            await telling.attempt()
        telling.clock.advance(2 * DELAYS[0])
    faulty.stop()
    await telling.go_on()
    await telling.check()


async def test_an_end_that_nobody_waits_for_costs_one_write(telling: Telling) -> None:
    for endpoint in await telling.services.webhook_endpoints.list(telling.tenant):
        await telling.services.webhook_endpoints.delete(telling.tenant, endpoint.id)
    telling.watched.reset()
    await telling.attempt()
    assert telling.watched.requests == {"get": 1, "query": 1, "delete": 1}
    assert await telling.keyed.get(TenantTable(telling.tenant).notification(telling.response_id)) is None


async def test_an_end_that_all_took_costs_four_requests(telling: Telling) -> None:
    telling.watched.reset()
    await telling.attempt()
    assert telling.watched.requests == {"get": 1, "update": 1, "query": 1, "delete": 1}

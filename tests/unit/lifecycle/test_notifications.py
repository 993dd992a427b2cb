"""Whoever wants to know that a background response has ended is told: once if all is well, and never not."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle import notifications
from lambda_responses.lifecycle import webhook_endpoints as operations
from lambda_responses.lifecycle.create import create_response
from lambda_responses.lifecycle.delete import delete_response
from lambda_responses.lifecycle.notifications import DELAYS, SPREAD, deliver_as_due, deliver_due, deliver_each
from lambda_responses.outbound.faults import Refused, TooSlow, Unreachable
from lambda_responses.queue.event_bus import LONGEST_DETAIL
from lambda_responses.queue.port import QueueUnavailable
from lambda_responses.sealing.keys import KeyRing, new_key
from lambda_responses.sealing.sealer import Sealer
from lambda_responses.storage.background.job import Job
from lambda_responses.storage.background.outbox import LEASE, outbox_row
from lambda_responses.storage.keyed.port import StoreUnavailable
from lambda_responses.stream.deltas import Stopped, Text
from lambda_responses.wire.webhooks import EVENT_TYPES, webhook_event
from tests.contracts.stores.kit import Clock
from tests.fakes.mailbox import Mailbox
from tests.hosted.hosting import eventually
from tests.played import ME, YOU, Played

if TYPE_CHECKING:
    from lambda_responses.lifecycle.ports import Principal
    from tests.fakes.mailbox import Post
    from tests.played import Play, PlayedServices

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
HOURS_72 = 72 * 3_600
REPLY = {"custom_id": "mine"}


@dataclass
class Bus:
    """An event bus that remembers what it was told."""

    told: list[tuple[str, Json, int]] = field(default_factory=list)
    fault: Exception | None = None

    async def publish(self, type: str, detail: Json, *, at: int) -> None:
        if self.fault:
            raise self.fault
        self.told.append((type, detail, at))


@dataclass
class Office:
    """Responses that end, endpoints that are told, and the time in between."""

    services: PlayedServices
    provider: Played
    clock: Clock
    mail: Mailbox
    secrets: dict[str, str] = field(default_factory=dict)

    async def endpoint(self, url: str = "https://a.example/", *types: str, of: Principal = ME) -> str:
        body = {"name": "n", "url": url, "event_types": [*(types or EVENT_TYPES)]}
        made = await operations.create_endpoint(body, principal=of, using=self.services)
        self.secrets[url] = made["signing_secret"]
        return made["id"]

    async def end(self, status: str = "completed", *, of: Principal = ME, reply: Json | None = None) -> str:
        """The id of a response that has just ended, of which nothing but its end is known."""
        response_id = f"resp_{self.services.entropy(48)}"
        await self._note(response_id, status, of, reply)
        return response_id

    async def answer(self, text: str, reply: Json | None = None) -> Json:
        """A stored response that has just ended."""
        self.provider.steps.append([Text(0, text), Stopped("end")])
        request = {"model": "m", "input": "x", "metadata": {"order": "7"}}
        run = await create_response(request, principal=ME, using=self.services)
        response = await run.response()
        await self._note(response["id"], response["status"], ME, reply)
        return response

    async def _note(self, id: str, status: str, of: Principal, reply: Json | None) -> None:
        job = Job(of.tenant, id, "in_progress", False, 1, None, 0, 0, 2e9, None)
        await self.services.store.transact([outbox_row(job, status, reply, now=self.clock())])

    async def deliver(self) -> list[Post]:
        """What goes out now."""
        before = len(self.mail.posted)
        await deliver_due(using=self.services)
        return self.mail.posted[before:]

    def event(self, post: Post) -> Json:
        """What a delivery tells, if it is signed as its receiver expects."""
        return post.event(self.secrets[post.url])

    async def results(self) -> list[Json]:
        """The lines on the result queue that nobody has had yet."""
        queue: Any = self.services.results
        received = await queue._queue.receive(100, visible_after=1e9)
        return [each.message for each in received]

    @property
    def reasons(self) -> list[str]:
        return [reason for _, reason, _ in self.services.undelivered]


@pytest.fixture
def office(play: Play) -> Office:
    clock, provider = Clock(), Played([])
    services = play(provider, now=clock)
    services.outbound = mail = Mailbox()
    return Office(services, provider, clock, mail)


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled", "incomplete"])
async def test_an_endpoint_hears_of_an_end_once(office: Office, status: str) -> None:
    await office.endpoint()
    id = await office.end(status)
    [post] = await office.deliver()
    event = webhook_event(f"response.{status}", id, at=int(office.clock()))
    assert office.event(post) == event
    assert post.id == event["id"]
    office.clock.advance(HOURS_72)
    assert await office.deliver() == []
    assert office.services.undelivered == []


async def test_each_hears_of_what_it_asked_for(office: Office) -> None:
    await office.endpoint("https://all.example/")
    await office.endpoint("https://failed.example/", "response.failed")
    await office.endpoint("https://yours.example/", of=YOU)
    await office.end("completed")
    assert [post.url for post in await office.deliver()] == ["https://all.example/"]
    await office.end("failed")
    told = {post.url for post in await office.deliver()}
    assert told == {"https://all.example/", "https://failed.example/"}
    await office.end("failed", of=YOU)
    assert [post.url for post in await office.deliver()] == ["https://yours.example/"]


async def test_an_end_that_nobody_asked_for_is_forgotten(office: Office) -> None:
    await office.end()
    assert await office.deliver() == []
    await office.endpoint()
    office.clock.advance(HOURS_72)
    assert await office.deliver() == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (302, "it answered with status 302"),
        (404, "it answered with status 404"),
        (500, "it answered with status 500"),
        (Refused(), "its address is not open to this server"),
        (Unreachable(), "it could not be reached"),
        (TooSlow(), "it did not answer within 15 seconds"),
    ],
)
async def test_whoever_did_not_take_it_is_told_again(
    office: Office, answer: int | Exception, reason: str
) -> None:
    await office.endpoint()
    await office.end()
    office.mail.answers = [answer]
    [first] = await office.deliver()
    assert office.reasons == [reason]
    assert await office.deliver() == []
    office.clock.advance(DELAYS[0] * (1 + SPREAD))
    [second] = await office.deliver()
    assert second.id == first.id
    assert second.body == first.body
    assert second.headers["webhook-timestamp"] != first.headers["webhook-timestamp"]
    assert office.event(second)
    office.clock.advance(HOURS_72)
    assert await office.deliver() == []


async def test_an_endpoint_is_tried_for_72_hours_and_less_and_less_often(office: Office) -> None:
    await office.endpoint()
    await office.end()
    office.mail.always = 503
    began = office.clock()
    times: list[float] = []
    while office.clock() < began + 2 * HOURS_72:
        times += [office.clock() - began for _ in await office.deliver()]
        office.clock.advance(60)
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert times[0] == 0
    assert HOURS_72 <= times[-1] <= HOURS_72 + 60
    assert waits[:-1] == sorted(waits[:-1])
    assert all(wait <= delay * (1 + SPREAD) + 60 for wait, delay in zip(waits, DELAYS, strict=False))
    assert [final for *_, final in office.services.undelivered] == [False] * (len(times) - 1) + [True]


async def test_who_has_it_is_not_told_again_with_who_has_not(office: Office) -> None:
    await office.endpoint("https://good.example/")
    await office.endpoint("https://bad.example/")
    await office.end()
    office.mail.answers = [200, 500]
    assert len(await office.deliver()) == 2
    office.clock.advance(60)
    assert [post.url for post in await office.deliver()] == ["https://bad.example/"]


async def test_one_that_answers_gone_hears_no_more_until_it_is_changed(office: Office) -> None:
    id = await office.endpoint()
    await office.end()
    office.mail.answers = [410]
    assert len(await office.deliver()) == 1
    await office.end()
    office.clock.advance(HOURS_72)
    assert await office.deliver() == []
    await operations.update_endpoint(id, {"name": "back"}, principal=ME, using=office.services)
    await office.end()
    assert len(await office.deliver()) == 1


async def test_one_that_is_deleted_is_not_tried_again(office: Office) -> None:
    id = await office.endpoint()
    await office.end()
    office.mail.always = 500
    assert len(await office.deliver()) == 1
    await operations.delete_endpoint(id, principal=ME, using=office.services)
    office.clock.advance(HOURS_72)
    assert await office.deliver() == []


async def test_a_rotated_secret_signs_beside_the_old_one_for_a_day(office: Office) -> None:
    url = "https://a.example/"
    id = await office.endpoint(url)
    old = office.secrets[url]
    body = {"keep_old_secret_active_for_24_hours": True}
    rotated = await operations.rotate_secret(id, body, principal=ME, using=office.services)
    await office.end()
    [post] = await office.deliver()
    assert post.event(old) == post.event(rotated["signing_secret"])
    office.clock.advance(24 * 3_600)
    await office.end()
    [post] = await office.deliver()
    assert post.event(rotated["signing_secret"])
    with pytest.raises(Exception, match="signature"):
        post.event(old)


async def test_the_old_secret_is_void_at_once_unless_it_was_to_stay(office: Office) -> None:
    id = await office.endpoint()
    rotated = await operations.rotate_secret(id, {}, principal=ME, using=office.services)
    await office.end()
    [post] = await office.deliver()
    assert post.event(rotated["signing_secret"])
    with pytest.raises(Exception, match="signature"):
        office.event(post)


async def test_a_secret_that_cannot_be_read_holds_up_nobody_else(office: Office) -> None:
    await office.endpoint("https://a.example/", of=ME)
    services: Any = office.services
    ours = services.sealer

    async def other_keys(tenant: str) -> Sealer:
        return Sealer(KeyRing([new_key(lambda count: b"z" * count)]), tenant)

    services.sealer = other_keys
    await office.endpoint("https://b.example/", of=ME)
    await office.end()
    assert [post.url for post in await office.deliver()] == ["https://b.example/"]
    assert office.reasons == ["its secret cannot be read"]
    services.sealer = ours
    office.clock.advance(60)
    assert [post.url for post in await office.deliver()] == ["https://a.example/"]


async def test_workers_that_come_at_once_tell_it_once(office: Office) -> None:
    await office.endpoint()
    ends = [(ME.tenant, await office.end()) for _ in range(4)]
    rounds = (deliver_due(using=office.services) for _ in range(3))
    await asyncio.gather(*rounds, deliver_each(ends, using=office.services))
    assert len({post.id for post in office.mail.posted}) == len(office.mail.posted) == 4


async def test_what_a_worker_had_when_it_died_is_told_by_another(office: Office) -> None:
    await office.endpoint()
    await office.end()
    office.mail.answers = [asyncio.Event()]
    dying = asyncio.create_task(deliver_due(using=office.services))
    await office.mail.arrived.wait()
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    assert await office.deliver() == []
    office.clock.advance(LEASE)
    [again] = await office.deliver()
    assert again.id == office.mail.posted[0].id


async def test_a_receiver_that_hangs_holds_up_no_other_tenant(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications, "AT_ONCE", 2)
    monkeypatch.setattr(notifications, "MOST_AT_A_LOOK", 3)
    monkeypatch.setattr(notifications, "LOOK_SECONDS", 0.01)
    await office.endpoint("https://hangs.example/")
    await office.endpoint("https://yours.example/", of=YOU)
    for _ in range(7):
        await office.end()
    office.clock.advance(1)
    office.mail.answers = [asyncio.Event(), asyncio.Event()]
    delivering = asyncio.create_task(deliver_as_due(using=office.services))
    try:
        assert await eventually(lambda: len(office.mail.posted) == 2)
        for _ in range(3):
            await office.end(of=YOU)
        assert await eventually(lambda: len(office.mail.posted) == 5)
        assert [post.url for post in office.mail.posted[2:]] == ["https://yours.example/"] * 3
    finally:
        delivering.cancel()
        await asyncio.gather(delivering, return_exceptions=True)


async def test_what_is_tried_for_longer_than_a_lease_is_kept_from_others(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications, "BEATS", 100 * LEASE)
    await office.endpoint()
    end = (ME.tenant, await office.end())
    hanging = asyncio.Event()
    office.mail.answers = [hanging]
    outbox, renewed = office.services.outbox, asyncio.Event()
    take = outbox.take

    async def watched(notification: Any) -> Any:
        taken = await take(notification)
        renewed.set()
        return taken

    monkeypatch.setattr(outbox, "take", watched)
    trying = asyncio.create_task(deliver_each([end], using=office.services))
    await office.mail.arrived.wait()
    for _ in range(3):
        office.clock.advance(LEASE - 1)
        for _ in range(2):  # of which the first may have begun before that
            renewed.clear()
            await asyncio.wait_for(renewed.wait(), 10)
        assert await office.deliver() == []
    hanging.set()
    await trying
    assert len(office.mail.posted) == 1
    assert await outbox.find(*end) is None
    office.clock.advance(HOURS_72)
    assert await office.deliver() == []


async def test_a_store_that_fails_for_one_end_fails_for_that_one_only(office: Office) -> None:
    await office.endpoint()
    lost, told = await office.end(), await office.end()
    services: Any = office.services
    find = services.outbox.find

    async def failing(tenant: str, response_id: str) -> Any:
        if response_id == lost:
            raise StoreUnavailable("not now")
        return await find(tenant, response_id)

    services.outbox.find = failing
    [post] = await office.deliver()
    assert office.event(post)["data"]["id"] == told
    assert [type(fault) for fault in office.services.reported] == [StoreUnavailable]
    services.outbox.find = find
    [post] = await office.deliver()
    assert office.event(post)["data"]["id"] == lost


async def test_a_bus_is_told_of_every_end(office: Office) -> None:
    office.services.event_bus = bus = Bus()
    response = await office.answer("Hello")
    await office.deliver()
    [(type, detail, at)] = bus.told
    assert (type, at) == ("response.completed", int(office.clock()))
    assert detail["tenant"] == ME.tenant
    assert (detail["data"]["id"], detail["data"]["status"]) == (response["id"], "completed")
    assert detail["data"]["metadata"] == {"order": "7"}
    assert detail["data"]["usage"] == response["usage"]
    assert "Hello" not in repr(detail)
    assert "result" not in detail


async def test_a_bus_that_does_not_answer_is_told_later(office: Office) -> None:
    office.services.event_bus = bus = Bus(fault=QueueUnavailable("ThrottlingException"))
    await office.endpoint()
    id = await office.end()
    assert len(await office.deliver()) == 1
    assert office.services.undelivered == [("event_bus", "ThrottlingException", False)]
    bus.fault = None
    office.clock.advance(60)
    assert await office.deliver() == []
    assert [detail["data"] for _, detail, _ in bus.told] == [{"id": id}]


async def test_a_queued_request_gets_its_line(office: Office) -> None:
    office.services.event_bus = bus = Bus()
    response = await office.answer("Hello", REPLY)
    await office.deliver()
    [line] = await office.results()
    assert (line["custom_id"], line["error"]) == ("mine", None)
    assert line["response"]["status_code"] == 200
    assert line["response"]["body"] == response
    assert bus.told[0][1]["result"] == line


async def test_a_bus_is_told_where_a_long_answer_is(office: Office) -> None:
    office.services.event_bus = bus = Bus()
    response = await office.answer("x" * LONGEST_DETAIL, REPLY)
    await office.deliver()
    result = bus.told[0][1]["result"]
    assert result["custom_id"] == "mine"
    assert result["response"]["body_ref"] == f"/v1/responses/{response['id']}"
    [line] = await office.results()
    assert line["response"]["body"] == response


async def test_a_queued_request_whose_response_was_deleted_gets_a_line_too(office: Office) -> None:
    response = await office.answer("Hello", REPLY)
    await delete_response(response["id"], principal=ME, using=office.services)
    await office.deliver()
    [line] = await office.results()
    assert (line["custom_id"], line["response"]["status_code"]) == ("mine", 404)
    assert line["error"]["message"]


async def test_a_request_that_was_not_queued_gets_no_line(office: Office) -> None:
    await office.answer("Hello")
    await office.deliver()
    assert await office.results() == []


async def test_what_nobody_foresaw_is_told_to_the_operator_and_tried_again(office: Office) -> None:
    office.services.event_bus = bus = Bus(fault=ZeroDivisionError())
    await office.end()
    await office.deliver()
    assert [type(fault) for fault in office.services.reported] == [ZeroDivisionError]
    bus.fault = None
    office.clock.advance(60)
    await office.deliver()
    assert len(bus.told) == 1

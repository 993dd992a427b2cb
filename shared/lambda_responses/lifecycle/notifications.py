"""Tell everybody who wants to know that a background response has ended: at least once, for up to 72 hours.

An end lies in the outbox since the write that made it one. Whoever takes it tries all of its targets at once;
those that it could not tell stay, each with a time of its own for the next try. Receivers know an event that
comes twice by its id (`webhook-id`).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.ports import Principal
from lambda_responses.lifecycle.retrieve import get_response
from lambda_responses.lifecycle.webhook_deliveries import delivered, why_not
from lambda_responses.outbound.faults import OutboundFault
from lambda_responses.queue.event_bus import LONGEST_DETAIL
from lambda_responses.queue.port import QueueUnavailable
from lambda_responses.queue.results import in_the_api
from lambda_responses.sealing.sealer import BrokenEnvelope
from lambda_responses.storage.background.outbox import TRIED, Waiting
from lambda_responses.storage.keyed.port import StoreUnavailable
from lambda_responses.storage.scheduling import at_once
from lambda_responses.wire.batch_lines import rejection_line, result_line, with_body_elsewhere
from lambda_responses.wire.errors import NotFoundError
from lambda_responses.wire.json import to_bytes
from lambda_responses.wire.webhooks import event_detail, webhook_event

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from lambda_responses.lifecycle.ports import Services
    from lambda_responses.queue.event_bus import EventBus
    from lambda_responses.queue.results import Results
    from lambda_responses.storage.background.outbox import Notification
    from lambda_responses.storage.webhook_endpoints import WebhookEndpoint
    from lambda_responses.wire.json import Json

    Tell = Callable[[], Awaitable[None]]

DELAYS = (5, 60, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000)
"""Seconds after the first try in vain, the second, and so on; a last one is made when 72 hours are over."""
SPREAD = 0.1
"""By how much of itself a delay may be longer, so that not all come again at the same moment."""
AT_ONCE = 100
"""Ends that are told of side by side, so that an endpoint that does not answer holds up few others."""
LOOK_SECONDS = 1.0
"""How often a worker beside a database file looks for ends."""
MOST_AT_A_LOOK = 500
"""Ends that it finds then, besides those that it is at."""
BEATS = 3
"""How often in a lease whoever tells of an event says that it is still at it."""
GONE = 410
"""The status by which an endpoint asks not to be told any more."""
EVENT_BUS, RESULTS = "event_bus", "results"
"""Targets besides the endpoints, which go by their ids."""


class _NotTaken(Exception):
    """A target answered, and would not have it; the text says how."""


async def deliver_due(*, using: Services, most: int = 100) -> int:
    """Tell of up to `most` ends that it is time for; gives how many there were. Raises `StoreUnavailable`."""
    due = await using.outbox.due(most)
    await deliver_each(due, using=using)
    return len(due)


async def deliver_as_due(*, using: Services) -> None:
    """Tell of every end when it is time for, as long as this is not cancelled; beside a database file.

    What one receiver leaves hanging holds up no other tenant's. Raises nothing, as `deliver_each`.
    """
    under_way: set[tuple[str, str]] = set()
    turns: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE))

    async def attempt(end: tuple[str, str]) -> None:
        async with turns[end[0]]:
            await deliver_each([end], using=using)
        under_way.discard(end)

    async with asyncio.TaskGroup() as attempts:
        while True:
            try:
                due = await using.outbox.due(MOST_AT_A_LOOK + len(under_way))
            except Exception as error:
                using.report(error)
                due = ()
            new = [end for end in due if end not in under_way]
            under_way.update(new)
            for end in new:
                attempts.create_task(attempt(end))
            await asyncio.sleep(LOOK_SECONDS)


async def deliver_each(ends: Iterable[tuple[str, str]], *, using: Services) -> None:
    """Tell of these ends, each a tenant and a response. Raises nothing: what fails stays in the outbox."""

    async def attempt(tenant: str, response_id: str) -> None:
        try:
            await deliver(tenant, response_id, using=using)
        except Exception as error:
            using.report(error)

    await at_once((attempt(*end) for end in ends), most=AT_ONCE)


async def deliver(tenant: str, response_id: str, *, using: Services) -> None:
    """Tell of one end, if it is time and nobody else is at it. Raises `StoreUnavailable`."""
    found = await using.outbox.find(tenant, response_id)
    if found is None:
        return
    targets = await _targets(found, using)
    now = using.now()
    waiting: Mapping[str, Waiting] = found.waiting or {}
    if found.waiting is None:
        waiting = {name: Waiting(0, now) for name in targets}
    left = {name: entry for name, entry in waiting.items() if name in targets}
    # With nobody to tell, nobody has to be kept off.
    notification = await using.outbox.take(found) if left else found
    if notification is None:
        return
    due = [name for name, entry in left.items() if entry.next <= now]
    trying = asyncio.gather(*(_tried(name, targets[name], left[name], notification, using) for name in due))
    notification = await _kept_until(trying, notification, using)
    for name, entry in zip(due, trying.result(), strict=True):
        del left[name]
        if entry is not None:
            left[name] = entry
    await using.outbox.settle(notification, left)


async def _kept_until(
    trying: asyncio.Future[list[Waiting | None]], notification: Notification, using: Services
) -> Notification:
    """The event as it was last taken, when all tries of it have ended. Others are kept off as long."""
    try:
        while not (await asyncio.wait({trying}, timeout=using.outbox.lease_seconds / BEATS))[0]:
            with suppress(StoreUnavailable):  # there is another beat before the lease is over
                notification = await using.outbox.take(notification) or notification
    finally:
        trying.cancel()
        await asyncio.wait({trying})
    return notification


async def _targets(notification: Notification, using: Services) -> dict[str, Tell]:
    """By name, how to tell each who wants to know."""
    endpoints = await using.webhook_endpoints.list(notification.tenant)
    targets: dict[str, Tell] = {
        endpoint.id: partial(_tell_endpoint, endpoint, notification, using)
        for endpoint in endpoints
        if endpoint.gone is None and notification.type in endpoint.settings["event_types"]
    }
    if using.event_bus is not None:
        targets[EVENT_BUS] = partial(_tell_bus, using.event_bus, notification, using)
    if using.results is not None and notification.reply is not None:
        targets[RESULTS] = partial(_tell_results, using.results, notification.reply, notification, using)
    return targets


async def _tried(
    name: str, tell: Tell, entry: Waiting, notification: Notification, using: Services
) -> Waiting | None:
    """When to try again; None where that is not needed, or no use any more."""
    try:
        await tell()
        return None
    except OutboundFault as fault:
        reason = why_not(fault)
    except BrokenEnvelope:
        reason = "its secret cannot be read"
    except (_NotTaken, QueueUnavailable, StoreUnavailable) as fault:
        reason = str(fault)
    except Exception as error:
        using.report(error)
        reason = type(error).__name__
    tries = entry.tries + 1
    due = _next_try(notification.at + TRIED, tries, using)
    using.delivery_failed(notification.tenant, name, reason, final=due is None)
    return None if due is None else Waiting(tries, due)


def _next_try(end: float, tries: int, using: Services) -> float | None:
    """When to try again after so many tries in vain; None when the time until `end` is over."""
    now = using.now()
    if now >= end:
        return None
    spread = 1 + SPREAD * int(using.entropy(4), 16) / 0x10000
    return min(now + DELAYS[min(tries, len(DELAYS)) - 1] * spread, end)


async def _tell_endpoint(endpoint: WebhookEndpoint, notification: Notification, using: Services) -> None:
    """Raises `OutboundFault`, `BrokenEnvelope`, and `_NotTaken` for any status but a success."""
    status = await delivered(_event(notification), endpoint, tenant=notification.tenant, using=using)
    if status == GONE:
        await using.webhook_endpoints.silence(notification.tenant, endpoint)
        using.delivery_failed(notification.tenant, endpoint.id, "it asked to hear no more", final=True)
    elif not 200 <= status < 300:
        raise _NotTaken(f"it answered with status {status}")


async def _tell_bus(bus: EventBus, notification: Notification, using: Services) -> None:
    """Raises `QueueUnavailable`, `StoreUnavailable`."""
    response = await _response(notification, using)
    line = None
    if notification.reply is not None:
        line = _line(notification.reply, response, notification)
    detail = event_detail(_event(notification), tenant=notification.tenant, response=response, line=line)
    if line is not None and response is not None and len(to_bytes(detail)) > LONGEST_DETAIL:
        detail["result"] = with_body_elsewhere(line, in_the_api(response))
    await bus.publish(notification.type, detail, at=notification.at)


async def _tell_results(results: Results, reply: Json, notification: Notification, using: Services) -> None:
    """Raises `QueueUnavailable`, `StoreUnavailable`."""
    response = await _response(notification, using)
    await results.send(_line(reply, response, notification), tenant=notification.tenant)


def _event(notification: Notification) -> Json:
    return webhook_event(notification.type, notification.response_id, at=notification.at)


async def _response(notification: Notification, using: Services) -> Json | None:
    """The response as its end was told; None where it has been deleted, or has expired, since."""
    principal = Principal(notification.tenant)
    try:
        return await get_response(notification.response_id, principal=principal, using=using)
    except NotFoundError:
        return None


def _line(reply: Json, response: Json | None, notification: Notification) -> Json:
    """The line that answers a queued request."""
    if response is not None:
        return result_line(reply, response)
    fault = NotFoundError(f"The response '{notification.response_id}' was deleted before it could be told.")
    return rejection_line(reply, fault, key=notification.response_id)

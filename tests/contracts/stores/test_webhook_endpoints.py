"""What the store of webhook endpoints promises on every keyed store."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.storage.keyed.port import StoreUnavailable
from lambda_responses.storage.webhook_endpoints import (
    MOST_ENDPOINTS,
    OLD_SECRET_KEPT,
    EndpointNotFound,
    SealedSecret,
    TooManyEndpoints,
    WebhookEndpoint,
    WebhookEndpoints,
)
from tests.contracts.stores.kit import WatchedStore
from tests.kit import counted

if TYPE_CHECKING:
    from lambda_responses.storage.keyed.port import KeyedStore
    from tests.contracts.stores.kit import Clock

pytestmark = pytest.mark.anyio

SETTINGS: Any = {"name": "n", "url": "https://a.example/", "event_types": ["response.completed"]}
FIRST, SECOND, THIRD = (SealedSecret(f"lr1.{n}", f"whsec_…{n}") for n in "123")
ENTROPY = counted()


@pytest.fixture
def tenant() -> str:
    return f"acme-{secrets.token_hex(6)}"


@pytest.fixture
def endpoints(keyed: KeyedStore, clock: Clock) -> WebhookEndpoints:
    return WebhookEndpoints(keyed, now=clock)


async def create(endpoints: WebhookEndpoints, tenant: str, **settings: Any) -> WebhookEndpoint:
    return await endpoints.create(tenant, {**SETTINGS, **settings}, FIRST, entropy=ENTROPY)


async def test_an_endpoint_comes_back_as_it_was_made(
    endpoints: WebhookEndpoints, tenant: str, clock: Clock
) -> None:
    made = await create(endpoints, tenant)
    assert (made.created, made.updated, made.secret) == (int(clock()), int(clock()), FIRST)
    assert await endpoints.get(tenant, made.id) == made
    assert await endpoints.list(tenant) == [made]


async def test_they_are_listed_in_the_order_in_which_they_were_made(
    endpoints: WebhookEndpoints, tenant: str, clock: Clock
) -> None:
    made = []
    for name in "cab":
        made.append(await create(endpoints, tenant, name=name))
        clock.advance(0.001)
    assert await endpoints.list(tenant) == made


async def test_a_change_changes_what_it_names(endpoints: WebhookEndpoints, tenant: str, clock: Clock) -> None:
    made = await create(endpoints, tenant)
    clock.advance(10)
    assert await endpoints.update(tenant, made.id, {}) == made
    assert await endpoints.update(tenant, made.id, {"name": "n"}) == made
    changed = await endpoints.update(tenant, made.id, {"url": "https://b.example/"})
    assert changed.settings == {**SETTINGS, "url": "https://b.example/"}
    assert (changed.created, changed.updated) == (made.created, made.updated + 10)


async def test_an_earlier_secret_stays_for_a_day_where_that_is_asked_for(
    endpoints: WebhookEndpoints, tenant: str, clock: Clock
) -> None:
    made = await create(endpoints, tenant)
    changed = await endpoints.rotate(tenant, made.id, SECOND, keep_old=True)
    assert (changed.secret, changed.old_secret) == (SECOND, FIRST.envelope)
    clock.advance(OLD_SECRET_KEPT - 1)
    assert (await endpoints.get(tenant, made.id)).old_secret == FIRST.envelope
    clock.advance(1)
    assert (await endpoints.get(tenant, made.id)).old_secret is None


async def test_without_that_it_is_void_at_once_and_so_are_all_before_it(
    endpoints: WebhookEndpoints, tenant: str
) -> None:
    made = await create(endpoints, tenant)
    await endpoints.rotate(tenant, made.id, SECOND, keep_old=True)
    changed = await endpoints.rotate(tenant, made.id, THIRD, keep_old=False)
    assert (changed.secret, changed.old_secret) == (THIRD, None)
    assert await endpoints.get(tenant, made.id) == changed


@pytest.mark.parametrize("after", [False, True])
async def test_a_rotation_whose_answer_was_lost_keeps_the_secret_before_it(
    keyed: KeyedStore, tenant: str, clock: Clock, after: bool
) -> None:
    """boto3 tries again by itself: the second try meets what the first has written."""
    watched = WatchedStore(keyed)
    endpoints = WebhookEndpoints(watched, now=clock)
    made = await create(endpoints, tenant)
    update = watched.update

    async def twice(*arguments: Any, **options: Any) -> Any:
        if after:
            await update(*arguments, **options)
        return await update(*arguments, **options)

    watched.update = twice  # type: ignore[method-assign]
    changed = await endpoints.rotate(tenant, made.id, SECOND, keep_old=True)
    assert (changed.secret, changed.old_secret) == (SECOND, FIRST.envelope)


async def test_who_asked_to_hear_no_more_hears_again_once_it_is_changed(
    endpoints: WebhookEndpoints, tenant: str, clock: Clock
) -> None:
    made = await create(endpoints, tenant)
    await endpoints.silence(tenant, made)
    assert (await endpoints.get(tenant, made.id)).gone == int(clock())
    assert (await endpoints.update(tenant, made.id, {})).gone is None
    clock.advance(1)
    changed = await endpoints.update(tenant, made.id, {"url": "https://b.example/"})
    await endpoints.silence(tenant, made)  # what was told to the old address
    assert await endpoints.get(tenant, made.id) == changed


async def test_nobody_has_more_than_so_many(endpoints: WebhookEndpoints, tenant: str) -> None:
    for _ in range(MOST_ENDPOINTS):
        last = await create(endpoints, tenant)
    with pytest.raises(TooManyEndpoints):
        await create(endpoints, tenant)
    await endpoints.delete(tenant, last.id)
    await create(endpoints, tenant)


@pytest.mark.parametrize("id", ["", "whe_1", f"whe_{'0' * 48}", f"whe_{'0' * 47}~", "KEY#1"])
async def test_what_is_not_there_is_not_found(endpoints: WebhookEndpoints, tenant: str, id: str) -> None:
    await expect_not_found(endpoints, tenant, id)


async def test_an_endpoint_is_nobody_elses(endpoints: WebhookEndpoints, tenant: str) -> None:
    made = await create(endpoints, tenant)
    await expect_not_found(endpoints, f"{tenant}-2", made.id)
    assert await endpoints.list(f"{tenant}-2") == []
    assert await endpoints.get(tenant, made.id) == made
    await endpoints.delete(tenant, made.id)
    await expect_not_found(endpoints, tenant, made.id)


async def expect_not_found(endpoints: WebhookEndpoints, tenant: str, id: str) -> None:
    for operation in (
        endpoints.get(tenant, id),
        endpoints.update(tenant, id, {"name": "x"}),
        endpoints.rotate(tenant, id, SECOND, keep_old=True),
        endpoints.delete(tenant, id),
    ):
        with pytest.raises(EndpointNotFound):
            await operation


async def test_a_store_that_does_not_answer_is_no_missing_endpoint(
    keyed: KeyedStore, tenant: str, clock: Clock
) -> None:
    watched = WatchedStore(keyed)
    endpoints = WebhookEndpoints(watched, now=clock)

    async def fail(*arguments: Any, **options: Any) -> Any:
        raise StoreUnavailable("not now")

    watched.get = fail  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        await endpoints.get(tenant, f"whe_{'0' * 48}")

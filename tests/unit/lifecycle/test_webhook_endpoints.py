"""The operations on webhook endpoints: whose they are, where they lead, and what of a secret is ever seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle import webhook_endpoints as operations
from lambda_responses.outbound.faults import Refused, TooSlow, Unreachable
from lambda_responses.outbound.policy import OutboundPolicy
from lambda_responses.storage.keyed.port import Range
from lambda_responses.storage.webhook_endpoints import MOST_ENDPOINTS
from lambda_responses.wire.errors import InvalidRequestError, NotFoundError
from lambda_responses.wire.queries import ListQuery
from lambda_responses.wire.webhooks import EVENT_TYPES
from tests.fakes.mailbox import Mailbox
from tests.played import ME, YOU

if TYPE_CHECKING:
    from tests.played import Play, PlayedServices

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
UNKNOWN = f"whe_{'0' * 48}"


@pytest.fixture
def services(play: Play) -> PlayedServices:
    made = play()
    made.outbound = Mailbox()
    return made


async def create(services: PlayedServices, **members: Any) -> Json:
    body = {"name": "n", "url": "https://a.example/hook", "event_types": [*EVENT_TYPES], **members}
    return await operations.create_endpoint(body, principal=ME, using=services)


async def listed(services: PlayedServices, **query: Any) -> Json:
    return await operations.list_endpoints(ListQuery(**query), principal=ME, using=services)


def without_secret(endpoint: Json) -> Json:
    return {name: value for name, value in endpoint.items() if name != "signing_secret"}


async def test_the_life_of_an_endpoint(services: PlayedServices) -> None:
    made = await create(services)
    id = made["id"]
    assert made["signing_secret"].startswith("whsec_")
    assert await operations.get_endpoint(id, principal=ME, using=services) == without_secret(made)
    body = {"name": "other", "event_types": ["response.failed"]}
    changed = await operations.update_endpoint(id, body, principal=ME, using=services)
    assert changed == {**without_secret(made), **body}
    rotated = await operations.rotate_secret(id, {}, principal=ME, using=services)
    assert rotated["signing_secret"] != made["signing_secret"]
    assert rotated["signing_secret_hint"][-4:] == rotated["signing_secret"][-4:]
    gone = await operations.delete_endpoint(id, principal=ME, using=services)
    assert gone == {"id": id, "object": "webhook_endpoint.deleted", "deleted": True}
    with pytest.raises(NotFoundError):
        await operations.get_endpoint(id, principal=ME, using=services)


async def test_they_are_listed_newest_first_a_page_at_a_time(play: Play) -> None:
    seconds = iter(range(1_700_000_000, 1_800_000_000))
    services = play(now=lambda: float(next(seconds)))
    services.outbound = Mailbox()
    made = [(await create(services))["id"] for _ in range(5)]
    first = await listed(services, limit=2)
    assert [each["id"] for each in first["data"]] == [made[4], made[3]]
    assert (first["first_id"], first["last_id"], first["has_more"]) == (made[4], made[3], True)
    last = await listed(services, limit=20, after=made[3])
    assert [each["id"] for each in last["data"]] == [made[2], made[1], made[0]]
    assert not last["has_more"]
    assert all("signing_secret" not in each for each in (*first["data"], *last["data"]))


async def test_what_is_paged_through_may_be_deleted_on_the_way(play: Play) -> None:
    seconds = iter(range(1_700_000_000, 1_800_000_000))
    services = play(now=lambda: float(next(seconds)))
    services.outbound = Mailbox()
    made = [(await create(services))["id"] for _ in range(5)]
    seen: list[str] = []
    page = await listed(services, limit=2)
    while page["data"]:
        for each in page["data"]:
            seen.append(each["id"])
            await operations.delete_endpoint(each["id"], principal=ME, using=services)
        page = await listed(services, limit=2, after=page["last_id"])
    assert seen == made[::-1]
    kept = [(await create(services))["id"] for _ in range(3)]
    await operations.delete_endpoint(kept[1], principal=ME, using=services)
    rest = await listed(services, order="asc", after=kept[1])
    assert [each["id"] for each in rest["data"]] == [kept[2]]
    with pytest.raises(InvalidRequestError):
        await listed(services, after="whe_1")


async def test_nobody_else_can_tell_whether_it_is_there(services: PlayedServices) -> None:
    made = await create(services)
    for operation, *body in (
        (operations.get_endpoint,),
        (operations.update_endpoint, {"name": "x"}),
        (operations.rotate_secret, {}),
        (operations.try_endpoint, {"event_type": "response.failed"}),
        (operations.delete_endpoint,),
    ):
        messages: list[str] = []
        for id in (made["id"], UNKNOWN):
            with pytest.raises(NotFoundError) as refusal:
                await operation(id, *body, principal=YOU, using=services)  # type: ignore[operator]
            messages.append(refusal.value.message.replace(id, ""))
        assert messages[0] == messages[1]
    assert (await operations.list_endpoints(ListQuery(), principal=YOU, using=services))["data"] == []
    assert services.outbound.posted == []


async def test_a_secret_lies_in_no_row(services: PlayedServices) -> None:
    made = await create(services)
    body = {"keep_old_secret_active_for_24_hours": True}
    rotated = await operations.rotate_secret(made["id"], body, principal=ME, using=services)
    rows = await services.store.query(Range(f"{ME.tenant}#A", "WH#", "WH#~"))
    for endpoint in (made, rotated):
        assert endpoint["signing_secret"].removeprefix("whsec_") not in repr(rows)
    known = await services.webhook_endpoints.get(ME.tenant, made["id"])
    assert "lr1." not in repr(known)


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/hook",
        "https://127.0.0.1/hook",
        "https://localhost/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/hook",
        "https://a.example:8443/hook",
        "https://user:password@a.example/hook",
        "https://service.internal/hook",
        "ftp://a.example/hook",
        "a.example",
    ],
)
async def test_an_address_that_is_not_the_internets_is_refused(services: PlayedServices, url: str) -> None:
    made = await create(services)
    for attempt in (
        create(services, url=url),
        operations.update_endpoint(made["id"], {"url": url}, principal=ME, using=services),
    ):
        with pytest.raises(InvalidRequestError) as refusal:
            await attempt
        assert (refusal.value.code, refusal.value.param) == ("invalid_value", "url")
        assert url not in refusal.value.message
        assert all(rule in refusal.value.message for rule in ("public", "https://", "port 443", "password"))


async def test_what_the_operator_has_opened_may_be_plain(services: PlayedServices) -> None:
    services.outbound.policy = OutboundPolicy(["127.0.0.1:9000"])
    made = await create(services, url="http://127.0.0.1:9000/hook")
    assert made["url"] == "http://127.0.0.1:9000/hook"
    with pytest.raises(InvalidRequestError):
        await create(services, url="http://a.example/hook")


async def test_nobody_has_endpoints_without_end(services: PlayedServices) -> None:
    for _ in range(MOST_ENDPOINTS):
        await create(services)
    with pytest.raises(InvalidRequestError) as refusal:
        await create(services)
    assert refusal.value.code == "webhook_endpoint_limit_reached"


@pytest.mark.parametrize("status", [204, 302, 404, 410, 500])
async def test_a_test_tells_what_the_endpoint_said(services: PlayedServices, status: int) -> None:
    made = await create(services)
    services.outbound.answers = [status]
    body = {"event_type": "response.incomplete"}
    result = await operations.try_endpoint(made["id"], body, principal=ME, using=services)
    assert result == {
        "object": "webhook_endpoint.test",
        "webhook_endpoint_id": made["id"],
        "event_type": "response.incomplete",
        "status_code": status,
        "success": True,
    }
    [post] = services.outbound.posted
    assert post.url == "https://a.example/hook"
    assert post.event(made["signing_secret"])["type"] == "response.incomplete"
    assert (await services.webhook_endpoints.get(ME.tenant, made["id"])).gone is None


@pytest.mark.parametrize("fault", [Refused(), Unreachable(), TooSlow()])
async def test_a_test_that_reaches_nobody_says_why(services: PlayedServices, fault: Exception) -> None:
    made = await create(services)
    services.outbound.answers = [fault]
    with pytest.raises(InvalidRequestError) as refusal:
        await operations.try_endpoint(
            made["id"], {"event_type": "response.failed"}, principal=ME, using=services
        )
    assert refusal.value.code == "webhook_endpoint_unreachable"
    assert "a.example" not in refusal.value.message

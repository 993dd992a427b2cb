"""Webhooks through the official SDK for Python: it manages the endpoints, and judges what they are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from openai import BadRequestError, InvalidWebhookSignatureError, NotFoundError, OpenAI
from openai.types.webhooks import (
    DeletedWebhookEndpoint,
    WebhookEndpoint,
    WebhookEndpointTestResult,
    WebhookEndpointWithSecret,
    WebhookEventTypeList,
)

from tests.fakes.receiver import Receiver
from tests.fakes.server import WORKING, Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

EVERY: Any = ["response.completed", "response.failed", "response.cancelled", "response.incomplete"]


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def telling(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Server]:
    """A server that may call the receiver."""
    folder = tmp_path_factory.mktemp("telling")
    running = Server(folder, RESPONSES_OUTBOUND_ALLOW=receiver.address, **WORKING).started()
    yield running
    running.stop()
    assert running.complaints == []
    assert "whsec_" not in running.log
    assert receiver.url not in running.log


@pytest.fixture(scope="module")
def client(telling: Server) -> Iterator[OpenAI]:
    with OpenAI(base_url=telling.base_url, api_key="anything", max_retries=0) as made:
        yield made


def judged(told: BaseModel, type: type[BaseModel]) -> Any:
    """The same, if it is all that the type says and nothing else."""
    assert isinstance(told, type)
    type.model_validate(told.to_dict(mode="python"), strict=True)  # type: ignore[attr-defined]
    assert not told.model_extra
    return told


def create(client: OpenAI, url: str, types: Any = EVERY) -> WebhookEndpointWithSecret:
    made = client.webhooks.create(name="hook", url=url, event_types=types)
    return judged(made, WebhookEndpointWithSecret)


def test_the_life_of_an_endpoint(client: OpenAI, receiver: Receiver) -> None:
    made = create(client, f"{receiver.url}/life")
    assert made.created_at == made.updated_at
    found = judged(client.webhooks.retrieve(made.id), WebhookEndpoint)
    assert found.signing_secret_hint == made.signing_secret_hint
    changed = judged(client.webhooks.update(made.id, name="other"), WebhookEndpoint)
    assert (changed.name, changed.url, changed.event_types) == ("other", made.url, made.event_types)
    assert made.id in [each.id for each in client.webhooks.list(limit=1)]
    for each in client.webhooks.list(limit=1):
        judged(each, WebhookEndpoint)
    rotated = judged(client.webhooks.rotate_secret(made.id), WebhookEndpointWithSecret)
    assert rotated.signing_secret != made.signing_secret
    gone = judged(client.webhooks.delete(made.id), DeletedWebhookEndpoint)
    assert (gone.id, gone.deleted) == (made.id, True)
    with pytest.raises(NotFoundError):
        client.webhooks.retrieve(made.id)


def test_the_types_that_happen(client: OpenAI) -> None:
    assert judged(client.webhooks.event_types.list(), WebhookEventTypeList).data == EVERY


@pytest.mark.parametrize("type", EVERY)
def test_a_test_arrives_signed(client: OpenAI, receiver: Receiver, type: Any) -> None:
    made = create(client, f"{receiver.url}/{type}")
    result = judged(client.webhooks.test(made.id, event_type=type), WebhookEndpointTestResult)
    assert (result.status_code, result.event_type, result.webhook_endpoint_id) == (204, type, made.id)
    [delivery] = receiver.wait_for(f"/{type}")
    event = client.webhooks.unwrap(delivery.body, delivery.headers, secret=made.signing_secret)
    assert event.type == type
    with pytest.raises(InvalidWebhookSignatureError):
        client.webhooks.unwrap(delivery.body + b" ", delivery.headers, secret=made.signing_secret)
    client.webhooks.delete(made.id)


def test_both_secrets_sign_while_the_old_one_is_kept(client: OpenAI, receiver: Receiver) -> None:
    made = create(client, f"{receiver.url}/rotated")
    rotated = client.webhooks.rotate_secret(made.id, keep_old_secret_active_for_24_hours=True)
    client.webhooks.test(made.id, event_type="response.failed")
    [delivery] = receiver.wait_for("/rotated")
    for secret in (made.signing_secret, rotated.signing_secret):
        assert client.webhooks.unwrap(delivery.body, delivery.headers, secret=secret)
    client.webhooks.delete(made.id)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "https://169.254.169.254/", "http://example.com/"])
def test_an_address_that_the_operator_has_not_opened_is_refused(client: OpenAI, url: str) -> None:
    with pytest.raises(BadRequestError) as refusal:
        create(client, url)
    assert refusal.value.param == "url"


def test_a_background_response_is_told_of_when_it_has_ended(client: OpenAI, receiver: Receiver) -> None:
    made = create(client, f"{receiver.url}/ended")
    receiver.statuses = [503, 302]
    response = client.responses.create(model="scripted/echo", input="Hello", background=True)
    first, *_, last = receiver.wait_for("/ended", 2)
    events = [
        client.webhooks.unwrap(each.body, each.headers, secret=made.signing_secret) for each in (first, last)
    ]
    assert events[0] == events[1]
    event: Any = events[0]
    assert (event.type, event.data.id) == ("response.completed", response.id)
    assert first.headers["webhook-id"] == last.headers["webhook-id"] == event.id
    ended = client.responses.retrieve(event.data.id)
    assert (ended.status, ended.output_text) == ("completed", "Hello")
    client.webhooks.delete(made.id)


def test_a_cancelled_one_is_told_of_too(client: OpenAI, receiver: Receiver) -> None:
    made = create(client, f"{receiver.url}/cancelled", ["response.cancelled"])
    response = client.responses.create(model="scripted/echo", input="Hello [[slow:60000]]", background=True)
    client.responses.cancel(response.id)
    [delivery] = receiver.wait_for("/cancelled")
    event: Any = client.webhooks.unwrap(delivery.body, delivery.headers, secret=made.signing_secret)
    assert (event.type, event.data.id) == ("response.cancelled", response.id)
    client.webhooks.delete(made.id)

"""The operations on webhook endpoints.

Each raises `NotFoundError` for an endpoint that the tenant does not have, and those with a body
`InvalidRequestError` for one that cannot be.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.webhook_deliveries import delivered, why_not
from lambda_responses.outbound.faults import OutboundFault, Refused
from lambda_responses.outbound.policy import check_url
from lambda_responses.sealing.sealer import WEBHOOK
from lambda_responses.storage.webhook_endpoints import (
    MOST_ENDPOINTS,
    EndpointNotFound,
    SealedSecret,
    TooManyEndpoints,
)
from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.ids import is_webhook_endpoint_id, new_response_id
from lambda_responses.wire.lists import page
from lambda_responses.wire.not_found import webhook_endpoint_not_found
from lambda_responses.wire.webhooks import (
    SECRET_BYTES,
    deleted_endpoint,
    endpoint_object,
    event_type_list,
    hint_of,
    read_changes,
    read_endpoint,
    read_rotation,
    read_test,
    render_secret,
    sample_result,
    webhook_event,
)

if TYPE_CHECKING:
    from collections.abc import Generator

    from lambda_responses.lifecycle.ports import Principal, Services
    from lambda_responses.storage.webhook_endpoints import WebhookEndpoint
    from lambda_responses.wire.json import Json
    from lambda_responses.wire.queries import ListQuery


async def create_endpoint(body: Json, *, principal: Principal, using: Services) -> Json:
    """A new endpoint, with its signing secret."""
    settings = read_endpoint(body)
    _check_url(settings, using)
    secret, sealed = await _new_secret(principal, using)
    try:
        made = await using.webhook_endpoints.create(principal.tenant, settings, sealed, entropy=using.entropy)
    except TooManyEndpoints:
        message = f"A tenant has at most {MOST_ENDPOINTS} webhook endpoints. Delete one first."
        raise InvalidRequestError(message, code="webhook_endpoint_limit_reached") from None
    return _shown(made, secret)


async def get_endpoint(id: str, *, principal: Principal, using: Services) -> Json:
    """The endpoint."""
    with _told(id):
        return _shown(await using.webhook_endpoints.get(principal.tenant, id))


async def list_endpoints(query: ListQuery, *, principal: Principal, using: Services) -> Json:
    """A page of the endpoints, newest first. Raises `InvalidRequestError` for what is no cursor.

    One that was deleted still says where to go on, so that a client may delete what it pages through.
    """
    known = await using.webhook_endpoints.list(principal.tenant)
    return page([_shown(endpoint) for endpoint in known], query, ordered_by=is_webhook_endpoint_id)


async def update_endpoint(id: str, body: Json, *, principal: Principal, using: Services) -> Json:
    """The endpoint, with other settings. One that had asked to hear no more is told again."""
    changes = read_changes(body)
    _check_url(changes, using)
    with _told(id):
        return _shown(await using.webhook_endpoints.update(principal.tenant, id, changes))


async def rotate_secret(id: str, body: Json, *, principal: Principal, using: Services) -> Json:
    """The endpoint with another signing secret, which is shown."""
    keep_old = read_rotation(body)
    secret, sealed = await _new_secret(principal, using)
    with _told(id):
        changed = await using.webhook_endpoints.rotate(principal.tenant, id, sealed, keep_old=keep_old)
    return _shown(changed, secret)


async def try_endpoint(id: str, body: Json, *, principal: Principal, using: Services) -> Json:
    """How the endpoint answers an event of that type about a response that does not exist."""
    type = read_test(body)
    with _told(id):
        endpoint = await using.webhook_endpoints.get(principal.tenant, id)
    at = int(using.now())
    nobody = new_response_id(epoch=at, thread=None, entropy=using.entropy)
    event = webhook_event(type, nobody, at=at)
    try:
        status = await delivered(event, endpoint, tenant=principal.tenant, using=using)
    except OutboundFault as fault:
        message = f"The webhook endpoint could not be tested: {why_not(fault)}."
        raise InvalidRequestError(message, code="webhook_endpoint_unreachable") from None
    return sample_result(id, event_type=type, status_code=status)


async def delete_endpoint(id: str, *, principal: Principal, using: Services) -> Json:
    """The API's deletion marker. What was not delivered by then is not delivered any more."""
    with _told(id):
        await using.webhook_endpoints.delete(principal.tenant, id)
    return deleted_endpoint(id)


def list_event_types() -> Json:
    """The types that an endpoint may ask for."""
    return event_type_list()


@contextmanager
def _told(id: str) -> Generator[None]:
    """Tell of an endpoint that is not there as the API does."""
    try:
        yield
    except EndpointNotFound:
        raise webhook_endpoint_not_found(id) from None


def _check_url(settings: Json, using: Services) -> None:
    """Raises `InvalidRequestError` for an address that the guard would not call, or that is not `https`.

    What the operator has opened besides the internet may be plain: on a laptop nobody has a certificate.
    """
    if "url" not in settings:
        return
    policy = using.outbound.policy
    try:
        place = check_url(settings["url"], policy)
        if place.scheme != "https" and not policy.opens_for_us_alone(place):
            raise Refused
    except Refused:
        message = (
            "Invalid 'url': expected a public address that begins with https://, "
            "on port 443 or 80 and without a user name or password."
        )
        raise InvalidRequestError(message, code="invalid_value", param="url") from None


async def _new_secret(principal: Principal, using: Services) -> tuple[str, SealedSecret]:
    """A secret as its holder writes it, and as it is kept."""
    secret = render_secret(bytes.fromhex(using.entropy(2 * SECRET_BYTES)))
    sealer = await using.sealer(principal.tenant)
    return secret, SealedSecret(sealer.seal(WEBHOOK, {"secret": secret}), hint_of(secret))


def _shown(endpoint: WebhookEndpoint, secret: str | None = None) -> Json:
    return endpoint_object(
        endpoint.id,
        settings=endpoint.settings,
        created_at=endpoint.created,
        updated_at=endpoint.updated,
        hint=endpoint.secret.hint,
        secret=secret,
    )

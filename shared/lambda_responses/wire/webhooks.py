"""What comes in and goes out of the operations on webhook endpoints, and what endpoints are told.

https://platform.openai.com/docs/api-reference/webhooks and the official SDK's types. Deliveries are signed as
Standard Webhooks has it: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic_core import ValidationError

from lambda_responses.wire.faults import first_fault, missing, nearest, unknown_key
from lambda_responses.wire.shapes import FLAG, Shape, list_of, one_of, or_null, text, validator

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pydantic_core import SchemaValidator

    from lambda_responses.wire.json import Json

EVENT_TYPES = ("response.completed", "response.failed", "response.cancelled", "response.incomplete")
"""What happens here. The live API's other types belong to products that are not offered."""

TOLD = ("status", "model", "metadata", "usage", "error", "incomplete_details")
"""Members of a response that an event bus is told besides its id."""

SECRET_PREFIX = "whsec_"
SECRET_BYTES = 32
HINTED = 4
"""How many of a secret's last characters are shown, for its holder to know it by."""

_EVENT_TYPE = one_of(*EVENT_TYPES)
MEMBERS: dict[str, dict[str, Shape]] = {
    "endpoint": {
        "name": text(least=1, most=256),
        "url": text(least=1, most=2_048),
        "event_types": list_of(_EVENT_TYPE, least=1),
    },
    "rotation": {"keep_old_secret_active_for_24_hours": or_null(FLAG)},
    "test": {"event_type": _EVENT_TYPE},
}
"""By what a body is for, what may be in it."""


def read_endpoint(body: Json) -> Json:
    """Name, URL and event types of a new endpoint. Raises `InvalidRequestError`.

    Whether the URL may be called is the outbound policy's to say.
    """
    return _endpoint(_checked(body, "endpoint", required=MEMBERS["endpoint"]))


def read_changes(body: Json) -> Json:
    """What of name, URL and event types is to change, maybe nothing. Raises `InvalidRequestError`."""
    return _endpoint(_checked(body, "endpoint"))


def read_rotation(body: Json) -> bool:
    """Whether the old secret stays valid for a day. Raises `InvalidRequestError`."""
    return bool(_checked(body, "rotation").get("keep_old_secret_active_for_24_hours"))


def read_test(body: Json) -> str:
    """The type of the event to send. Raises `InvalidRequestError`."""
    return _checked(body, "test", required=("event_type",))["event_type"]


def endpoint_object(
    id: str, *, settings: Json, created_at: int, updated_at: int, hint: str, secret: str | None = None
) -> Json:
    """An endpoint as clients see it; `settings` are its name, URL and event types, times in seconds.

    `secret` is shown to whoever has just had it made, and never again.
    """
    shown = {"signing_secret": secret} if secret is not None else {}
    return {
        "id": id,
        "object": "webhook_endpoint",
        "created_at": created_at,
        "updated_at": updated_at,
        **settings,
        **shown,
        "signing_secret_hint": hint,
    }


def deleted_endpoint(id: str) -> Json:
    """What is left of an endpoint."""
    return {"id": id, "object": "webhook_endpoint.deleted", "deleted": True}


def sample_result(id: str, *, event_type: str, status_code: int) -> Json:
    """How an endpoint answered a sample."""
    return {
        "object": "webhook_endpoint.test",
        "webhook_endpoint_id": id,
        "event_type": event_type,
        "status_code": status_code,
        "success": True,
    }


def event_type_list() -> Json:
    """The types that an endpoint may ask for."""
    return {"object": "list", "data": list(EVENT_TYPES)}


def webhook_event(type: str, response_id: str, *, at: int) -> Json:
    """What happened to a response, `at` seconds since 1970; told again, it has the same id."""
    digest = hashlib.sha256(f"{type} {response_id}".encode()).hexdigest()
    return {
        "id": f"evt_{digest[:48]}",
        "object": "event",
        "type": type,
        "created_at": at,
        "data": {"id": response_id},
    }


def event_detail(event: Json, *, tenant: str, response: Json | None, line: Json | None) -> Json:
    """What an event bus is told: the event, whose it is, and what rules may want to choose by.

    `response` is None where it is gone already; `line` answers a queued request.
    """
    known = response or {}
    data = {**event["data"], **{name: known[name] for name in TOLD if name in known}}
    detail = {**event, "tenant": tenant, "data": data}
    return detail if line is None else {**detail, "result": line}


def render_secret(key: bytes) -> str:
    """A secret as its holder writes it."""
    return SECRET_PREFIX + b64encode(key).decode()


def hint_of(secret: str) -> str:
    """What a secret is known by."""
    return f"{SECRET_PREFIX}…{secret[-HINTED:]}"


def signed_headers(id: str, body: bytes, *, at: int, secrets: Sequence[str]) -> dict[str, str]:
    """The headers that prove where a delivery comes from: a signature with each secret that is valid now."""
    signed = f"{id}.{at}.".encode() + body
    signatures = [hmac.digest(_key_of(secret), signed, "sha256") for secret in secrets]
    return {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{b64encode(each).decode()}" for each in signatures),
    }


def _key_of(secret: str) -> bytes:
    return b64decode(secret.removeprefix(SECRET_PREFIX))


def _endpoint(given: Json) -> Json:
    if "event_types" in given:
        given["event_types"] = list(dict.fromkeys(given["event_types"]))
    return given


def _checked(body: Json, purpose: str, *, required: Collection[str] = ()) -> Json:
    """A copy of the body. The first fault in it is raised, in the order in which the live API looks."""
    members: Mapping[str, Any] = MEMBERS[purpose]
    for key in body:
        if key not in members:
            raise unknown_key(key, suggestion=nearest(key, (name for name in members if name not in body)))
    for name in members:
        if name in body:
            try:
                _judge(purpose, name).validate_python(body[name])
            except ValidationError as error:
                raise first_fault(name, error) from None
        elif name in required:
            raise missing(name)
    return dict(body)


@cache
def _judge(purpose: str, name: str) -> SchemaValidator:
    return validator(MEMBERS[purpose][name])

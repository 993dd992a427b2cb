"""What operations on webhook endpoints take and tell, and how deliveries are signed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from openai import InvalidWebhookSignatureError, OpenAI
from openai.types.webhooks import UnwrapWebhookEvent, WebhookEndpoint, WebhookEndpointWithSecret
from pydantic import TypeAdapter

from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.json import to_bytes
from lambda_responses.wire.webhooks import (
    EVENT_TYPES,
    endpoint_object,
    event_detail,
    hint_of,
    read_changes,
    read_endpoint,
    read_rotation,
    read_test,
    render_secret,
    signed_headers,
    webhook_event,
)

SOUND: Any = {"name": "n", "url": "https://a.example/", "event_types": ["response.failed"]}
CLIENT = OpenAI(api_key="x")
SECRETS = st.binary(min_size=32, max_size=32).map(render_secret)
KEEP = "keep_old_secret_active_for_24_hours"


def test_an_endpoint_has_a_name_an_address_and_types_of_events() -> None:
    assert read_endpoint(SOUND) == SOUND
    twice = {**SOUND, "event_types": ["response.failed", "response.completed", "response.failed"]}
    assert read_endpoint(twice)["event_types"] == ["response.failed", "response.completed"]


def test_a_change_names_what_it_changes() -> None:
    assert read_changes({}) == {}
    assert read_changes({"name": "other"}) == {"name": "other"}


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "missing_required_parameter", "name"),
        ({"name": "n"}, "missing_required_parameter", "url"),
        ({"name": "n", "url": "https://a.example/"}, "missing_required_parameter", "event_types"),
        ({**SOUND, "name": ""}, "empty_string", "name"),
        ({**SOUND, "name": "n" * 257}, "string_above_max_length", "name"),
        ({**SOUND, "name": None}, "invalid_type", "name"),
        ({**SOUND, "url": 7}, "invalid_type", "url"),
        ({**SOUND, "url": "https://a.example/" + "u" * 2_048}, "string_above_max_length", "url"),
        ({**SOUND, "event_types": []}, "empty_array", "event_types"),
        ({**SOUND, "event_types": "response.failed"}, "invalid_type", "event_types"),
        ({**SOUND, "event_types": ["batch.completed"]}, "invalid_value", "event_types[0]"),
        ({**SOUND, "event_types": ["response.failed", 7]}, "invalid_type", "event_types[1]"),
        ({**SOUND, "secret": "mine"}, "unknown_parameter", "secret"),
    ],
)
def test_what_cannot_be_an_endpoint_is_refused(body: Any, code: str, param: str) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        read_endpoint(body)
    assert (refusal.value.code, refusal.value.param) == (code, param)


def test_a_type_that_does_not_happen_here_is_told_which_do() -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        read_test({"event_type": "fine_tuning.job.succeeded"})
    assert all(f"'{type}'" in refusal.value.message for type in EVENT_TYPES)


@pytest.mark.parametrize(("body", "kept"), [({}, False), ({KEEP: None}, False), ({KEEP: True}, True)])
def test_a_rotation_voids_the_old_secret_unless_told_otherwise(body: Any, kept: bool) -> None:
    assert read_rotation(body) is kept


def test_a_secret_is_shown_only_to_whoever_has_just_had_it_made() -> None:
    secret = render_secret(b"k" * 32)
    known: Any = {"settings": SOUND, "created_at": 1, "updated_at": 2, "hint": hint_of(secret)}
    new = endpoint_object("whe_1", **known, secret=secret)
    WebhookEndpointWithSecret.model_validate(new, strict=True)
    later = endpoint_object("whe_1", **known)
    WebhookEndpoint.model_validate(later, strict=True)
    assert "signing_secret" not in later
    assert len(later["signing_secret_hint"]) < 12
    assert later["signing_secret_hint"].endswith(secret[-4:])


@pytest.mark.parametrize("type", EVENT_TYPES)
def test_an_event_is_what_the_official_types_say(type: str) -> None:
    event = webhook_event(type, "resp_1", at=7)
    read = TypeAdapter(UnwrapWebhookEvent).validate_python(event, strict=True)
    assert read.to_dict() == event
    assert event == webhook_event(type, "resp_1", at=7)


def test_events_have_ids_of_their_own() -> None:
    ids = {webhook_event(type, f"resp_{n}", at=7)["id"] for type in EVENT_TYPES for n in range(10)}
    assert len(ids) == 10 * len(EVENT_TYPES)


@given(secrets=st.lists(SECRETS, min_size=1, max_size=3), text=st.text(max_size=40))
def test_the_official_sdk_takes_a_delivery_with_any_of_its_secrets(secrets: list[str], text: str) -> None:
    event = webhook_event("response.completed", f"resp_{text}", at=7)
    body = to_bytes(event)
    headers = signed_headers(event["id"], body, at=int(time.time()), secrets=secrets)
    for secret in secrets:
        read = CLIENT.webhooks.unwrap(body, headers, secret=secret)
        assert read.to_dict() == event


@given(known=st.tuples(SECRETS, SECRETS), late=st.integers(min_value=301, max_value=10**6))
def test_it_takes_no_other_secret_body_id_or_time(known: tuple[str, str], late: int) -> None:
    secret, other = known
    assume(secret != other)
    now = int(time.time())
    body = to_bytes(webhook_event("response.completed", "resp_1", at=7))
    headers = signed_headers("evt_1", body, at=now, secrets=[secret])
    assert set(headers) == {"content-type", "webhook-id", "webhook-timestamp", "webhook-signature"}
    for broken, told, key in (
        (body, headers, other),
        (body + b" ", headers, secret),
        (body, {**headers, "webhook-id": "evt_2"}, secret),
        (body, {**headers, "webhook-timestamp": str(now - 1)}, secret),
        (body, signed_headers("evt_1", body, at=now - late, secrets=[secret]), secret),
    ):
        with pytest.raises(InvalidWebhookSignatureError):
            CLIENT.webhooks.unwrap(broken, told, secret=key)


def test_a_signature_is_standard_webhooks() -> None:
    """The specification's own words, written once more by hand."""
    key, body = b"0123456789abcdef0123456789abcdef", b'{"a":1}'
    signed = hmac.new(key, b'evt_1.1800000000.{"a":1}', hashlib.sha256).digest()
    headers = signed_headers("evt_1", body, at=1_800_000_000, secrets=[render_secret(key)])
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(signed).decode()}"


def test_a_bus_is_told_what_rules_may_choose_by_and_not_what_was_said() -> None:
    response: Any = {"id": "resp_1", "status": "completed", "model": "m", "output": ["x"], "metadata": {}}
    event = webhook_event("response.completed", "resp_1", at=7)
    detail = event_detail(event, tenant="acme", response=response, line=None)
    assert detail["data"] == {"id": "resp_1", "status": "completed", "model": "m", "metadata": {}}
    assert (detail["id"], detail["type"], detail["tenant"]) == (event["id"], event["type"], "acme")
    assert event["data"] == {"id": "resp_1"}
    gone = event_detail(event, tenant="acme", response=None, line={"custom_id": "a"})
    assert (gone["data"], gone["result"]) == ({"id": "resp_1"}, {"custom_id": "a"})

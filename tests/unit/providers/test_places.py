"""What of a place is told upstream, and what of it is told to nobody else."""

from __future__ import annotations

from lambda_responses.providers.catalog import Row
from lambda_responses.providers.connections import Connections
from lambda_responses.providers.places import place_of

ACME = Row(
    name="acme",
    base_url="https://llm.acme.example/v1",
    needs_key=False,
    headers={"x-team": "search", "x-pass": "Basic ${ACME_PASS}", "x-price": "5$$"},
)


def test_secrets_are_the_key_and_what_the_environment_filled_in():
    place = place_of(ACME, {"ACME_API_KEY": "the-key", "ACME_PASS": "open sesame"}, Connections())
    assert place.headers == {
        "authorization": "Bearer the-key",
        "x-team": "search",
        "x-pass": "Basic open sesame",
        "x-price": "5$",
    }
    assert place.secrets == ("the-key", "open sesame")
    assert "sesame" not in repr(place)


def test_without_a_key_nothing_is_said_of_one():
    place = place_of(Row(name="acme", base_url="http://h/v1", needs_key=False), {}, Connections())
    assert (place.headers, place.secrets) == ({}, ())

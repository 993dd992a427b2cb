"""What of a server must not be seen in what it says."""

from __future__ import annotations

import pytest

from lambda_responses.tools.servers.credentials import credentials_of, secrets_of
from lambda_responses.tools.servers.server import ClientCredentials, Http, Server

AT = Http("https://dice.example/mcp")


@pytest.mark.parametrize(
    ("headers", "known"),
    [
        ({"authorization": "Bearer canary"}, {"Bearer canary", "Bearer", "canary"}),
        ({"x-api-key": "canary"}, {"canary"}),
        ({"x-team": "finance"}, set()),
        ({"x-team": "the department of finance, 2nd floor"}, set()),
        ({"x-team": "canary0123456789"}, {"canary0123456789"}),
    ],
)
def test_a_header_is_a_credential_by_its_name_or_by_its_looks(headers: dict[str, str], known: set[str]):
    assert set(credentials_of(Server("dice", AT, headers=headers))) == known


def test_what_an_operator_has_by_reference_is_one_wherever_it_is_sent():
    server = Server("dice", AT, headers={"x-team": "finance"}, secrets=frozenset({"finance"}))
    assert set(credentials_of(server)) == {"finance"}


def test_the_secret_of_a_client_is_one_before_there_is_a_token():
    auth = ClientCredentials("https://issuer.example/token", "me", "canary")
    assert set(credentials_of(Server("dice", AT, auth=auth))) == {"canary"}


def test_a_key_in_an_address_is_known_by_its_name_or_its_looks():
    """And a word that a tool may well say is none: nothing is taken out of results for it."""
    url = "https://mcp.example/mcp?api_key=canary%2D1&project=documentation&v=k2j4h5g6f7d8s9a0#canary-token-2345678"
    known = {"canary%2D1", "canary-1", "k2j4h5g6f7d8s9a0", "canary-token-2345678"}
    server = Server("dice", Http(url))
    assert set(credentials_of(server)) == known
    assert set(secrets_of(server)) == {*known, "documentation"}

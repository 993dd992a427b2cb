"""When an issuer is asked for its keys, which of them are taken, and what if it does not answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from lambda_responses.outbound.faults import TooLarge, TooSlow, Unreachable
from lambda_responses.runtime.principals.issuer import (
    FRESH_SECONDS,
    PAUSE_SECONDS,
    RETRY_SECONDS,
    IssuerKeys,
    UnknownKey,
    is_safe,
)
from lambda_responses.wire.errors import OverloadedError
from tests.fakes.issuer import CONFIGURATION, ISSUER, JWKS, Documents, public_jwk

pytestmark = pytest.mark.anyio


@dataclass
class Issuer:
    """An issuer's keys by a clock that moves when told to."""

    documents: Documents = field(default_factory=Documents)
    address: str | None = JWKS
    seconds: float = 1_800_000_000

    def __post_init__(self) -> None:
        outbound: Any = self.documents
        self.keys = IssuerKeys(ISSUER, address=self.address, outbound=outbound, now=lambda: self.seconds)

    async def has(self, key_id: str | None) -> bool:
        try:
            await self.keys.find(key_id)
        except UnknownKey:
            return False
        return True


def key(kid: str | None, **members: Any) -> dict[str, Any]:
    return public_jwk("P-256", **({} if kid is None else {"kid": kid}), **members)


async def test_the_issuers_configuration_says_where_its_keys_are():
    issuer = Issuer(address=None)
    assert await issuer.has("k0")
    assert issuer.documents.asked == [CONFIGURATION, JWKS]


async def test_an_address_that_the_operator_gave_is_asked_at_once():
    issuer = Issuer()
    assert await issuer.has("k0")
    assert issuer.documents.asked == [JWKS]


async def test_keys_are_fetched_once_an_hour():
    issuer = Issuer()
    assert await issuer.has("k0")
    issuer.seconds += FRESH_SECONDS - 1
    assert await issuer.has("k0")
    assert len(issuer.documents.asked) == 1
    issuer.seconds += 1
    issuer.documents.keys = [key("k1")]
    assert not await issuer.has("k0")
    assert len(issuer.documents.asked) == 2


async def test_an_unknown_key_is_looked_for_and_then_for_a_while_no_more():
    issuer = Issuer()
    assert await issuer.has("k0")
    issuer.seconds += PAUSE_SECONDS
    for number in range(50):
        assert not await issuer.has(f"invented-{number}")
    assert len(issuer.documents.asked) == 2
    issuer.documents.keys.append(key("k1"))
    assert not await issuer.has("k1")
    issuer.seconds += PAUSE_SECONDS
    assert await issuer.has("k1")
    assert len(issuer.documents.asked) == 3


async def test_all_who_come_at_once_wait_for_one_look():
    issuer = Issuer()
    assert await asyncio.gather(*(issuer.has("k0") for _ in range(8))) == [True] * 8
    assert len(issuer.documents.asked) == 1


async def test_while_somebody_looks_again_known_keys_open():
    issuer = Issuer()
    assert await issuer.has("k0")
    issuer.seconds += FRESH_SECONDS
    answer, documents = asyncio.Event(), issuer.documents
    fetch = documents.request

    async def slowly(method: str, url: str, *, largest: int) -> Any:
        await answer.wait()
        return await fetch(method, url, largest=largest)

    documents.request = slowly  # pyright: ignore[reportAttributeAccessIssue]
    looking = asyncio.ensure_future(issuer.has("k0"))
    await asyncio.sleep(0)
    assert await issuer.has("k0")
    assert not looking.done()
    answer.set()
    assert await looking


@pytest.mark.parametrize(
    "fault", [Unreachable(), TooSlow(), TooLarge()], ids=lambda fault: type(fault).__name__
)
async def test_an_issuer_that_does_not_answer_is_a_503_and_is_soon_asked_again(fault: Exception):
    issuer = Issuer(Documents(fault=fault))
    for _ in range(10):
        with pytest.raises(OverloadedError) as unable:
            await issuer.has("k0")
        assert unable.value.headers["retry-after"] == "2"
    assert len(issuer.documents.asked) == 1
    issuer.documents.fault = None
    issuer.seconds += RETRY_SECONDS
    assert await issuer.has("k0")


async def test_old_keys_stay_in_use_while_the_issuer_does_not_answer():
    issuer = Issuer()
    assert await issuer.has("k0")
    issuer.documents.fault = Unreachable()
    issuer.seconds += FRESH_SECONDS
    assert await issuer.has("k0")
    assert not await issuer.has("k1")
    assert len(issuer.documents.asked) == 2


@pytest.mark.parametrize(
    "configuration",
    [
        {"issuer": ISSUER + "/other", "jwks_uri": JWKS},
        {"issuer": ISSUER},
        {"issuer": ISSUER, "jwks_uri": 7},
        {"issuer": ISSUER, "jwks_uri": "http://keys.example/jwks.json"},
        {"issuer": ISSUER, "jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": JWKS},
        [],
        b"<html>",
        b"[" * 100_000,
    ],
)
async def test_a_configuration_that_is_no_proper_one_leads_nowhere(configuration: Any):
    issuer = Issuer(Documents(configuration=configuration), address=None)
    with pytest.raises(OverloadedError):
        await issuer.has("k0")
    assert issuer.documents.asked == [CONFIGURATION]


async def test_a_refusal_brings_no_keys():
    issuer = Issuer(Documents(status=404))
    with pytest.raises(OverloadedError):
        await issuer.has("k0")


@pytest.mark.parametrize(
    "keys",
    [
        [],
        {},
        "keys",
        [None, 7, "k0", {}],
        [{"kty": "oct", "k": "c2VjcmV0", "kid": "k0"}],
        [{"kty": ["RSA"], "kid": "k0"}],
        [key("k0", use="enc")],
        [key("k0") | {"kid": 7}],
    ],
)
async def test_what_signs_no_tokens_is_not_taken(keys: Any):
    with pytest.raises(OverloadedError):
        await Issuer(Documents(keys=keys)).has("k0")


async def test_good_keys_are_taken_from_among_others():
    issuer = Issuer(Documents(keys=[{"kty": "oct", "kid": "secret"}, None, key("k1")]))
    assert await issuer.has("k1")
    assert not await issuer.has("secret")


async def test_private_halves_are_left_where_they_are():
    issuer = Issuer(Documents(keys=[key("k1", d="c2VjcmV0", x5c=["…"])]))
    assert (await issuer.keys.find("k1")).keys() == {"kty", "kid", "crv", "x", "y"}


async def test_a_token_that_names_no_key_means_the_only_one():
    assert await Issuer(Documents(keys=[key("k1")])).has(None)
    assert await Issuer(Documents(keys=[key(None)])).has(None)
    assert not await Issuer(Documents(keys=[key("k1"), key("k2")])).has(None)


@pytest.mark.parametrize(
    "url", ["https://a.example", "https://a.example:8443/x", "http://127.0.0.1:8080", "http://[::1]/"]
)
def test_what_comes_over_tls_or_from_this_machine_is_what_its_owner_wrote(url: str):
    assert is_safe(url)


@pytest.mark.parametrize(
    "url", ["http://a.example", "ftp://a.example", "a.example", "", "https://", "https://u:p@a.example"]
)
def test_anything_else_may_be_anybodys(url: str):
    assert not is_safe(url)

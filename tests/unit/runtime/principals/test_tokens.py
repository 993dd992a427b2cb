"""Which tokens open, for whom, and that all others are refused in the same words."""

from __future__ import annotations

import base64
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.lifecycle.ports import Principal
from lambda_responses.runtime.principals.issuer import IssuerKeys
from lambda_responses.runtime.principals.tokens import Expected, TokenHolders
from lambda_responses.wire.errors import AuthenticationError
from lambda_responses.wire.scopes import MODELS_READ, RESPONSES_READ, SCOPES
from lambda_responses.wire.unauthenticated import key_refused
from tests.fakes.issuer import AUDIENCE, ISSUER, JWKS, Documents, claims, private_key, public_jwk, token

pytestmark = pytest.mark.anyio

NOW = int(time.time())


def holders(*keys: Any, claim: str = "sub") -> TokenHolders:
    documents: Any = Documents(keys=list(keys)) if keys else Documents()
    published = IssuerKeys(ISSUER, address=JWKS, outbound=documents, now=time.time)
    return TokenHolders(Expected(ISSUER, AUDIENCE, claim), published)


async def refused(text: str, *keys: Any, claim: str = "sub") -> bool:
    try:
        await holders(*keys, claim=claim).holder(text)
    except AuthenticationError as refusal:
        return refusal.body() == key_refused().body()
    return False


async def test_the_tenant_is_what_the_claim_says():
    assert await holders().holder(token()) == Principal("user-1", key_id="user-1")
    named = await holders(claim="org").holder(token(org="acme"))
    assert (named.tenant, named.key_id) == ("acme", "user-1")


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [
        *(("RSA", f"{family}{bits}") for family in ("RS", "PS") for bits in (256, 384, 512)),
        ("P-256", "ES256"),
        ("P-384", "ES384"),
        ("P-521", "ES512"),
        ("Ed25519", "EdDSA"),
    ],
)
async def test_every_signature_of_two_halves_is_known(kind: str, algorithm: str):
    text = token(kind, algorithm=algorithm)
    assert await holders(public_jwk(kind, kid="k0")).holder(text)
    assert await holders(public_jwk(kind, kid="k0", alg=algorithm)).holder(text)


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": NOW - 60},
        {"exp": None},
        {"exp": "soon"},
        {"nbf": NOW + 86_400},
        {"iss": "https://issuer.example"},
        {"iss": None},
        {"iss": [ISSUER]},
        {"aud": "others"},
        {"aud": None},
        {"aud": ["others"]},
        {"aud": 7},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "auth0|user"},
        {"sub": "#A"},
        {"sub": "a#T#b"},
        {"sub": "a" * 129},
        {"sub": ["acme"]},
    ],
    ids=lambda changed: "-".join(changed),  # not the values, which are different at every start
)
async def test_a_token_that_says_something_else_is_refused(changed: dict[str, Any]):
    assert await refused(signed(segment(claims(**changed))))


async def test_a_token_that_says_what_is_expected_is_good():
    assert await holders().holder(signed(segment(claims())))


def segment(value: Any) -> str:
    return encoded(json.dumps(value).encode())


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(payload: str) -> str:
    """A token of that payload, which the library might refuse to write."""
    algorithm: Any = jwt.get_algorithm_by_name("RS256")
    text = f"{segment({'alg': 'RS256', 'kid': 'k0'})}.{payload}"
    return f"{text}.{encoded(algorithm.sign(text.encode(), private_key('RSA')))}"


async def test_one_of_several_audiences_is_enough():
    assert await holders().holder(token(aud=["others", AUDIENCE]))


async def test_clocks_may_differ_by_moments():
    now = int(time.time())
    assert await holders().holder(token(exp=now - 1, nbf=now + 5, iat=now + 5))


async def test_a_token_without_the_time_it_begins_is_good():
    assert await holders().holder(token(nbf=None, iat=None))


async def test_a_signature_of_another_key_is_refused():
    assert await refused(token("RSA", 1))
    assert await refused(token("P-256"))
    assert await refused(token(kid="k1"))


async def test_a_changed_token_is_refused():
    header, payload, signature = token().split(".")
    other = token(sub="user-2").split(".")[1]
    assert await refused(f"{header}.{other}.{signature}")
    assert await refused(f"{header}.{payload}.{'A' * len(signature)}")
    assert await refused(f"{header}.{payload}.")


async def test_a_token_that_nobody_signed_is_refused():
    assert await refused(jwt.encode(claims(), None, "none", {"kid": "k0"}))


async def test_a_public_key_is_no_secret_to_sign_with():
    """Algorithm confusion, RFC 8725 §2.1: everybody knows the public key, so it may not count as a secret."""
    key = private_key("RSA").public_key()
    secrets = [
        key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(public_jwk("RSA")),
    ]
    for secret in secrets:
        text = f"{segment({'alg': 'HS256', 'kid': 'k0'})}.{segment(claims())}"
        mark = hmac.digest(secret if isinstance(secret, bytes) else secret.encode(), text.encode(), "sha256")
        assert await refused(f"{text}.{encoded(mark)}")


async def test_a_published_secret_opens_nothing():
    secret = base64.urlsafe_b64encode(b"s" * 64).decode()
    forged = jwt.encode(claims(), b"s" * 64, "HS256", {"kid": "shared"})
    assert await refused(forged, {"kty": "oct", "k": secret, "kid": "shared"}, public_jwk("RSA", kid="k0"))


async def test_a_key_is_used_for_the_algorithm_that_it_names_alone():
    assert await refused(token(algorithm="RS512"), public_jwk("RSA", kid="k0", alg="RS256"))
    assert await refused(token(algorithm="PS256"), public_jwk("RSA", kid="k0", alg="RSA-OAEP"))


async def test_a_key_that_is_too_short_is_refused():
    assert await refused(token_of_a_weak_key(), public_jwk("weak", kid="k0"))


def token_of_a_weak_key() -> str:
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        return token("weak")


@pytest.mark.parametrize(
    "key",
    [
        {"kty": "RSA", "kid": "k0"},
        {"kty": "RSA", "kid": "k0", "n": "!", "e": "AQAB"},
        {"kty": "RSA", "kid": "k0", "n": 7, "e": []},
        {"kty": "EC", "kid": "k0", "crv": "P-256", "x": "AA", "y": "AA"},
    ],
)
async def test_a_key_that_is_none_opens_nothing(key: Any):
    assert await refused(token(), key)
    assert await refused(token("P-256"), key)


@pytest.mark.parametrize(
    ("said", "scopes"),
    [
        ({}, SCOPES),
        ({"scope": f"openid {RESPONSES_READ} profile"}, {RESPONSES_READ}),
        ({"scp": [RESPONSES_READ, MODELS_READ, 7]}, {RESPONSES_READ, MODELS_READ}),
        ({"scp": MODELS_READ, "scope": "openid"}, {MODELS_READ}),
        ({"scope": None, "scp": None}, SCOPES),
        ({"scope": "openid profile"}, set()),
        ({"scope": ""}, set()),
        ({"scp": []}, set()),
        ({"scope": "api.responses.reed"}, set()),
        ({"scope": 7, "scp": {"a": 1}}, set()),
    ],
)
async def test_a_token_may_do_what_it_names_or_everything_where_it_names_no_scopes(
    said: Any, scopes: frozenset[str]
):
    assert (await holders().holder(token(**said))).scopes == scopes


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
headers = st.fixed_dictionaries(
    {},
    optional={
        "alg": st.sampled_from(["RS256", "ES256", "EdDSA", "none", "HS256", "rs256", "", "ES256K"])
        | json_values,
        "kid": st.sampled_from(["k0", "k1"]) | json_values,
        "typ": json_values,
        "crit": json_values,
        "b64": json_values,
        "jwk": json_values,
        "jku": json_values,
    },
)


@given(st.text(max_size=200) | st.tuples(headers, json_values, st.text("ABC_-", max_size=100)))
async def test_any_text_is_refused_in_the_same_words(drawn: Any):
    text = drawn if isinstance(drawn, str) else f"{segment(drawn[0])}.{segment(drawn[1])}.{drawn[2]}"
    assert await refused(text)


@pytest.mark.parametrize("payload", ["[" * 5_000, '{"a":' * 2_000, "NaN", "\ud800", "null", "[]"])
async def test_payloads_that_are_no_objects_are_refused(payload: str):
    assert await refused(signed(encoded(payload.encode("utf-8", "surrogatepass"))))

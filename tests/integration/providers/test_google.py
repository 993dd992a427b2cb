"""Access tokens of Google's cloud, from a token endpoint on loopback."""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from lambda_responses.providers.base import ProviderSettingsError, UpstreamRefused, UpstreamUnreachable
from lambda_responses.providers.connections import Connections
from lambda_responses.providers.google import EARLY, GoogleToken, google_token
from lambda_responses.providers.google_tokens import Token
from lambda_responses.providers.retries import Retries
from lambda_responses.providers.routing import ProviderRouter
from lambda_responses.transformers.base import Rendered
from tests.integration.providers.loopback import Call, Loopback, loopback
from tests.unit.providers.test_aws import GIVEN, KEYS, recomputed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.anyio

START = 1_700_000_000.0
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
URL, BODY = "http://127.0.0.1/v1/x", b"{}"


@dataclass
class Issuer:
    """Answers every request with the next token, or with what a test says."""

    upstream: Loopback = field(default_factory=Loopback)
    now: float = START
    status: int = 200
    answer: Any = None

    @property
    def root(self) -> str:
        return self.upstream.base_url.removesuffix("/v1")

    async def behave(self, call: Call) -> None:
        number = len(self.upstream.requests)
        issued = {
            "access_token": f"token-{number}",
            "accessToken": f"guise-{number}",
            "expires_in": 3600,
            "token_type": "Bearer",
        }
        answer = issued if self.answer is None else self.answer
        text = answer if isinstance(answer, str) else json.dumps(answer)
        await call.answer(self.status, text.encode(), content_type="application/json")


@asynccontextmanager
async def issuer() -> AsyncIterator[tuple[Issuer, Connections]]:
    google, connections = Issuer(), Connections(through_proxies=False)
    async with loopback(google.behave) as google.upstream:
        try:
            yield google, connections
        finally:
            await connections.aclose()


def credential(info: dict[str, Any], google: Issuer, connections: Connections, **env: str) -> GoogleToken:
    return google_token(info, env, connections, clock=lambda: google.now)


async def headers(token: GoogleToken) -> dict[str, str]:
    return dict(await token.headers_for(URL, BODY))


def login(google: Issuer, **more: Any) -> dict[str, Any]:
    return {
        "type": "authorized_user",
        "client_id": "the-client",
        "client_secret": "the-secret",
        "refresh_token": "the-refresh-token",
        "token_uri": f"{google.root}/token",
        **more,
    }


# How a token is kept.


async def test_a_token_is_kept_until_shortly_before_its_end():
    async with issuer() as (google, connections):
        token = credential(login(google), google, connections)
        assert await headers(token) == {"authorization": "Bearer token-1"}
        google.now += 3600 - EARLY - 1
        assert await headers(token) == {"authorization": "Bearer token-1"}
        google.now += 1
        assert await headers(token) == {"authorization": "Bearer token-2"}
        assert len(google.upstream.requests) == 2


async def test_requests_at_one_time_ask_for_one_token():
    async with issuer() as (google, connections):
        token = credential(login(google), google, connections)
        all_headers = await asyncio.gather(*(headers(token) for _ in range(20)))
        assert all_headers == [{"authorization": "Bearer token-1"}] * 20
        assert len(google.upstream.requests) == 1


async def test_a_token_that_cannot_be_renewed_is_used_to_its_end():
    async with issuer() as (google, connections):
        token = credential(login(google), google, connections)
        await headers(token)
        google.status, google.answer = 503, {"error": "later"}
        google.now += 3600 - 1
        assert await headers(token) == {"authorization": "Bearer token-1"}
        google.now += 1
        with pytest.raises(UpstreamUnreachable):
            await headers(token)


def test_a_token_outlives_the_loop_that_asked_for_it():
    class Source:
        async def token(self) -> Token:
            await asyncio.sleep(0)  # so that the second one has to wait
            return Token("short", 0.0)

    async def asked_twice() -> list[dict[str, str]]:
        return await asyncio.gather(headers(token), headers(token))

    token = GoogleToken(Source())
    for _ in range(2):
        assert asyncio.run(asked_twice()) == [{"authorization": "Bearer short"}] * 2


async def test_whoever_pays_is_named():
    async with issuer() as (google, connections):
        token = credential(login(google, quota_project_id="paying"), google, connections)
        assert (await headers(token))["x-goog-user-project"] == "paying"


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (400, {"error": "invalid_grant", "error_description": "the-refresh-token is gone"}),
        (401, "<html>"),
        (200, {}),
        (200, {"access_token": 7}),
        (200, "<html>"),
        (200, []),
    ],
)
async def test_a_refused_login_is_the_servers_fault_and_tells_nothing(status: int, answer: Any):
    async with issuer() as (google, connections):
        google.status, google.answer = status, answer
        with pytest.raises(UpstreamRefused) as raised:
            await headers(credential(login(google), google, connections))
        assert raised.value.failure.status == 401
        assert "the-refresh-token" not in f"{raised.value}{raised.value.failure}"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/token", "nowhere", "http://[::1"])
async def test_an_issuer_that_nobody_reaches_is_no_refusal(url: str):
    async with issuer() as (google, connections):
        token = credential(login(google, token_uri=url), google, connections)
        with pytest.raises(UpstreamUnreachable):
            await headers(token)


# Where a token comes from.


async def test_a_login_gives_its_refresh_token():
    async with issuer() as (google, connections):
        await headers(credential(login(google), google, connections))
        [request] = google.upstream.requests
        assert (request.method, request.path) == ("POST", "/token")
        assert request.form == {
            "grant_type": "refresh_token",
            "client_id": "the-client",
            "client_secret": "the-secret",
            "refresh_token": "the-refresh-token",
        }


@pytest.fixture(scope="module")
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def service_account(google: Issuer, key: rsa.RSAPrivateKey, **more: Any) -> dict[str, Any]:
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "type": "service_account",
        "client_email": "bot@p-1.iam.gserviceaccount.com",
        "private_key": pem.decode(),
        "private_key_id": "key-7",
        "project_id": "p-1",
        "token_uri": f"{google.root}/token",
        **more,
    }


async def test_a_service_account_signs_what_it_claims(private_key: rsa.RSAPrivateKey):
    async with issuer() as (google, connections):
        token = credential(service_account(google, private_key), google, connections)
        assert await headers(token) == {"authorization": "Bearer token-1"}
        [request] = google.upstream.requests
        assert request.form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        assertion = request.form["assertion"]
        assert jwt.get_unverified_header(assertion) == {"alg": "RS256", "kid": "key-7", "typ": "JWT"}
        url = f"{google.root}/token"
        claims = jwt.decode(
            assertion,
            private_key.public_key(),
            algorithms=["RS256"],
            audience=url,
            options={"verify_exp": False},
        )
        assert claims == {
            "iss": "bot@p-1.iam.gserviceaccount.com",
            "scope": SCOPE,
            "aud": url,
            "iat": int(START),
            "exp": int(START) + 3600,
        }


@pytest.mark.parametrize(
    "key", ["", "no key", "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----"]
)
async def test_a_private_key_that_is_none_is_the_servers_fault(key: str, private_key: rsa.RSAPrivateKey):
    async with issuer() as (google, connections):
        token = credential(service_account(google, private_key, private_key=key), google, connections)
        with pytest.raises(UpstreamRefused):
            await headers(token)
        assert google.upstream.requests == []


def foreign(google: Issuer, source: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"{google.root}/sts",
        "credential_source": source,
        **more,
    }


@pytest.mark.parametrize(
    ("content", "format"),
    [
        ("the-subject-token\n", None),
        ("the-subject-token", {"type": "text"}),
        ('{"id": "the-subject-token"}', {"type": "json", "subject_token_field_name": "id"}),
    ],
)
async def test_a_token_in_a_file_is_exchanged(tmp_path: Path, content: str, format: Any):
    (tmp_path / "token").write_text(content)
    async with issuer() as (google, connections):
        source = {"file": str(tmp_path / "token"), "format": format}
        assert await headers(credential(foreign(google, source), google, connections)) == {
            "authorization": "Bearer token-1"
        }
        [request] = google.upstream.requests
        assert request.path == "/sts"
        assert request.form == {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "audience": foreign(google, source)["audience"],
            "scope": SCOPE,
            "subject_token": "the-subject-token",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        }


async def test_a_token_at_an_address_is_exchanged():
    async with issuer() as (google, connections):
        format = {"type": "json", "subject_token_field_name": "access_token"}
        source = {"url": f"{google.root}/identity", "headers": {"x-identity": "yes"}, "format": format}
        token = credential(foreign(google, source), google, connections)
        assert await headers(token) == {"authorization": "Bearer token-2"}
        asked, exchanged = google.upstream.requests
        assert (asked.method, asked.path, asked.headers["x-identity"]) == ("GET", "/identity", "yes")
        assert exchanged.form["subject_token"] == "token-1"


async def test_an_identity_of_aws_is_a_signed_question_who_it_is():
    async with issuer() as (google, connections):
        info = foreign(
            google,
            {"environment_id": "aws1"},
            subject_token_type="urn:ietf:params:aws:token-type:aws4_request",
        )
        await headers(credential(info, google, connections, **GIVEN, AWS_REGION="us-east-1"))
        [request] = google.upstream.requests
        question = json.loads(unquote(request.form["subject_token"]))
        said = {header["key"]: header["value"] for header in question["headers"]}
        url = "https://sts.us-east-1.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"
        assert (question["url"], question["method"]) == (url, "POST")
        assert said["x-goog-cloud-target-resource"] == info["audience"]
        named = {name: said[name] for name in ("host", "x-goog-cloud-target-resource")}
        dated = {name: said[name] for name in ("x-amz-date", "x-amz-security-token")}
        assert said["Authorization"] == recomputed(dated, "sts", url, b"", KEYS, named)
        assert said["host"] == "sts.us-east-1.amazonaws.com"


@pytest.mark.parametrize("environment", [{}, {"AWS_REGION": "us-east-1"}, GIVEN])
async def test_no_identity_of_aws_is_the_servers_fault(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    for name in [name for name in os.environ if name.startswith("AWS_")]:  # a store's emulator may have some
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    async with issuer() as (google, connections):
        token = credential(foreign(google, {"environment_id": "aws1"}), google, connections, **environment)
        with pytest.raises(UpstreamRefused):
            await headers(token)


async def test_a_guise_is_put_on_by_the_identity_itself(private_key: rsa.RSAPrivateKey, tmp_path: Path):
    (tmp_path / "token").write_text("the-subject-token")
    async with issuer() as (google, connections):
        url = f"{google.root}/v1/projects/-/serviceAccounts/other:generateAccessToken"
        wearing = {"service_account_impersonation_url": url}
        infos = [
            foreign(google, {"file": str(tmp_path / "token")}, **wearing),
            {"type": "impersonated_service_account", "source_credentials": login(google), **wearing},
        ]
        for count, info in enumerate(infos):
            token = credential(info, google, connections)
            assert await headers(token) == {"authorization": f"Bearer guise-{2 * count + 2}"}
            request = google.upstream.requests[-1]
            assert request.headers["authorization"] == f"Bearer token-{2 * count + 1}"
            assert request.body == {"scope": [SCOPE], "lifetime": "3600s"}


@pytest.mark.parametrize(
    ("info", "sentence"),
    [
        ({}, "is of a type that this server does not know."),
        ({"type": "gdch_service_account"}, "is of a type that this server does not know."),
        ({"type": "service_account", "private_key": "k"}, "has no member 'client_email'."),
        ({"type": "authorized_user", "client_id": "i"}, "has no member 'client_secret'."),
        ({"type": "external_account", "audience": "a"}, "has no member 'subject_token_type'."),
        (
            {
                "type": "external_account",
                "audience": "a",
                "subject_token_type": "t",
                "token_url": "u",
                "credential_source": {"executable": {"command": "rm"}},
            },
            "has a credential_source that this server does not know.",
        ),
        (
            {"type": "impersonated_service_account", "service_account_impersonation_url": "u"},
            "has no member 'source_credentials'.",
        ),
    ],
)
async def test_credentials_of_an_unknown_kind_are_said_in_one_sentence(info: dict[str, Any], sentence: str):
    with pytest.raises(ProviderSettingsError) as raised:
        google_token(info, {}, Connections())
    assert str(raised.value) == f"GOOGLE_APPLICATION_CREDENTIALS {sentence}"


# What goes to Vertex.


async def test_a_request_carries_the_token_and_no_fault_tells_of_it():
    async def behave(call: Call) -> None:
        if call.request.path == "/token":
            await google.behave(call)
        else:
            said = call.request.headers["authorization"]
            await call.answer(400, json.dumps({"error": {"message": f"I heard {said}."}}).encode())

    google = Issuer(answer={"access_token": "ya29.a-long-token", "expires_in": 3600})
    async with loopback(behave) as google.upstream:
        router = ProviderRouter(
            {
                "VERTEX_BASE_URL": google.root,
                "VERTEX_PROJECT": "p-1",
                "GOOGLE_APPLICATION_CREDENTIALS": json.dumps(login(google)),
            },
            connections=Connections(through_proxies=False),
            retries=Retries(limit=0),
        )
        [target] = router.resolve("vertex_ai/gemini-3")
        with pytest.raises(UpstreamRefused) as raised:
            async with target.provider.open(Rendered("google/models/gemini-3:go?alt=sse", {})):
                pass
        await router.aclose()
    request = google.upstream.requests[-1]
    assert request.path == "/v1/projects/p-1/locations/global/publishers/google/models/gemini-3:go?alt=sse"
    assert request.headers["authorization"] == "Bearer ya29.a-long-token"
    assert "ya29" not in raised.value.failure.body

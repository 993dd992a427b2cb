"""Signatures, recomputed by botocore from what would be sent, and the credentials behind them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import RefreshableCredentials

from lambda_responses.providers.aws import AwsCredentials, AwsSignature, Keys
from lambda_responses.providers.base import UpstreamRefused

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

GIVEN = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "the-session-token",
}
KEYS = Keys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "the-session-token")
URL = "https://bedrock-runtime.us-east-1.amazonaws.com/model/us.anthropic.claude-v1%3A0/converse-stream"


@pytest.fixture(autouse=True)
def nobodys_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What botocore would find on this machine."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def headers_of(signature: AwsSignature, url: str = URL, body: bytes = b"{}") -> Mapping[str, str]:
    return asyncio.run(signature.headers_for(url, body))


def signature_of(
    environment: dict[str, str], service: str = "bedrock", *, optional: bool = False
) -> AwsSignature:
    return AwsSignature(service, "us-east-1", AwsCredentials(environment), optional=optional)


def recomputed(
    headers: Mapping[str, str],
    service: str,
    url: str,
    body: bytes,
    keys: Keys = KEYS,
    more: Mapping[str, str] | None = None,
) -> str:
    """The `authorization` that botocore gives a request which has these headers, at its time."""
    request: Any = AWSRequest(method="POST", url=url, data=body, headers=dict(more or {}))
    for name in ("content-type", "x-amz-date", "x-amz-security-token"):
        if name in headers:
            request.headers[name] = headers[name]
    request.context["timestamp"] = headers["x-amz-date"]
    signer: Any = SigV4Auth(keys, service, "us-east-1")
    text = signer.string_to_sign(request, signer.canonical_request(request))
    signer._inject_signature_to_request(request, signer.signature(text, request))
    return request.headers["Authorization"]


@pytest.mark.parametrize("service", ["bedrock", "bedrock-mantle"])
@pytest.mark.parametrize("body", [b"{}", '{"text": "é"}'.encode(), b""])
def test_a_signature_is_that_of_what_is_sent(service: str, body: bytes):
    headers = headers_of(signature_of(GIVEN, service), body=body)
    assert headers["x-amz-security-token"] == "the-session-token"
    assert headers["authorization"] == recomputed(headers, service, URL, body)
    assert f"/us-east-1/{service}/aws4_request" in headers["authorization"]


def test_a_signature_is_of_this_address_and_no_other():
    headers = headers_of(signature_of(GIVEN))
    for other in (URL.replace("%3A", ":"), URL.replace("us-east-1", "us-east-2"), f"{URL}?a=b"):
        assert headers["authorization"] != recomputed(headers, "bedrock", other, b"{}")


def test_keys_without_a_session_have_no_token():
    lasting = {name: GIVEN[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    headers = headers_of(signature_of(lasting))
    assert "x-amz-security-token" not in headers
    assert headers["authorization"] == recomputed(headers, "bedrock", URL, b"{}", KEYS._replace(token=None))


def test_a_profile_of_this_machine_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "credentials").write_text(
        "[work]\naws_access_key_id = AKIDWORK\naws_secret_access_key = secret\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert AwsCredentials({}).keys() == Keys("AKIDWORK", "secret", None)


def test_credentials_that_end_are_renewed(monkeypatch: pytest.MonkeyPatch):
    issued: list[str] = []

    def issue() -> dict[str, str]:
        issued.append(f"AKID{len(issued)}")
        lasts = timedelta(
            minutes=1 if len(issued) == 1 else 60
        )  # less than botocore counts on: renewed at once
        return {
            "access_key": issued[-1],
            "secret_key": "secret",
            "token": "token",
            "expiry_time": (datetime.now(UTC) + lasts).isoformat(),
        }

    found = RefreshableCredentials.create_from_metadata(issue(), issue, "test")
    monkeypatch.setattr(AwsCredentials, "_look", lambda _: found)
    credentials = AwsCredentials({})
    assert [credentials.keys(), credentials.keys()] == [Keys("AKID1", "secret", "token")] * 2
    assert issued == ["AKID0", "AKID1"]


def test_without_credentials_the_server_is_to_blame():
    with pytest.raises(UpstreamRefused) as raised:
        headers_of(signature_of({}))
    assert raised.value.failure.status == 401


def test_credentials_that_cannot_be_got_are_none(monkeypatch: pytest.MonkeyPatch):
    def fail() -> Any:
        raise RuntimeError("the login of anna@example.com has expired")

    monkeypatch.setattr(AwsCredentials, "_look", lambda _: SimpleNamespace(get_frozen_credentials=fail))
    for optional in (False, True):
        with pytest.raises(UpstreamRefused) as raised:
            headers_of(signature_of({}, optional=optional))
        assert "anna" not in f"{raised.value}{raised.value.failure}"


def test_at_an_address_of_ones_own_nothing_is_signed_without_credentials():
    assert headers_of(signature_of({}, optional=True)) == {}
    assert "authorization" in headers_of(signature_of(GIVEN, optional=True))


def test_for_loopback_no_instance_is_asked(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    asked: list[str] = []
    monkeypatch.setattr(
        "botocore.credentials.InstanceMetadataProvider.load", lambda _: asked.append("instance")
    )
    assert AwsCredentials({}, asks_instance=False).keys() is None
    assert asked == []
    assert AwsCredentials({}).keys() is None
    assert asked == ["instance"]


def test_botocore_is_imported_for_the_first_request_and_not_before():
    code = """
import sys
from lambda_responses.providers.routing import ProviderRouter
router = ProviderRouter({"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"})
[target] = router.resolve("bedrock/amazon.nova-lite-v1:0")
print(sorted(name for name in sys.modules if name.partition(".")[0] in ("boto3", "botocore", "jwt")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

"""Clients that are made quickly are the clients that boto3 makes."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import UnknownServiceError

from lambda_responses.storage.keyed.clients import client_of

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = Config(retries={"mode": "standard"}, connect_timeout=2)


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Credentials and a region, as Lambda sets them; nothing of whoever runs the tests."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


def described(client: Any) -> dict[str, Any]:
    """Whom a client calls, how it signs, and all that it can be asked."""
    return {
        "endpoint": client.meta.endpoint_url,
        "region": client.meta.region_name,
        "partition": client.meta.partition,
        "signature": client.meta.config.signature_version,
        "retries": client.meta.config.retries,
        "service": json.dumps(client.meta.service_model._service_description),
        "methods": sorted(name for name in dir(client) if not name.startswith("_")),
    }


@pytest.mark.parametrize("service", ["dynamodb", "secretsmanager", "ssm", "sqs"])
@pytest.mark.parametrize("region", [None, "us-gov-west-1", "cn-north-1"])
def test_a_client_is_the_one_that_boto3_makes(service: str, region: str | None) -> None:
    made: Any = boto3.client
    expected = made(service, region_name=region, config=CONFIG)
    assert described(client_of(service, region=region, config=CONFIG)) == described(expected)


@pytest.mark.parametrize("variant", ["AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"])
def test_a_client_heeds_what_kind_of_endpoint_is_asked_for(
    variant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variant, "true")
    made: Any = boto3.client
    expected = made("dynamodb", config=CONFIG)
    assert client_of("dynamodb", config=CONFIG).meta.endpoint_url == expected.meta.endpoint_url


def test_a_client_calls_where_it_is_told_to() -> None:
    client = client_of("dynamodb", endpoint_url="http://127.0.0.1:1", config=CONFIG)
    assert client.meta.endpoint_url == "http://127.0.0.1:1"


def test_a_service_that_botocore_does_not_know_is_unknown() -> None:
    with pytest.raises(UnknownServiceError):
        client_of("nosuchservice", config=CONFIG)


def test_a_client_needs_neither_resources_nor_file_transfers() -> None:
    program = (
        "import sys; from lambda_responses.storage.keyed.dynamodb import connect;"
        "connect(region='us-east-1');"
        "print(sorted({'boto3', 's3transfer', 'multiprocessing'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

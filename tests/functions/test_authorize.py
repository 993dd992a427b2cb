"""What API Gateway is told of a credential, and what it makes a 401 or a 500 of."""

from __future__ import annotations

import asyncio
import importlib
import io
import json
import logging
import os
import secrets
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from lambda_responses.lifecycle.ports import Principal
from lambda_responses.runtime.authorizer import NoVerdict, render_policy
from lambda_responses.runtime.logs import logger
from lambda_responses.runtime.principals.vouched import vouched_for
from lambda_responses.runtime.runtime import Runtime
from lambda_responses.runtime.settings import SettingsError
from lambda_responses.storage.keyed.port import StoreUnavailable
from lambda_responses.wire.api_keys import render_key
from lambda_responses.wire.scopes import MODELS_READ, RESPONSES_READ, SCOPES
from tests.functions.events import Context, by_api

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ARN = "arn:aws:execute-api:eu-central-1:123456789012:abcdef1234/v1/POST/responses"
UNAUTHORIZED = r"^Unauthorized$"
STAGE = "arn:aws:execute-api:eu-central-1:123456789012:abcdef1234/v1/*"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"RESPONSES_STORE": f"sqlite:///{tmp_path}/responses.db", "RESPONSES_AUTH": "keys"}


@pytest.fixture
def runtime(environment: dict[str, str]) -> Iterator[Runtime]:
    made = Runtime(environment)
    yield made
    asyncio.run(made.aclose())


@pytest.fixture
def make(runtime: Runtime) -> Callable[..., tuple[Any, str]]:
    return lambda tenant="acme", **options: asyncio.run(runtime.callers.keys.create(tenant, **options))


def asked(token: str, runtime: Any) -> dict[str, Any]:
    handler = importlib.import_module("functions.authorize.handler").lambda_handler
    return handler({"type": "TOKEN", "authorizationToken": token, "methodArn": ARN}, Context(), using=runtime)


def test_a_good_key_may_call_the_whole_stage(runtime: Runtime, make: Any):
    """API Gateway keeps the answer for all routes: one that named this route would close the others."""
    key, text = make(scopes=[RESPONSES_READ, MODELS_READ])
    assert asked(f"Bearer {text}", runtime) == {
        "principalId": key.key_id,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": [STAGE]}],
        },
        "context": {
            "tenant": "acme",
            "key_id": key.key_id,
            "scopes": f"{MODELS_READ} {RESPONSES_READ}",
            "mcp_servers": "*",
            "mcp_urls": "false",
        },
    }


def test_a_door_believes_what_the_authorizer_says(runtime: Runtime, make: Any):
    key, text = make(scopes=[RESPONSES_READ])
    context = asked(f"bearer {text}", runtime)["context"]
    event = by_api(
        "GET", "/models", authorizer={**context, "principalId": key.key_id, "integrationLatency": 7}
    )
    assert vouched_for({"aws.event": event}) == Principal(
        "acme", key_id=key.key_id, scopes=frozenset({RESPONSES_READ})
    )


@pytest.mark.parametrize("urls", [False, True])
@pytest.mark.parametrize("servers", [None, [], ["dice", "wiki/find"]])
def test_a_door_hears_which_servers_a_key_may_name(
    runtime: Runtime, make: Any, servers: list[str] | None, urls: bool
):
    _, text = make(mcp_servers=servers, mcp_urls=urls)
    event = by_api("GET", "/models", authorizer=asked(f"bearer {text}", runtime)["context"])
    principal = vouched_for({"aws.event": event})
    assert principal is not None
    assert (principal.mcp_servers, principal.mcp_urls) == (
        None if servers is None else frozenset(servers),
        urls,
    )


def test_a_door_that_hears_nothing_of_servers_lets_nobody_name_one():
    """API Gateway keeps answers of an authorizer that knew of none, and may leave out what is empty."""
    event = by_api("GET", "/models", authorizer={"tenant": "acme", "scopes": RESPONSES_READ})
    principal = vouched_for({"aws.event": event})
    assert principal is not None
    assert (principal.mcp_servers, principal.mcp_urls) == (frozenset(), False)


@pytest.mark.parametrize(
    ("arn", "stage"),
    [
        (ARN.replace("/POST/responses", "/GET/responses/resp_1/input_items"), STAGE),
        (ARN.replace("/POST/responses", "/GET/"), STAGE),
        (ARN.replace("arn:aws:", "arn:aws-us-gov:"), STAGE.replace("arn:aws:", "arn:aws-us-gov:")),
        (ARN.replace("/v1/", "/test-invoke-stage/"), STAGE.replace("/v1/", "/test-invoke-stage/")),
    ],
)
def test_the_stage_is_that_of_the_request(arn: str, stage: str):
    policy = render_policy(Principal("acme"), arn)
    assert policy["policyDocument"]["Statement"][0]["Resource"] == [stage]
    assert policy["principalId"] == "acme"
    assert all(isinstance(value, str) for value in policy["context"].values())


@pytest.mark.parametrize(
    "token",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic eA==",
        "Bearer none",
        "Bearer " + "a" * 9_000,
        "Bearer \u65e5",
        "\ud800",
    ],
)
def test_what_is_no_key_is_unauthorized(runtime: Runtime, token: str):
    with pytest.raises(Exception, match=UNAUTHORIZED):
        asked(token, runtime)


def test_unknown_and_revoked_keys_are_unauthorized(runtime: Runtime, make: Any):
    key, text = make()
    asyncio.run(runtime.callers.keys.revoke(key.key_id))
    for credential in (text, render_key(secrets.token_bytes(32))):
        with pytest.raises(Exception, match=UNAUTHORIZED) as refused:
            asked(f"Bearer {credential}", runtime)
        assert refused.value.__cause__ is None
        assert refused.value.__suppress_context__


class Down:
    """A store that does not answer."""

    async def get(self, *_: Any) -> Any:
        raise StoreUnavailable("ConnectTimeoutError")


def test_a_store_that_is_down_lets_nobody_in_and_is_no_401(runtime: Runtime, make: Any):
    _, text = make()
    vars(runtime.callers.keys)["_store"] = Down()
    with pytest.raises(NoVerdict, match=r"^StoreUnavailable at ") as raised:
        asked(f"Bearer {text}", runtime)
    assert "Unauthorized" not in str(raised.value)
    assert text not in str(raised.value)


def test_an_issuer_that_does_not_answer_is_no_401(environment: dict[str, str]):
    issuer = {"RESPONSES_JWT_ISSUER": "http://127.0.0.1:1", "RESPONSES_JWT_AUDIENCE": "responses"}
    runtime = Runtime({**environment, "RESPONSES_AUTH": "jwt", **issuer})
    header = {"alg": "RS256", "kid": "k0"}
    token = ".".join(
        jwt.utils.base64url_encode(json.dumps(part).encode()).decode() for part in (header, {}, {})
    )
    with pytest.raises(NoVerdict, match=r"^OverloadedError at ") as raised:
        asked(f"Bearer {token}", runtime)
    assert "Unauthorized" not in str(raised.value)


@pytest.mark.parametrize("auth", ["none", "iam"])
def test_where_callers_show_no_credential_nobody_is_let_in(environment: dict[str, str], auth: str):
    with pytest.raises(SettingsError, match=auth):
        asked("Bearer x", Runtime({**environment, "RESPONSES_AUTH": auth}))


def test_the_log_tells_tenant_and_key_id_and_no_key(runtime: Runtime, make: Any):
    key, text = make()
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(logger.registered_formatter)
    logger.addHandler(handler)
    try:
        asked(f"Bearer {text}", runtime)
        with pytest.raises(Exception, match="Unauthorized"):
            asked("Bearer geheimnis", runtime)
    finally:
        logger.removeHandler(handler)
    authorized, refused = map(json.loads, lines.getvalue().splitlines())
    assert (authorized["message"], authorized["tenant"], authorized["key_id"]) == (
        "authorized",
        "acme",
        key.key_id,
    )
    assert refused["message"] == "refused"
    assert {each["function_request_id"] for each in (authorized, refused)} == {Context.aws_request_id}
    assert text not in lines.getvalue()
    assert "geheimnis" not in lines.getvalue()


def test_a_key_without_bounds_has_every_scope(runtime: Runtime, make: Any):
    _, text = make()
    assert set(asked(f"Bearer {text}", runtime)["context"]["scopes"].split()) == SCOPES


ON_LAMBDA = """
import sys
from functions.authorize.handler import lambda_handler
print(callable(lambda_handler), "botocore.client" in sys.modules, "starlette" in sys.modules)
"""


@pytest.mark.parametrize(("on_lambda", "said"), [(True, "True True False"), (False, "True False False")])
def test_on_lambda_the_client_is_made_before_the_first_request(
    environment: dict[str, str], on_lambda: bool, said: str
):
    aws = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}
    given = {**os.environ, **environment, **aws, "RESPONSES_STORE": "dynamodb://responses"}
    given |= {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1"} if on_lambda else {}
    done = subprocess.run(
        [sys.executable, "-c", ON_LAMBDA], env=given, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == said

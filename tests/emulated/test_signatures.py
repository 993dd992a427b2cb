"""The form of the template whose callers sign with AWS credentials: `make deploy AUTH=iam`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from openai import OpenAI

from infra.emulator.emulator import ACCOUNT

if TYPE_CHECKING:
    from infra.emulator.stack import Stack
    from tests.emulated.conftest import Caller

pytestmark = pytest.mark.slow

BODY = {"model": "scripted/echo", "input": "Good morning"}


def test_an_official_client_works_when_its_requests_are_signed_on_their_way_out(
    signed_stack: Stack, caller: Caller, user: tuple[str, str]
):
    client = OpenAI(
        base_url=signed_stack.outputs["BaseUrl"], api_key="unused", max_retries=0, http_client=caller(*user)
    )
    made = client.responses.create(model=BODY["model"], input=BODY["input"])
    assert client.responses.retrieve(made.id) == made
    assert client.responses.input_items.list(made.id).data[0].content[0].text == "Good morning"
    client.responses.delete(made.id)


def test_the_tenant_is_the_account_that_signed(signed_stack: Stack, caller: Caller, user: tuple[str, str]):
    made = caller(*user).post("responses", json=BODY).json()
    rows = signed_stack.client("dynamodb").scan(TableName=signed_stack.outputs["TableName"])["Items"]
    assert {row["pk"]["S"].partition("#")[0] for row in rows if made["id"] in str(row)} == {ACCOUNT}


def test_whoever_may_not_call_the_api_reaches_no_function(
    caller: Caller, user: tuple[str, str], stranger: tuple[str, str]
):
    key, secret = user
    assert caller(key, "not-" + secret).get("models").status_code == 403
    assert caller(*stranger).get("models").status_code == 403
    assert caller(key, secret).get("models").status_code == 200


def test_a_request_that_is_not_signed_is_told_so(caller: Caller, user: tuple[str, str]):
    http = caller(*user)
    unsigned = http.send(http.build_request("GET", "models"), auth=None)
    assert (unsigned.status_code, unsigned.json()["error"]["code"]) == (401, "invalid_api_key")
    headers = {"authorization": "Bearer sk-lr-none"}
    assert http.send(http.build_request("GET", "models", headers=headers), auth=None).status_code == 403


def test_a_function_url_asks_for_signatures(caller: Caller, user: tuple[str, str], stranger: tuple[str, str]):
    """The emulator checks them, and does not tell the function who signed: the door then believes nobody."""
    http = caller(*user, "lambda")
    assert http.send(http.build_request("POST", "v1/responses", json=BODY), auth=None).status_code == 403
    assert caller(*stranger, "lambda").post("v1/responses", json=BODY).status_code == 403
    let_in = http.post("v1/responses", json=BODY)
    assert (let_in.status_code, let_in.json()["error"]["code"]) == (401, "invalid_api_key")


def test_nobody_is_asked_for_a_key(signed_stack: Stack):
    assert signed_stack.outputs["Auth"] == "iam"
    functions = signed_stack.client("lambda").list_functions()["Functions"]
    assert not any(each["FunctionName"] == f"{signed_stack.name}-authorize" for each in functions)

"""Where the template asks for signatures, they are checked, and functions are told who signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import openai
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from openai import OpenAI

from infra.variants import write_variant
from tests.hosted.hosting import Hosted, write_built

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from tests.hosted.hosting import Toys

pytestmark = pytest.mark.anyio


class Signed(httpx.Auth):
    """Signs requests as the AWS SDK does."""

    requires_request_body = True

    def __init__(self, key: str, secret: str) -> None:
        self._signer = SigV4Auth(Credentials(key, secret), "execute-api", "eu-north-1")

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        signed = AWSRequest(request.method, str(request.url), data=request.content)
        self._signer.add_auth(signed)
        request.headers.update(dict(signed.headers.items()))
        yield request


async def test_a_signed_request_says_who_signed(toys: Toys):
    answer = await toys.api.get("/signed", params={"b": "2", "a": "x y"}, auth=Signed("test", "test"))
    assert answer.status_code == 200, answer.text
    identity = answer.json()["event"]["requestContext"]["identity"]
    assert (identity["accountId"], identity["caller"]) == ("000000000000", "test")


async def test_a_request_that_is_not_rightly_signed_is_refused(toys: Toys):
    assert (await toys.api.get("/signed")).json() == {"message": "Missing Authentication Token"}
    for wrong in (Signed("test", "wrong"), Signed("wrong", "test")):
        answer = await toys.api.get("/signed", auth=wrong)
        assert answer.status_code == 403
    assert toys.pids("SignedFunction") == []


async def test_a_url_with_iam_is_checked_too(toys: Toys):
    answer = await toys.urls.get("/signed", auth=Signed("test", "test"))
    assert answer.status_code == 200, answer.text
    signer = answer.json()["event"]["requestContext"]["authorizer"]["iam"]
    assert (signer["accountId"], signer["callerId"]) == ("000000000000", "test")
    assert (await toys.urls.get("/signed")).status_code == 403


async def test_what_was_signed_cannot_be_changed(toys: Toys):
    request = toys.api.build_request("GET", "/signed?a=1")
    signed = next(Signed("test", "test").auth_flow(request))
    changed = httpx.Request("GET", str(signed.url).replace("a=1", "a=2"), headers=signed.headers)
    assert (await toys.api.send(changed)).status_code == 403


def test_the_form_of_the_template_for_signatures_is_hosted_too(tmp_path: Path):
    """`make deploy AUTH=iam`: the official client signs, and nobody has a key."""
    signed = write_variant(write_built(tmp_path), "iam")
    hosted = Hosted(tmp_path, "--template", str(signed), AWS_REGION="eu-north-1").started()
    try:
        for base_url in (hosted.base_url, hosted.url_base_url):
            http = httpx.Client(auth=Signed("test", "test"), trust_env=False)
            with OpenAI(base_url=base_url, api_key="unused", max_retries=0, http_client=http) as client:
                made = client.responses.create(model="scripted/echo", input="Hello")
                assert client.responses.retrieve(made.id) == made
            with OpenAI(base_url=base_url, api_key="unused", max_retries=0) as stranger:
                with pytest.raises(openai.APIStatusError) as refused:
                    stranger.responses.retrieve(made.id)
                assert refused.value.status_code in (401, 403)
    finally:
        assert hosted.stop() == 0
    assert "API key" not in hosted.log

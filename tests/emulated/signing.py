"""Requests as AWS wants them where it checks who calls: signed with AWS credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from infra.emulator.emulator import REGION

if TYPE_CHECKING:
    from collections.abc import Generator


class Signed(httpx.Auth):
    """Signs each request of an httpx client, and thereby of an SDK that is given one.

    The service is `execute-api` for a REST API, and `lambda` for a function URL.
    """

    requires_request_body = True

    def __init__(self, key: str, secret: str, service: str) -> None:
        self._signer = SigV4Auth(Credentials(key, secret), service, REGION)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        signed = AWSRequest(request.method, str(request.url), data=request.content)
        self._signer.add_auth(signed)
        request.headers.update(dict(signed.headers.items()))
        yield request

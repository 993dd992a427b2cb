"""Who signed a request with Signature Version 4, where the template asks for that.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.host.gateway_responses import Refused
from infra.host.intrinsics import ACCOUNT

if TYPE_CHECKING:
    from infra.host.connections import Exchange

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request,\s*"
    r"SignedHeaders=(?P<headers>[^,]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class Signatures:
    """Knows one user of the account, by their key."""

    key: str
    secret: str

    def identity(self, exchange: Exchange, body: bytes) -> dict[str, str]:
        """What events say of whoever signed. Raises `Refused`."""
        told = _AUTHORIZATION.fullmatch(exchange.header("authorization") or "")
        if told is None:
            raise Refused("MISSING_AUTHENTICATION_TOKEN")
        names = told["headers"].split(";")
        if told["key"] != self.key or not hmac.compare_digest(
            told["signature"], self._signature(exchange, body, names, told["region"], told["service"])
        ):
            raise Refused("INVALID_SIGNATURE")
        arn = f"arn:aws:iam::{ACCOUNT}:user/{self.key}"
        return {
            "accessKey": self.key,
            "accountId": ACCOUNT,
            "caller": self.key,
            "user": self.key,
            "userArn": arn,
        }

    def _signature(self, exchange: Exchange, body: bytes, names: list[str], region: str, service: str) -> str:
        from botocore.auth import SigV4Auth  # a template without signatures does without the SDK
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        signed = {name: exchange.header(name) or "" for name in names}
        url = f"http://{exchange.header('host')}{exchange.target}"
        request = AWSRequest(exchange.method, url, signed, body)
        request.context["timestamp"] = signed.get("x-amz-date", "")
        auth = SigV4Auth(Credentials(self.key, self.secret), service, region)
        return auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)

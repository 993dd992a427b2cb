"""What API Gateway answers by itself, in the template's words where it has any.

https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Literal, TypeAlias

from infra.host.answers import Head
from infra.host.deployment import GatewayResponse, unquoted

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind: TypeAlias = Literal[
    "ACCESS_DENIED",
    "AUTHORIZER_CONFIGURATION_ERROR",
    "AUTHORIZER_FAILURE",
    "DEFAULT_4XX",
    "DEFAULT_5XX",
    "INTEGRATION_TIMEOUT",
    "INVALID_SIGNATURE",
    "MISSING_AUTHENTICATION_TOKEN",
    "REQUEST_TOO_LARGE",
    "THROTTLED",
    "UNAUTHORIZED",
]

_TOLD: dict[Kind, tuple[int, str | None, str]] = {
    "ACCESS_DENIED": (403, "User is not authorized to access this resource", "AccessDeniedException"),
    "AUTHORIZER_CONFIGURATION_ERROR": (500, None, "AuthorizerConfigurationException"),
    "AUTHORIZER_FAILURE": (500, None, "AuthorizerFailureException"),
    "DEFAULT_4XX": (403, "Forbidden", "ForbiddenException"),
    "DEFAULT_5XX": (502, "Internal server error", "InternalServerErrorException"),
    "INTEGRATION_TIMEOUT": (504, "Endpoint request timed out", "InternalServerErrorException"),
    "INVALID_SIGNATURE": (
        403,
        "The request signature we calculated does not match the signature you provided.",
        "InvalidSignatureException",
    ),
    "MISSING_AUTHENTICATION_TOKEN": (
        403,
        "Missing Authentication Token",
        "MissingAuthenticationTokenException",
    ),
    "REQUEST_TOO_LARGE": (413, "Request Too Long", "RequestTooLargeException"),
    "THROTTLED": (429, "Too Many Requests", "TooManyRequestsException"),
    "UNAUTHORIZED": (401, "Unauthorized", "UnauthorizedException"),
}
"""By type: status, message and error type, unless a template says otherwise."""

_UNTOLD = GatewayResponse(None, {}, None)
_PLAIN = '{"message":$context.error.messageString}'
_CONTEXT = re.compile(r"\$context\.([a-zA-Z.]+[a-zA-Z])")


class Refused(Exception):
    """API Gateway answers in the place of the function."""

    def __init__(self, kind: Kind, message: str | None = None) -> None:
        super().__init__(kind)
        self.kind: Kind = kind
        status, usual, self.error_type = _TOLD[kind]
        self.status = status
        self.message = message or usual


class GatewayResponses:
    """The answers of one API."""

    def __init__(self, declared: Mapping[str, GatewayResponse]) -> None:
        self._declared = declared

    def render(self, refused: Refused, request_id: str) -> tuple[Head, bytes]:
        """The whole answer."""
        family = "DEFAULT_4XX" if refused.status < 500 else "DEFAULT_5XX"
        declared = self._declared.get(refused.kind) or self._declared.get(family) or _UNTOLD
        context = {
            "error.message": refused.message or "",
            "error.messageString": json.dumps(refused.message),
            "error.responseType": refused.kind,
            "requestId": request_id,
        }
        headers = {
            "Content-Type": "application/json",
            "x-amzn-RequestId": request_id,
            "x-amzn-ErrorType": refused.error_type,
            **{name: _value(value, context) for name, value in declared.headers.items()},
        }
        body = _CONTEXT.sub(lambda found: context.get(found[1], ""), declared.template or _PLAIN)
        return Head(declared.status or refused.status, [*headers.items()]), body.encode()


def _value(expression: str, context: Mapping[str, str]) -> str:
    static = unquoted(expression)
    return static if static != expression else context.get(expression.removeprefix("context."), "")

"""The errors that a client of the API may see, in OpenAI's envelope.

    APIError
      InvalidRequestError        400   a fault in the request; `param` names where
        UnsupportedError         400   a documented feature that this server does not offer (yet)
      AuthenticationError        401
      PermissionDeniedError      403
      NotFoundError              404
      ConflictError              409   the same request is being answered at this moment
      FailedDependencyError      424   a server that the request named (MCP) failed
      RateLimitError             429
        InsufficientQuotaError   429   no money left; waiting does not help
      ServerError                500
      UpstreamFaultError         502   the provider answered what nobody can use
      OverloadedError            503

Statuses, types and codes: https://platform.openai.com/docs/guides/error-codes and the live API.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambda_responses.wire.json import Json


RESPONSE_ERROR_CODES = frozenset(
    {
        "server_error",
        "rate_limit_exceeded",
        "invalid_prompt",
        "data_residency_mismatch",
        "bio_policy",
        "misalignment_policy_violation",
        "vector_store_timeout",
        "invalid_image",
        "invalid_image_format",
        "invalid_base64_image",
        "invalid_image_url",
        "image_too_large",
        "image_too_small",
        "image_parse_error",
        "image_content_policy_violation",
        "invalid_image_mode",
        "image_file_too_large",
        "unsupported_image_media_type",
        "empty_image_file",
        "failed_to_download_image",
        "image_file_not_found",
        # Not in the SDK's enum, but on the live wire, and what agents act upon.
        "context_length_exceeded",
        "insufficient_quota",
        "server_is_overloaded",
    }
)
"""What `response.error.code` may say of a failed response; a vendor's own code stays in the `error` event."""


class APIError(Exception):
    """Something that ends a request, as the client is told about it."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "server_error"
    default_code: ClassVar[str | None] = None

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code if code is not None else self.default_code
        self.param = param
        self.headers: Mapping[str, str] = headers or {}

    def body(self) -> Json:
        """The JSON body of the HTTP answer."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}


class InvalidRequestError(APIError):
    """400: the request cannot be served as it stands."""

    status = 400
    type = "invalid_request_error"


class UnsupportedError(InvalidRequestError):
    """400: documented by OpenAI, not offered here; never pretended."""

    default_code = "unsupported_parameter"


class AuthenticationError(APIError):
    """401: no key, or a key that is not known."""

    status = 401
    type = "invalid_request_error"
    default_code = "invalid_api_key"


class PermissionDeniedError(APIError):
    """403: whoever asks may not, whatever is asked."""

    status = 403
    type = "invalid_request_error"


class NotFoundError(APIError):
    """404: no such object, or one that belongs to somebody else."""

    status = 404
    type = "invalid_request_error"


class ConflictError(APIError):
    """409: a request with the same key is being answered; `headers` say when to ask again."""

    status = 409
    type = "invalid_request_error"
    default_code = "idempotency_conflict"


class FailedDependencyError(APIError):
    """424: a server that the request named (an MCP server, a connector) did not answer as it should."""

    status = 424
    type = "external_connector_error"


class RateLimitError(APIError):
    """429: too much in too short a time; `headers` carry `retry-after`."""

    status = 429
    type = "rate_limit_error"
    default_code = "rate_limit_exceeded"


class InsufficientQuotaError(RateLimitError):
    """429: the money is used up, so that trying again does not help."""

    type = "insufficient_quota"
    default_code = "insufficient_quota"


class ServerError(APIError):
    """500: our fault, or the model's."""

    default_code = "server_error"


class UpstreamFaultError(ServerError):
    """502: the provider's answer was cut, unreadable, or refused our credentials."""

    status = 502


class OverloadedError(APIError):
    """503: the provider has no room at the moment."""

    status = 503
    type = "service_unavailable_error"
    default_code = "server_is_overloaded"


def response_error_code(error: APIError) -> str:
    """The code of a response that failed for this. That a server of tools fails is not its fault."""
    if error.code in RESPONSE_ERROR_CODES:
        return error.code
    blameless = error.status >= 500 or isinstance(error, FailedDependencyError)
    return "server_error" if blameless else "invalid_prompt"

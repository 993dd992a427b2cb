"""What the functions raise, under the names that OpenAI's and LiteLLM's packages have for it.

APIError
  BadRequestError               400
    ContextWindowExceededError         code `context_length_exceeded`
    UnsupportedParamsError             documented by OpenAI, not offered here
  AuthenticationError           401
  PermissionDeniedError         403
  NotFoundError                 404
  Timeout                       408   the `timeout` of the call has passed
  ConflictError                 409
  FailedDependencyError         424
  RateLimitError                429
  InternalServerError           500
    APIConnectionError                 either name fits what is a 502
      BadGatewayError           502   the provider: not reached, silent, or unreadable
    ServiceUnavailableError     503
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambda_responses.wire import errors as wire


class APIError(Exception):
    """A call that did not do what it was asked, as the API tells it."""

    default_status: ClassVar[int] = 500

    def __init__(
        self,
        message: str,
        *,
        status_code: int | None = None,
        type: str = "server_error",
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status_code = self.default_status if status_code is None else status_code
        self.type = type
        self.code = code
        self.param = param
        self.headers: Mapping[str, str] = dict(headers or {})
        """Such as `retry-after`."""

    @property
    def body(self) -> dict[str, Any]:
        """The error as the API's envelope holds it."""
        return {"message": self.message, "type": self.type, "param": self.param, "code": self.code}


class BadRequestError(APIError):
    """400: the request cannot be served as it stands; `param` names where."""

    default_status = 400


class ContextWindowExceededError(BadRequestError):
    """400: more than the model can look at."""


class UnsupportedParamsError(BadRequestError):
    """400: documented by OpenAI, not offered here."""


class AuthenticationError(APIError):
    """401: no key, or a key that is not known."""

    default_status = 401


class PermissionDeniedError(APIError):
    """403: whoever asks may not."""

    default_status = 403


class NotFoundError(APIError):
    """404: no such object."""

    default_status = 404


class Timeout(APIError):
    """408: the `timeout` of the call has passed."""

    default_status = 408


class ConflictError(APIError):
    """409: something else is being done to the same object."""

    default_status = 409


class FailedDependencyError(APIError):
    """424: a server that the request named did not answer as it should."""

    default_status = 424


class RateLimitError(APIError):
    """429: too much in too short a time, or no money left; `code` says which."""

    default_status = 429


class InternalServerError(APIError):
    """500: our fault, or the model's."""


class APIConnectionError(InternalServerError):
    """502: nothing usable came from the provider. It is raised under its narrower name, `BadGatewayError`."""

    default_status = 502


class BadGatewayError(APIConnectionError):
    """502: the provider could not be reached, went silent, or gave an answer that cannot be read."""

    default_status = 502


class ServiceUnavailableError(InternalServerError):
    """503: the provider, or the store, has no room at the moment."""

    default_status = 503


APITimeoutError = Timeout
"""OpenAI's name for it."""

_BY_STATUS: dict[int, type[APIError]] = {
    each.default_status: each
    for each in (
        BadRequestError,
        AuthenticationError,
        PermissionDeniedError,
        NotFoundError,
        Timeout,
        ConflictError,
        FailedDependencyError,
        RateLimitError,
        InternalServerError,
        BadGatewayError,
        ServiceUnavailableError,
    )
}


def raised_for(error: wire.APIError) -> APIError:
    """The exception for what a use case raised, with the same words."""
    return _kind_of(error)(
        error.message,
        status_code=error.status,
        type=error.type,
        code=error.code,
        param=error.param,
        headers=error.headers,
    )


def _kind_of(error: wire.APIError) -> type[APIError]:
    from lambda_responses.wire.errors import UnsupportedError

    if isinstance(error, UnsupportedError):
        return UnsupportedParamsError
    if error.code == "context_length_exceeded" and error.status == 400:
        return ContextWindowExceededError
    return _BY_STATUS.get(error.status, BadRequestError if error.status < 500 else InternalServerError)

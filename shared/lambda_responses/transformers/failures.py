"""What an upstream's failure means to a client: one reading of every envelope, and one policy.

Formats share both: vendors that speak different formats fail in the same nine shapes. A format that names
its parameters differently renames `Complaint.param` between `read_failure` and `map_complaint`.
"""

from __future__ import annotations

import re
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

from lambda_responses.wire.errors import (
    APIError,
    FailedDependencyError,
    InsufficientQuotaError,
    InvalidRequestError,
    NotFoundError,
    OverloadedError,
    RateLimitError,
    UpstreamFaultError,
)
from lambda_responses.wire.json import from_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambda_responses.transformers.base import UpstreamFailure

_LONGEST_MESSAGE = 2_000
_LONGEST_READ = 4 * _LONGEST_MESSAGE
"""What is not shown is not looked through for credentials."""
_WORD = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PATH = re.compile(r"[A-Za-z0-9_.\[\]-]{1,128}")
_STATUS = re.compile(r"[45]\d\d")
_SECONDS = re.compile(r"\d{1,9}(\.\d+)?s")
_CREDENTIAL = re.compile(
    r"(?:\b(?i:bearer)\s+\S+"
    r"|\b(?:sk|rk|pk|gsk|xai|hf|nvapi|pplx|csk|fw|r8)[-_](?=[\w*-]*[0-9*])[\w*-]{8,}"
    r"|\b(?:AKIA|ASIA|AIza)[\w-]{12,}"
    r"|\b(?:org|proj)[-_][A-Za-z0-9]{6,}"
    r"|(?<=[?&])(?i:key|api[-_]?key|token|access_token|sig|signature)=[^\s&\"']+)"
    r"(?:[\w%+/=~*-]|\.(?=\w))*"  # to its end: with its beginning gone, nobody could tell what the rest is
)

STATUS_OF_KIND: dict[str, int] = {
    **dict.fromkeys(
        (
            "invalid_api_key",
            "wrong_api_key",
            "authentication_error",
            "permission_error",
            "UNAUTHENTICATED",
            "PERMISSION_DENIED",
            "AccessDeniedException",
            "ExpiredTokenException",
            "UnrecognizedClientException",
        ),
        401,
    ),
    **dict.fromkeys(
        (
            "insufficient_quota",
            "billing_error",
            "billing_hard_limit_reached",
            "credit_balance_exhausted",
            "usage_limit_reached",
            "usage_not_included",
        ),
        402,
    ),
    **dict.fromkeys(
        (
            "rate_limit_exceeded",
            "rate_limit_error",
            "RESOURCE_EXHAUSTED",
            "ThrottlingException",
            "too_many_requests",
        ),
        429,
    ),
    **dict.fromkeys(
        (
            "server_is_overloaded",
            "slow_down",
            "overloaded_error",
            "service_unavailable_error",
            "UNAVAILABLE",
            "ServiceUnavailableException",
            "ModelNotReadyException",
        ),
        503,
    ),
    **dict.fromkeys(("model_not_found", "model_not_available", "invalid_model", "DeploymentNotFound"), 404),
    # The error codes of a failed response that blame the request, and Google's word for the same.
    **dict.fromkeys(
        (
            "INVALID_ARGUMENT",
            "bio_policy",
            "context_length_exceeded",
            "cyber_policy",
            "data_residency_mismatch",
            "empty_image_file",
            "failed_to_download_image",
            "image_content_policy_violation",
            "image_file_not_found",
            "image_file_too_large",
            "image_parse_error",
            "image_too_large",
            "image_too_small",
            "invalid_base64_image",
            "invalid_image",
            "invalid_image_format",
            "invalid_image_mode",
            "invalid_image_url",
            "invalid_prompt",
            "misalignment_policy_violation",
            "unsupported_image_media_type",
        ),
        400,
    ),
}
"""A code or type that says more than the status beside it (xAI: 400 for a bad key; a stream: none)."""

# Vendors that have no code for what every agent must recognise say it in words.
_SAYS_TOO_LONG = re.compile(
    r"(?i)prompt (?:is )?too long|maximum context length|input token count .*exceeds|input tokens? exceed"
    r"|input is too long|too many tokens|total length of all messages is too long"
    r"|exceeds? the (?:available )?context (?:window|size)|exceed context limit"
)
_SAYS_NO_MONEY = re.compile(r"(?i)credit balance is too low")
_SAYS_BAD_KEY = re.compile(r"(?i)(?:incorrect|invalid) api (?:key|token)")
_SAYS_NO_MODEL = re.compile(
    r"(?i)models?\b[^\n]{0,120}?(?:not found|does not exist|has been deprecated|identifier is invalid)"
    r"|model version has reached the end|supported API model names|(?:unable to access|invalid) model"
    r"|^model: \S+$"
)
_WISH = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?|[A-Z][a-z]{2}, [0-9A-Za-z: ]{1,40}")
"""What a `retry-after` may say: seconds, or a date."""
_TOO_LONG = {
    "context_length_exceeded",
    "exceed_context_size_error",
    "too_many_prompt_tokens",
    "TOO_MANY_TOKENS",
}


class Complaint(NamedTuple):
    """What an upstream said went wrong, in whatever envelope; the parts it did not give are None or empty."""

    message: str
    code: str | None = None
    type: str | None = None
    param: str | None = None
    retry_after: str | None = None
    """Whole seconds, from the headers or the body."""

    def renamed(self, params: Mapping[str, str]) -> Complaint:
        """With the param as the client knows it; lists are numbered otherwise upstream, so heads are kept."""
        if self.param is None:
            return self
        return self._replace(param=params.get(self.param.partition(".")[0].partition("[")[0]))


def read_failure(failure: UpstreamFailure) -> Complaint:
    """The complaint in any body: nine JSON envelopes, plain text; HTML says nothing. Never raises."""
    headers = {name.lower(): value for name, value in failure.headers.items()}
    try:
        complaint = read_envelope(from_text(failure.body))
    except ValueError:
        text = failure.body.strip()
        readable = failure.status < 500 and "<" not in text and "\n" not in text
        complaint = Complaint(_clean(text) if readable else "")
    named = headers.get("x-amzn-errortype", "").partition(":")[0]
    return complaint._replace(
        type=complaint.type or named or None,
        retry_after=headers.get("retry-after") or complaint.retry_after,
    )


def read_envelope(body: Any) -> Complaint:
    """The complaint in a JSON value, wherever its maker put it."""
    match body:
        case {"details": {"error": {"message": str()} as error}}:  # a router's own words say less
            return _read_fields(error)
        case {"error": {} as error} | {"errors": [{} as error, *_]} | [{"error": {} as error}, *_]:
            return _read_fields(error)
        case {"error": str(message)} | {"detail": str(message)}:
            return _read_fields(body | {"message": message})
        case {"detail": [{"msg": str(message), "loc": [*path]}, *_]}:
            place = _render_path(path)
            return Complaint(_clean(f"{place}: {message}"), param=place or None)
        case {}:
            return _read_fields(body)
        case str():
            return Complaint(_clean(body))
        case _:
            return Complaint("")


def map_failure(failure: UpstreamFailure) -> APIError:
    """What a client is told of a failure, when its format has nothing to add."""
    return map_complaint(read_failure(failure), status=failure.status)


def map_complaint(complaint: Complaint, *, status: int = 200) -> APIError:
    """The policy. `status` below 400 means that there was none: the complaint came inside a stream.

    Faults of the request keep their words, code and param. A refused credential is this server's own, so the
    client sees neither 401 nor the words. What an upstream did wrong is 502, or 503 where trying again helps.
    """
    message, code, _, param, _ = complaint
    match _effective_status(complaint, status):
        case 400 if _is_too_long(complaint):
            return InvalidRequestError(message, code="context_length_exceeded", param=param or "input")
        case 401 | 403:
            return UpstreamFaultError(
                "The model's provider refused the credentials of this server.", code="upstream_auth_error"
            )
        case 402:
            return InsufficientQuotaError(
                message or "The quota at the model's provider is used up.",
                headers=_retry_headers(complaint) | {"x-should-retry": "false"},
            )
        case 404 if _names_no_model(complaint):
            return InvalidRequestError(
                message or "The requested model does not exist.", code="model_not_found", param="model"
            )
        case 404 if message:
            return NotFoundError(message, code=code, param=param)
        case 424:
            return FailedDependencyError(message or "A tool server failed.", code=code, param=param)
        case 429:
            text = message or "The model's provider limits the rate of requests."
            return RateLimitError(text, headers=_retry_headers(complaint))
        case 408 | 409 | 425 | 503 | 529:
            text = message or "The model's provider has no room at the moment."
            return OverloadedError(text, headers=_retry_headers(complaint))
        case 413:
            return InvalidRequestError(
                message or "The request is too large for the model's provider.", code=code
            )
        case client if 400 <= client < 500 and client != 404 and message:
            return InvalidRequestError(message, code=code, param=param)
        case _:
            return UpstreamFaultError(message or "The model's provider failed.")


def _effective_status(complaint: Complaint, status: int) -> int:
    """The status that the complaint as a whole amounts to."""
    for kind in (complaint.code, complaint.type):
        if kind in STATUS_OF_KIND:
            return STATUS_OF_KIND[kind]
    if status < 400:
        blamed = complaint.type == "invalid_request_error" or complaint.param
        said = _STATUS.fullmatch(complaint.type or "")
        status = int(said[0]) if said else 400 if blamed else 500
    if 400 <= status < 500:
        if _is_too_long(complaint):
            return 400
        if _SAYS_BAD_KEY.search(complaint.message):
            return 401
        if _SAYS_NO_MONEY.search(complaint.message):
            return 402
        if status in (400, 404) and _names_no_model(complaint):
            return 404
    return status


def _is_too_long(complaint: Complaint) -> bool:
    said = complaint.code in _TOO_LONG or complaint.type in _TOO_LONG
    return said or bool(_SAYS_TOO_LONG.search(complaint.message))


def _names_no_model(complaint: Complaint) -> bool:
    kinds = (complaint.code or "", complaint.type or "")
    said = any(STATUS_OF_KIND.get(kind) == 404 for kind in kinds)
    return said or bool(_SAYS_NO_MODEL.search(complaint.message))


def _read_fields(error: dict[str, Any]) -> Complaint:
    """An error object's own members. Numeric codes and vendors' sentences are not codes or params."""
    code, kind, param = error.get("code"), error.get("type") or error.get("error_type"), error.get("param")
    if not kind and isinstance(named := error.get("__type"), str):  # AWS, behind the name of a service
        kind = named.rpartition("#")[2]
    if not kind:
        kind = error.get("status") or (code if isinstance(code, int) else None)
    if not isinstance(code, str) or not (code in STATUS_OF_KIND or _WORD.fullmatch(code)):
        code = None
    return Complaint(
        _clean(_read_message(error)),
        code=code if code != kind or code in STATUS_OF_KIND else None,
        type=str(kind) if isinstance(kind, str | int) else None,
        param=param if isinstance(param, str) and _PATH.fullmatch(param) else None,
        retry_after=_retry_after(error),
    )


def _read_message(error: dict[str, Any]) -> str:
    """The words; those of the provider behind a router, where the router only says that there were some."""
    match error:
        case {"message": "Provider returned error", "metadata": {"raw": str(raw)}}:
            try:
                return read_envelope(from_text(raw)).message
            except ValueError:
                return raw
        case {"message": str(message)} | {"msg": str(message)} | {"Message": str(message)}:
            return message
        case _:
            return ""


def _retry_after(error: dict[str, Any]) -> str | None:
    """Seconds to wait, as Google (`RetryInfo`) and ChatGPT's Codex backend put them into the body."""
    match error:
        case {"resets_in_seconds": int(seconds)}:
            return str(max(seconds, 0))
        case {"details": [*_, {"retryDelay": str(delay)}] | [{"retryDelay": str(delay)}, *_]}:
            return str(ceil(float(delay[:-1]))) if _SECONDS.fullmatch(delay) else None
        case _:
            return None


def _retry_headers(complaint: Complaint) -> dict[str, str]:
    wish = complaint.retry_after or ""
    return {"retry-after": wish} if _WISH.fullmatch(wish) else {}


def _render_path(path: list[object]) -> str:
    """`["body", "tools", "list[Tool]", 0, "type"]` as `tools[0].type`."""
    rendered = ""
    for step in path:
        if isinstance(step, int):
            rendered += f"[{step}]"
        elif isinstance(step, str) and step != "body" and "[" not in step:
            rendered += f".{step}" if rendered else step
    return rendered


def _clean(message: str) -> str:
    """A message fit to be shown: no markup, no credential, no essay."""
    if "<html" in message.lower() or "<!doctype" in message.lower():
        return ""
    return _CREDENTIAL.sub("[redacted]", message.strip()[:_LONGEST_READ])[:_LONGEST_MESSAGE]

"""What callers may say beyond the request, and where each of it goes.

The functions take LiteLLM's parameters, whose programs say more than the API knows: keys and addresses of the
provider, waits, and things for LiteLLM's own router and log.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, cast

import pydantic_core

from lambda_responses.library.exceptions import BadRequestError, raised_for
from lambda_responses.library.objects import plain
from lambda_responses.library.text_format import text_format_of
from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.requests import read_json

if TYPE_CHECKING:
    from lambda_responses.library.objects import Parse
    from lambda_responses.wire.json import Json

Input: TypeAlias = str | Iterable[Any]
"""A prompt, or items: dicts, objects of this library (`answer.output`), or of another package."""


class ProviderOptions(TypedDict, total=False):
    """How the provider is reached, for this call alone. By default the environment says it."""

    api_key: str | None
    api_base: str | None
    base_url: str | None
    api_version: str | None
    azure_ad_token: str | None
    aws_access_key_id: str | None
    aws_secret_access_key: str | None
    aws_session_token: str | None
    aws_region_name: str | None
    vertex_project: str | None
    vertex_location: str | None
    max_retries: int | None
    num_retries: int | None
    fallbacks: Sequence[str] | None
    """Models to ask, in order, where the first one fails before its first word."""
    headers: Mapping[str, str] | None
    mock_response: str | None
    """The answer, in place of a model's."""
    litellm_metadata: Mapping[str, Any] | None
    """For the callbacks of `on_response`; no provider sees it."""


class CreateOptions(ProviderOptions, total=False):
    """What `responses` takes besides input and model: the settings of the API, and more."""

    include: Sequence[str] | None
    instructions: str | None
    max_output_tokens: int | None
    prompt: Mapping[str, Any] | None
    metadata: Mapping[str, str] | None
    parallel_tool_calls: bool | None
    previous_response_id: str | None
    reasoning: Mapping[str, Any] | None
    store: bool | None
    background: bool | None
    temperature: float | None
    text: Mapping[str, Any] | None
    text_format: type[Any] | Mapping[str, Any] | None
    tool_choice: str | Mapping[str, Any] | None
    tools: Iterable[Any] | None
    top_p: float | None
    truncation: Literal["auto", "disabled"] | None
    user: str | None
    service_tier: str | None
    safety_identifier: str | None
    conversation: str | Mapping[str, Any] | None
    context_management: Sequence[Mapping[str, Any]] | None
    max_tool_calls: int | None
    moderation: Mapping[str, Any] | None
    prompt_cache_key: str | None
    prompt_cache_options: Mapping[str, Any] | None
    prompt_cache_retention: str | None
    stream_options: Mapping[str, Any] | None
    top_logprobs: int | None
    extra_headers: Mapping[str, Any] | None
    extra_query: Mapping[str, Any] | None
    extra_body: Mapping[str, Any] | None
    timeout: Any
    allowed_openai_params: Sequence[str] | None
    custom_llm_provider: str | None


ACCOUNT: dict[str, str] = {
    "api_key": "{prefix}_API_KEY",
    "api_base": "{prefix}_BASE_URL",
    "base_url": "{prefix}_BASE_URL",
    "api_version": "{prefix}_API_VERSION",
    "azure_ad_token": "AZURE_OPENAI_AD_TOKEN",
    "aws_access_key_id": "AWS_ACCESS_KEY_ID",
    "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
    "aws_session_token": "AWS_SESSION_TOKEN",
    "aws_region_name": "AWS_REGION",
    "vertex_project": "VERTEX_PROJECT",
    "vertex_location": "VERTEX_LOCATION",
}
"""Options that stand for a variable of the environment, which they count before."""

IGNORED = frozenset(
    {
        "additional_drop_params",
        "allowed_openai_params",
        "cache",
        "caching",
        "client",
        "cooldown_time",
        "custom_prompt_dict",
        "drop_params",
        "force_timeout",
        "guardrails",
        "input_cost_per_second",
        "input_cost_per_token",
        "litellm_call_id",
        "litellm_logging_obj",
        "litellm_params",
        "litellm_session_id",
        "litellm_trace_id",
        "logger_fn",
        "merge_reasoning_content_in_choices",
        "model_info",
        "model_list",
        "no-log",
        "no_log",
        "output_cost_per_second",
        "output_cost_per_token",
        "preset_cache_key",
        "proxy_server_request",
        "rpm",
        "s-maxage",
        "secret_fields",
        "shared_session",
        "ssl_verify",
        "tags",
        "tpm",
        "ttl",
        "use_chat_completions_api",
        "use_litellm_proxy",
        "verbose",
    }
)
"""Options for LiteLLM's own router, cache, accounts and log, which change no answer: taken and left alone."""

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"(?:[!-~](?:[\t -~]*[!-~])?)?")
"""https://www.rfc-editor.org/rfc/rfc9110#section-5, without bytes that are not ASCII."""
_OF_THE_CONNECTION = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that say how a request is sent, and not what is asked."""

_SEPARATE = ("extra_headers", "extra_query", "extra_body", "timeout", "custom_llm_provider", "text_format")
_READ = frozenset(
    {*ACCOUNT, *IGNORED, *_SEPARATE}
    | {"headers", "mock_response", "litellm_metadata", "max_retries", "num_retries", "fallbacks"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Who is asked, and how."""

    provider: str | None = None
    account: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """Values by the option's name, as `ACCOUNT` has them."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    query: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    retries: int | None = None
    fallbacks: tuple[str, ...] = ()
    mock_response: str | None = None

    @property
    def for_one_call(self) -> str | None:
        """An option of it that counts for one call alone, by its name; None where there is none."""
        said = {
            next(iter(self.account), ""): self.account,
            "extra_headers": self.headers,
            "extra_query": self.query,
            "max_retries": self.retries is not None,
            "fallbacks": self.fallbacks,
            "mock_response": self.mock_response is not None,
        }
        return next((name for name, value in said.items() if value), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call as it was meant: the request of the API, and what is said beside it."""

    body: Json
    route: Route
    timeout: float | None = None
    """Seconds: of a plain call, for the answer; of a stream, for the next event."""
    parse: Parse | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])


def read_call(given: Mapping[str, Any]) -> Call:
    """A call from all parameters of a function by their names, those of `**kwargs` under `kwargs`.

    Parameters that are None are not given. Raises `TypeError` for what has no place in JSON or in an option,
    and `BadRequestError` for what is no request, or cannot be sent with one.
    """
    options: dict[str, Any] = {**given, **given.get("kwargs", {})}
    options.pop("kwargs", None)
    options = {name: value for name, value in options.items() if value is not None}
    body = {name: value for name, value in options.items() if name not in _READ}
    body |= _mapping(options, "extra_body")
    parse = None
    if "text_format" in options and "text" not in options:
        format, parse = text_format_of(options["text_format"])
        body["text"] = {"format": format}
    elif "text_format" in options:
        format, parse = text_format_of(options["text_format"])
        body["text"] = {"format": format, **dict(options["text"])}
    return Call(
        body=as_json(body),
        route=_route(options),
        timeout=seconds_of(options.get("timeout")),
        parse=parse,
        metadata=_mapping(options, "litellm_metadata"),
    )


def as_json(body: Mapping[str, Any]) -> Json:
    """The request as the wire would hold it: under its checks, and apart from the caller's objects.

    Raises `TypeError` for what cannot be written, and `BadRequestError` for what cannot be read again.
    """
    try:
        raw = pydantic_core.to_json(body, exclude_none=True, fallback=plain)
    except pydantic_core.PydanticSerializationError as error:
        raise TypeError(str(error)) from None
    try:
        return read_json(raw)
    except InvalidRequestError as error:
        raise raised_for(error) from None


def seconds_of(timeout: Any) -> float | None:
    """Seconds, from a number or from an `httpx.Timeout`, of which the wait for an answer counts."""
    if timeout is None or isinstance(timeout, (int, float)):
        return timeout
    if hasattr(timeout, "read"):
        return cast("float | None", timeout.read)
    raise TypeError("timeout is a number of seconds or an httpx.Timeout.")


def _route(options: Mapping[str, Any]) -> Route:
    mock = options.get("mock_response")
    if mock is not None and not isinstance(mock, str):
        raise BadRequestError("mock_response is a text here.", param="mock_response")
    return Route(
        provider=options.get("custom_llm_provider"),
        account={name: str(options[name]) for name in ACCOUNT if name in options},
        headers=_headers(options, "headers") | _headers(options, "extra_headers"),
        query=_mapping(options, "extra_query"),
        retries=_retries(options),
        fallbacks=_fallbacks(options),
        mock_response=mock,
    )


def _headers(options: Mapping[str, Any], option: str) -> dict[str, str]:
    """Headers that a request can be sent with. Raises `BadRequestError` for others."""
    headers = {
        str(name): str(value) for name, value in _mapping(options, option).items() if value is not None
    }
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise BadRequestError(
                f"{option} has a header that cannot be sent: names are tokens, and values one line of ASCII.",
                param=option,
            )
        if name.lower() in _OF_THE_CONNECTION:
            raise BadRequestError(f"{option} cannot set '{name}': the connection does.", param=option)
    return headers


def _mapping(options: Mapping[str, Any], option: str) -> Mapping[str, Any]:
    given = options.get(option, {})
    if not isinstance(given, Mapping):
        raise TypeError(f"{option} is a mapping, such as a dict.")
    return cast("Mapping[str, Any]", given)


def _retries(options: Mapping[str, Any]) -> int | None:
    retries = options.get("max_retries", options.get("num_retries"))
    if retries is not None and not isinstance(retries, int):
        raise TypeError("max_retries, or num_retries, is a whole number.")
    return retries


def _fallbacks(options: Mapping[str, Any]) -> tuple[str, ...]:
    given: Any = options.get("fallbacks", ())
    names: tuple[Any, ...] = (
        tuple(cast("Sequence[Any]", given)) if isinstance(given, (list, tuple)) else (None,)
    )
    if not all(isinstance(each, str) for each in names):
        raise BadRequestError("fallbacks is a list of models' names here.", param="fallbacks")
    return names


def without_routes(kwargs: Mapping[str, Any], *known: str) -> Mapping[str, Any]:
    """What is left of `kwargs` without what only matters where a provider is asked.

    Raises `TypeError`, as Python does, for a name that is neither that nor `known`.
    """
    left = {name: value for name, value in kwargs.items() if name not in _READ}
    for name in left:
        if name not in known:
            raise TypeError(f"unexpected keyword argument {name!r}")
    return left

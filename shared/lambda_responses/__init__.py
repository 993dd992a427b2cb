"""The OpenAI Responses API over any model provider, as a library and as AWS Lambda functions.

    from lambda_responses import responses

    answer = responses("Say hello.", "scripted/echo")
    print(answer.output_text)

What is exported here is loaded when it is first asked for: a function on Lambda, which needs none of it, pays
nothing. docs/library.md tells of every name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lambda_responses.library import exceptions
    from lambda_responses.library.contexts import (
        acompact_responses,
        acount_input_tokens,
        compact_responses,
        count_input_tokens,
    )
    from lambda_responses.library.engine import close, configure
    from lambda_responses.library.exceptions import (
        APIConnectionError,
        APIError,
        APITimeoutError,
        AuthenticationError,
        BadGatewayError,
        BadRequestError,
        ConflictError,
        ContextWindowExceededError,
        FailedDependencyError,
        InternalServerError,
        NotFoundError,
        PermissionDeniedError,
        RateLimitError,
        ServiceUnavailableError,
        Timeout,
        UnsupportedParamsError,
    )
    from lambda_responses.library.hooks import CallRecord, on_response
    from lambda_responses.library.mocked import mock_responses_api_response
    from lambda_responses.library.objects import ItemPage, JsonObject, Response, TokenCount
    from lambda_responses.library.responses import aresponses, aresponses_api_with_mcp, responses
    from lambda_responses.library.stored import (
        acancel_responses,
        adelete_responses,
        aget_responses,
        alist_input_items,
        cancel_responses,
        delete_responses,
        get_responses,
        list_input_items,
    )
    from lambda_responses.library.streams import AsyncEventStream, EventStream
    from lambda_responses.library.threads import (
        aexport_thread,
        aimport_thread,
        alist_thread,
        export_thread,
        import_thread,
        list_thread,
    )
    from lambda_responses.runtime.settings import SettingsError

__all__ = [
    "APIConnectionError",
    "APIError",
    "APITimeoutError",
    "AsyncEventStream",
    "AuthenticationError",
    "BadGatewayError",
    "BadRequestError",
    "CallRecord",
    "ConflictError",
    "ContextWindowExceededError",
    "EventStream",
    "FailedDependencyError",
    "InternalServerError",
    "ItemPage",
    "JsonObject",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "Response",
    "ServiceUnavailableError",
    "SettingsError",
    "Timeout",
    "TokenCount",
    "UnsupportedParamsError",
    "acancel_responses",
    "acompact_responses",
    "acount_input_tokens",
    "adelete_responses",
    "aexport_thread",
    "aget_responses",
    "aimport_thread",
    "alist_input_items",
    "alist_thread",
    "aresponses",
    "aresponses_api_with_mcp",
    "cancel_responses",
    "close",
    "compact_responses",
    "configure",
    "count_input_tokens",
    "delete_responses",
    "exceptions",
    "export_thread",
    "get_responses",
    "import_thread",
    "list_input_items",
    "list_thread",
    "mock_responses_api_response",
    "on_response",
    "responses",
]

_NAMES = {
    "runtime.settings": ("SettingsError",),
    "library.contexts": (
        "acompact_responses",
        "acount_input_tokens",
        "compact_responses",
        "count_input_tokens",
    ),
    "library.engine": ("close", "configure"),
    "library.hooks": ("CallRecord", "on_response"),
    "library.mocked": ("mock_responses_api_response",),
    "library.objects": ("ItemPage", "JsonObject", "Response", "TokenCount"),
    "library.responses": ("aresponses", "aresponses_api_with_mcp", "responses"),
    "library.streams": ("AsyncEventStream", "EventStream"),
    "library.threads": tuple(name for name in __all__ if name.endswith("_thread")),
}
_PLACES = {
    **{name: "library.stored" for name in __all__ if name.endswith(("_responses", "_input_items"))},
    **{name: "library.exceptions" for name in __all__ if name.endswith("Error") or name == "Timeout"},
    **{name: place for place, names in _NAMES.items() for name in names},
}
"""Where each name is."""


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "exceptions":
        return import_module("lambda_responses.library.exceptions")
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

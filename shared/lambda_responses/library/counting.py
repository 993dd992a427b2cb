"""`count_input_tokens` and `acount_input_tokens`: how long a request would be, before it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambda_responses.library import contexts
from lambda_responses.library.engine import crossing_to, wait_for
from lambda_responses.library.options import read_call

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lambda_responses.library.objects import TokenCount
    from lambda_responses.library.options import Input


def count_input_tokens(
    input: Input | None,
    model: str,
    instructions: str | None = None,
    previous_response_id: str | None = None,
    tools: Iterable[Any] | None = None,
    tool_choice: str | Mapping[str, Any] | None = None,
    text: Mapping[str, Any] | None = None,
    text_format: type[Any] | Mapping[str, Any] | None = None,
    reasoning: Mapping[str, Any] | None = None,
    extra_headers: Mapping[str, Any] | None = None,
    extra_query: Mapping[str, Any] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    timeout: Any = None,
    custom_llm_provider: str | None = None,
    **kwargs: Any,
) -> TokenCount:
    """The input tokens of a request, its history included: `.input_tokens`, and `.counter` for who counted.

    Takes what `responses` takes, as far as it shows a model something. Raises `exceptions.APIError`.
    """
    call = read_call(locals())
    return wait_for(lambda home: contexts.counted(home, call))


async def acount_input_tokens(
    input: Input | None,
    model: str,
    instructions: str | None = None,
    previous_response_id: str | None = None,
    tools: Iterable[Any] | None = None,
    tool_choice: str | Mapping[str, Any] | None = None,
    text: Mapping[str, Any] | None = None,
    text_format: type[Any] | Mapping[str, Any] | None = None,
    reasoning: Mapping[str, Any] | None = None,
    extra_headers: Mapping[str, Any] | None = None,
    extra_query: Mapping[str, Any] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    timeout: Any = None,
    custom_llm_provider: str | None = None,
    **kwargs: Any,
) -> TokenCount:
    """`count_input_tokens`, for a coroutine."""
    call = read_call(locals())
    return await crossing_to(lambda home: contexts.counted(home, call))

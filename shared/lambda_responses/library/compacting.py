"""`compact_responses` and `acompact_responses`: a long context made short, as input for later requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambda_responses.library import contexts
from lambda_responses.library.engine import crossing_to, wait_for
from lambda_responses.library.options import read_call

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambda_responses.library.objects import Response
    from lambda_responses.library.options import Input


def compact_responses(
    input: Input | None,
    model: str,
    instructions: str | None = None,
    previous_response_id: str | None = None,
    extra_headers: Mapping[str, Any] | None = None,
    extra_query: Mapping[str, Any] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    timeout: Any = None,
    custom_llm_provider: str | None = None,
    **kwargs: Any,
) -> Response:
    """The users' messages of a context and one sealed item for the rest: `.output`, to be sent as input.

    Nothing of it is stored. Raises `exceptions.APIError`.
    """
    call = read_call(locals())
    return wait_for(lambda home: contexts.compacted(home, call))


async def acompact_responses(
    input: Input | None,
    model: str,
    instructions: str | None = None,
    previous_response_id: str | None = None,
    extra_headers: Mapping[str, Any] | None = None,
    extra_query: Mapping[str, Any] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    timeout: Any = None,
    custom_llm_provider: str | None = None,
    **kwargs: Any,
) -> Response:
    """`compact_responses`, for a coroutine."""
    call = read_call(locals())
    return await crossing_to(lambda home: contexts.compacted(home, call))

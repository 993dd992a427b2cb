"""What is done with a context beside answering it: its tokens are counted, and it is made short."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambda_responses.library.engine import crossing_to, wait_for
from lambda_responses.library.hooks import CallRecord, observed, public_request
from lambda_responses.library.objects import Response, TokenCount
from lambda_responses.library.options import read_call
from lambda_responses.library.routes import services_for
from lambda_responses.library.waits import within
from lambda_responses.lifecycle import compact, token_counts
from lambda_responses.wire.requests import read_model

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lambda_responses.library.home import Home
    from lambda_responses.library.options import Call, Input
    from lambda_responses.lifecycle.ports import Services


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
    return wait_for(lambda home: _counted(home, call))


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
    return await crossing_to(lambda home: _counted(home, call))


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
    return wait_for(lambda home: _compacted(home, call))


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
    return await crossing_to(lambda home: _compacted(home, call))


async def _counted(home: Home, call: Call) -> TokenCount:
    record = CallRecord("count_input_tokens", public_request(call.body), metadata=call.metadata)
    async with observed(record), within(call.timeout):
        count = await token_counts.count_input_tokens(
            call.body,
            principal=home.principal,
            using=await _services(home, call),
            provider=call.route.provider,
        )
        data = {"object": "response.input_tokens", "input_tokens": count.tokens}
        record.target = count.target
        record.response = shown = TokenCount(data, counter=count.counter, target=count.target)
    return shown


async def _compacted(home: Home, call: Call) -> Response:
    record = CallRecord("compact_responses", public_request(call.body), metadata=call.metadata)
    async with observed(record), within(call.timeout):
        made = await compact.compact_response(
            call.body,
            principal=home.principal,
            using=await _services(home, call),
            provider=call.route.provider,
        )
        record.target = made.target
        record.response = response = Response(made.response, target=made.target)
    return response


async def _services(home: Home, call: Call) -> Services:
    await home.live.renew()
    return services_for(home, call.route, read_model(call.body))

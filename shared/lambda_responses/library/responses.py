"""`responses` and `aresponses`: a response, whole or as events while it is made.

The names, their order and their defaults are those of LiteLLM's functions, whose programs change an import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from lambda_responses.library.creation import created, opened
from lambda_responses.library.engine import crossing_to, wait_for
from lambda_responses.library.options import CreateOptions, read_call
from lambda_responses.library.streams import AsyncEventStream, EventStream

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Unpack

    from lambda_responses.library.objects import Response
    from lambda_responses.library.options import Input


@overload
def responses(
    input: Input, model: str, *, stream: Literal[False] | None = None, **options: Unpack[CreateOptions]
) -> Response: ...
@overload
def responses(
    input: Input, model: str, *, stream: Literal[True], **options: Unpack[CreateOptions]
) -> EventStream: ...
@overload
def responses(
    input: Input, model: str, *, stream: bool | None, **options: Unpack[CreateOptions]
) -> Response | EventStream: ...
def responses(
    input: Input,
    model: str,
    include: Sequence[str] | None = None,
    instructions: str | None = None,
    max_output_tokens: int | None = None,
    prompt: Mapping[str, Any] | None = None,
    metadata: Mapping[str, str] | None = None,
    parallel_tool_calls: bool | None = None,
    previous_response_id: str | None = None,
    reasoning: Mapping[str, Any] | None = None,
    store: bool | None = None,
    background: bool | None = None,
    stream: bool | None = None,
    temperature: float | None = None,
    text: Mapping[str, Any] | None = None,
    text_format: type[Any] | Mapping[str, Any] | None = None,
    tool_choice: str | Mapping[str, Any] | None = None,
    tools: Iterable[Any] | None = None,
    top_p: float | None = None,
    truncation: Literal["auto", "disabled"] | None = None,
    user: str | None = None,
    service_tier: str | None = None,
    safety_identifier: str | None = None,
    extra_headers: Mapping[str, Any] | None = None,
    extra_query: Mapping[str, Any] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    timeout: Any = None,
    allowed_openai_params: Sequence[str] | None = None,
    custom_llm_provider: str | None = None,
    **kwargs: Any,
) -> Response | EventStream:
    """A response to `input`, or with `stream=True` its events as they are made.

    `model` is `<provider>/<model id>`, an alias, or a bare id of the default provider; `custom_llm_provider`
    wins over what it says. `text_format` (a pydantic model, a dataclass, a TypedDict or a dict) asks for an
    answer in that form, which is then `output_parsed`. `timeout` is in seconds: of a plain call for the
    answer, of a stream for the next event. Further settings of the API are taken by their names, and so is
    what `ProviderOptions` lists. Works where an event loop runs, too, which it keeps waiting.

    Raises `exceptions.APIError`; a stream tells faults after its first events as events.
    """
    call = read_call(locals())
    if call.body.get("stream"):
        return EventStream(wait_for(lambda home: opened(home, call)))
    return wait_for(lambda home: created(home, call))


@overload
async def aresponses(
    input: Input, model: str, *, stream: Literal[False] | None = None, **options: Unpack[CreateOptions]
) -> Response: ...
@overload
async def aresponses(
    input: Input, model: str, *, stream: Literal[True], **options: Unpack[CreateOptions]
) -> AsyncEventStream: ...
@overload
async def aresponses(
    input: Input, model: str, *, stream: bool | None, **options: Unpack[CreateOptions]
) -> Response | AsyncEventStream: ...
async def aresponses(
    input: Input,
    model: str,
    include: Sequence[str] | None = None,
    instructions: str | None = None,
    max_output_tokens: int | None = None,
    prompt: Mapping[str, Any] | None = None,
    metadata: Mapping[str, str] | None = None,
    parallel_tool_calls: bool | None = None,
    previous_response_id: str | None = None,
    reasoning: Mapping[str, Any] | None = None,
    store: bool | None = None,
    background: bool | None = None,
    stream: bool | None = None,
    temperature: float | None = None,
    text: Mapping[str, Any] | None = None,
    text_format: type[Any] | Mapping[str, Any] | None = None,
    tool_choice: str | Mapping[str, Any] | None = None,
    tools: Iterable[Any] | None = None,
    top_p: float | None = None,
    truncation: Literal["auto", "disabled"] | None = None,
    user: str | None = None,
    service_tier: str | None = None,
    safety_identifier: str | None = None,
    extra_headers: Mapping[str, Any] | None = None,
    extra_query: Mapping[str, Any] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    timeout: Any = None,
    custom_llm_provider: str | None = None,
    **kwargs: Any,
) -> Response | AsyncEventStream:
    """`responses`, for a coroutine: `async for event in await aresponses(…, stream=True)`."""
    call = read_call(locals())
    if call.body.get("stream"):
        return AsyncEventStream(await crossing_to(lambda home: opened(home, call)))
    return await crossing_to(lambda home: created(home, call))


aresponses_api_with_mcp = aresponses
"""LiteLLM's name for a call whose tools may be MCP servers: here every call's may."""

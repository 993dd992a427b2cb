"""The functions for stored responses, each blocking and as a coroutine.

Names, order and defaults are those of LiteLLM's functions. These ask no provider, so what would go along to
one (`extra_headers`, `extra_query`, `extra_body`, `timeout`, `custom_llm_provider`, keys) is taken and
changes nothing.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Literal, overload

from lambda_responses.library.engine import crossing_to, wait_for
from lambda_responses.library.exceptions import UnsupportedParamsError
from lambda_responses.library.hooks import observed, record_about
from lambda_responses.library.objects import ItemPage, JsonObject, Response
from lambda_responses.library.options import without_routes
from lambda_responses.library.streams import AsyncEventStream, EventStream, Source
from lambda_responses.library.text_format import text_format_of
from lambda_responses.lifecycle import cancel, delete, input_items, retrieve
from lambda_responses.storage.records import RUNNING
from lambda_responses.wire.queries import read_list_query, read_retrieve_query

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence

    from lambda_responses.library.home import Home
    from lambda_responses.library.objects import Parse


@overload
def get_responses(
    response_id: str,
    *,
    stream: Literal[False] | None = None,
    include: Sequence[str] = ...,
    text_format: type[Any] | Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> Response: ...
@overload
def get_responses(
    response_id: str,
    *,
    stream: Literal[True],
    starting_after: int | None = None,
    include: Sequence[str] = ...,
    text_format: type[Any] | Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> EventStream: ...
def get_responses(
    response_id: str,
    extra_headers: Mapping[str, Any] | None = None,
    extra_query: Mapping[str, Any] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    timeout: Any = None,
    custom_llm_provider: str | None = None,
    stream: bool | None = None,
    starting_after: int | None = None,
    **kwargs: Any,
) -> Response | EventStream:
    """A stored response or, with `stream=True`, the events that make it up, after number `starting_after`.

    `include` adds what the request had not asked for. `text_format` is that of the request, by which
    `output_parsed` reads the answer; nothing keeps it meanwhile. Raises `NotFoundError`, and `TypeError` for
    a `text_format` that is none.
    """
    parse, options = _asked(starting_after, kwargs)
    if stream:
        return EventStream(wait_for(lambda home: _replayed(home, response_id, options, parse)))
    return wait_for(lambda home: _retrieved(home, response_id, options, parse))


@overload
async def aget_responses(
    response_id: str,
    *,
    stream: Literal[False] | None = None,
    include: Sequence[str] = ...,
    text_format: type[Any] | Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> Response: ...
@overload
async def aget_responses(
    response_id: str,
    *,
    stream: Literal[True],
    starting_after: int | None = None,
    include: Sequence[str] = ...,
    text_format: type[Any] | Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> AsyncEventStream: ...
async def aget_responses(
    response_id: str,
    extra_headers: Mapping[str, Any] | None = None,
    extra_query: Mapping[str, Any] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    timeout: Any = None,
    custom_llm_provider: str | None = None,
    stream: bool | None = None,
    starting_after: int | None = None,
    **kwargs: Any,
) -> Response | AsyncEventStream:
    """`get_responses`, for a coroutine."""
    parse, options = _asked(starting_after, kwargs)
    if stream:
        return AsyncEventStream(await crossing_to(lambda home: _replayed(home, response_id, options, parse)))
    return await crossing_to(lambda home: _retrieved(home, response_id, options, parse))


def delete_responses(
    response_id: str,
    extra_headers: Mapping[str, Any] | None = None,
    extra_query: Mapping[str, Any] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    timeout: Any = None,
    custom_llm_provider: str | None = None,
    **kwargs: Any,
) -> JsonObject:
    """Delete a stored response: `.id`, `.object` and `.deleted`. Raises `NotFoundError`."""
    without_routes(kwargs)
    return wait_for(lambda home: _deleted(home, response_id))


async def adelete_responses(
    response_id: str,
    extra_headers: Mapping[str, Any] | None = None,
    extra_query: Mapping[str, Any] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    timeout: Any = None,
    custom_llm_provider: str | None = None,
    **kwargs: Any,
) -> JsonObject:
    """`delete_responses`, for a coroutine."""
    without_routes(kwargs)
    return await crossing_to(lambda home: _deleted(home, response_id))


def cancel_responses(
    response_id: str,
    extra_headers: Mapping[str, Any] | None = None,
    extra_query: Mapping[str, Any] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    timeout: Any = None,
    custom_llm_provider: str | None = None,
    litellm_metadata: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> Response:
    """Cancel a background response. Raises `NotFoundError`, and `BadRequestError` for any other response."""
    without_routes(kwargs)
    return wait_for(lambda home: _cancelled(home, response_id))


async def acancel_responses(
    response_id: str,
    extra_headers: Mapping[str, Any] | None = None,
    extra_query: Mapping[str, Any] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    timeout: Any = None,
    custom_llm_provider: str | None = None,
    litellm_metadata: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> Response:
    """`cancel_responses`, for a coroutine."""
    without_routes(kwargs)
    return await crossing_to(lambda home: _cancelled(home, response_id))


def list_input_items(
    response_id: str,
    after: str | None = None,
    before: str | None = None,
    include: Sequence[str] | None = None,
    limit: int = 20,
    order: Literal["asc", "desc"] = "desc",
    extra_headers: Mapping[str, Any] | None = None,
    timeout: Any = None,
    custom_llm_provider: str | None = None,
    **kwargs: Any,
) -> ItemPage:
    """A page of what the model was shown: `.data`, `.has_more`, `.last_id` for `after`; a dict as well.

    Raises `NotFoundError`, and `UnsupportedParamsError` for `before`, which the API has no more.
    """
    options = _page(after, before, include, limit, order, kwargs)
    return wait_for(lambda home: _listed(home, response_id, options))


async def alist_input_items(
    response_id: str,
    after: str | None = None,
    before: str | None = None,
    include: Sequence[str] | None = None,
    limit: int = 20,
    order: Literal["asc", "desc"] = "desc",
    extra_headers: Mapping[str, Any] | None = None,
    timeout: Any = None,
    custom_llm_provider: str | None = None,
    **kwargs: Any,
) -> ItemPage:
    """`list_input_items`, for a coroutine."""
    options = _page(after, before, include, limit, order, kwargs)
    return await crossing_to(lambda home: _listed(home, response_id, options))


def _page(
    after: str | None,
    before: str | None,
    include: Sequence[str] | None,
    limit: int,
    order: str,
    kwargs: Mapping[str, Any],
) -> Mapping[str, Any]:
    without_routes(kwargs)
    if before is not None:
        raise UnsupportedParamsError("'before' is not supported: page on with 'after'.", param="before")
    return {"after": after, "include": include, "limit": limit, "order": order}


def _asked(starting_after: int | None, kwargs: Mapping[str, Any]) -> tuple[Parse | None, Mapping[str, Any]]:
    """What reads the answer, where the caller says it, and what is asked of the route."""
    given = kwargs.get("text_format")
    parse = None if given is None else text_format_of(given)[1]
    return parse, {"starting_after": starting_after, **without_routes(kwargs, "include")}


async def _retrieved(
    home: Home, response_id: str, options: Mapping[str, Any], parse: Parse | None
) -> Response:
    """The response as its end was told. Raises `NotFoundError`."""
    async with observed(record_about("get_responses", response_id)) as record:
        query = read_retrieve_query(_pairs(options))
        found = await retrieve.get_response(
            response_id, include=query.include, principal=home.principal, using=home.services
        )
        if found["status"] in RUNNING:
            home.work()
        record.response = response = Response(found, parse)
    return response


async def _replayed(home: Home, response_id: str, options: Mapping[str, Any], parse: Parse | None) -> Source:
    """The events of a finished response. Raises `NotFoundError`."""
    source = Source(_replay(home, response_id, options, parse))
    await source.begun()
    return source


async def _deleted(home: Home, response_id: str) -> JsonObject:
    """The mark of a deletion. Raises `NotFoundError`."""
    async with observed(record_about("delete_responses", response_id)) as record:
        mark = await delete.delete_response(response_id, principal=home.principal, using=home.services)
        record.response = shown = JsonObject(mark)
    return shown


async def _cancelled(home: Home, response_id: str) -> Response:
    """The cancelled response. Raises `BadRequestError` for one that is not being made."""
    async with observed(record_about("cancel_responses", response_id)) as record:
        found = await cancel.cancel_response(response_id, principal=home.principal, using=home.services)
        record.response = response = Response(found)
    return response


async def _listed(home: Home, response_id: str, options: Mapping[str, Any]) -> ItemPage:
    """A page of what the model was shown. Raises `NotFoundError`."""
    async with observed(record_about("list_input_items", response_id, **options)):
        query = read_list_query(_pairs(options))
        page = await input_items.list_input_items(
            response_id, query, principal=home.principal, using=home.services
        )
    return ItemPage(page)


async def _replay(
    home: Home, response_id: str, options: Mapping[str, Any], parse: Parse | None
) -> AsyncGenerator[Sequence[JsonObject], None]:
    async with observed(record_about("get_responses", response_id, streamed=True)):
        query = read_retrieve_query(_pairs(options))
        told = await retrieve.replay_response(
            response_id,
            starting_after=query.starting_after,
            include=query.include,
            principal=home.principal,
            using=home.services,
        )
        yield [JsonObject(event, parse) for event in told.events]
        if told.rest is not None:
            home.work()
            async with aclosing(told.rest) as batches:
                async for events in batches:
                    yield [JsonObject(event, parse) for event in events]


def _pairs(options: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Options as the query of the route has them, and is judged by."""
    for name, value in options.items():
        if isinstance(value, (list, tuple, set, frozenset)):
            for each in value:  # pyright: ignore[reportUnknownVariableType]
                yield name, str(each)  # pyright: ignore[reportUnknownArgumentType]
        elif value is not None:
            yield name, str(value).lower() if isinstance(value, bool) else str(value)

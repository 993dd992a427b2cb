"""What is done with stored responses, on the library's loop: one coroutine for each operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.library.hooks import observed, record_about
from lambda_responses.library.objects import ItemPage, JsonObject, Response
from lambda_responses.library.streams import Source
from lambda_responses.lifecycle import cancel, delete, input_items, retrieve
from lambda_responses.wire.queries import read_list_query, read_retrieve_query

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
    from typing import Any

    from lambda_responses.library.home import Home


async def retrieved(home: Home, response_id: str, options: Mapping[str, Any]) -> Response:
    """The response as its end was told. Raises `NotFoundError`."""
    async with observed(record_about("get_responses", response_id)) as record:
        query = read_retrieve_query(_pairs(options))
        found = await retrieve.get_response(
            response_id, include=query.include, principal=home.principal, using=home.services
        )
        record.response = response = Response(found)
    return response


async def replayed(home: Home, response_id: str, options: Mapping[str, Any]) -> Source:
    """The events of a finished response. Raises `NotFoundError`."""
    source = Source(_replay(home, response_id, options))
    await source.begun()
    return source


async def deleted(home: Home, response_id: str) -> JsonObject:
    """The mark of a deletion. Raises `NotFoundError`."""
    async with observed(record_about("delete_responses", response_id)) as record:
        mark = await delete.delete_response(response_id, principal=home.principal, using=home.services)
        record.response = shown = JsonObject(mark)
    return shown


async def cancelled(home: Home, response_id: str) -> Response:
    """The cancelled response. Raises `BadRequestError` for one that is not being made."""
    async with observed(record_about("cancel_responses", response_id)) as record:
        found = await cancel.cancel_response(response_id, principal=home.principal, using=home.services)
        record.response = response = Response(found)
    return response


async def listed(home: Home, response_id: str, options: Mapping[str, Any]) -> ItemPage:
    """A page of what the model was shown. Raises `NotFoundError`."""
    async with observed(record_about("list_input_items", response_id, **options)):
        query = read_list_query(_pairs(options))
        page = await input_items.list_input_items(
            response_id, query, principal=home.principal, using=home.services
        )
    return ItemPage(page)


async def _replay(
    home: Home, response_id: str, options: Mapping[str, Any]
) -> AsyncGenerator[Sequence[JsonObject], None]:
    async with observed(record_about("get_responses", response_id, streamed=True)):
        query = read_retrieve_query(_pairs(options))
        events = await retrieve.replay_response(
            response_id,
            starting_after=query.starting_after,
            include=query.include,
            principal=home.principal,
            using=home.services,
        )
        yield [JsonObject(event) for event in events]


def _pairs(options: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Options as the query of the route has them, and is judged by."""
    for name, value in options.items():
        if isinstance(value, (list, tuple, set, frozenset)):
            for each in value:  # pyright: ignore[reportUnknownVariableType]
                yield name, str(each)  # pyright: ignore[reportUnknownArgumentType]
        elif value is not None:
            yield name, str(value).lower() if isinstance(value, bool) else str(value)

"""What models are offered in the place of servers, and of functions that are to be searched for."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.server_tools.listing import not_listed
from lambda_responses.storage.scheduling import off_the_loop
from lambda_responses.tools.catalog import Catalog, ListsBefore, ServerList
from lambda_responses.tools.choice import choice_for_step
from lambda_responses.tools.offer import asked_of_targets
from lambda_responses.transformers.tool_names import tools_of
from lambda_responses.wire.tool_secrets import secrets_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.lifecycle.context import ModelContext
    from lambda_responses.lifecycle.ports import Services
    from lambda_responses.tools.servers.server import Server
    from lambda_responses.wire.json import Json


async def as_offered(
    request: Json, servers: Sequence[Server], context: ModelContext, *, tenant: str, using: Services
) -> Json:
    """The request as the targets of a response's first step get it, for who makes nothing of the answer.

    Raises `APIError` for a server that has to tell its tools and does not.
    """
    said, lists = context.current(), list[ServerList]()
    if servers:
        before = ListsBefore.of(said, context.origins)
        async with aclosing(using.server_connections(secrets_in(request))) as connections:
            lists = await using.listing.lists(servers, tenant=tenant, before=before, connections=connections)
    if (fault := not_listed(lists)) is not None:
        raise fault
    catalog = await catalog_from(request, lists, said)
    choice = choice_for_step(request.get("tool_choice"), 0, catalog.functions)
    return asked_of_targets(request, catalog.tools_for(said), choice).request


async def catalog_from(request: Json, lists: Sequence[ServerList], said: Sequence[Json]) -> Catalog:
    """The same as `catalog_of`, of lists that may be long."""
    weight = sum(listed.weight for listed in lists)
    return await off_the_loop(weight, catalog_of, request, lists, said)


def catalog_of(request: Json, lists: Sequence[ServerList], said: Sequence[Json]) -> Catalog:
    """The tools of a request whose servers are listed so; `said` is the context before its first step."""
    return Catalog(
        lists,
        tools=request.get("tools") or (),
        arrived=[tool for _, tool in tools_of({}, said)],
        prompted="prompt" in request,
        choice=request.get("tool_choice"),
    )

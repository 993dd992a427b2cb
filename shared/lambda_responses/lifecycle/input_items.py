"""List what the model was shown for a response."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.lifecycle.seals import asked_for, with_seal
from lambda_responses.lifecycle.unshown import with_asked
from lambda_responses.storage.responses import ResponseNotFound
from lambda_responses.wire.compaction import pruned
from lambda_responses.wire.context import without_cut_calls
from lambda_responses.wire.includes import apply_include
from lambda_responses.wire.listed import listed_item
from lambda_responses.wire.lists import page
from lambda_responses.wire.not_found import response_not_found

if TYPE_CHECKING:
    from lambda_responses.lifecycle.ports import Principal, Services
    from lambda_responses.wire.json import Json
    from lambda_responses.wire.queries import ListQuery


async def list_input_items(
    response_id: str, query: ListQuery, *, principal: Principal, using: Services
) -> Json:
    """A page of the whole context: the history of the chain and the response's own input.

    Raises `NotFoundError` for a response that is not there.
    """
    try:
        shown = await using.responses.shown(principal.tenant, response_id)
    except ResponseNotFound:
        raise response_not_found(response_id) from None
    sealer = await using.sealer(principal.tenant) if asked_for(query.include) else None
    items = [
        with_asked(with_seal(item, shown.origins, sealer), shown.origins, query.include)
        for item in without_cut_calls(pruned(shown.items, shown.origins))
    ]
    return page([listed_item(apply_include(item, query.include)) for item in items], query)

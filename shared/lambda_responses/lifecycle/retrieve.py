"""Retrieve a stored response, whole or told again as a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.lifecycle.seals import asked_for, with_seal
from lambda_responses.lifecycle.unshown import with_asked
from lambda_responses.storage.responses import ResponseNotFound
from lambda_responses.stream.replay import events_of
from lambda_responses.wire.not_found import response_not_found

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from lambda_responses.lifecycle.ports import Principal, Services
    from lambda_responses.wire.json import Event, Json


async def get_response(
    response_id: str, *, include: Collection[str] = (), principal: Principal, using: Services
) -> Json:
    """The response as its end was told. Raises `NotFoundError` while it runs and after it is gone.

    `include` adds what the request had not asked for and the provider gave all the same.
    """
    try:
        stored = await using.responses.get(principal.tenant, response_id)
    except ResponseNotFound:
        raise response_not_found(response_id) from None
    sealer = await using.sealer(principal.tenant) if asked_for(include) else None
    output = [
        with_asked(with_seal(item, stored.origins, sealer), stored.origins, include)
        for item in stored.response["output"]
    ]
    return {**stored.response, "output": output}


async def replay_response(
    response_id: str,
    *,
    starting_after: int | None = None,
    include: Collection[str] = (),
    principal: Principal,
    using: Services,
) -> Sequence[Event]:
    """The events after number `starting_after` that make up a finished response.

    A foreground response leaves no log of its events: these follow from the stored object, the same at every
    call. Raises `NotFoundError` as `get_response` does.
    """
    response = await get_response(response_id, include=include, principal=principal, using=using)
    events = events_of(response)
    return events if starting_after is None else events[max(starting_after + 1, 0) :]

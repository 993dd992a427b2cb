"""Retrieve a stored response, whole or told again as a stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.ports import Unbounded
from lambda_responses.lifecycle.seals import asked_for, with_seal
from lambda_responses.lifecycle.unshown import with_asked
from lambda_responses.storage.responses import ResponseNotFound
from lambda_responses.stream.replay import events_of
from lambda_responses.wire.not_found import response_not_found

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Mapping, Sequence

    from lambda_responses.lifecycle.ports import Deadline, Principal, Services
    from lambda_responses.sealing.sealer import Sealer
    from lambda_responses.wire.json import Event, Json


UNBOUNDED = Unbounded()


@dataclass(frozen=True, slots=True)
class Told:
    """The events of a response from some point on."""

    events: Sequence[Event]
    """Those that there are by now."""
    rest: AsyncGenerator[Sequence[Event]] | None = None
    """Those that are still to come, as they come; None where there are none."""


async def get_response(
    response_id: str, *, include: Collection[str] = (), principal: Principal, using: Services
) -> Json:
    """The response as its end was told, or as far as it has come in the background. Raises `NotFoundError`
    while it runs in the foreground, and after it is gone.

    `include` adds what the request had not asked for and the provider gave all the same.
    """
    try:
        stored = await using.responses.get(principal.tenant, response_id)
    except ResponseNotFound:
        raise response_not_found(response_id) from None
    sealer = await using.sealer(principal.tenant) if asked_for(include) else None
    output = [as_asked(item, stored.origins, include, sealer) for item in stored.response["output"]]
    return {**stored.response, "output": output}


def as_asked(
    item: Json, origins: Mapping[str, Json], include: Collection[str], sealer: Sealer | None
) -> Json:
    """An item with what `include` asks for besides; the `sealer` is there where that is a seal."""
    return with_asked(with_seal(item, origins, sealer), origins, include)


async def replay_response(
    response_id: str,
    *,
    starting_after: int | None = None,
    include: Collection[str] = (),
    principal: Principal,
    using: Services,
    deadline: Deadline = UNBOUNDED,
) -> Told:
    """The events after number `starting_after` that make up a response.

    A foreground response leaves no log of its events: these follow from the stored object, the same at every
    call. Those of a background response come as it is made, until the deadline. Raises `NotFoundError` as
    `get_response` does, and `InvalidRequestError` for events that there are none of.
    """
    response = await get_response(response_id, include=include, principal=principal, using=using)
    if response.get("background"):
        from lambda_responses.lifecycle.background.resume import resume_response  # which few need

        return await resume_response(
            response,
            starting_after=starting_after,
            include=include,
            tenant=principal.tenant,
            using=using,
            deadline=deadline,
        )
    events = events_of(response)
    return Told(events if starting_after is None else events[max(starting_after + 1, 0) :])

"""What had been said before a request: the history that it continues, what it refers to, what it brings.

Whatever shows a model a context asks here for it: creating a response, compacting one, counting its tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.references import resolved
from lambda_responses.lifecycle.seals import hold_seals, opened
from lambda_responses.storage.responses import ResponseNotFound
from lambda_responses.wire.context import without_cut_calls
from lambda_responses.wire.not_found import (
    conversation_not_found,
    previous_response_not_found,
    prompt_not_found,
)
from lambda_responses.wire.requests import check_input_present

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lambda_responses.lifecycle.ports import Principal, Services
    from lambda_responses.sealing.sealer import Sealer
    from lambda_responses.storage.responses import Context
    from lambda_responses.wire.json import Json


@dataclass(frozen=True, slots=True)
class Known:
    """What had been said, and sealed, before the request."""

    previous: Context | None
    history: Sequence[Json]
    """Items of the previous response's context, as far as a model can go on from them."""
    input: Sequence[Json]
    """The request's own items, each reference replaced by what it names."""
    origins: Mapping[str, Json]
    """Of the previous response's context and of referenced items, by item id."""
    brought: Mapping[int, Json]
    """Origins that the client brought back sealed, by the place of their item in the request."""
    sealer: Sealer | None
    """None where nothing is to be sealed."""


async def known_before(
    request: Json, *, principal: Principal, using: Services, native: bool, seals: bool
) -> Known:
    """What a checked request stands on. `seals` says whether something will be sealed for the client.

    Raises `APIError` for what is not there, in the live API's order, and where there is nothing to answer.
    """
    previous = await _look_up(request, principal, using, native=native)
    check_input_present(request)
    history = without_cut_calls(previous.items, continued=request["input"]) if previous else ()
    input, origins = await resolved(
        request["input"], known={item["id"] for item in history}, principal=principal, using=using
    )
    sealer = await using.sealer(principal.tenant) if seals or hold_seals(input) else None
    origins = {**(previous.origins if previous else {}), **origins}
    brought = opened(input, sealer) if sealer is not None else {}
    return Known(previous, history, input, origins, brought, sealer)


async def _look_up(request: Json, principal: Principal, using: Services, *, native: bool) -> Context | None:
    """What the request refers to, in the live API's order. Prompts live with the upstream, if anywhere."""
    conversation = request.get("conversation")
    if conversation is not None:
        raise conversation_not_found(conversation if isinstance(conversation, str) else conversation["id"])
    if request.get("prompt") is not None and not native:
        raise prompt_not_found(request["prompt"]["id"])
    previous_response_id = request.get("previous_response_id")
    if previous_response_id is None:
        return None
    try:
        return await using.responses.context(principal.tenant, previous_response_id)
    except ResponseNotFound:
        raise previous_response_not_found(previous_response_id) from None

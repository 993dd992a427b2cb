"""Create a response: everything that is checked and read before a model is asked.

The order of faults is the live API's: the body first, then what it refers to, then whether there is any
input at all, then what the target can do. A bad body never costs a read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.lifecycle.context import assemble
from lambda_responses.lifecycle.run import ResponseRun, RunBounds
from lambda_responses.storage.responses import ResponseNotFound, TooLargeToStore, check_storable
from lambda_responses.stream.emitter import ResponseEmitter
from lambda_responses.wire.context import check_calls_answered, check_json_mentioned
from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.ids import ItemIds, new_response_id
from lambda_responses.wire.not_found import (
    conversation_not_found,
    previous_response_not_found,
    prompt_not_found,
)
from lambda_responses.wire.requests import check_create_request, check_input_present, read_model
from lambda_responses.wire.responses import new_response

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.lifecycle.ports import Principal, Services
    from lambda_responses.providers.base import Target
    from lambda_responses.storage.responses import Context, Reservation
    from lambda_responses.wire.json import Json


async def create_response(
    body: Json,
    *,
    principal: Principal,
    using: Services,
    provider: str | None = None,
    bounds: RunBounds | None = None,
) -> ResponseRun:
    """Check a request and prepare its run; no model has been asked when this returns.

    `provider` overrides what the model's name says. Raises `APIError` for every fault of the request.
    """
    targets = using.router.resolve(read_model(body), provider=provider)
    native = all(target.native for target in targets)
    request = check_create_request(body, native=native)
    previous = await _look_up(request, principal, using, native=native)
    check_input_present(request)
    reservation = None
    if request.get("store", True):
        reservation = await using.responses.reserve(
            principal.tenant, previous, epoch=int(using.now()), entropy=using.entropy
        )
    try:
        return _prepare(request, targets, previous, reservation, using, bounds or RunBounds())
    except BaseException:
        if reservation is not None:
            await using.responses.release(reservation)
        raise


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


def _prepare(
    request: Json,
    targets: Sequence[Target],
    previous: Context | None,
    reservation: Reservation | None,
    using: Services,
    bounds: RunBounds,
) -> ResponseRun:
    created_at = int(using.now())
    response_id = (
        reservation.response_id
        if reservation is not None
        else new_response_id(epoch=created_at, thread=None, entropy=using.entropy)
    )
    ids = ItemIds(response_id, using.entropy)
    context = assemble(
        request["input"],
        history=previous.items if previous else (),
        origins=previous.origins if previous else {},
        ids=ids,
    )
    check_calls_answered(context.items)
    if request.get("text", {}).get("format", {}).get("type") == "json_object":
        check_json_mentioned(context.items)
    if reservation is not None:
        try:
            check_storable(context.own, request)
        except TooLargeToStore:
            message = "The input is too large to be stored. Send less of it, or set 'store' to false."
            raise InvalidRequestError(message, code="input_too_large_to_store", param="input") from None
    response = new_response(
        request,
        response_id=response_id,
        created_at=created_at,
        model=request["model"],
        previous_response_id=request.get("previous_response_id"),
    )
    emitter = ResponseEmitter(response, ids, taken_call_ids=context.call_ids)
    return ResponseRun(request, targets, context, emitter, reservation, using, bounds)

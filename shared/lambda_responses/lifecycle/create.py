"""Create a response: everything that is checked and read before a model is asked.

The order of faults is the live API's: the body first, then what it refers to, then whether there is any
input at all, then what the target can do. A bad body never costs a read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.lifecycle.placement import too_large_to_store
from lambda_responses.lifecycle.references import resolved
from lambda_responses.lifecycle.run import Known, ResponseRun, RunBounds
from lambda_responses.lifecycle.seals import hold_seals, opened
from lambda_responses.storage.responses import ResponseNotFound, TooLargeToStore, check_storable
from lambda_responses.transformers.base import shows_seals
from lambda_responses.wire.context import check_calls_answered, check_json_mentioned, without_cut_calls
from lambda_responses.wire.not_found import (
    conversation_not_found,
    previous_response_not_found,
    prompt_not_found,
)
from lambda_responses.wire.requests import check_create_request, check_input_present, read_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.lifecycle.ports import Principal, Services
    from lambda_responses.storage.responses import Context
    from lambda_responses.wire.json import Json


async def create_response(
    body: Json,
    *,
    principal: Principal,
    using: Services,
    provider: str | None = None,
    bounds: RunBounds | None = None,
) -> ResponseRun:
    """Check a request and prepare its run; nothing is written, and no model asked, before that is read.

    `provider` overrides what the model's name says. Raises `APIError` for a fault of the request.
    """
    targets = using.router.resolve(read_model(body), provider=provider)
    native = all(target.native for target in targets)
    request = check_create_request(body, native=native)
    previous = await _look_up(request, principal, using, native=native)
    check_input_present(request)
    history = without_cut_calls(previous.items, continued=request["input"]) if previous else ()
    request["input"], origins = await resolved(
        request["input"], known={item["id"] for item in history}, principal=principal, using=using
    )
    _check_context(request, history)
    sealer = await using.sealer(principal.tenant) if _concerns_seals(request) else None
    origins = {**(previous.origins if previous else {}), **origins}
    brought = opened(request["input"], sealer) if sealer is not None else {}
    known = Known(previous, history, origins, brought, sealer)
    return ResponseRun(request, targets, principal.tenant, known, using, bounds or RunBounds())


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


def _concerns_seals(request: Json) -> bool:
    """Whether anything will be sealed for the client, or has been: to know the keys may take a read."""
    return shows_seals(request) or hold_seals(request["input"]) or bool(request.get("context_management"))


def _check_context(request: Json, history: Sequence[Json]) -> None:
    """What only the whole context shows. Raises `InvalidRequestError`."""
    items = [*history, *request["input"]]
    check_calls_answered(items)
    text: Json = request.get("text") or {}
    format: Json = text.get("format") or {}
    if format.get("type") == "json_object":
        check_json_mentioned(items)
    if request.get("store", True):
        try:
            check_storable(request["input"], request)
        except TooLargeToStore:
            raise too_large_to_store() from None

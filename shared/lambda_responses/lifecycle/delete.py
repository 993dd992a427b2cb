"""Delete a stored response."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.storage.background.job import NotCancellable, NotInBackground
from lambda_responses.storage.responses import ResponseNotFound
from lambda_responses.storage.scheduling import at_once
from lambda_responses.wire.ids import thread_of
from lambda_responses.wire.not_found import response_not_found

if TYPE_CHECKING:
    from lambda_responses.lifecycle.ports import Principal, Services
    from lambda_responses.wire.json import Json


async def delete_response(response_id: str, *, principal: Principal, using: Services) -> Json:
    """The API's deletion marker. Raises `NotFoundError`, also at the second time.

    What is being made in the background is cancelled first. Responses that continue this one keep what they
    were shown. Where a delete was cut short, to delete it again goes on from there.
    """
    tenant, found = principal.tenant, True
    in_background = await _stopped(tenant, response_id, using)
    try:
        await using.responses.delete(tenant, response_id)
    except ResponseNotFound:
        found = False
    if in_background:
        gone = (tenant, response_id)
        await at_once([using.jobs.forget(*gone), using.journals.remove(*gone), using.events.remove(*gone)])
    if not found:
        raise response_not_found(response_id)
    return {"id": response_id, "object": "response", "deleted": True}


async def _stopped(tenant: str, response_id: str, using: Services) -> bool:
    """Let nobody go on making the response; whether there may be more of it than what everybody reads."""
    try:
        job = await using.jobs.cancel(tenant, response_id)
    except NotInBackground:
        return False
    except ResponseNotFound:
        return thread_of(response_id) is not None
    except NotCancellable as fact:
        job = fact.job
    if job.open_cut:
        from lambda_responses.lifecycle.background.cuts import cut_off

        await cut_off(job, using)
    return True

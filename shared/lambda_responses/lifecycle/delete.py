"""Delete a stored response."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.storage.background.job import NotCancellable, NotInBackground
from lambda_responses.storage.responses import ResponseNotFound
from lambda_responses.wire.not_found import response_not_found

if TYPE_CHECKING:
    from lambda_responses.lifecycle.ports import Principal, Services
    from lambda_responses.wire.json import Json


async def delete_response(response_id: str, *, principal: Principal, using: Services) -> Json:
    """The API's deletion marker. Raises `NotFoundError`, also at the second time.

    What is being made in the background is cancelled first. Responses that continue this one keep what they
    were shown.
    """
    tenant = principal.tenant
    try:
        try:
            job = await using.jobs.cancel(tenant, response_id)
        except NotCancellable as fact:
            job = fact.job
        except NotInBackground:
            job = None
        await using.responses.delete(tenant, response_id)
    except ResponseNotFound:
        raise response_not_found(response_id) from None
    if job is not None:
        await using.journals.remove(job)
        if job.streamed:
            await using.events.remove(tenant, response_id)
    return {"id": response_id, "object": "response", "deleted": True}

"""Cancel a response that is being made in the background."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.lifecycle.retrieve import get_response
from lambda_responses.storage.background.job import NotCancellable, NotInBackground
from lambda_responses.storage.responses import ResponseNotFound
from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.not_found import response_not_found

if TYPE_CHECKING:
    from lambda_responses.lifecycle.ports import Principal, Services
    from lambda_responses.wire.json import Json


async def cancel_response(response_id: str, *, principal: Principal, using: Services) -> Json:
    """The response, cancelled; a second time the same. It is final at once, whoever is still at work on it.

    Raises `NotFoundError` for what is not there, and `InvalidRequestError` for what has ended otherwise, or
    does not run in the background.
    """
    try:
        job = await using.jobs.cancel(principal.tenant, response_id)
    except ResponseNotFound:
        raise response_not_found(response_id) from None
    except NotInBackground:
        raise InvalidRequestError("Cannot cancel a synchronous response.") from None
    except NotCancellable:
        raise InvalidRequestError("Cannot cancel a completed response.") from None
    if job.open_cut:
        from lambda_responses.lifecycle.background.cuts import cut_off

        await cut_off(job, using)
    return await get_response(response_id, principal=principal, using=using)

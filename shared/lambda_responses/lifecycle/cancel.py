"""Cancel a response that is being made in the background."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.lifecycle.retrieve import get_response
from lambda_responses.wire.errors import InvalidRequestError

if TYPE_CHECKING:
    from lambda_responses.lifecycle.ports import Principal, Services
    from lambda_responses.wire.json import Json


async def cancel_response(response_id: str, *, principal: Principal, using: Services) -> Json:
    """Only background responses can be cancelled, and there are none yet.

    Raises `NotFoundError` for what is not there, and `InvalidRequestError` for what is.
    """
    await get_response(response_id, principal=principal, using=using)
    raise InvalidRequestError(
        "Cannot cancel a synchronous response. Background responses are not supported yet."
    )

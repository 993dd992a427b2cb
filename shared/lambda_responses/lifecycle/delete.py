"""Delete a stored response."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.storage.responses import ResponseNotFound
from lambda_responses.wire.not_found import response_not_found

if TYPE_CHECKING:
    from lambda_responses.lifecycle.ports import Principal, Services
    from lambda_responses.wire.json import Json


async def delete_response(response_id: str, *, principal: Principal, using: Services) -> Json:
    """The API's deletion marker. Raises `NotFoundError`, also at the second time.

    Responses that continue this one keep what they were shown.
    """
    try:
        await using.responses.delete(principal.tenant, response_id)
    except ResponseNotFound:
        raise response_not_found(response_id) from None
    return {"id": response_id, "object": "response", "deleted": True}

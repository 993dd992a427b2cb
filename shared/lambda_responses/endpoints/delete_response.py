"""DELETE /v1/responses/{response_id}"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.endpoints.exchange import principal_of, response_id_of, runtime_of
from lambda_responses.lifecycle import delete
from lambda_responses.runtime.operations import json_response, operation

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


@operation("DELETE /v1/responses/{response_id}")
async def delete_response(request: Request) -> Response:
    """Delete a stored response."""
    principal = await principal_of(request)
    response_id = response_id_of(request)
    deleted = await delete.delete_response(
        response_id, principal=principal, using=runtime_of(request).services
    )
    return json_response(deleted)

"""POST /v1/responses/{response_id}/cancel"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.endpoints.exchange import principal_of, response_id_of, runtime_of
from lambda_responses.lifecycle import retrieve
from lambda_responses.runtime.operations import operation
from lambda_responses.wire.errors import InvalidRequestError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


@operation("POST /v1/responses/{response_id}/cancel")
async def cancel_response(request: Request) -> Response:
    """Only background responses can be cancelled, and there are none yet."""
    principal = await principal_of(request)
    response_id = response_id_of(request)
    await retrieve.get_response(response_id, principal=principal, using=runtime_of(request).services)
    raise InvalidRequestError(
        "Cannot cancel a synchronous response. Background responses are not supported yet."
    )

"""POST /v1/responses/{response_id}/cancel"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.endpoints.exchange import principal_of, response_id_of, runtime_of
from lambda_responses.lifecycle import cancel
from lambda_responses.runtime.operations import json_response, operation

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


@operation("POST /v1/responses/{response_id}/cancel")
async def cancel_response(request: Request) -> Response:
    """The response, cancelled."""
    principal = await principal_of(request)
    response_id = response_id_of(request)
    cancelled = await cancel.cancel_response(
        response_id, principal=principal, using=runtime_of(request).services
    )
    return json_response(cancelled)

"""GET /v1/responses/{response_id}/input_items"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.endpoints.exchange import principal_of, response_id_of, runtime_of
from lambda_responses.lifecycle import input_items
from lambda_responses.runtime.operations import json_response, operation
from lambda_responses.wire.queries import read_list_query

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


@operation("GET /v1/responses/{response_id}/input_items")
async def list_input_items(request: Request) -> Response:
    """A page of what the model was shown."""
    principal = await principal_of(request)
    response_id = response_id_of(request)
    query = read_list_query(request.query_params.multi_items())
    listed = await input_items.list_input_items(
        response_id, query, principal=principal, using=runtime_of(request).services
    )
    return json_response(listed)

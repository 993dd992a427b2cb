"""/v1/conversations and what lies below it"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.endpoints.exchange import principal_of
from lambda_responses.runtime.operations import operation
from lambda_responses.wire.errors import UnsupportedError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


@operation(
    "POST /v1/conversations",
    "GET /v1/conversations/{conversation_id}",
    "POST /v1/conversations/{conversation_id}",
    "DELETE /v1/conversations/{conversation_id}",
    "POST /v1/conversations/{conversation_id}/items",
    "GET /v1/conversations/{conversation_id}/items",
    "GET /v1/conversations/{conversation_id}/items/{item_id}",
    "DELETE /v1/conversations/{conversation_id}/items/{item_id}",
    stored=False,
)
async def conversations(request: Request) -> Response:
    """Says that this is not offered yet."""
    await principal_of(request)
    raise UnsupportedError("Conversations are not supported yet. Chain with 'previous_response_id' instead.")

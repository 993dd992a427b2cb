"""POST /v1/responses/input_tokens"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.endpoints.exchange import principal_of
from lambda_responses.runtime.operations import operation
from lambda_responses.wire.errors import UnsupportedError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


@operation("POST /v1/responses/input_tokens", stored=False)
async def count_input_tokens(request: Request) -> Response:
    """Says that this is not offered yet."""
    await principal_of(request)
    raise UnsupportedError("Counting input tokens is not supported yet.")

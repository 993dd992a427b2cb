"""GET /health"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.runtime.operations import json_response, operation

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


@operation("GET /health")
async def health(request: Request) -> Response:
    """Answers as soon as the server can answer anything."""
    return json_response({"status": "ok"})

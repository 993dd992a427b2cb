"""POST /v1/responses/input_tokens"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.endpoints.exchange import (
    note,
    principal_of,
    printable,
    read_body,
    runtime_of,
    unless_gone,
)
from lambda_responses.lifecycle import token_counts
from lambda_responses.runtime.operations import json_response, operation
from lambda_responses.wire.requests import read_json

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


@operation("POST /v1/responses/input_tokens", asks_models=True)
async def count_input_tokens(request: Request) -> Response:
    """How long a request would be; a header says who counted."""
    runtime, principal = runtime_of(request), await principal_of(request)
    body = read_json(await read_body(request))
    await runtime.renew()
    counting = token_counts.count_input_tokens(body, principal=principal, using=runtime.services)
    count = await unless_gone(request, counting)
    note(request, target=count.target)
    return json_response(
        {"object": "response.input_tokens", "input_tokens": count.tokens},
        headers={
            "x-responses-token-count": count.counter,
            "x-responses-target": printable(count.target),
        },
    )

"""POST /v1/responses/compact"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.endpoints.exchange import (
    deadline_of,
    note,
    principal_of,
    printable,
    read_body,
    runtime_of,
    unless_gone,
)
from lambda_responses.runtime.operations import json_response, operation
from lambda_responses.wire.requests import read_json

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


@operation("POST /v1/responses/compact", asks_models=True)
async def compact_response(request: Request) -> Response:
    """The users' messages of a context, and one item that stands for the rest of it."""
    from lambda_responses.lifecycle import compact

    runtime, principal = runtime_of(request), await principal_of(request)
    body = read_json(await read_body(request))
    await runtime.renew()
    compacting = compact.compact_response(
        body, principal=principal, using=runtime.services, deadline=deadline_of(request)
    )
    compacted = await unless_gone(request, compacting)
    note(request, target=compacted.target)
    return json_response(compacted.response, headers={"x-responses-target": printable(compacted.target)})

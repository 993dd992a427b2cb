"""GET /v1/responses/{response_id}"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from lambda_responses.endpoints.event_stream import HEADERS, EventStreamResponse, Framing
from lambda_responses.endpoints.exchange import deadline_of, principal_of, response_id_of, runtime_of
from lambda_responses.lifecycle import retrieve
from lambda_responses.runtime.operations import json_response, operation
from lambda_responses.wire.queries import read_retrieve_query

if TYPE_CHECKING:
    from starlette.requests import Request


@operation("GET /v1/responses/{response_id}")
async def get_response(request: Request) -> Response:
    """A response or, with `stream=true`, the events that make it up: those that come as they come."""
    runtime, principal = runtime_of(request), await principal_of(request)
    response_id = response_id_of(request)
    query = read_retrieve_query(request.query_params.multi_items())
    if not query.stream:
        response = await retrieve.get_response(
            response_id, include=query.include, principal=principal, using=runtime.services
        )
        return json_response(response)
    told = await retrieve.replay_response(
        response_id,
        starting_after=query.starting_after,
        include=query.include,
        principal=principal,
        using=runtime.services,
        deadline=deadline_of(request),
    )
    framing = Framing(response_id if query.include_obfuscation else None, runtime.settings.done_marker)
    if told.rest is None:
        return Response(framing.frames(told.events) + framing.ending, headers=HEADERS)
    return EventStreamResponse(
        told.events, told.rest, framing, keep_alive=runtime.settings.keep_alive_ms / 1000, headers={}
    )

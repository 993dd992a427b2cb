"""POST /v1/responses"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from lambda_responses.endpoints.event_stream import EventStreamResponse, Framing
from lambda_responses.endpoints.exchange import (
    deadline_of,
    meter_of,
    note,
    principal_of,
    read_body,
    runtime_of,
    unless_gone,
)
from lambda_responses.lifecycle import create
from lambda_responses.lifecycle.checked import CheckedEvents
from lambda_responses.lifecycle.run import RunBounds
from lambda_responses.runtime.operations import json_response, operation
from lambda_responses.wire.requests import read_json

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from lambda_responses.lifecycle.run import ResponseRun

_MOST = 1_000
_SAFE = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")


@operation("POST /v1/responses", asks_models=True)
async def create_response(request: Request) -> Response:
    """A response, whole or as events while it is made."""
    meter = meter_of(request)  # first of all: what goes wrong from here on is a response that failed
    runtime, principal = runtime_of(request), await principal_of(request)
    body = read_json(await read_body(request))
    await runtime.renew()
    services, settings = runtime.services, runtime.settings
    sink = CheckedEvents(services.report, onward=meter) if settings.check_streams else meter
    bounds = RunBounds(sink=sink, deadline=deadline_of(request))
    run = await create.create_response(body, principal=principal, using=services, bounds=bounds)
    if not run.request.get("stream"):
        response = await unless_gone(request, run.response())
        return json_response(response, headers=_headers(run, request))
    events = run.events()
    first = await unless_gone(request, anext(events))
    hides = run.request.get("stream_options", {}).get("include_obfuscation", True)
    return EventStreamResponse(
        first,
        events,
        Framing(run.id if hides else None, settings.done_marker),
        keep_alive=settings.keep_alive_ms / 1000,
        headers=_headers(run, request),
    )


def _headers(run: ResponseRun, request: Request) -> dict[str, str]:
    note(request, response_id=run.id, target=run.target)
    headers = {"x-responses-target": _plain(run.target)}
    if run.dropped:
        headers["x-responses-dropped"] = _plain(", ".join(run.dropped))
    if run.bound:
        headers["x-responses-bound"] = run.bound
    return headers


def _plain(text: str) -> str:
    """What a client wrote, in characters that a header may hold, and not too many of them."""
    return quote(text[:_MOST], safe=_SAFE).strip()

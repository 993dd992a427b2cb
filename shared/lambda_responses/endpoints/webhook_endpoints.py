"""/v1/webhook_endpoints and what lies below it, and /v1/webhook_event_types"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambda_responses.endpoints.exchange import principal_of, read_body, runtime_of
from lambda_responses.lifecycle import webhook_endpoints as use_cases
from lambda_responses.runtime.operations import json_response, operation
from lambda_responses.wire.queries import read_list_query
from lambda_responses.wire.requests import read_json

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from lambda_responses.wire.json import Json


@operation(
    "POST /v1/webhook_endpoints",
    "GET /v1/webhook_endpoints",
    "GET /v1/webhook_endpoints/{webhook_endpoint_id}",
    "POST /v1/webhook_endpoints/{webhook_endpoint_id}",
    "DELETE /v1/webhook_endpoints/{webhook_endpoint_id}",
    "POST /v1/webhook_endpoints/{webhook_endpoint_id}/rotate_secret",
    "POST /v1/webhook_endpoints/{webhook_endpoint_id}/test",
    "GET /v1/webhook_event_types",
)
async def webhook_endpoints(request: Request) -> Response:
    """Who is told how background responses ended."""
    caller: Any = {"principal": await principal_of(request), "using": runtime_of(request).services}
    id: str = request.path_params.get("webhook_endpoint_id", "")
    method = "GET" if request.method == "HEAD" else request.method
    match method, request.scope["route"].path.removeprefix("/v1").rpartition("/")[2]:
        case "GET", "webhook_event_types":
            return json_response(use_cases.list_event_types())
        case "GET", "webhook_endpoints":
            query = read_list_query(request.query_params.multi_items())
            answer = use_cases.list_endpoints(query, **caller)
        case "POST", "webhook_endpoints":
            answer = use_cases.create_endpoint(await _body(request), **caller)
        case "POST", "rotate_secret":
            answer = use_cases.rotate_secret(id, await _body(request, or_none=True), **caller)
        case "POST", "test":
            answer = use_cases.try_endpoint(id, await _body(request), **caller)
        case "POST", _:
            answer = use_cases.update_endpoint(id, await _body(request), **caller)
        case "DELETE", _:
            answer = use_cases.delete_endpoint(id, **caller)
        case _:
            answer = use_cases.get_endpoint(id, **caller)
    return json_response(await answer)


async def _body(request: Request, *, or_none: bool = False) -> Json:
    """The body; nothing at all stands for an object without members where there may be none."""
    raw = await read_body(request)
    return {} if or_none and not raw else read_json(raw)

"""/v1/conversations and what lies below it"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambda_responses.endpoints.exchange import note, principal_of, read_body, runtime_of
from lambda_responses.lifecycle import conversations as use_cases
from lambda_responses.runtime.operations import json_response, operation
from lambda_responses.wire.ids import conversation_key_of
from lambda_responses.wire.queries import read_include_query, read_list_query
from lambda_responses.wire.requests import read_json

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from lambda_responses.wire.json import Json


@operation(
    "POST /v1/conversations",
    "GET /v1/conversations/{conversation_id}",
    "POST /v1/conversations/{conversation_id}",
    "DELETE /v1/conversations/{conversation_id}",
    "POST /v1/conversations/{conversation_id}/items",
    "GET /v1/conversations/{conversation_id}/items",
    "GET /v1/conversations/{conversation_id}/items/{item_id}",
    "DELETE /v1/conversations/{conversation_id}/items/{item_id}",
)
async def conversations(request: Request) -> Response:
    """Conversations and their items."""
    caller: Any = {"principal": await principal_of(request), "using": runtime_of(request).services}
    id, item_id = _conversation_id_of(request), request.path_params.get("item_id", "")
    query = request.query_params.multi_items()
    method = "GET" if request.method == "HEAD" else request.method
    match method, request.scope["route"].path.removeprefix("/v1"):
        case "POST", "/conversations":
            answer = use_cases.create_conversation(await _body(request, or_none=True), **caller)
        case "GET", "/conversations/{conversation_id}":
            answer = use_cases.get_conversation(id, **caller)
        case "POST", "/conversations/{conversation_id}":
            answer = use_cases.update_conversation(id, await _body(request), **caller)
        case "DELETE", "/conversations/{conversation_id}":
            answer = use_cases.delete_conversation(id, **caller)
        case "POST", _:
            include = read_include_query(query)
            answer = use_cases.create_items(id, await _body(request), include, **caller)
        case "GET", "/conversations/{conversation_id}/items":
            answer = use_cases.list_items(id, read_list_query(query), **caller)
        case "GET", _:
            answer = use_cases.get_item(id, item_id, read_include_query(query), **caller)
        case _:
            answer = use_cases.delete_item(id, item_id, **caller)
    return json_response(await answer)


def _conversation_id_of(request: Request) -> str:
    """The id in the path, if there is one. It is noted only where it is one of ours."""
    id: str = request.path_params.get("conversation_id", "")
    if conversation_key_of(id):
        note(request, conversation_id=id)
    return id


async def _body(request: Request, *, or_none: bool = False) -> Json:
    """The body; nothing at all stands for an object without members where there may be none."""
    raw = await read_body(request)
    return {} if or_none and not raw else read_json(raw)

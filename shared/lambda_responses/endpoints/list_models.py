"""GET /v1/models, GET /v1/models/{model}"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from lambda_responses.endpoints.exchange import principal_of, runtime_of
from lambda_responses.lifecycle import models
from lambda_responses.runtime.operations import json_response, operation

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


@operation("GET /v1/models", "GET /v1/models/{model:path}", stored=False)
async def list_models(request: Request) -> Response:
    """The models that can be called, or one of them."""
    await principal_of(request)
    runtime = runtime_of(request)
    await runtime.renew()
    services = runtime.services
    name: str | None = request.path_params.get("model")
    if name == "":
        raise HTTPException(404)
    return json_response(models.list_models(services) if name is None else models.get_model(name, services))

"""All operations together: the application that `make dev` serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.endpoints.cancel_response import cancel_response
from lambda_responses.endpoints.compact_response import compact_response
from lambda_responses.endpoints.conversations import conversations
from lambda_responses.endpoints.count_input_tokens import count_input_tokens
from lambda_responses.endpoints.create_response import create_response
from lambda_responses.endpoints.delete_response import delete_response
from lambda_responses.endpoints.get_response import get_response
from lambda_responses.endpoints.health import health
from lambda_responses.endpoints.list_input_items import list_input_items
from lambda_responses.endpoints.list_models import list_models
from lambda_responses.endpoints.webhook_endpoints import webhook_endpoints
from lambda_responses.runtime.operations import application

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.types import Lifespan

    from lambda_responses.runtime.runtime import Runtime

OPERATIONS = (
    create_response,
    compact_response,
    count_input_tokens,
    get_response,
    delete_response,
    cancel_response,
    list_input_items,
    conversations,
    webhook_endpoints,
    list_models,
    health,
)


def whole_application(runtime: Runtime, lifespan: Lifespan[Starlette] | None = None) -> Starlette:
    """Every operation at its place, over one runtime."""
    return application(*OPERATIONS, runtime=runtime, lifespan=lifespan)

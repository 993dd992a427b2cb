"""List the models that can be called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.wire.errors import NotFoundError

if TYPE_CHECKING:
    from lambda_responses.lifecycle.ports import Services
    from lambda_responses.wire.json import Json


def list_models(using: Services) -> Json:
    """All of them, as one page."""
    return {"object": "list", "data": list(using.router.models())}


def get_model(name: str, using: Services) -> Json:
    """One of them. Raises `NotFoundError`."""
    for model in using.router.models():
        if model["id"] == name:
            return model
    raise NotFoundError(f"The model '{name[:100]}' does not exist.", code="model_not_found", param="model")

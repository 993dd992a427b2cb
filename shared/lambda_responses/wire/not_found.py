"""What a client is told when something that it names is not there, or belongs to somebody else."""

from __future__ import annotations

from lambda_responses.wire.errors import InvalidRequestError, NotFoundError
from lambda_responses.wire.faults import clip


def response_not_found(id: str) -> NotFoundError:
    """For every operation on a response."""
    return NotFoundError(f"Response with id '{clip(id)}' not found.")


def previous_response_not_found(id: str) -> InvalidRequestError:
    """A request that continues a response: a 400, and not a 404."""
    return InvalidRequestError(
        f"Previous response with id '{clip(id)}' not found.",
        code="previous_response_not_found",
        param="previous_response_id",
    )


def previous_response_running(id: str) -> InvalidRequestError:
    """A request that continues a response of which nobody knows yet what it says."""
    message = f"Previous response with id '{clip(id)}' is still in progress. Continue it when it has ended."
    return InvalidRequestError(message, param="previous_response_id")


def conversation_not_found(id: str) -> NotFoundError:
    """A request, or an operation, in a conversation."""
    return NotFoundError(f"Conversation with id '{clip(id)}' not found.")


def conversation_item_not_found(id: str) -> NotFoundError:
    """An operation on one item of a conversation."""
    return NotFoundError(f"Item with id '{clip(id)}' not found.")


def webhook_endpoint_not_found(id: str) -> NotFoundError:
    """An operation on a webhook endpoint."""
    return NotFoundError(f"Webhook endpoint with id '{clip(id)}' not found.")


def prompt_not_found(id: str) -> NotFoundError:
    """A request from a stored prompt."""
    return NotFoundError(f"Prompt with id '{clip(id)}' not found.")


def item_not_found(id: str) -> NotFoundError:
    """A reference to an item, or to reasoning without its sealed content."""
    return NotFoundError(
        f"Item with id '{clip(id)}' not found. Items are not persisted when `store` is set to false. "
        "Try again with `store` set to true, or remove this item from your input.",
        param="input",
    )


def model_not_found(model: str) -> InvalidRequestError:
    """A model that no provider here serves."""
    return InvalidRequestError(
        f"The requested model '{clip(model)}' does not exist.", code="model_not_found", param="model"
    )

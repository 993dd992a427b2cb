"""What lies on the queue of background responses: where to look, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.storage.table import is_tenant

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json

VERSION = 1


class UnreadableMessage(Exception):
    """No message of ours, or one of a later version."""

    def __init__(self) -> None:
        super().__init__("the message does not name a background response")


def message_about(tenant: str, response_id: str) -> Json:
    """The message by which a worker finds a response."""
    return {"v": VERSION, "tenant": tenant, "response_id": response_id}


def read_message(message: object) -> tuple[str, str]:
    """The tenant and the id of a response. Raises `UnreadableMessage`."""
    match message:
        case {"v": 1, "tenant": str(tenant), "response_id": str(response_id)} if is_tenant(tenant):
            return tenant, response_id
        case _:
            raise UnreadableMessage

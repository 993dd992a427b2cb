"""A request to compact a context, and the answer to it.

https://platform.openai.com/docs/api-reference/responses/compact
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.wire.requests import check_create_request, check_keys, read_model
from lambda_responses.wire.settings import COMPACTION_SETTINGS
from lambda_responses.wire.usage import usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.wire.json import Json


def check_compact_request(body: Json, *, native: bool = False) -> Json:
    """What would be answered, in the form of a checked create request.

    Unlike there, no target is asked to judge: what it is asked is not what the client wrote. Raises
    `InvalidRequestError`, in the order that `check_create_request` does.
    """
    read_model(body)
    check_keys(body, ("model", *COMPACTION_SETTINGS))
    given = {name: value for name, value in body.items() if value is not None}
    return check_create_request({"input": [], **given}, native=native)


def compacted_response(
    *, id: str, created_at: int, messages: Sequence[Json], item: Json, counted: Json | None
) -> Json:
    """The answer: the users' messages as they were, and the one item that stands for the rest."""
    return {
        "id": id,
        "object": "response.compaction",
        "created_at": created_at,
        "output": [*({"status": "completed", **message} for message in messages), item],
        "usage": counted or usage(0, 0),
    }

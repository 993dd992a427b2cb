"""Pages of a list, by cursor. https://platform.openai.com/docs/api-reference/responses/input-items"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.faults import clip

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lambda_responses.wire.json import Json
    from lambda_responses.wire.queries import ListQuery


def page(items: Sequence[Json], query: ListQuery, *, ordered_by: Callable[[str], bool] | None = None) -> Json:
    """The part of `items` (oldest first) that a query asks for, in the list envelope.

    Where ids say in which order items are, `ordered_by` says what is such an id: then the cursor need not be
    there any more. Raises `InvalidRequestError` (param `after`) when it is none of the items otherwise.
    """
    ascending = query.order == "asc"
    ordered = list(items) if ascending else list(reversed(items))
    if query.after is None:
        start = 0
    elif ordered_by is not None and ordered_by(query.after):
        start = sum(
            (item["id"] <= query.after) if ascending else (item["id"] >= query.after) for item in items
        )
    else:
        start = _position(ordered, query.after) + 1
    data = ordered[start : start + query.limit]
    return list_of_items(data, has_more=start + query.limit < len(ordered))


def list_of_items(data: list[Json], *, has_more: bool) -> Json:
    """The list envelope; its first and last ids are null on an empty page."""
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": has_more,
    }


def _position(items: list[Json], id: str) -> int:
    for index, item in enumerate(items):
        if item["id"] == id:
            return index
    raise InvalidRequestError(
        f"Invalid 'after': no item with id '{clip(id)}' in this list.", code="invalid_value", param="after"
    )

"""What comes in and goes out of the operations on conversations.

https://platform.openai.com/docs/api-reference/conversations and the official SDK's types.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic_core import ValidationError

from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.faults import clip, first_fault, missing, nearest, unknown_key, wrong_value
from lambda_responses.wire.input_items import ITEM, ITEM_TYPES, full_item
from lambda_responses.wire.settings import METADATA
from lambda_responses.wire.shapes import Shape, list_of, or_null, quoted, validator

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pydantic_core import SchemaValidator

    from lambda_responses.wire.json import Json

MOST_ITEMS = 20
"""Items that one request may add."""

_ITEMS = list_of(ITEM, most=MOST_ITEMS)
MEMBERS: dict[str, dict[str, Shape]] = {
    "conversation": {"items": or_null(_ITEMS), "metadata": or_null(METADATA)},
    "metadata": {"metadata": or_null(METADATA)},
    "items": {"items": _ITEMS | {"min_length": 1}},
}
"""By what a body is for, what may be in it."""

NEVER_KEPT = frozenset({"compaction_trigger"})
"""Types of items that ask for something and say nothing."""


def read_conversation(body: Json) -> tuple[list[Json], dict[str, str]]:
    """The items, in their full form, and the metadata of a new conversation. Raises `InvalidRequestError`."""
    _check(body, "conversation")
    return _items(body.get("items") or ()), body.get("metadata") or {}


def read_metadata(body: Json) -> dict[str, str]:
    """The metadata that a conversation is to have from now on. Raises `InvalidRequestError`."""
    _check(body, "metadata", required="metadata")
    return body["metadata"] or {}


def read_items(body: Json) -> list[Json]:
    """Items to add, in their full form. Raises `InvalidRequestError`."""
    _check(body, "items", required="items")
    return _items(body["items"])


def check_references(items: Sequence[Json], there: Collection[str]) -> None:
    """Raises `InvalidRequestError` for a reference to an item that is there: it cannot be there twice."""
    for index, item in enumerate(items):
        if item["type"] == "item_reference" and item["id"] in there:
            at = f"items[{index}]"
            message = f"Invalid '{at}': the item '{clip(item['id'])}' is in this conversation already."
            raise InvalidRequestError(message, code="invalid_value", param=at)


def conversation_object(id: str, *, created_at: int, metadata: Mapping[str, str]) -> Json:
    """A conversation as clients see it; `created_at` in seconds since 1970."""
    return {"id": id, "object": "conversation", "created_at": created_at, "metadata": dict(metadata)}


def deleted_conversation(id: str) -> Json:
    """What is left of a conversation."""
    return {"id": id, "object": "conversation.deleted", "deleted": True}


def conversation_locked() -> InvalidRequestError:
    """400: somebody else is adding to it."""
    return InvalidRequestError(
        "Another process is currently operating on this conversation. Please retry in a few seconds.",
        code="conversation_locked",
        headers={"retry-after": "3"},
    )


def items_too_large() -> InvalidRequestError:
    """400: more than one request may have kept."""
    message = "The items are too large to be stored. Send less of them at a time."
    return InvalidRequestError(message, code="input_too_large_to_store", param="items")


def _check(body: Json, purpose: str, *, required: str | None = None) -> None:
    members = MEMBERS[purpose]
    for key in body:
        if key not in members:
            raise unknown_key(key, suggestion=nearest(key, (name for name in members if name not in body)))
    if required is not None and required not in body:
        raise missing(required)
    for name in members:
        if name in body:
            try:
                _judge(purpose, name).validate_python(body[name])
            except ValidationError as error:
                raise first_fault(name, error) from None


@cache
def _judge(purpose: str, name: str) -> SchemaValidator:
    return validator(MEMBERS[purpose][name])


def _items(given: Sequence[Any]) -> list[Json]:
    items = [full_item(item) for item in given]
    for place, item in enumerate(items):
        if item["type"] in NEVER_KEPT:
            kept = quoted(kind for kind in ITEM_TYPES if kind not in NEVER_KEPT)
            raise wrong_value(f"items[{place}]", value=item["type"], supported=kept)
    return items

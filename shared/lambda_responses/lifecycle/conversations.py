"""The operations on conversations, and on the items in them.

Each raises `NotFoundError` for a conversation, or an item, that is not there, and where items are added or
taken away `InvalidRequestError` (`conversation_locked`) while somebody else adds some.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.context import assemble
from lambda_responses.lifecycle.references import resolved
from lambda_responses.lifecycle.seals import asked_for, hold_seals, opened, with_seal
from lambda_responses.lifecycle.unshown import with_asked
from lambda_responses.storage.conversations.store import ConversationLocked, ConversationNotFound
from lambda_responses.storage.responses import ItemNotFound, TooLargeToStore
from lambda_responses.wire.conversations import (
    check_references,
    conversation_locked,
    conversation_object,
    deleted_conversation,
    items_too_large,
    read_conversation,
    read_items,
    read_metadata,
)
from lambda_responses.wire.ids import ItemIds, new_response_id
from lambda_responses.wire.includes import apply_include
from lambda_responses.wire.listed import listed_item
from lambda_responses.wire.lists import list_of_items, page
from lambda_responses.wire.not_found import conversation_item_not_found, conversation_not_found
from lambda_responses.wire.tool_secrets import public_item

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Mapping, Sequence

    from lambda_responses.lifecycle.context import ModelContext
    from lambda_responses.lifecycle.ports import Principal, Services
    from lambda_responses.storage.conversations.store import Conversation
    from lambda_responses.wire.ids import ResponseId
    from lambda_responses.wire.json import Json
    from lambda_responses.wire.queries import ListQuery


async def create_conversation(body: Json, *, principal: Principal, using: Services) -> Json:
    """A new conversation, with the items that it begins with. Raises `InvalidRequestError`."""
    given, metadata = read_conversation(body)
    added = await _prepared(given, (), _writer(using), principal=principal, using=using)
    with _told(""):
        made = await using.conversations.create(
            principal.tenant, metadata, _public(added), added.own_origins, entropy=using.entropy
        )
    return _shown(made)


async def get_conversation(id: str, *, principal: Principal, using: Services) -> Json:
    """The conversation."""
    with _told(id):
        return _shown(await using.conversations.get(principal.tenant, id))


async def update_conversation(id: str, body: Json, *, principal: Principal, using: Services) -> Json:
    """The conversation, with other metadata. Raises `InvalidRequestError`."""
    metadata = read_metadata(body)
    with _told(id):
        return _shown(await using.conversations.update(principal.tenant, id, metadata))


async def delete_conversation(id: str, *, principal: Principal, using: Services) -> Json:
    """The API's deletion marker. Responses that were made in it stay."""
    with _told(id):
        await using.conversations.delete(principal.tenant, id)
    return deleted_conversation(id)


async def create_items(
    id: str, body: Json, include: Collection[str] = (), *, principal: Principal, using: Services
) -> Json:
    """The items that were added, as a list. Raises `InvalidRequestError`."""
    given = read_items(body)
    writer = _writer(using)
    with _told(id):
        there: Sequence[Json] = ()
        if any(item.get("id") for item in given):  # which may be taken
            taken = await using.conversations.ids(principal.tenant, id)
            check_references(given, taken)
            there = [{"id": each} for each in taken]
        added = await _prepared(given, there, writer, principal=principal, using=using)
        items = _public(added)
        await using.conversations.append(principal.tenant, id, items, added.own_origins, writer=writer)
    shown = await _listed(items, added.own_origins, include, principal=principal, using=using)
    return list_of_items(shown, has_more=False)


async def list_items(id: str, query: ListQuery, *, principal: Principal, using: Services) -> Json:
    """A page of the items. Raises `InvalidRequestError` for a cursor that is none of them."""
    listed: Json = {}

    def on_page(ids: Sequence[str]) -> list[str]:
        listed.update(page([{"id": each} for each in ids], query))
        return [each["id"] for each in listed["data"]]

    with _told(id):
        said = await using.conversations.chosen(principal.tenant, id, on_page)
    shown = await _listed(said.items, said.origins, query.include, principal=principal, using=using)
    return {**listed, "data": shown}


async def get_item(
    id: str, item_id: str, include: Collection[str] = (), *, principal: Principal, using: Services
) -> Json:
    """One item."""

    def wanted(ids: Sequence[str]) -> list[str]:
        return [each for each in ids if each == item_id]

    with _told(id):
        found = await using.conversations.chosen(principal.tenant, id, wanted)
    if not found.items:
        raise conversation_item_not_found(item_id)
    [shown] = await _listed(found.items, found.origins, include, principal=principal, using=using)
    return shown


async def delete_item(id: str, item_id: str, *, principal: Principal, using: Services) -> Json:
    """The conversation, without that item."""
    with _told(id):
        try:
            return _shown(await using.conversations.remove(principal.tenant, id, item_id))
        except ItemNotFound:
            raise conversation_item_not_found(item_id) from None


async def _prepared(
    given: Sequence[Json], there: Sequence[Json], writer: ResponseId, *, principal: Principal, using: Services
) -> ModelContext:
    """The items as they are kept: references resolved, seals opened, each under an id of its own."""
    known = {item["id"] for item in there}
    items, origins = await resolved(given, known=known, principal=principal, using=using)
    sealer = await using.sealer(principal.tenant) if hold_seals(items) else None
    # Nobody knows yet which models will be shown it, so it must be what all of them can be told.
    brought = opened(items, sealer, native=False, member="items") if sealer is not None else {}
    ids = ItemIds(writer, using.entropy)
    return assemble(items, history=there, origins=origins, brought=brought, ids=ids)


def _public(added: ModelContext) -> list[Json]:
    return [public_item(item) for item in added.own]


async def _listed(
    items: Sequence[Json],
    origins: Mapping[str, Json],
    include: Collection[str],
    *,
    principal: Principal,
    using: Services,
) -> list[Json]:
    """Items as lists show them."""
    sealer = await using.sealer(principal.tenant) if asked_for(include) else None
    whole = [with_asked(with_seal(item, origins, sealer), origins, include) for item in items]
    return [listed_item(apply_include(item, include)) for item in whole]


def _writer(using: Services) -> ResponseId:
    """A name that nobody else has, in the look from which ids of items are made."""
    return new_response_id(epoch=int(using.now()), thread=None, entropy=using.entropy)


def _shown(conversation: Conversation) -> Json:
    return conversation_object(
        conversation.id, created_at=conversation.created, metadata=conversation.metadata
    )


@contextmanager
def _told(id: str) -> Generator[None]:
    """What the store finds, as the client is told."""
    try:
        yield
    except ConversationNotFound:
        raise conversation_not_found(id) from None
    except ConversationLocked:
        raise conversation_locked() from None
    except TooLargeToStore:
        raise items_too_large() from None

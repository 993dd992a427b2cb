"""What the contract tests of conversations share: a tenant that holds some, and a store with faults."""

from __future__ import annotations

import secrets
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.storage.conversations.store import ConversationNotFound, ConversationStore
from lambda_responses.storage.keyed.port import Range, StoreUnavailable
from lambda_responses.storage.responses import ResponseNotFound, ResponseStore
from lambda_responses.wire.ids import conversation_key_of
from tests.contracts.stores.kit import WRITES, Talk, texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.storage.blobs.port import Blobs
    from lambda_responses.storage.conversations.store import ConversationContext, Hold
    from lambda_responses.storage.keyed.port import KeyedStore, Row
    from tests.contracts.stores.kit import Clock, WatchedStore

Json = dict[str, Any]
PICTURE = "data:image/png;base64," + b64encode(bytes(range(256)) * 100).decode()


@dataclass
class Room:
    """A tenant that holds conversations, and makes responses in them."""

    store: ConversationStore
    talk: Talk
    keyed: KeyedStore

    @property
    def tenant(self) -> str:
        return self.talk.tenant

    def items(self, *texts: str) -> list[Json]:
        return [
            {
                "id": f"msg_{self.talk.entropy(48)}",
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": text}],
            }
            for text in texts
        ]

    def picture(self, id: str) -> Json:
        return {"id": id, "type": "message", "content": [{"type": "input_image", "image_url": PICTURE}]}

    async def create(self, *texts: str) -> str:
        made = await self.store.create(self.tenant, {}, self.items(*texts), entropy=self.talk.entropy)
        return made.id

    async def append(self, id: str, *texts: str) -> None:
        await self.store.append(self.tenant, id, self.items(*texts), {}, writer=self.talk.entropy(24))

    async def read(self, id: str) -> ConversationContext:
        return await self.store.context(self.tenant, id)

    async def said(self, id: str) -> list[str]:
        return texts((await self.read(id)).items)

    async def lock(self, id: str) -> tuple[Hold, Any]:
        """The lease, and the place of the response that holds it."""
        context = await self.read(id)
        place = await self.talk.store.reserve(
            self.tenant, None, epoch=1_800_000_000, entropy=self.talk.entropy, stretch=context.stretch
        )
        return await self.store.lock(self.tenant, context, place.response_id), place

    async def commit(self, hold: Hold, place: Any, text: str) -> None:
        stored = self.talk.turn(place, text)
        record = await self.talk.store.prepare(place, stored)
        added = [*stored.input, *stored.response["output"]]
        await self.store.commit(hold, added, stored.origins, record=record)

    async def respond(self, id: str, text: str) -> str:
        """A whole response in a conversation; gives its id."""
        hold, place = await self.lock(id)
        await self.commit(hold, place, text)
        return place.response_id

    async def rows(self, id: str) -> Sequence[Row]:
        """All rows of a conversation."""
        return await self.keyed.query(Range(f"{self.tenant}#V#{conversation_key_of(id)}", "A", "~"))


def make_room(watched: Any, keyed: KeyedStore, clock: Clock, blobs: Blobs | None, **settings: Any) -> Room:
    store = ConversationStore(watched, now=clock, blobs=blobs, **settings)
    responses = ResponseStore(watched, now=clock, blobs=blobs, **settings)
    return Room(store, Talk(responses, f"acme-{secrets.token_hex(6)}"), keyed)


async def expect_not_found(room: Room, id: str) -> None:
    """No operation finds it."""
    for operation in (
        room.store.get(room.tenant, id),
        room.store.update(room.tenant, id, {"a": "b"}),
        room.store.context(room.tenant, id),
        room.store.ids(room.tenant, id),
        room.store.remove(room.tenant, id, "msg_1"),
        room.append(id, "x"),
        room.store.delete(room.tenant, id),
    ):
        with pytest.raises(ConversationNotFound):
            await operation


class Faulty:
    """Lets the so-manieth write fail, or so many from there on, before they happen or after."""

    def __init__(self, watched: WatchedStore, failing: int, *, after: bool, often: int = 1) -> None:
        self._watched, self._left, self._after, self._often = watched, failing, after, often
        self._verbs = {verb: getattr(watched, verb) for verb in WRITES}
        for verb in WRITES:
            setattr(watched, verb, self._failing(verb))

    def _failing(self, verb: str) -> Any:
        async def request(*arguments: Any, **options: Any) -> Any:
            self._left -= 1
            fails = -self._often < self._left <= 0
            if fails and not self._after:
                raise StoreUnavailable("not now")
            result = await self._verbs[verb](*arguments, **options)
            if fails:
                raise StoreUnavailable("who knows")
            return result

        return request

    @property
    def reached(self) -> bool:
        """Whether there were that many writes."""
        return self._left <= 0

    def stop(self) -> None:
        for verb in WRITES:
            delattr(self._watched, verb)


async def is_there(room: Room, response_id: str) -> bool:
    try:
        await room.talk.store.get(room.tenant, response_id)
    except ResponseNotFound:
        return False
    return True

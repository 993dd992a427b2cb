"""The output of one response: which items are open, which are finished, and what they are called.

Blocks are the upstream's names and last for one step; ids, indexes and call ids are ours and last for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lambda_responses.stream.open_items import (
    KINDS,
    OpenCall,
    OpenHostedItem,
    OpenItem,
    OpenMessage,
    OpenProse,
)
from lambda_responses.stream.parts import SUMMARY_TEXT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from lambda_responses.stream.deltas import Block
    from lambda_responses.stream.open_items import ItemStatus
    from lambda_responses.stream.parts import PartKind
    from lambda_responses.wire.json import Event, Json

_LONGEST_CALL_ID = 64

CALLS = frozenset(type for type, kind in KINDS.items() if kind is OpenCall)
"""Types of the items by which a model calls a tool of a client, or one that is run for it."""

_SEALED = frozenset({"reasoning", "compaction"})
"""Types of the items that have a member for what their maker sealed."""


class Ids(Protocol):
    """Mints ids; `wire.ids.ItemIds` does."""

    def next(self, item_type: str) -> str:
        """An id for an item of that type."""
        ...

    def next_call_id(self) -> str:
        """A call id for a call that has none of its own."""
        ...


class Finished:
    """A response's own list of `items`: it grows in output order, each item once all before it are done."""

    __slots__ = ("_early", "items")

    def __init__(self, items: list[Json]) -> None:
        self.items = items
        self._early: dict[int, Json] = {}  # finished before an item that stands in front of them

    def add(self, output_index: int, item: Json) -> None:
        """Keep an item that is done."""
        self._early[output_index] = item
        while (following := self._early.pop(len(self.items), None)) is not None:
            self.items.append(following)


class Output:
    """Takes what is said of blocks, and gives the events that this makes of items.

    `finished` is the response's own list, see `Finished`.
    `sealed` gives the seal to show on the item of that id and type, if any, and `shown` an item without what
    the client is not to see of it.
    Every iterator must be drained before the next call.
    """

    def __init__(
        self,
        finished: list[Json],
        ids: Ids,
        taken_call_ids: Iterable[str],
        sealed: Callable[[str, str], str | None],
        shown: Callable[[Json], Json],
    ) -> None:
        self.finished = finished
        self._finished = Finished(finished)
        self._ids = ids
        self._sealed = sealed
        self._shown = shown
        self._call_ids = {*taken_call_ids, *(item["call_id"] for item in finished if item.get("call_id"))}
        self._next_index = len(finished)
        self._open: list[OpenItem] = []
        self._items: dict[Block, OpenItem] = {}
        self._item_ids: dict[Block, str] = {}

    @property
    def begun(self) -> int:
        """How many items there are, open or finished."""
        return self._next_index

    @property
    def open_calls(self) -> list[Json]:
        """The calls that are open, as they were announced."""
        return [item.announced for item in self._open if isinstance(item, OpenCall)]

    @property
    def whole(self) -> bool:
        """Whether everything that is open could be complete as it stands."""
        return all(item.whole for item in self._open)

    def say(
        self, block: Block, kind: PartKind, part: int, text: str, logprobs: Sequence[Json] = ()
    ) -> Iterable[Event]:
        """A piece of text, in an item that it opens where there is none to take it."""
        item = self._items.get(block)
        if isinstance(item, OpenProse) and item.type == kind.item_type:
            return item.say(kind, (block, part), text, logprobs)
        return self._say_anew(block, kind, part, text, logprobs)

    def _say_anew(
        self, block: Block, kind: PartKind, part: int, text: str, logprobs: Sequence[Json]
    ) -> Iterator[Event]:
        item = self._message_to_join(block) if kind.item_type == "message" else None
        if item is None and text:
            yield from self.begin(block, kind.implies)
            item = self._items[block]
        if isinstance(item, OpenProse):
            yield from item.say(kind, (block, part), text, logprobs)

    def annotate(self, block: Block, part: int, annotation: Json) -> Iterable[Event]:
        """A citation; nothing where no message is open to have it."""
        item = self._items.get(block)
        if not isinstance(item, OpenMessage):
            item = self._message_to_join(block)
        return () if item is None else item.annotate((block, part), annotation)

    def add_arguments(self, block: Block, text: str) -> Iterable[Event]:
        """A piece of a call's arguments or input; nothing where no call is open."""
        item = self._items.get(block)
        return (item.add(text),) if isinstance(item, OpenCall) else ()

    def pass_on(self, block: Block, event: Event) -> Iterable[Event]:
        """An event in the API's own words about a hosted item; nothing where none is open."""
        item = self._items.get(block)
        return (item.about(event),) if isinstance(item, OpenHostedItem) else ()

    def begin(
        self, block: Block, announced: Json, *, native: bool = False, id: str | None = None
    ) -> Iterator[Event]:
        """Open an item. What the text before it implied is over now, and what had the block's name."""
        for item in list(self._open):
            implied = isinstance(item, OpenProse) and not item.native
            if implied or (item is self._items.get(block) and item.whole):
                yield from self._close(item, "completed", None)
        kind = KINDS.get(announced["type"], OpenHostedItem)
        if kind is OpenCall:
            announced = {**announced, "call_id": self.unique_call_id(announced.get("call_id"))}
        item = kind(id or self._ids.next(announced["type"]), self._next_index, block, announced, native)
        self._next_index += 1
        self._open.append(item)
        self._items[block] = item
        self._item_ids[block] = item.id
        yield item.opened()

    def unique_call_id(self, call_id: str | None) -> str:
        """That, or another where it is none or one that some call has."""
        if not call_id or call_id in self._call_ids or len(call_id) > _LONGEST_CALL_ID:
            call_id = self._ids.next_call_id()
        self._call_ids.add(call_id)
        return call_id

    def id_for(self, block: Block) -> str | None:
        """The id of the item that this block has made in this step, be it open or not."""
        return self._item_ids.get(block)

    def seal(self, block: Block) -> Iterator[Event]:
        """Reasoning of which there is nothing to see."""
        return self.begin(block, SUMMARY_TEXT.implies)

    def end_block(self, block: Block, final: Json | None) -> Iterable[Event]:
        """Close the block's item, unless the step's end has yet to tell what becomes of it.

        More text may join an implied message, and a call that does not parse may turn out to be a cut one.
        """
        item = self._items.get(block)
        if item is None:
            return ()
        if item.native:
            is_its_end = final is not None and final.get("type") == item.type
            return self._close(item, "completed", final if is_its_end else None)
        if isinstance(item, OpenMessage) or not item.whole:
            return ()
        return self._close(item, "completed", None)

    def close_all(self, status: ItemStatus) -> Iterator[Event]:
        """Everything that is open, in output order; where that is incomplete, the last or broken is cut."""
        items = list(self._open)
        for item in items:
            cut = status == "incomplete" and (item is items[-1] or not item.whole)
            yield from self._close(item, "incomplete" if cut else "completed", None)

    def end_step(self) -> Iterator[Event]:
        """Close everything, and forget the names that the upstream gave in this step."""
        yield from self.close_all("completed")
        self._items.clear()
        self._item_ids.clear()

    def _message_to_join(self, block: Block) -> OpenMessage | None:
        """The open message that the text of a further block goes on with."""
        item = self._open[-1] if self._open else None
        if not isinstance(item, OpenMessage) or item.native:
            return None
        self._items[block] = item
        self._item_ids[block] = item.id
        return item

    def _close(self, item: OpenItem, status: ItemStatus, final: Json | None) -> Iterator[Event]:
        self._open.remove(item)
        for block in [block for block, other in self._items.items() if other is item]:
            del self._items[block]
        for event in item.closed(status, final):
            if event["type"] == "response.output_item.done":
                if item.type in _SEALED and (seal := self._sealed(item.id, item.type)):
                    event["item"]["encrypted_content"] = seal
                event["item"] = self._shown(event["item"])
                self._finished.add(item.output_index, event["item"])
            yield event

"""Output items while they are being made: how each kind opens, grows and closes, as unnumbered events.

An item never changes once an event has shown it: opening and closing build fresh objects. Where an upstream
hands over the finished item, closing first says what its deltas had left out, so that the deltas a client
has seen always add up to the item it ends with. Where the two disagree, what was said stands.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from lambda_responses.stream.parts import (
    OUTPUT_TEXT,
    PART_KINDS,
    REASONING_TEXT,
    REFUSAL,
    SUMMARY_TEXT,
    Part,
    json_objects,
)
from lambda_responses.wire.json import from_text

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from lambda_responses.stream.deltas import Block
    from lambda_responses.stream.parts import PartKind, Source
    from lambda_responses.wire.json import Event, Json

ItemStatus: TypeAlias = Literal["completed", "incomplete"]

_IDENTITY = ("id", "call_id")
"""What of an item never changes; clients hold the finished one against the announced one by these."""

_ENDS = frozenset({"completed", "incomplete"})
_CUT = {"image_generation_call": "failed", "apply_patch_call_output": "failed"}
"""Types for which the API has no word `incomplete`."""


class OpenItem:
    """What all kinds share. `announced` is the item as it was opened, or as its first delta implies it.

    A `native` item was opened in the API's own words: nothing but its own `BlockEnded`, or the step's end,
    closes it.
    """

    __slots__ = ("announced", "block", "id", "native", "output_index")

    def __init__(self, id: str, output_index: int, block: Block, announced: Json, native: bool) -> None:
        self.id = id
        self.output_index = output_index
        self.block = block
        self.announced: Json = (
            {"id": id} | announced | {"id": id}
        )  # never the upstream's id; ours comes first
        self.native = native

    @property
    def type(self) -> str:
        """The item's type on the wire."""
        return self.announced["type"]

    @property
    def whole(self) -> bool:
        """Whether what has been said so far could be the complete item."""
        return True

    def opened(self) -> Event:
        """The `output_item.added` event."""
        item = {**self.announced, **self._said()}
        return {"type": "response.output_item.added", "output_index": self.output_index, "item": item}

    def closed(self, status: ItemStatus, final: Json | None) -> Iterator[Event]:
        """What is left to say of the item, up to and with `output_item.done`.

        `final` is the finished item where the upstream gave it; its own status wins where it is an end.
        """
        identity = {key: self.announced[key] for key in _IDENTITY if self.announced.get(key) is not None}
        told = {**self.announced, **(final or {}), **identity}
        ending = self._ending(status, final)
        yield from self._rest(told, ending)
        if "status" in told or ending == "incomplete":
            told["status"] = ending
        item = {**told, **self._said()}
        yield {"type": "response.output_item.done", "output_index": self.output_index, "item": item}

    def recall(self, event: Event) -> None:
        """Take back what an earlier run told of the item, in order, after the event that opened it."""

    def _ending(self, status: ItemStatus, final: Json | None) -> str:
        theirs = (final or {}).get("status")
        return theirs if theirs in _ENDS else status

    def _said(self) -> Json:
        """The members that deltas make, as far as they have come."""
        return {}

    def _rest(self, told: Json, ending: str) -> Iterator[Event]:
        """What of those members the item holds in full, and no delta has said."""
        yield from ()


class OpenHostedItem(OpenItem):
    """An item of a tool that the upstream runs: its events are the upstream's own, with our ids."""

    __slots__ = ()

    def about(self, event: Event) -> Event:
        """The upstream's event, told of our item. Padding is put on where events leave."""
        ours = {key: value for key, value in event.items() if key != "obfuscation"}
        ours["output_index"] = self.output_index
        if "item_id" in ours:
            ours["item_id"] = self.id
        return ours

    def _ending(self, status: ItemStatus, final: Json | None) -> str:
        theirs = (final or {}).get("status")
        if isinstance(theirs, str) and theirs != "in_progress":
            return theirs
        return _CUT.get(self.type, status) if status == "incomplete" else status


class OpenProse(OpenItem, ABC):
    """An item made of parts, one open at a time."""

    __slots__ = ("_current", "_parts")

    def __init__(self, id: str, output_index: int, block: Block, announced: Json, native: bool) -> None:
        super().__init__(id, output_index, block, announced, native)
        self._parts: list[Part] = []
        self._current: Part | None = None

    def say(
        self, kind: PartKind, source: Source, text: str, logprobs: Sequence[Json] = ()
    ) -> Iterator[Event]:
        """A piece of the upstream's part `source`."""
        part = self._current
        if part is None or part.source != source or part.kind is not kind:
            part = yield from self._turn_to(kind, source)
        yield part.add(text, logprobs)

    def recall(self, event: Event) -> None:
        """See `OpenItem.recall`. A part that was told to its end is over."""
        if event["type"].endswith("_part.added"):
            kind = PART_KINDS[event["part"]["type"]]
            place = {"item_id": self.id, "output_index": self.output_index, kind.index: event[kind.index]}
            self._current = Part(kind, (self.block, event[kind.index]), place)
            self._current.opened()
            self._parts.append(self._current)
        elif self._current is not None and self._current.recall(event):
            self._current = None

    def _joins(self, part: Part, kind: PartKind) -> bool:
        """Whether a part under a new name goes on with the open one."""
        return False

    @abstractmethod
    def _kind_of(self, list_name: str, theirs: Json) -> PartKind | None:
        """The kind of a part in the upstream's finished item; None for kinds without events of their own."""

    def _turn_to(self, kind: PartKind, source: Source) -> Generator[Event, None, Part]:
        part = self._current
        if part is not None and self._joins(part, kind):
            part.join(source)
            return part
        yield from self._close_part({})
        index = sum(part.kind.list == kind.list for part in self._parts)
        place = {"item_id": self.id, "output_index": self.output_index, kind.index: index}
        part = self._current = Part(kind, source, place)
        self._parts.append(part)
        yield part.opened()
        return part

    def _close_part(self, final: Json) -> Iterator[Event]:
        if self._current is not None:
            yield from self._current.closed(final)
            self._current = None

    def _rest(self, told: Json, ending: str) -> Iterator[Event]:
        for list_name in ("summary", "content"):
            for number, theirs in enumerate(json_objects(told.get(list_name))):
                kind = self._kind_of(list_name, theirs)
                if kind is not None:
                    yield from self._complete(kind, (self.block, number), theirs)
        yield from self._close_part({})

    def _complete(self, kind: PartKind, source: Source, theirs: Json) -> Iterator[Event]:
        ours = [part for part in self._parts if part.kind is kind and part.holds(source)]
        rest = _rest_of("".join(part.text for part in ours), theirs.get(kind.member))
        if ours and not rest and self._current not in ours:
            return
        part = self._current
        if part is None or part not in ours:
            part = yield from self._turn_to(kind, source)
        yield from part.complete(rest, theirs)
        yield from self._close_part(theirs)

    def _said_in(self, list_name: str) -> list[Json]:
        return [part.shown for part in self._parts if part.kind.list == list_name]


class OpenMessage(OpenProse):
    """The model's answer: text and refusal."""

    __slots__ = ()

    _KINDS: ClassVar = {kind.type: kind for kind in (OUTPUT_TEXT, REFUSAL)}

    def __init__(self, id: str, output_index: int, block: Block, announced: Json, native: bool) -> None:
        super().__init__(id, output_index, block, {**announced, "status": "in_progress"}, native)

    def annotate(self, source: Source, annotation: Json) -> Iterator[Event]:
        """A citation on the upstream's part `source`; nothing where that is over, or no text."""
        if not any(part.holds(source) for part in self._parts):
            yield from self._turn_to(OUTPUT_TEXT, source)
        part = self._current
        if part is not None and part.kind is OUTPUT_TEXT and part.holds(source):
            yield part.annotate(source, annotation)

    def _joins(self, part: Part, kind: PartKind) -> bool:
        """The texts of adjacent blocks are one text."""
        return part.kind is kind and not self.native

    def _kind_of(self, list_name: str, theirs: Json) -> PartKind | None:
        return self._KINDS.get(theirs.get("type", ""))

    def _said(self) -> Json:
        return {"content": self._said_in("content")}


class OpenReasoning(OpenProse):
    """The model's reasoning: parts of a summary, of the raw text, or nothing but a seal."""

    __slots__ = ()

    def __init__(self, id: str, output_index: int, block: Block, announced: Json, native: bool) -> None:
        status = {"status": "in_progress"} if "status" in announced else {}
        super().__init__(id, output_index, block, {**announced, **status}, native)

    def _kind_of(self, list_name: str, theirs: Json) -> PartKind | None:
        return SUMMARY_TEXT if list_name == "summary" else REASONING_TEXT

    def _said(self) -> Json:
        said: Json = {"summary": self._said_in("summary")}
        content = self._said_in("content")
        if content or self.announced.get("content") is not None:
            said["content"] = content
        return said


class OpenCall(OpenItem):
    """A call of a client's tool: JSON arguments of a function, or the free input of a custom tool."""

    __slots__ = ("_custom", "_member", "_pieces", "_speech", "_told_in_full")

    def __init__(self, id: str, output_index: int, block: Block, announced: Json, native: bool) -> None:
        super().__init__(id, output_index, block, {**announced, "status": "in_progress"}, native)
        self._custom = self.type == "custom_tool_call"
        self._member = "input" if self._custom else "arguments"
        self._speech = f"response.{'custom_tool_call_input' if self._custom else 'function_call_arguments'}"
        self._pieces: list[str] = []
        self._told_in_full = False

    @property
    def whole(self) -> bool:
        """A function's arguments are whole when they parse; a custom tool's input always is."""
        said = "".join(self._pieces)
        if self._custom or not said:
            return True
        try:
            from_text(said)
        except ValueError:
            return False
        return True

    def add(self, text: str) -> Event:
        """A piece of the arguments, or of the input."""
        self._pieces.append(text)
        return self._event("delta", delta=text)

    def recall(self, event: Event) -> None:
        """See `OpenItem.recall`."""
        if event["type"] == f"{self._speech}.delta":
            self._pieces.append(event["delta"])
        else:
            self._told_in_full = True

    def _event(self, step: Literal["delta", "done"], **fields: Any) -> Event:
        return {
            "type": f"{self._speech}.{step}",
            "item_id": self.id,
            "output_index": self.output_index,
            **fields,
        }

    def _rest(self, told: Json, ending: str) -> Iterator[Event]:
        rest = _rest_of("".join(self._pieces), told.get(self._member))
        if not rest and not self._pieces and not self._custom and ending == "completed":
            rest = "{}"  # a call without arguments: clients parse what they get
        if rest:
            yield self.add(rest)
        if not self._told_in_full:
            yield self._event("done", **self._said())

    def _said(self) -> Json:
        return {self._member: "".join(self._pieces)}


KINDS: dict[str, type[OpenItem]] = {
    "message": OpenMessage,
    "reasoning": OpenReasoning,
    "function_call": OpenCall,
    "custom_tool_call": OpenCall,
}
"""By type, what an item is while it is being made; all others are hosted."""


def _rest_of(said: str, full: Any) -> str:
    """What of the finished text no delta has said; nothing where the two disagree."""
    return full[len(said) :] if isinstance(full, str) and full.startswith(said) else ""

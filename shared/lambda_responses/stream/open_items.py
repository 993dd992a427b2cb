"""Output items while they are being made: how each kind opens, grows and closes, as unnumbered events.

An item never changes once an event has shown it: `opened` and `closed` build fresh objects. Where an upstream
hands over the finished item, `closed` first says what its deltas had left out, so that the deltas a client
has seen always add up to the item it ends with.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from lambda_responses.wire.json import from_text

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from lambda_responses.wire.json import Event, Json

ItemStatus = Literal["completed", "incomplete"]


@dataclass(slots=True)
class OpenItem:
    """What all kinds share. `announced` is the item as it was opened, or as its first delta implies."""

    id: str
    output_index: int
    announced: Json
    native: bool = False
    """Opened in the API's own words: only its own `BlockEnded`, or the end of the step, closes it."""
    ended: bool = False
    """Its block has ended, but what that makes of the item is not decided before the step's end."""

    def opened(self) -> Event:
        """The `output_item.added` event."""
        return {
            "type": "response.output_item.added",
            "output_index": self.output_index,
            "item": self._at_start(),
        }

    def closed(self, status: ItemStatus, final: Json | None) -> Iterator[Event]:
        """What is left to say of the item, up to and with `output_item.done`."""
        yield from self._remaining(final or {})
        yield {
            "type": "response.output_item.done",
            "output_index": self.output_index,
            "item": self._at_end(status, final),
        }

    @property
    def whole(self) -> bool:
        """Whether what has been said so far could be the complete item."""
        return True

    def _at_start(self) -> Json:
        return {**self.announced, "id": self.id}

    def _at_end(self, status: ItemStatus, final: Json | None) -> Json:
        item = {**self.announced, **(final or {}), "id": self.id}
        if "status" in item:
            item["status"] = _ended_as(status, final)
        return item

    def _remaining(self, final: Json) -> Iterator[Event]:
        yield from ()

    def _event(self, type_name: str, **fields: Any) -> Event:
        return {"type": type_name, "item_id": self.id, "output_index": self.output_index, **fields}


class OpenHostedItem(OpenItem):
    """An item of a tool that the upstream runs: its events are the upstream's own, with our ids."""

    __slots__ = ()

    def about(self, event: Event) -> Event:
        """The upstream's event, told of our item."""
        ours = {**event, "output_index": self.output_index}
        if "item_id" in event:
            ours["item_id"] = self.id
        return ours


@dataclass(slots=True)
class Part:
    """One content part of a message or reasoning item, or one part of a reasoning summary."""

    kind: Literal["output_text", "refusal", "reasoning_text", "summary_text"]
    index: int
    pieces: list[str] = field(default_factory=list[str])
    length: int = 0
    annotations: list[Json] = field(default_factory=list["Json"])
    logprobs: list[Json] = field(default_factory=list["Json"])
    done: Json | None = None
    """The finished part, once it has been shown."""

    def add(self, text: str) -> None:
        """Append a piece."""
        self.pieces.append(text)
        self.length += len(text)

    @property
    def text(self) -> str:
        """What has been said so far."""
        return "".join(self.pieces)

    def shown(self, final: Json | None = None) -> Json:
        """The part as it stands; `final` adds members that only the upstream knows."""
        extra: Json = final or {}
        match self.kind:
            case "output_text":
                return {
                    **extra,
                    "type": "output_text",
                    "annotations": list(self.annotations),
                    "logprobs": list(self.logprobs) or extra.get("logprobs") or [],
                    "text": self.text,
                }
            case "refusal":
                return {**extra, "type": "refusal", "refusal": self.text}
            case "reasoning_text" | "summary_text":
                return {**extra, "type": self.kind, "text": self.text}


class OpenMessage(OpenItem):
    """The model's answer: text and refusal parts, one open at a time."""

    __slots__ = ("_base", "_current", "_parts")

    def __init__(self, id: str, output_index: int, announced: Json, native: bool = False) -> None:
        super().__init__(id, output_index, announced, native)
        self._parts: list[Part] = []
        self._current: Part | None = None
        self._base: dict[Any, tuple[Part, int]] = {}

    def text(self, source: Any, text: str, logprobs: Sequence[Json]) -> Iterator[Event]:
        """`source` is the upstream's own name for the part; another one continues the same text."""
        part = yield from self._part(source, "output_text")
        part.add(text)
        if logprobs:
            part.logprobs.extend(logprobs)
        yield {
            "type": "response.output_text.delta",
            "item_id": self.id,
            "output_index": self.output_index,
            "content_index": part.index,
            "delta": text,
            "logprobs": list(logprobs),
        }

    def refusal(self, source: Any, text: str) -> Iterator[Event]:
        """A piece of a refusal part."""
        part = yield from self._part(source, "refusal")
        part.add(text)
        yield self._event("response.refusal.delta", content_index=part.index, delta=text)

    def annotation(self, source: Any, annotation: Json) -> Iterator[Event]:
        """A citation, moved by what other blocks had said before this one began."""
        if source not in self._base:
            yield from self._part(source, "output_text")
        part, base = self._base[source]
        moved = {
            key: value + base if key in ("start_index", "end_index") and isinstance(value, int) else value
            for key, value in annotation.items()
        }
        part.annotations.append(moved)
        yield self._event(
            "response.output_text.annotation.added",
            content_index=part.index,
            annotation_index=len(part.annotations) - 1,
            annotation=moved,
        )

    def _part(self, source: Any, kind: Literal["output_text", "refusal"]) -> Generator[Event, None, Part]:
        known = self._base.get(source)
        if known is not None and known[0] is self._current and known[0].kind == kind:
            return known[0]
        current = self._current
        if current is not None and current.kind == kind and not self.native:
            self._base[source] = (current, current.length)
            return current
        yield from self._end_part()
        part = self._current = Part(kind, len(self._parts))
        self._parts.append(part)
        self._base[source] = (part, 0)
        yield self._event("response.content_part.added", content_index=part.index, part=part.shown())
        return part

    def _end_part(self, final: Json | None = None) -> Iterator[Event]:
        part, self._current = self._current, None
        if part is None:
            return
        shown = part.done = part.shown(final)
        if part.kind == "output_text":
            yield self._event(
                "response.output_text.done",
                content_index=part.index,
                text=shown["text"],
                logprobs=shown["logprobs"],
            )
        else:
            yield self._event("response.refusal.done", content_index=part.index, refusal=shown["refusal"])
        yield self._event("response.content_part.done", content_index=part.index, part=shown)

    def _remaining(self, final: Json) -> Iterator[Event]:
        for index, theirs in enumerate(final.get("content") or ()):
            if index < len(self._parts) - 1:
                continue
            kind = theirs.get("type")
            if kind not in ("output_text", "refusal"):
                continue
            said = self._parts[index].text if index < len(self._parts) else ""
            rest = _rest(said, theirs.get("text" if kind == "output_text" else "refusal") or "")
            source = self._source_of(index)
            if rest and kind == "output_text":
                yield from self.text(source, rest, ())
            elif rest:
                yield from self.refusal(source, rest)
            else:
                yield from self._part(source, kind)
            if kind == "output_text":
                known = len(self._parts[index].annotations)
                annotations: list[Json] = list(theirs.get("annotations") or ())
                for annotation in annotations[known:]:
                    yield from self.annotation(source, annotation)
            yield from self._end_part(theirs)
        yield from self._end_part()

    def _source_of(self, index: int) -> Any:
        for source, (part, _) in self._base.items():
            if part.index == index:
                return source
        return ("final", index)

    def _at_start(self) -> Json:
        return {**self.announced, "id": self.id, "status": "in_progress", "content": []}

    def _at_end(self, status: ItemStatus, final: Json | None) -> Json:
        item = {**self.announced, **(final or {}), "id": self.id}
        item["status"] = _ended_as(status, final)
        item["content"] = [part.done for part in self._parts]
        return item


class OpenReasoning(OpenItem):
    """The model's reasoning: summary parts, raw text parts, or nothing but a seal."""

    __slots__ = ("_content", "_current", "_sources", "_summary")

    def __init__(self, id: str, output_index: int, announced: Json, native: bool = False) -> None:
        super().__init__(id, output_index, announced, native)
        self._summary: list[Part] = []
        self._content: list[Part] = []
        self._sources: dict[tuple[bool, int], Part] = {}
        self._current: Part | None = None

    def text(self, text: str, *, summary: bool, source: int) -> Iterator[Event]:
        """A piece of the upstream's part `source`, of the summary or of the raw text."""
        part = yield from self._part(summary, source)
        part.add(text)
        yield self._event(*_reasoning_event(part, "delta"), delta=text, **_reasoning_place(part))

    def _part(self, summary: bool, source: int) -> Generator[Event, None, Part]:
        part = self._sources.get((summary, source))
        if part is not None and part is self._current:
            return part
        yield from self._end_part()
        parts = self._summary if summary else self._content
        part = self._current = Part("summary_text" if summary else "reasoning_text", len(parts))
        parts.append(part)
        self._sources[summary, source] = part
        added = "response.reasoning_summary_part.added" if summary else "response.content_part.added"
        yield self._event(added, **_reasoning_place(part), part=part.shown())
        return part

    def _end_part(self, final: Json | None = None) -> Iterator[Event]:
        part, self._current = self._current, None
        if part is None:
            return
        part.done = part.shown(final)
        yield self._event(*_reasoning_event(part, "done"), text=part.text, **_reasoning_place(part))
        done = (
            "response.reasoning_summary_part.done"
            if part.kind == "summary_text"
            else "response.content_part.done"
        )
        yield self._event(done, **_reasoning_place(part), part=part.done)

    def _remaining(self, final: Json) -> Iterator[Event]:
        for summary, parts, key in ((True, self._summary, "summary"), (False, self._content, "content")):
            for index, theirs in enumerate(final.get(key) or ()):
                if index < len(parts) and parts[index] is not self._current:
                    continue
                said = parts[index].text if index < len(parts) else ""
                source = next((s for s, p in self._sources.items() if said and p is parts[index]), None)
                place = source[1] if source else -1 - index
                rest = _rest(said, theirs.get("text") or "")
                if rest:
                    yield from self.text(rest, summary=summary, source=place)
                else:
                    yield from self._part(summary, place)
                yield from self._end_part(theirs)
        yield from self._end_part()

    def _at_start(self) -> Json:
        item: Json = {**self.announced, "id": self.id, "summary": []}
        if "content" in item and item["content"] is not None:
            item["content"] = []
        return item

    def _at_end(self, status: ItemStatus, final: Json | None) -> Json:
        item = {**self.announced, **(final or {}), "id": self.id}
        if status == "incomplete" or "status" in item:
            item["status"] = status
        item["summary"] = [part.done for part in self._summary]
        if self._content or item.get("content") is not None:
            item["content"] = [part.done for part in self._content]
        return item


class OpenCall(OpenItem):
    """A call of a client's tool: JSON arguments of a function, or the free input of a custom tool."""

    __slots__ = ("_pieces",)

    def __init__(self, id: str, output_index: int, announced: Json, native: bool = False) -> None:
        super().__init__(id, output_index, announced, native)
        self._pieces: list[str] = []

    @property
    def custom(self) -> bool:
        """Whether the input is free text instead of JSON."""
        return self.announced["type"] == "custom_tool_call"

    def arguments(self, text: str) -> Event:
        """A piece of the arguments."""
        self._pieces.append(text)
        stem = "response.custom_tool_call_input" if self.custom else "response.function_call_arguments"
        return {
            "type": f"{stem}.delta",
            "item_id": self.id,
            "output_index": self.output_index,
            "delta": text,
        }

    @property
    def whole(self) -> bool:
        """A function's arguments are whole when they parse; a custom tool's input always is."""
        said = "".join(self._pieces)
        if self.custom or not said:
            return True
        try:
            from_text(said)
        except ValueError:
            return False
        return True

    def _remaining(self, final: Json) -> Iterator[Event]:
        said = "".join(self._pieces)
        full: str = final.get("input" if self.custom else "arguments") or ""
        if not self.custom and not final and not said:
            full = "{}"  # a call without arguments is a call with none, and clients parse what they get
        rest = _rest(said, full)
        if rest:
            yield self.arguments(rest)
        said = "".join(self._pieces)
        if self.custom:
            yield self._event("response.custom_tool_call_input.done", input=said)
        else:
            yield self._event("response.function_call_arguments.done", arguments=said)

    def _at_start(self) -> Json:
        item = {**self.announced, "id": self.id}
        if not self.native or "status" in item:
            item["status"] = "in_progress"
        return item | {"input" if self.custom else "arguments": ""}

    def _at_end(self, status: ItemStatus, final: Json | None) -> Json:
        item = {**self.announced, **(final or {}), "id": self.id, "call_id": self.announced["call_id"]}
        if not self.native or "status" in item:
            item["status"] = _ended_as(status, final)
        return item | {"input" if self.custom else "arguments": "".join(self._pieces)}


def _reasoning_event(part: Part, step: Literal["delta", "done"]) -> tuple[str]:
    stem = "reasoning_summary_text" if part.kind == "summary_text" else "reasoning_text"
    return (f"response.{stem}.{step}",)


def _reasoning_place(part: Part) -> Json:
    return {"summary_index" if part.kind == "summary_text" else "content_index": part.index}


def _ended_as(status: ItemStatus, final: Json | None) -> str:
    """The upstream's own word for how its item ended, where it gave one that is an end."""
    theirs = (final or {}).get("status")
    return theirs if theirs and theirs != "in_progress" else status


def _rest(said: str, full: str) -> str:
    """What of the finished text no delta had said. Where the two disagree, what was said stands."""
    return full[len(said) :] if full.startswith(said) else ""

"""Parts: the runs of text that make up a message or the model's reasoning, as unnumbered events.

https://platform.openai.com/docs/api-reference/responses-streaming: a part is added, grows by deltas, is told
once more in full, and is done. The four kinds do this under different names.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lambda_responses.wire.json import Event, Json

Source: TypeAlias = Hashable
"""The upstream's own name for a part: its block, and its number within that."""

_OFFSETS = ("start_index", "end_index")


@dataclass(frozen=True, slots=True)
class PartKind:
    """How one kind of part is called on the wire, and the item that it belongs to."""

    type: str
    member: str
    """The member of the part that holds its text."""
    list: str
    """The list of the item that holds the part."""
    index: str
    """The member of events that says which part of that list they are about."""
    frame: str
    """Events about the part as a whole begin with this."""
    speech: str
    """Events about its text begin with this."""
    implies: Json
    """The item that a first delta of this kind opens."""

    @property
    def item_type(self) -> str:
        """The type of the items that have such parts."""
        return self.implies["type"]


_MESSAGE: Json = {"type": "message", "role": "assistant"}

OUTPUT_TEXT = PartKind(
    type="output_text",
    member="text",
    list="content",
    index="content_index",
    frame="response.content_part",
    speech="response.output_text",
    implies=_MESSAGE,
)
REFUSAL = PartKind(
    type="refusal",
    member="refusal",
    list="content",
    index="content_index",
    frame="response.content_part",
    speech="response.refusal",
    implies=_MESSAGE,
)
REASONING_TEXT = PartKind(
    type="reasoning_text",
    member="text",
    list="content",
    index="content_index",
    frame="response.content_part",
    speech="response.reasoning_text",
    implies={"type": "reasoning", "summary": [], "content": []},
)
SUMMARY_TEXT = PartKind(
    type="summary_text",
    member="text",
    list="summary",
    index="summary_index",
    frame="response.reasoning_summary_part",
    speech="response.reasoning_summary_text",
    implies={"type": "reasoning", "summary": []},
)

PART_KINDS = {kind.type: kind for kind in (OUTPUT_TEXT, REFUSAL, REASONING_TEXT, SUMMARY_TEXT)}


@dataclass(slots=True, eq=False)
class Part:
    """One part while it is being made, and after."""

    kind: PartKind
    source: Source
    """What the upstream calls it; the latest name, where the texts of several blocks are joined."""
    place: Json
    """The members that say in an event which part it is about."""
    shown: Json = field(default_factory=dict[str, Any])
    """The part as it was last shown as a whole."""
    _starts: dict[Source, int] = field(default_factory=dict[Source, int])
    _delta_type: str = ""
    _pieces: list[str] = field(default_factory=list[str])
    _length: int = 0
    _annotations: list[Json] = field(default_factory=list["Json"])
    _logprobs: list[Json] = field(default_factory=list["Json"])
    _told_in_full: bool = False

    def __post_init__(self) -> None:
        self._delta_type = f"{self.kind.speech}.delta"
        self._starts[self.source] = 0

    @property
    def text(self) -> str:
        """What has been said so far."""
        return "".join(self._pieces)

    def holds(self, source: Source) -> bool:
        """Whether the upstream's part of that name has gone into this one."""
        return source in self._starts

    def opened(self) -> Event:
        """The event that adds it, empty."""
        self.shown = self._as_shown({})
        return {"type": f"{self.kind.frame}.added", **self.place, "part": self.shown}

    def join(self, source: Source) -> None:
        """Go on with what another block says."""
        self._starts.setdefault(source, self._length)
        self.source = source

    def add(self, text: str, logprobs: Sequence[Json] = ()) -> Event:
        """A piece of its text."""
        self._pieces.append(text)
        self._length += len(text)
        event = {"type": self._delta_type, **self.place, "delta": text}
        if self.kind is OUTPUT_TEXT:
            self._logprobs += logprobs
            event["logprobs"] = list(logprobs)
        return event

    def annotate(self, source: Source, annotation: Json) -> Event:
        """A citation, moved by what had been said before its source began."""
        start = self._starts[source]
        moved = {
            key: value + start if key in _OFFSETS and isinstance(value, int) else value
            for key, value in annotation.items()
        }
        self._annotations.append(moved)
        index = {"annotation_index": len(self._annotations) - 1}
        return {"type": f"{self.kind.speech}.annotation.added", **self.place, **index, "annotation": moved}

    def recall(self, event: Event) -> bool:
        """Take back what an earlier run told of the part; whether that was its end."""
        match event["type"].rpartition("."):
            case (_, _, "delta"):
                self.add(event["delta"], event.get("logprobs") or ())
            case (_, _, "added"):
                self._annotations.append(event["annotation"])
            case (self.kind.frame, _, _):
                self.shown = event["part"]
                return True
            case _:
                self._told_in_full = True
        return False

    def complete(self, rest: str, final: Json) -> Iterator[Event]:
        """What the upstream's finished part has and no event has said: `rest` of its text, citations."""
        if rest:
            yield self.add(rest, json_objects(final.get("logprobs"))[len(self._logprobs) :])
        if self.kind is OUTPUT_TEXT:
            for annotation in json_objects(final.get("annotations"))[len(self._annotations) :]:
                yield self.annotate(self.source, annotation)

    def closed(self, final: Json) -> Iterator[Event]:
        """Its text told in full, and its end; `final` adds the members that only the upstream knows."""
        self.shown = shown = self._as_shown(final)
        told = {name: shown[name] for name in (self.kind.member, "logprobs") if name in shown}
        if not self._told_in_full:
            yield {"type": f"{self.kind.speech}.done", **self.place, **told}
        yield {"type": f"{self.kind.frame}.done", **self.place, "part": shown}

    def _as_shown(self, final: Json) -> Json:
        shown: Json = {**final, "type": self.kind.type}
        if self.kind is OUTPUT_TEXT:
            shown["annotations"] = list(self._annotations)
            shown["logprobs"] = list(self._logprobs) or json_objects(final.get("logprobs"))
        shown[self.kind.member] = self.text
        return shown


def json_objects(value: Any) -> list[Json]:
    """The objects in what should be a list of them; what an upstream sends need not be."""
    if not isinstance(value, list):
        return []
    return [entry for entry in cast("list[Any]", value) if isinstance(entry, dict)]

"""Inbound: the upstream's events, said again in deltas.

Names of the upstream's own (item ids, indexes, sequence numbers) stop here. Servers leave some of them out,
repeat or rotate them; what is lost is taken from the finished item, and what is still missing then from the
response in the terminal event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambda_responses.stream.deltas import (
    Annotation,
    BlockEnded,
    Delta,
    Envelope,
    Failed,
    ItemEvent,
    ItemOpened,
    Opaque,
    Reasoning,
    Refusal,
    Stopped,
    StopReason,
    Text,
    ToolArguments,
    Usage,
)
from lambda_responses.stream.parts import json_objects
from lambda_responses.transformers.base import unknown
from lambda_responses.transformers.call_ids import lasting
from lambda_responses.transformers.openai_responses.envelope import read_envelope, read_usage
from lambda_responses.transformers.openai_responses.errors import map_event
from lambda_responses.transformers.openai_responses.items import CALLS, UpstreamItem, UpstreamItems
from lambda_responses.transformers.openai_responses.plain import opened
from lambda_responses.transformers.openai_responses.wholeness import whole_annotation, whole_item
from lambda_responses.transformers.readings import members, read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lambda_responses.transformers.base import Turn
    from lambda_responses.transformers.openai_responses.profile import ResponsesProfile
    from lambda_responses.wire.json import Event, Json

STOP_REASONS: dict[str, StopReason] = {
    "max_output_tokens": "max_output_tokens",
    "max_tokens": "max_output_tokens",
    "length": "max_output_tokens",
    "content_filter": "content_filter",
    "max_messages": "max_messages",
    "steered": "steered",
}
"""`incomplete_details.reason`: the API's four values, and two that servers borrow from elsewhere."""

SILENT = frozenset(
    {
        # Announce or repeat what deltas and finished items say.
        "response.content_part.done",
        "response.reasoning_part.added",
        "response.reasoning_part.done",
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_part.done",
        # Keep the connection open, or tell what concerns the operator's account alone.
        "keepalive",
        "ping",
        "response.heartbeat",
        "codex.rate_limits",
    }
)
"""Events that say nothing of their own."""

_WHOLE = ("text", "refusal", "arguments", "input")
"""Where an event that ends a part repeats the whole of it."""


class ResponsesDecoder:
    """Reads the stream of one response."""

    def __init__(self, turn: Turn, profile: ResponsesProfile) -> None:
        self._misreported = profile.misreported
        self._our_ids = {origin["id"]: ours for ours, origin in turn.origins.items() if origin.get("id")}
        self._items = UpstreamItems()
        self._over = False
        self._takers: dict[str, Callable[[Event], Sequence[Delta]]] = {
            "response.output_text.delta": self._text,
            "response.function_call_arguments.delta": self._arguments,
            "response.custom_tool_call_input.delta": self._arguments,
            "response.reasoning_summary_text.delta": self._summary,
            "response.reasoning_text.delta": self._reasoning,
            "response.reasoning.delta": self._reasoning,
            "response.refusal.delta": self._refusal,
            "response.output_text.annotation.added": self._annotation,
            "response.output_text.done": self._text_done,
            "response.function_call_arguments.done": self._arguments_done,
            "response.custom_tool_call_input.done": self._arguments_done,
            "response.reasoning_summary_text.done": self._summary_done,
            "response.reasoning_text.done": self._reasoning_done,
            "response.reasoning.done": self._reasoning_done,
            "response.refusal.done": self._refusal_done,
            "response.content_part.added": self._part_added,
            "response.output_item.added": self._item_added,
            "response.output_item.done": self._item_done,
            "response.created": self._lifecycle,
            "response.queued": self._lifecycle,
            "response.in_progress": self._lifecycle,
            "response.completed": self._terminal,
            "response.incomplete": self._terminal,
            "response.failed": self._terminal,
            "error": self._error,
        }

    @property
    def over(self) -> bool:
        """True after the terminal event, or the first fault."""
        return self._over

    def feed(self, chunk: Event) -> Sequence[Delta]:
        """What this event says; nothing once it is `over`."""
        if self._over:
            return ()
        kind = chunk.get("type")
        take = self._takers.get(kind) if isinstance(kind, str) else None
        return take(chunk) if take is not None else self._other(chunk, kind)

    def end(self, *, marked: bool) -> Sequence[Delta]:
        """Nothing is held back: this format ends with its terminal event, and a marker is no substitute."""
        return ()

    # The pieces of an item that is being made.

    def _text(self, event: Event) -> Sequence[Delta]:
        item = self._items.spoken_to(event, "message")
        if item.ended:
            return ()
        part = item.part(event.get("content_index"))
        item.said.add(("text", part))
        logprobs = event.get("logprobs")
        text = Text(item.block, _piece(event), json_objects(logprobs) if logprobs else (), part)
        return (text,) if item.opened else (*self._open(item), text)

    def _refusal(self, event: Event) -> Sequence[Delta]:
        item = self._items.spoken_to(event, "message")
        part = item.part(event.get("content_index"))
        return self._say(item, ("refusal", part), Refusal(item.block, _piece(event), part))

    def _summary(self, event: Event) -> Sequence[Delta]:
        item = self._items.spoken_to(event, "reasoning")
        part = item.part(event.get("summary_index"))
        return self._say(item, ("summary", part), Reasoning(item.block, _piece(event), True, part))

    def _reasoning(self, event: Event) -> Sequence[Delta]:
        item = self._items.spoken_to(event, "reasoning")
        part = item.part(event.get("content_index"))
        return self._say(item, ("text", part), Reasoning(item.block, _piece(event), False, part))

    def _annotation(self, event: Event) -> Sequence[Delta]:
        item = self._items.spoken_to(event, "message")
        part = item.part(event.get("content_index"))
        annotation = Annotation(item.block, whole_annotation(members(event.get("annotation"))), part)
        return self._say(item, ("annotation", part), annotation)

    def _arguments(self, event: Event) -> Sequence[Delta]:
        item = self._items.about(event)
        if item is None or item.type not in CALLS:
            return ()  # the call's name is unknown before its item is: the finished item says it all
        return self._say(item, ("arguments", 0), ToolArguments(item.block, _piece(event)))

    def _say(self, item: UpstreamItem, part: tuple[str, int], delta: Delta) -> Sequence[Delta]:
        """A piece of that part of the item, which is opened by it if by nothing before."""
        if item.ended:
            return ()
        item.said.add(part)
        return (delta,) if item.opened else (*self._open(item), delta)

    # The same pieces said again when they are whole; told only where no delta came.

    def _text_done(self, event: Event) -> Sequence[Delta]:
        return self._restated(event, "text", "content_index", self._text)

    def _refusal_done(self, event: Event) -> Sequence[Delta]:
        return self._restated(event, "refusal", "content_index", self._refusal)

    def _summary_done(self, event: Event) -> Sequence[Delta]:
        return self._restated(event, "summary", "summary_index", self._summary)

    def _reasoning_done(self, event: Event) -> Sequence[Delta]:
        return self._restated(event, "text", "content_index", self._reasoning)

    def _arguments_done(self, event: Event) -> Sequence[Delta]:
        return self._restated(event, "arguments", "", self._arguments)

    def _restated(
        self, event: Event, kind: str, index_name: str, say: Callable[[Event], Sequence[Delta]]
    ) -> Sequence[Delta]:
        item = self._items.about(event)
        said = item is not None and (kind, item.part(event.get(index_name))) in item.said
        whole = next((event[member] for member in _WHOLE if event.get(member)), None)
        return () if said or whole is None else say({**event, "delta": whole})

    def _part_added(self, event: Event) -> Sequence[Delta]:
        item = self._items.about(event)
        if item is not None:
            item.part(event.get("content_index"))  # the first to be named is the first
        return ()

    # Items.

    def _item_added(self, event: Event) -> Sequence[Delta]:
        announced = members(event.get("item"))
        if not isinstance(announced.get("type"), str):
            return self._skip("an item without a type")
        known = self._items.named(announced.get("id"))
        if known is not None and not known.ended:
            return ()
        item = self._items.announce(announced, event)
        # A message is shown with its first words: some servers announce one before every tool call.
        return () if item.type == "message" else self._open(item)

    def _item_done(self, event: Event) -> Sequence[Delta]:
        final = members(event.get("item"))
        if not isinstance(final.get("type"), str):
            return self._skip("an item without a type")
        item = self._items.finished_by(final, event)
        return self._finish(item or self._items.announce(opened(final), event), final)

    def _open(self, item: UpstreamItem) -> Sequence[Delta]:
        item.opened = True
        shown, origin = self._shown(item.announced), _origin(item.announced)
        return (ItemOpened(item.block, shown), Opaque(item.block, origin))

    def _finish(self, item: UpstreamItem, final: Json) -> Sequence[Delta]:
        if item.ended:
            return ()
        item.ended = True
        if not item.opened and item.type == "message" and not final.get("content"):
            return ()  # a placeholder: announced, and then there was nothing to say
        opening = () if item.opened else self._open(item)
        return (*opening, Opaque(item.block, _origin(final)), BlockEnded(item.block, self._shown(final)))

    def _shown(self, item: Json) -> Json:
        """An item as the client may see it: without its maker's seal, and with our ids."""
        shown = whole_item(item)
        if shown.get("type") in CALLS:
            shown["call_id"] = lasting(shown.get("call_id") or "")  # Bedrock Mantle counts
        if shown.get("type") == "compaction":
            shown["encrypted_content"] = ""  # a member that the type demands, until it is sealed by us
        else:
            shown.pop("encrypted_content", None)
        request_id = shown.get("approval_request_id")
        if isinstance(request_id, str) and request_id in self._our_ids:
            shown["approval_request_id"] = self._our_ids[request_id]
        return shown

    # The response as a whole.

    def _lifecycle(self, event: Event) -> Sequence[Delta]:
        fields = read_envelope(event.get("response"), self._misreported)
        return (Envelope(fields),) if fields else ()

    def _terminal(self, event: Event) -> Sequence[Delta]:
        self._over = True
        response = members(event.get("response"))
        said: list[Delta] = []
        for final, item in self._items.match(response.get("output")):
            said += self._finish(item or self._items.announce(opened(final), {}), final)
        said += self._lifecycle(event)
        usage = read_usage(response.get("usage"))
        if usage is not None:
            said.append(Usage(usage))
        said.append(self._ending(event, response))
        return said

    def _ending(self, event: Event, response: Json) -> Delta:
        match event["type"]:
            case "response.completed":
                called = any(item.type in CALLS and item.opened for item in self._items)
                return Stopped("tool_calls" if called else "end")
            case "response.incomplete":
                reason = members(response.get("incomplete_details")).get("reason") or "max_output_tokens"
                if not isinstance(reason, str) or reason not in STOP_REASONS:
                    self._skip(f"the reason {reason!r} of an incomplete response")
                    return Stopped("max_output_tokens")
                return Stopped(STOP_REASONS[reason])
            case _:
                return Failed(map_event(event))

    def _error(self, event: Event) -> Sequence[Delta]:
        """The one failure: a `response.failed` that follows repeats it."""
        self._over = True
        return (Failed(map_event(event)),)

    # What has no delta.

    def _other(self, event: Event, kind: Any) -> Sequence[Delta]:
        if isinstance(kind, str) and kind in SILENT:
            return ()
        if kind is None and event.get("error"):
            return self._error(event)
        if not isinstance(kind, str):
            return self._skip("an event without a type")
        item = self._items.about(event) if "item_id" in event or "output_index" in event else None
        if item is None or "response" in event:
            return self._skip(f"event {kind!r}")
        told = {key: value for key, value in event.items() if key != "obfuscation"}
        return self._say(item, ("events", 0), ItemEvent(item.block, told))

    def _skip(self, what: str) -> Sequence[Delta]:
        unknown("openai_responses", what)
        return ()


def _piece(event: Event) -> str:
    """The text of a delta; older servers wrap it into an object."""
    match event.get("delta"):
        case str(text) | {"text": str(text)}:
            return text
        case other:
            return read_text(other, "openai_responses", "delta")


def _origin(item: Json) -> Json:
    """What the maker wants back: its own id of the item, and what it sealed."""
    names = ("id", "encrypted_content")
    return {name: item[name] for name in names if item.get(name) and isinstance(item[name], str)}

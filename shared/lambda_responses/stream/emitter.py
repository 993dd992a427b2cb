"""From deltas to the API's events: the one place that knows ids, indexes, numbers and endings.

One emitter makes one response, over as many upstream steps as that takes. It is an engine without I/O: its
caller reads the upstream, writes the events, and says what time it is. `grammar` states the order of events
a second time, as data; the tests hold the two against each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from lambda_responses.stream.deltas import (
    Annotation,
    Block,
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
    ToolCall,
    Usage,
)
from lambda_responses.stream.open_items import (
    ItemStatus,
    OpenCall,
    OpenHostedItem,
    OpenItem,
    OpenMessage,
    OpenReasoning,
)
from lambda_responses.wire.errors import APIError, ServerError
from lambda_responses.wire.usage import add_usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from lambda_responses.wire.json import Event, Json

_INCOMPLETE: dict[StopReason, str] = {
    "max_output_tokens": "max_output_tokens",
    "content_filter": "content_filter",
    "max_messages": "max_messages",
    "steered": "steered",
    "pause": "max_output_tokens",  # still paused when the caller will not take another step
}

_KINDS: dict[str, type[OpenItem]] = {
    "message": OpenMessage,
    "reasoning": OpenReasoning,
    "function_call": OpenCall,
    "custom_tool_call": OpenCall,
}


class Ids(Protocol):
    """Where ids come from (`wire.ids.ItemIds`)."""

    def next(self, item_type: str) -> str:
        """A new item's id."""
        ...

    def next_call_id(self) -> str:
        """The id of a call that came without a usable one."""
        ...


class ResponseEmitter:
    """Makes the events of one response.

    `response` is the response object at its start (`wire.responses.new_response`); its `output` holds what
    earlier runs had finished when an interrupted response is taken up again at `next_sequence_number`.
    `taken_call_ids` are the call ids of the context, which no call of this response may repeat.
    """

    def __init__(
        self,
        response: Json,
        ids: Ids,
        *,
        next_sequence_number: int = 0,
        taken_call_ids: Iterable[str] = (),
    ) -> None:
        self.response = response
        self.origins: dict[str, Json] = {}
        self.stop: StopReason | None = None
        self.ended = False
        self.spoken = False
        """Whether any delta of the answer has been taken: from then on, fail-over would contradict it."""
        self._ids = ids
        self._next_sequence_number = next_sequence_number
        self._output: list[Json] = response["output"]
        self._finished: dict[int, Json] = dict(enumerate(self._output))
        self._next_output_index = len(self._output)
        self._open: dict[Block, OpenItem] = {}
        self._item_ids: dict[Block, str] = {}
        self._call_ids = set(taken_call_ids)
        self._usage_before: Json | None = None
        self._usage: Json | None = None
        self._takers: dict[type, Callable[[Any], Iterable[Event]]] = {
            Text: self._text,
            ToolArguments: self._tool_arguments,
            Reasoning: self._reasoning,
            Refusal: self._refusal,
            ToolCall: self._tool_call,
            Annotation: self._annotation,
            Opaque: self._opaque,
            ItemOpened: self._item_opened,
            ItemEvent: self._item_event,
            BlockEnded: self._block_ended,
            Envelope: self._envelope,
            Usage: self._take_usage,
            Stopped: self._stopped,
            Failed: self._failed,
        }

    @property
    def next_sequence_number(self) -> int:
        """Where a restored emitter would go on."""
        return self._next_sequence_number

    def start(self) -> list[Event]:
        """`response.created` and `response.in_progress`; the latter alone where one is taken up again."""
        first = ["response.created"] if self._next_sequence_number == 0 else []
        return self._numbered(self._lifecycle(name) for name in [*first, "response.in_progress"])

    def apply(self, delta: Delta) -> list[Event]:
        """The events that one delta causes. After the terminal event there are none."""
        if self.ended:
            return []
        return self._numbered(self._takers[type(delta)](delta))

    def end_step(self) -> list[Event]:
        """Close what is open before another upstream step, whose blocks are its own."""
        events = self._numbered(self._close_all("completed"))
        self._open.clear()
        self._item_ids.clear()
        self._usage_before, self._usage = add_usage(self._usage_before, self._usage), None
        self.stop = None
        return events

    def finish(self, *, at: int) -> list[Event]:
        """Close what is open and end the response as the upstream's stop reason says. `at`: seconds."""
        if self.ended:
            return []
        if self.stop is None:
            return self.fail(ServerError("The model's answer was cut off before its end."))
        reason = _INCOMPLETE.get(self.stop)
        if reason is None and any(not item.whole for item in self._open.values()):
            reason = "max_output_tokens"  # some servers hide the cut behind the stop reason `tool_calls`
        if reason is None:
            closing = list(self._close_all("completed"))
            self._end("completed", completed_at=at)
            return self._numbered([*closing, self._lifecycle("response.completed")])
        closing = list(self._close_all("incomplete"))
        self._end("incomplete", incomplete_details={"reason": reason})
        return self._numbered([*closing, self._lifecycle("response.incomplete")])

    def fail(self, error: APIError) -> list[Event]:
        """Close what is open as incomplete, then `error` and `response.failed`."""
        if self.ended:
            return []
        closing = list(self._close_all("incomplete"))
        told = error.body()["error"]
        told["code"] = told["code"] or "server_error"
        self._end("failed", error={"code": told["code"], "message": error.message})
        return self._numbered([*closing, _report(told), self._lifecycle("response.failed")])

    def fail_instead(self, closing: Sequence[Event], error: APIError) -> list[Event]:
        """Fail although the end was made already: `closing` was not sent, and cannot be kept."""
        if self.response["status"] == "failed":
            return list(closing)
        self.ended = False
        self._next_sequence_number -= 1
        self.response.update(completed_at=None, incomplete_details=None)
        return [*closing[:-1], *self.fail(error)]

    def end_as(self, response: Json) -> list[Event]:
        """The terminal event of a response whose end is known: that very object."""
        self.ended = True
        events: list[Event] = []
        if response["status"] == "failed":
            events.append(_report(response["error"] | {"type": "server_error", "param": None}))
        events.append({"type": f"response.{response['status']}", "response": response})
        return self._numbered(events)

    def _numbered(self, events: Iterable[Event]) -> list[Event]:
        numbered: list[Event] = []
        for event in events:
            event["sequence_number"] = self._next_sequence_number
            self._next_sequence_number += 1
            numbered.append(event)
        return numbered

    def _lifecycle(self, name: str) -> Event:
        return {"type": name, "response": {**self.response, "output": list(self._output)}}

    def _end(self, status: str, **fields: Any) -> None:
        self.response["status"] = status
        self.response.update(fields)
        self.response["usage"] = add_usage(self._usage_before, self._usage)
        if self.response.get("service_tier") == "auto":
            self.response["service_tier"] = "default"
        self.ended = True

    # What each kind of delta does.

    def _text(self, delta: Text) -> Iterable[Event]:
        if not delta.text and not delta.logprobs:
            return ()
        item, opening = self._saying(delta.block, OpenMessage)
        said = item.text((delta.block, delta.part), delta.text, delta.logprobs)
        return [*opening, *said] if opening else said

    def _refusal(self, delta: Refusal) -> Iterable[Event]:
        if not delta.text:
            return ()
        item, opening = self._saying(delta.block, OpenMessage)
        return [*opening, *item.refusal((delta.block, delta.part), delta.text)]

    def _annotation(self, delta: Annotation) -> Iterable[Event]:
        item, opening = self._saying(delta.block, OpenMessage)
        return [*opening, *item.annotation((delta.block, delta.part), delta.annotation)]

    def _reasoning(self, delta: Reasoning) -> Iterable[Event]:
        if not delta.text:
            return ()
        item, opening = self._saying(delta.block, OpenReasoning, summary=delta.summary)
        return [*opening, *item.text(delta.text, summary=delta.summary, source=delta.part)]

    def _tool_call(self, delta: ToolCall) -> Iterable[Event]:
        call: Json = {"id": "", "type": delta.kind, "status": "in_progress", "call_id": delta.call_id}
        call |= {"name": delta.name, "input" if delta.kind == "custom_tool_call" else "arguments": ""}
        if delta.namespace is not None:
            call["namespace"] = delta.namespace
        yield from self._close_implied()
        yield from self._opening(delta.block, call)

    def _tool_arguments(self, delta: ToolArguments) -> Iterable[Event]:
        item = self._open.get(delta.block)
        return (item.arguments(delta.text),) if isinstance(item, OpenCall) and delta.text else ()

    def _item_opened(self, delta: ItemOpened) -> Iterable[Event]:
        yield from self._close_implied()
        yield from self._opening(delta.block, delta.item, native=True)

    def _item_event(self, delta: ItemEvent) -> Iterable[Event]:
        item = self._open.get(delta.block)
        return (item.about(delta.event),) if isinstance(item, OpenHostedItem) else ()

    def _block_ended(self, delta: BlockEnded) -> Iterable[Event]:
        item = self._open.get(delta.block)
        if item is None:
            return ()
        if delta.item is None and not item.native and (isinstance(item, OpenMessage) or not item.whole):
            item.ended = True  # more text may join the message; a broken call may turn out to be a cut one
            return ()
        return list(self._close(item, "completed", delta.item))

    def _opaque(self, delta: Opaque) -> Iterable[Event]:
        opening: list[Event] = []
        if delta.block not in self._item_ids:  # a seal without any visible reasoning is an item all the same
            _, opening = self._saying(delta.block, OpenReasoning, summary=True)
        item_id = self._item_ids[delta.block]
        self.origins[item_id] = {**self.origins.get(item_id, {}), **delta.data}
        return opening

    def _envelope(self, delta: Envelope) -> Iterable[Event]:
        self.response.update(delta.fields)
        return ()

    def _take_usage(self, delta: Usage) -> Iterable[Event]:
        self._usage = delta.usage
        return ()

    def _stopped(self, delta: Stopped) -> Iterable[Event]:
        self.stop = delta.reason
        return ()

    def _failed(self, delta: Failed) -> Iterable[Event]:
        events = self.fail(delta.error)
        self._next_sequence_number -= len(events)  # `apply` numbers what it returns
        return events

    # Which items are open.

    def _saying(self, block: Block, kind: type[Any], *, summary: bool = False) -> tuple[Any, list[Event]]:
        """The open item that this block speaks into, and the events that opened it."""
        item = self._open.get(block)
        if isinstance(item, kind):
            return item, []
        if kind is OpenMessage:
            current = next(reversed(self._open.values()), None)
            if isinstance(current, OpenMessage) and not current.native:
                self._open[block] = current
                self._item_ids[block] = current.id
                return current, []
            announced: Json = {"id": "", "type": "message", "role": "assistant", "status": "in_progress"}
        else:
            announced = {"id": "", "type": "reasoning", "summary": []}
            if not summary:
                announced["content"] = []
        opening = [*self._close_implied(), *self._opening(block, announced)]
        return self._open[block], opening

    def _opening(self, block: Block, announced: Json, *, native: bool = False) -> Iterator[Event]:
        displaced = self._open.get(block)
        if displaced is not None:
            yield from self._close(displaced, "completed", None)
        kind = _KINDS.get(announced.get("type", ""), OpenHostedItem)
        if kind is OpenCall:
            announced = {**announced, "call_id": self._unique_call_id(announced.get("call_id") or "")}
        item_id = self._ids.next(announced.get("type", ""))
        item = kind(item_id, self._next_output_index, announced, native)
        self._next_output_index += 1
        self._open[block] = item
        self._item_ids[block] = item_id
        self.spoken = True
        yield item.opened()

    def _unique_call_id(self, call_id: str) -> str:
        if not call_id or call_id in self._call_ids:
            call_id = self._ids.next_call_id()
        self._call_ids.add(call_id)
        return call_id

    def _close_implied(self) -> Iterator[Event]:
        """Text and reasoning end where another item begins, unless the upstream says itself what ends."""
        for item in self._in_order():
            if not item.native and isinstance(item, (OpenMessage, OpenReasoning)):
                yield from self._close(item, "completed", None)

    def _close_all(self, status: ItemStatus) -> Iterator[Event]:
        """Everything that is open, in output order; of an incomplete response, the last or broken is cut."""
        items = self._in_order()
        for item in items:
            cut = status == "incomplete" and (item is items[-1] or not item.whole)
            yield from self._close(item, "incomplete" if cut else "completed", None)

    def _in_order(self) -> list[OpenItem]:
        return sorted({id(i): i for i in self._open.values()}.values(), key=lambda item: item.output_index)

    def _close(self, item: OpenItem, status: ItemStatus, final: Json | None) -> Iterator[Event]:
        for block in [block for block, other in self._open.items() if other is item]:
            del self._open[block]
        for event in item.closed(status, final):
            if event["type"] == "response.output_item.done":
                self._keep(item.output_index, event["item"])
            yield event

    def _keep(self, output_index: int, finished: Json) -> None:
        self._finished[output_index] = finished
        if output_index == len(self._output):
            while (following := self._finished.get(len(self._output))) is not None:
                self._output.append(following)


def _report(fault: Json) -> Event:
    """The `error` event, nested as on the live wire and flat as in the SDK's type, for all readers."""
    flat = {key: fault[key] for key in ("code", "message", "param")}
    return {"type": "error", "error": fault, **flat}

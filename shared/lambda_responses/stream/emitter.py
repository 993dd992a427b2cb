"""From deltas to the API's events: the one place that knows numbers and endings.

One emitter makes one response, over as many upstream steps as that takes. It is an engine without I/O: its
caller reads the upstream, writes the events, and says what time it is. `output` knows what items become of
the deltas; `grammar` states the order of events a second time, as data, and the tests hold the two against
each other.
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
    ToolCall,
    Usage,
)
from lambda_responses.stream.output import Finished, Output
from lambda_responses.stream.parts import OUTPUT_TEXT, REASONING_TEXT, REFUSAL, SUMMARY_TEXT
from lambda_responses.wire.errors import APIError, ServerError, response_error_code
from lambda_responses.wire.origins import SUPERSEDED
from lambda_responses.wire.usage import add_usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from lambda_responses.stream.output import Ids
    from lambda_responses.stream.retelling import Retelling
    from lambda_responses.wire.json import Event, Json

    Seal = Callable[[str, Json], str | None]
    Parted = Callable[[Json], tuple[Json, Json]]

INCOMPLETE_REASONS: dict[StopReason, str] = {
    "max_output_tokens": "max_output_tokens",
    "content_filter": "content_filter",
    "max_messages": "max_messages",
    "steered": "steered",
    "pause": "max_output_tokens",  # still paused when the caller will not take another step
}

_OURS = frozenset(
    {"id", "object", "created_at", "completed_at", "status", "output", "usage", "error", "incomplete_details"}
)
"""Members of the response that no upstream decides."""


_PROMISED = {
    "response.created": "queued",
    "response.queued": "queued",
    "response.in_progress": "in_progress",
}
"""The first events of a response that has to wait for its turn, and the status that they show."""


def _shown_nothing(item_type: str, origin: Json) -> None:
    """What a client is shown that asked for no seals."""


def _whole(item: Json) -> tuple[Json, Json]:
    """What a client is shown that sees all there is of an item."""
    return item, {}


class ResponseEmitter:
    """Makes the events of one response.

    `response` is the response object at its start (`wire.responses.new_response`), or where a `bookmark` was
    made; `origins` and `unshown` are then those of its output.
    `taken_call_ids` are the call ids of the context, which no call of this response may repeat. `seal` makes
    of an item's type and of what its maker wants back the `encrypted_content` that the client is shown, or
    None where it is shown none; `parted` takes from a finished item what the client did not ask to see.
    """

    def __init__(
        self,
        response: Json,
        ids: Ids,
        *,
        bookmark: Json | None = None,
        origins: Mapping[str, Json] | None = None,
        unshown: Mapping[str, Json] | None = None,
        taken_call_ids: Iterable[str] = (),
        seal: Seal = _shown_nothing,
        parted: Parted = _whole,
    ) -> None:
        self.response = response
        self.origins: dict[str, Json] = {**(origins or {})}
        """By item id, what the item's maker wants to see again; never shown to the client."""
        self.unshown: dict[str, Json] = {**(unshown or {})}
        """By item id, the members that the client is shown less of."""
        self.stop: StopReason | None = None
        self.ended = False
        self._as_asked = dict(response)
        self._decided: set[str] = set()
        """Members of the response that an upstream has spoken for."""
        self._ids = ids
        self._taken_call_ids = frozenset(taken_call_ids)
        self._output = self._new_output(response["output"])
        self._retelling: Retelling | None = None
        self._seal = seal
        self._parted = parted
        self._next_sequence_number = 0
        self._usage_before: Json | None = None
        self._usage: Json | None = None
        if bookmark is not None:
            self._open_at(bookmark)

    @property
    def bookmark(self) -> Json:
        """What another emitter needs besides the response to go on from here, between two steps.

        `told` is the number of the last event, `usage` are the tokens of all steps before. The rest is the
        emitter's own business.
        """
        asked = {name: self._as_asked[name] for name in self._decided if name in self._as_asked}
        return {
            "usage": self._usage_before,
            "told": self._next_sequence_number - 1,
            "decided": sorted(self._decided),
            "asked": asked,
        }

    @property
    def next_sequence_number(self) -> int:
        """How many events there have been."""
        return self._next_sequence_number

    @property
    def said(self) -> Sequence[Json]:
        """What a model that is asked now has said before: the output, if no step is taken again."""
        return self._output.finished

    @property
    def items_begun(self) -> int:
        """How many items have been told of: from then on, fail-over would contradict them."""
        return self._output.begun

    @property
    def open_calls(self) -> Sequence[Json]:
        """The calls of which more may be said, as they were announced."""
        return self._output.open_calls

    @property
    def whole(self) -> bool:
        """Whether nothing that is open has visibly been cut."""
        return self._output.whole

    @property
    def usage_in_step(self) -> Json | None:
        """The upstream's count of what it has read and said in this step."""
        return self._usage

    @property
    def tokens_in_step(self) -> int:
        """All of that, in one number."""
        return 0 if self._usage is None else self._usage.get("total_tokens", 0)

    def unique_call_id(self, call_id: str) -> str:
        """That, or another where it cannot be told from those of other calls: none of these has it later."""
        unique = self._output.unique_call_id(call_id)
        self._taken_call_ids |= {unique}
        return unique

    def start(self) -> list[Event]:
        """`response.created` and `response.in_progress`."""
        return self._numbered(self._lifecycle(name) for name in ("response.created", "response.in_progress"))

    def take_up(self, told: Sequence[Event] = ()) -> list[Event]:
        """Go on with a response that was promised: its first events, as far as they have not been told yet.

        `told` are the events that left since the bookmark. Of the step of which they tell, what is open is
        closed, superseded; it is to be taken again from its beginning, and nothing that stands is told twice.
        """
        if told:
            self._next_sequence_number = told[-1]["sequence_number"] + 1
        unsaid = [*_PROMISED.items()][self._next_sequence_number :]
        promise = self._numbered(self._lifecycle(name, status=status) for name, status in unsaid)
        return promise + self._tell_again(told)

    def apply(self, delta: Delta) -> list[Event]:
        """The events that one delta causes. After the terminal event there are none."""
        return [] if self.ended else self._numbered(self._caused_by(delta))

    def end_step(self) -> list[Event]:
        """Close what is open before another upstream step, whose blocks are its own."""
        if self.ended:
            return []
        events = self._numbered(self._output.end_step())
        self._end_retelling()
        self._usage_before, self._usage = add_usage(self._usage_before, self._usage), None
        self.stop = None
        return events

    def finish(self, *, at: int) -> list[Event]:
        """Close what is open and end the response as the upstream's stop reason says. `at`: seconds."""
        if self.ended:
            return []
        if self.stop is None:
            return self.fail(ServerError("The model's answer was cut off before its end."))
        reason = INCOMPLETE_REASONS.get(self.stop)
        if reason is None and not self._output.whole:
            reason = "max_output_tokens"  # some servers hide the cut behind the stop reason `tool_calls`
        if reason is None:
            return self._numbered(self._end("completed", completed_at=at))
        return self._numbered(self._end("incomplete", incomplete_details={"reason": reason}))

    def forget_upstream(self) -> None:
        """Take back what an upstream said of itself before it failed without a word of the answer."""
        for name in self._decided:
            if name in self._as_asked:
                self.response[name] = self._as_asked[name]
            else:
                del self.response[name]
        self._decided.clear()
        self._usage = self.stop = None

    def fail(self, error: APIError) -> list[Event]:
        """Close what is open as incomplete, then `error` and `response.failed`."""
        return [] if self.ended else self._numbered(self._failing(error))

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
        return self._numbered(ending_as(response))

    def _new_output(self, finished: list[Json]) -> Output:
        return Output(finished, self._ids, self._taken_call_ids, self._sealed, self._shown)

    def _open_at(self, bookmark: Json) -> None:
        self._usage_before = bookmark["usage"]
        self._next_sequence_number = bookmark["told"] + 1
        self._decided.update(bookmark["decided"])
        self._as_asked = {
            name: value for name, value in self._as_asked.items() if name not in self._decided
        } | bookmark["asked"]

    def _tell_again(self, told: Sequence[Event]) -> list[Event]:
        from lambda_responses.stream.retelling import Retelling  # for what was interrupted alone
        from lambda_responses.stream.told import told_by

        superseded = {id for id, origin in self.origins.items() if SUPERSEDED in origin}
        items, said = told_by(told, superseded), list(self.response["output"])
        if not (items.finished or items.open):
            return []
        closing: list[Event] = []
        standing, begun = items.series, dict(items.finished)
        for index, item in sorted(items.open.items()):
            self.origins[item.id] = {SUPERSEDED: True}
            closing += item.closed("incomplete", None)
            begun[index] = closing[-1]["item"]
        self.response["output"] += [item for _, item in sorted(begun.items())]
        events = self._numbered(closing)
        self._taken_call_ids |= {item["call_id"] for item in begun.values() if item.get("call_id")}
        self._retelling = Retelling(Finished(self.response["output"]), standing)
        self._output = self._new_output(said)
        return events

    def _end_retelling(self) -> None:
        """From here on everything is told. What the last step repeated was never there."""
        if self._retelling is None:
            return
        for repeated in self._retelling.known:
            self.origins.pop(repeated, None)
            self.unshown.pop(repeated, None)
        self._retelling = None
        self._output = self._new_output(self.response["output"])

    def _caused_by(self, delta: Delta) -> Iterable[Event]:
        output = self._output
        match delta:
            case Text(block, text, logprobs, part) if text or logprobs:
                return output.say(block, OUTPUT_TEXT, part, text, logprobs)
            case ToolArguments(block, text) if text:
                return output.add_arguments(block, text)
            case Reasoning(block, text, summary, part) if text:
                return output.say(block, SUMMARY_TEXT if summary else REASONING_TEXT, part, text)
            case Refusal(block, text, part) if text:
                return output.say(block, REFUSAL, part, text)
            case ToolCall():
                return output.begin(delta.block, _call_announced_by(delta))
            case Annotation(block, annotation, part):
                return output.annotate(block, part, annotation)
            case Opaque(block, data):
                return self._keep_for_maker(block, data)
            case ItemOpened(block, item, id):
                return output.begin(block, item, native=True, id=id)
            case ItemEvent(block, event):
                return output.pass_on(block, event)
            case BlockEnded(block, item):
                return output.end_block(block, item)
            case Failed(error):
                return self._failing(error)
            case Envelope(fields):
                told = {name: value for name, value in fields.items() if name not in _OURS}
                self.response.update(told)
                self._decided.update(told)
            case Usage(usage):
                self._usage = usage
            case Stopped(reason):
                self.stop = _weightier(self.stop, reason)
            case _:
                pass  # text without any
        return ()

    def _keep_for_maker(self, block: Any, data: Json) -> Iterator[Event]:
        if self._output.id_for(block) is None:
            yield from self._output.seal(block)
        item_id = self._output.id_for(block)
        if item_id is not None:
            self.origins[item_id] = {**self.origins.get(item_id, {}), **data}

    def _sealed(self, item_id: str, item_type: str) -> str | None:
        origin = self.origins.get(item_id)
        return None if origin is None else self._seal(item_type, origin)

    def _shown(self, item: Json) -> Json:
        shown, unshown = self._parted(item)
        if unshown:
            self.unshown[item["id"]] = unshown
        return shown

    def _failing(self, error: APIError) -> Iterator[Event]:
        told = error.body()["error"]
        code = response_error_code(error)
        told["code"] = told["code"] or code
        yield from self._output.close_all("incomplete")
        yield render_fault(told)
        yield from self._end("failed", error={"code": code, "message": error.message})

    def _end(self, status: str, **fields: Any) -> Iterator[Event]:
        yield from self._output.close_all("completed" if status == "completed" else "incomplete")
        self._end_retelling()
        self.response.update(status=status, usage=add_usage(self._usage_before, self._usage), **fields)
        if self.response.get("service_tier") == "auto":
            self.response["service_tier"] = "default"
        self.ended = True
        yield self._lifecycle(f"response.{status}")

    def _lifecycle(self, name: str, **shown: Any) -> Event:
        return {"type": name, "response": {**self.response, "output": list(self.response["output"]), **shown}}

    def _numbered(self, events: Iterable[Event]) -> list[Event]:
        if self._retelling is not None:
            events = self._retelling.news(events)
        numbered: list[Event] = []
        for event in events:
            event["sequence_number"] = self._next_sequence_number
            self._next_sequence_number += 1
            numbered.append(event)
        return numbered


def _call_announced_by(delta: ToolCall) -> Json:
    call: Json = {"type": delta.kind, "call_id": delta.call_id, "name": delta.name}
    return call if delta.namespace is None else {**call, "namespace": delta.namespace}


def _weightier(known: StopReason | None, said: StopReason) -> StopReason:
    """Of two reasons in one stream, the one that says more: a later `end` does not undo a cut."""
    if known is None or known == "end":
        return said
    return said if known == "tool_calls" and said != "end" else known


def queued_events(response: Json) -> list[Event]:
    """All that there is to say of a response before somebody takes it up."""
    names = [name for name, status in _PROMISED.items() if status == "queued"]
    shown = {**response, "status": "queued"}
    return [{"type": name, "response": shown, "sequence_number": number} for number, name in enumerate(names)]


def ending_as(response: Json) -> list[Event]:
    """What is left to say, unnumbered, of a response that ended as this object.

    There is no `response.cancelled`: https://platform.openai.com/docs/api-reference/responses-streaming. A
    cancelled response fails without a fault.
    """
    match response["status"]:
        case "failed":
            fault = render_fault({**response["error"], "type": "server_error", "param": None})
            return [fault, {"type": "response.failed", "response": response}]
        case "cancelled":
            return [{"type": "response.failed", "response": response}]
        case status:
            return [{"type": f"response.{status}", "response": response}]


def render_fault(fault: Json) -> Event:
    """The `error` event. The live wire nests the fault, the SDK's type has it flat: both, for all readers."""
    flat = {key: fault[key] for key in ("code", "message", "param")}
    return {"type": "error", "error": fault, **flat}

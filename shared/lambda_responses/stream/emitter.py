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
from lambda_responses.stream.output import Output
from lambda_responses.stream.parts import OUTPUT_TEXT, REASONING_TEXT, REFUSAL, SUMMARY_TEXT
from lambda_responses.wire.errors import RESPONSE_ERROR_CODES, APIError, ServerError
from lambda_responses.wire.usage import add_usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from lambda_responses.stream.output import Ids
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


def _shown_nothing(item_type: str, origin: Json) -> None:
    """What a client is shown that asked for no seals."""


def _whole(item: Json) -> tuple[Json, Json]:
    """What a client is shown that sees all there is of an item."""
    return item, {}


class ResponseEmitter:
    """Makes the events of one response.

    `response` is the response object at its start (`wire.responses.new_response`); its `output` holds what
    earlier runs had finished when an interrupted response is taken up again at `next_sequence_number`.
    `taken_call_ids` are the call ids of the context, which no call of this response may repeat. `seal` makes
    of an item's type and of what its maker wants back the `encrypted_content` that the client is shown, or
    None where it is shown none; `parted` takes from a finished item what the client did not ask to see.
    """

    def __init__(
        self,
        response: Json,
        ids: Ids,
        *,
        next_sequence_number: int = 0,
        taken_call_ids: Iterable[str] = (),
        seal: Seal = _shown_nothing,
        parted: Parted = _whole,
    ) -> None:
        self.response = response
        self.origins: dict[str, Json] = {}
        """By item id, what the item's maker wants to see again; never shown to the client."""
        self.unshown: dict[str, Json] = {}
        """By item id, the members that the client is shown less of."""
        self.stop: StopReason | None = None
        self.ended = False
        self._as_asked = dict(response)
        self._decided: set[str] = set()
        """Members of the response that an upstream has spoken for."""
        self._output = Output(response["output"], ids, taken_call_ids, self._sealed, self._shown)
        self._seal = seal
        self._parted = parted
        self._next_sequence_number = next_sequence_number
        self._usage_before: Json | None = None
        self._usage: Json | None = None

    @property
    def next_sequence_number(self) -> int:
        """Where a restored emitter would go on."""
        return self._next_sequence_number

    @property
    def items_begun(self) -> int:
        """How many items have been told of: from then on, fail-over would contradict them."""
        return self._output.begun

    @property
    def tokens_in_step(self) -> int:
        """By the upstream's count, the tokens that it has read and said in this step."""
        return 0 if self._usage is None else self._usage.get("total_tokens", 0)

    def start(self) -> list[Event]:
        """`response.created` and `response.in_progress`; the latter alone where one is taken up again."""
        first = ["response.created"] if self._next_sequence_number == 0 else []
        return self._numbered(self._lifecycle(name) for name in [*first, "response.in_progress"])

    def apply(self, delta: Delta) -> list[Event]:
        """The events that one delta causes. After the terminal event there are none."""
        return [] if self.ended else self._numbered(self._caused_by(delta))

    def end_step(self) -> list[Event]:
        """Close what is open before another upstream step, whose blocks are its own."""
        if self.ended:
            return []
        events = self._numbered(self._output.end_step())
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
            case ItemOpened(block, item):
                return output.begin(block, item, native=True)
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
        code = told["code"]
        if code not in RESPONSE_ERROR_CODES:
            code = "server_error" if error.status >= 500 else "invalid_prompt"
        told["code"] = told["code"] or code
        yield from self._output.close_all("incomplete")
        yield render_fault(told)
        yield from self._end("failed", error={"code": code, "message": error.message})

    def _end(self, status: str, **fields: Any) -> Iterator[Event]:
        yield from self._output.close_all("completed" if status == "completed" else "incomplete")
        self.response.update(status=status, usage=add_usage(self._usage_before, self._usage), **fields)
        if self.response.get("service_tier") == "auto":
            self.response["service_tier"] = "default"
        self.ended = True
        yield self._lifecycle(f"response.{status}")

    def _lifecycle(self, name: str) -> Event:
        return {"type": name, "response": {**self.response, "output": list(self._output.finished)}}

    def _numbered(self, events: Iterable[Event]) -> list[Event]:
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

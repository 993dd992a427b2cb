"""A stream of Cohere's chat API as deltas. https://docs.cohere.com/v2/docs/streaming"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lambda_responses.stream.deltas import (
    Annotation,
    BlockEnded,
    Delta,
    Failed,
    Opaque,
    Reasoning,
    Stopped,
    StopReason,
    Text,
    ToolArguments,
    ToolCall,
    Usage,
)
from lambda_responses.transformers.base import unknown
from lambda_responses.transformers.cohere_chat.citations import map_citation
from lambda_responses.transformers.cohere_chat.errors import map_error_in_stream
from lambda_responses.transformers.cohere_chat.logprobs import map_logprobs
from lambda_responses.transformers.cohere_chat.messages import SAID_AS
from lambda_responses.transformers.cohere_chat.usage import map_usage
from lambda_responses.transformers.readings import members, read_text
from lambda_responses.transformers.tool_choice import read_offer
from lambda_responses.transformers.tool_names import InputUnwrapper
from lambda_responses.wire.json import to_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lambda_responses.stream.deltas import Block
    from lambda_responses.transformers.base import Turn
    from lambda_responses.wire.json import Json

FINISH_REASONS: dict[str, StopReason] = {
    "COMPLETE": "end",
    "STOP_SEQUENCE": "end",
    "TOOL_CALL": "end",
    "MAX_TOKENS": "max_output_tokens",
    "ERROR_LIMIT": "max_output_tokens",
    "ERROR_TOXIC": "content_filter",
}
"""Why a model stopped; `ERROR_…` are older names. Whether it called tools is seen from the calls."""

FAILURES: dict[str, str] = {
    "ERROR": "The model failed to answer.",
    "TIMEOUT": "The model took too long to answer.",
    "USER_CANCEL": "The answer was cancelled at the model's provider.",
}
"""Why there is no answer, and what is said of it where the API says nothing itself."""

SILENT = frozenset({"message-start", "citation-end", "debug"})
"""Events that say nothing of their own."""


@dataclass(slots=True)
class _Call:
    block: Block
    unwrapper: InputUnwrapper | None = None


class CohereDecoder:
    """Reads one streamed answer."""

    def __init__(self, turn: Turn) -> None:
        self._names = read_offer(turn).names
        self._over = False
        self._kept: set[Block] = set()
        """Blocks of reasoning of which it is known what they were."""
        self._plans = 0
        self._text: Block | None = None
        """The latest block of text, which a citation without an index is on."""
        self._calls: dict[Any, _Call] = {}
        self._called = 0
        self._takers: dict[str, Callable[[Json], Iterator[Delta]]] = {
            "content-start": self._content,
            "content-delta": self._content,
            "content-end": self._content_end,
            "tool-plan-delta": self._plan,
            "tool-call-start": self._call_start,
            "tool-call-delta": self._call_delta,
            "tool-call-end": self._call_end,
            "citation-start": self._citation,
            "message-end": self._message_end,
        }

    @property
    def over(self) -> bool:
        """True after `message-end`, or a fault."""
        return self._over

    def feed(self, chunk: Json) -> list[Delta]:
        """What this event says."""
        if self._over:
            return []
        kind = chunk.get("type")
        take = self._takers.get(kind) if isinstance(kind, str) else None
        return list(take(chunk) if take is not None else self._other(chunk, kind))

    def end(self, *, marked: bool) -> list[Delta]:
        """Nothing is held back: all that counts comes with `message-end`."""
        return [Stopped("tool_calls" if self._called else "end")] if marked and not self._over else []

    def _content(self, event: Json) -> Iterator[Delta]:
        content = members(_message_of(event).get("content"))
        block = ("content", _key(event))
        if thought := _read(content.get("thinking"), "thinking"):
            yield from self._think(block, thought, "thinking")
        logprobs = event.get("logprobs")
        text = _read(content.get("text"), "text")
        if text or (logprobs and "text" in content):
            self._text = block
            yield Text(block, text, map_logprobs(logprobs))
        kind = content.get("type")
        if kind not in (None, "text", "thinking"):
            unknown("cohere_chat", f"content of type {kind!r}")

    def _content_end(self, event: Json) -> Iterator[Delta]:
        yield BlockEnded(("content", _key(event)))

    def _plan(self, event: Json) -> Iterator[Delta]:
        """What an older model says before it calls tools: reasoning that is no part of the answer."""
        if plan := _read(_message_of(event).get("tool_plan"), "tool_plan"):
            yield from self._think(("plan", self._plans), plan, "tool_plan")

    def _think(self, block: Block, text: str, said_as: str) -> Iterator[Delta]:
        yield Reasoning(block, text)
        if block not in self._kept:
            self._kept.add(block)
            yield Opaque(block, {SAID_AS: said_as})

    def _call_start(self, event: Json) -> Iterator[Delta]:
        if ("plan", self._plans) in self._kept:
            yield BlockEnded(("plan", self._plans))
            self._plans += 1
        about = members(_message_of(event).get("tool_calls"))
        function = members(about.get("function"))
        name = self._names.restore(_read(function.get("name"), "name of a call"))
        call = _Call(("call", self._called))
        if name.kind == "custom_tool_call":
            call.unwrapper = InputUnwrapper()
        self._called += 1
        self._calls[_key(event)] = call
        yield ToolCall(call.block, _read(about.get("id"), "call id"), name.name, name.kind, name.namespace)
        yield from self._argue(call, function)

    def _call_delta(self, event: Json) -> Iterator[Delta]:
        call = self._calls.get(_key(event))
        about = members(_message_of(event).get("tool_calls"))
        if call is None:
            unknown("cohere_chat", "arguments of no call")
        else:
            yield from self._argue(call, members(about.get("function")))

    def _argue(self, call: _Call, function: Json) -> Iterator[Delta]:
        said = function.get("arguments")
        text = said if isinstance(said, str) else to_bytes(said).decode() if said else ""
        if call.unwrapper is not None:
            text = call.unwrapper.feed(text)
        if text:
            yield ToolArguments(call.block, text)

    def _call_end(self, event: Json) -> Iterator[Delta]:
        call = self._calls.pop(_key(event), None)
        if call is not None:
            yield from _end(call)

    def _citation(self, event: Json) -> Iterator[Delta]:
        citation = members(_message_of(event).get("citations"))
        index = citation.get("content_index")
        block = self._text if index is None else ("content", index if isinstance(index, int) else None)
        for annotation in map_citation(citation):
            if block is not None:
                yield Annotation(block, annotation)

    def _message_end(self, event: Json) -> Iterator[Delta]:
        self._over = True
        for call in self._calls.values():
            yield from _end(call)
        ending = members(event.get("delta"))
        if counted := members(ending.get("usage")):
            yield Usage(map_usage(counted))
        reason = ending.get("finish_reason")
        if isinstance(reason, str) and reason in FAILURES:
            said = _read(ending.get("error"), "error")
            yield Failed(map_error_in_stream({"message": said or FAILURES[reason]}))
            return
        stopped = FINISH_REASONS.get(reason) if isinstance(reason, str) else None
        if stopped is None:
            unknown("cohere_chat", f"finish reason {reason!r}")
            stopped = "end"
        yield Stopped("tool_calls" if self._called and stopped == "end" else stopped)

    def _other(self, event: Json, kind: Any) -> Iterator[Delta]:
        if isinstance(kind, str) and kind in SILENT:
            return
        if event.get("error") or isinstance(event.get("message"), str):
            self._over = True
            yield Failed(map_error_in_stream(event))
        else:
            unknown("cohere_chat", f"event {kind!r}" if isinstance(kind, str) else "an event without a type")


def _end(call: _Call) -> Iterator[Delta]:
    if call.unwrapper is not None and (rest := call.unwrapper.end()):
        yield ToolArguments(call.block, rest)
    yield BlockEnded(call.block)


def _message_of(event: Json) -> Json:
    return members(members(event.get("delta")).get("message"))


def _key(event: Json) -> int | None:
    """Which content or call an event is about."""
    index = event.get("index")
    return index if isinstance(index, int) else None


def _read(value: Any, what: str) -> str:
    return value if isinstance(value, str) else read_text(value, "cohere_chat", what)

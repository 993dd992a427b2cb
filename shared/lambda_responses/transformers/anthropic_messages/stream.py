"""A Messages stream as deltas. https://platform.claude.com/docs/en/build-with-claude/streaming"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, cast

from lambda_responses.stream.deltas import (
    Delta,
    Envelope,
    Failed,
    Opaque,
    Refusal,
    Stopped,
    StopReason,
    Text,
    Usage,
)
from lambda_responses.transformers.anthropic_messages.blocks import (
    FORMAT,
    AnswerReader,
    BlockReader,
    CallReader,
    CompactionReader,
    KeptReader,
    TextReader,
    TextRun,
    ThinkingReader,
)
from lambda_responses.transformers.anthropic_messages.errors import map_error_in_stream, map_exception
from lambda_responses.transformers.anthropic_messages.hosted import HostedCall, unanswered
from lambda_responses.transformers.anthropic_messages.plan import plan_turn
from lambda_responses.transformers.anthropic_messages.replay import CONTAINER, blocks_of
from lambda_responses.transformers.anthropic_messages.usage import map_usage
from lambda_responses.transformers.base import unknown
from lambda_responses.transformers.readings import members, read_objects, read_text
from lambda_responses.wire.json import from_text

if TYPE_CHECKING:
    from lambda_responses.transformers.anthropic_messages.profile import MessagesProfile
    from lambda_responses.transformers.base import Turn
    from lambda_responses.wire.json import Json

STOP_REASONS: dict[str, StopReason] = {
    "end_turn": "end",
    "stop_sequence": "end",
    "tool_use": "end",
    "compaction": "end",
    "pause_turn": "pause",
    "max_tokens": "max_output_tokens",
    "model_context_window_exceeded": "max_output_tokens",
    "refusal": "content_filter",
}
"""Why a model stopped. Whether it called tools is seen from the calls, never from this."""

SERVICE_TIERS = {"standard": "default", "priority": "priority"}
"""How Anthropic calls the tier that served, in our words."""

RESULTS = "_tool_result"
"""What the types of hosted tools' results end with."""

KEPT = frozenset({"container_upload", "fallback", "mcp_tool_listing"})
"""Types of blocks that only their maker understands."""


class MessagesDecoder:
    """Reads one streamed message."""

    def __init__(self, turn: Turn, profile: MessagesProfile) -> None:
        plan = plan_turn(turn, profile)
        self._profile = plan.profile
        self._names = plan.offer.names
        self._answer_tool = plan.answer.tool["name"] if plan.answer.tool is not None else None
        self._turn = turn
        self._message_id = ""
        self._container = ""
        self._next_number = 0
        self._blocks: dict[int, BlockReader] = {}
        """The open blocks, by the stream's own index."""
        self._run: TextRun | None = None
        self._hosted: dict[str, HostedCall] = {}
        """Calls of hosted tools whose result has not come, by their ids."""
        self._last_program: int | None = None
        self._usage: Json = {}
        self._called = False
        self._refusal = ""
        self._stop: StopReason | None = None
        self._over = False

    @property
    def over(self) -> bool:
        """After `message_stop`, or a fault."""
        return self._over

    def feed(self, chunk: Json) -> list[Delta]:
        """What this chunk says."""
        out: list[Delta] = []
        if self._over:
            return out
        match chunk.get("type"):
            case "content_block_delta":
                self._feed_delta(chunk, out)
            case "content_block_start":
                self._begin_block(_index(chunk), members(chunk.get("content_block")), out)
            case "content_block_stop":
                self._stop_block(_index(chunk), out)
            case "message_start":
                self._begin_message(members(chunk.get("message")), out)
            case "message_delta":
                self._feed_ending(chunk, out)
            case "message_stop":
                self._finish(out)
            case "ping":
                pass
            case "error":
                self._fail(Failed(map_error_in_stream(chunk)), out)
            case kind:
                self._feed_other(chunk, kind, out)
        return out

    def end(self, *, marked: bool) -> list[Delta]:
        """The end of a stream that was not told to be over: proper, if the model had said why it stops."""
        out: list[Delta] = []
        if not self._over and (marked or self._stop is not None):
            self._finish(out)
        return out

    def _feed_delta(self, chunk: Json, out: list[Delta]) -> None:
        reader = self._blocks.get(_index(chunk))
        delta = chunk.get("delta")
        if reader is None or type(delta) is not dict:
            unknown(FORMAT, "a delta of no block")
            return
        reader.feed(cast("Json", delta), out)

    # The message.

    def _begin_message(self, message: Json, out: list[Delta]) -> None:
        self._message_id = read_text(message.get("id"), FORMAT, "id")
        self._read_container(message)
        self._count(members(message.get("usage")), out)
        tier = members(message.get("usage")).get("service_tier")
        if isinstance(tier, str) and tier in SERVICE_TIERS:
            out.append(Envelope({"service_tier": SERVICE_TIERS[tier]}))
        # A turn that a running program goes on with begins with the calls that it made.
        for index, block in enumerate(read_objects(message.get("content"), FORMAT, "content")):
            self._begin_block(index, block, out)
            self._stop_block(index, out)
        self._read_stop(message)

    def _feed_ending(self, chunk: Json, out: list[Delta]) -> None:
        told = members(chunk.get("delta"))
        self._read_container(told)
        self._read_stop(told)
        self._count(members(chunk.get("usage")), out)

    def _read_stop(self, told: Json) -> None:
        reason = told.get("stop_reason")
        if reason is None:
            return
        mapped = STOP_REASONS.get(reason) if isinstance(reason, str) else None
        if mapped is None:
            unknown(FORMAT, f"stop reason {reason!r}" if isinstance(reason, str) else "a stop reason")
        self._stop = mapped or "end"
        if mapped == "content_filter":
            details = members(told.get("stop_details"))
            self._refusal = read_text(details.get("explanation"), FORMAT, "explanation")

    def _read_container(self, told: Json) -> None:
        id = members(told.get("container")).get("id")
        if isinstance(id, str):
            self._container = id

    def _count(self, counted: Json, out: list[Delta]) -> None:
        """What is counted last is right; what is not counted again still is."""
        known = {name: count for name, count in counted.items() if count is not None}
        if known:
            self._usage |= known
            out.append(Usage(map_usage(self._usage)))

    def _finish(self, out: list[Delta]) -> None:
        for index in list(self._blocks):
            self._stop_block(index, out)
        for call in self._hosted.values():
            call.give_up(self._container, out)
        if self._last_program is not None and self._container:
            out.append(Opaque(self._last_program, {CONTAINER: self._container}))
        if self._refusal:
            out.append(Refusal(self._take_number(), self._refusal))
        stop = self._stop or "end"
        out.append(Stopped("tool_calls" if self._called and stop == "end" else stop))
        self._over = True

    def _fail(self, failed: Failed, out: list[Delta]) -> None:
        self._over = True
        out.append(failed)

    # Its blocks.

    def _begin_block(self, index: int, block: Json, out: list[Delta]) -> None:
        self._stop_block(index, out)
        said = len(out)
        match kind := block.get("type"):
            case "text":
                self._run = self._run or TextRun(self._message_id)
                number, waiting = self._take_number(), bool(self._hosted)
                self._blocks[index] = TextReader(number, block, self._run, out, keep=waiting)
                return
            case "thinking":
                reader: BlockReader = ThinkingReader(
                    self._take_number(),
                    block,
                    self._message_id,
                    summary=self._profile.thinking_is_summary,
                    unsigned=self._profile.unsigned_thinking,
                    out=out,
                )
            case "tool_use":
                reader = self._begin_call(block, out)
            case "server_tool_use" | "mcp_tool_use":
                reader = self._begin_hosted(block, out)
            case "compaction":
                reader = CompactionReader(self._take_number(), block, self._message_id, out)
            case str() if kind.endswith(RESULTS):
                self._answer_hosted(block, out)
                return
            case _:
                if not isinstance(kind, str) or kind not in {*KEPT, "redacted_thinking"}:
                    unknown(FORMAT, f"block {kind if isinstance(kind, str) else ''!r}")
                reader = KeptReader(self._take_number(), block, self._message_id)
        self._blocks[index] = reader
        self._leave_text(begun=len(out) > said)

    def _stop_block(self, index: int, out: list[Delta]) -> None:
        reader = self._blocks.pop(index, None)
        if reader is not None:
            said = len(out)
            reader.stop(out)
            self._leave_text(begun=len(out) > said and not isinstance(reader, TextReader))

    def _leave_text(self, *, begun: bool) -> None:
        """Text is over once another item has begun, and goes on after a block that makes none."""
        if begun:
            self._run = None

    def _begin_call(self, block: Json, out: list[Delta]) -> BlockReader:
        name = read_text(block.get("name"), FORMAT, "name of a call")
        if name == self._answer_tool:
            return AnswerReader(self._take_number(), block)
        self._called = True
        number = self._take_number()
        if "caller" in block:
            self._last_program = number
        name, waiting = self._names.restore(name), bool(self._hosted)
        return CallReader(number, block, name, self._message_id, out, keep=waiting)

    def _begin_hosted(self, block: Json, out: list[Delta]) -> BlockReader:
        number = self._take_number()
        call = HostedCall(number, block, self._message_id, out)
        self._hosted[read_text(block.get("id"), FORMAT, "id of a call")] = call
        if call.runs_program:
            self._last_program = number
        return call

    def _answer_hosted(self, block: Json, out: list[Delta]) -> None:
        """A result comes whole, and stands beside its call."""
        number = self._take_number()
        id = read_text(block.get("tool_use_id"), FORMAT, "id of a call")
        call = self._hosted.pop(id, None)
        self._leave_text(begun=call is None or not call.shown)
        call = call or self._resume_hosted(id, number, out)
        if call is not None:
            call.answer(number, block, self._container, out)
        else:
            KeptReader(number, block, self._message_id).stop(out)

    def _resume_hosted(self, id: str, number: int, out: list[Delta]) -> HostedCall | None:
        """The call of a turn that was paused, whose result this is."""
        kept = [
            block
            for item in self._turn.items
            for _, block in blocks_of(self._turn.origins.get(item.get("id") or "", {}))
        ]
        for block in unanswered(kept):
            if block.get("id") == id:
                call = HostedCall(number, block, self._message_id, out, resumed=True)
                call.stop(out)
                return call
        return None

    def _take_number(self) -> int:
        self._next_number += 1
        return self._next_number - 1

    # What is no part of a message.

    def _feed_other(self, chunk: Json, kind: Any, out: list[Delta]) -> None:
        match chunk:
            case {"chunk": {"bytes": str(encoded)}}:
                out += self._feed_frame(encoded)
            case {"completion": text}:  # the text API of the first models
                out.append(Text(0, read_text(text, FORMAT, "completion")))
                self._read_stop(chunk)
                if self._stop is not None:
                    self._finish(out)
            case {"error": _}:
                self._fail(Failed(map_error_in_stream(chunk)), out)
            case _ if kind is None and len(chunk) == 1 and next(iter(chunk)).endswith("Exception"):
                ((name, told),) = chunk.items()
                self._fail(Failed(map_exception(name, members(told))), out)
            case _:
                unknown(FORMAT, f"event {kind!r}" if isinstance(kind, str) else f"event keys {sorted(chunk)}")

    def _feed_frame(self, encoded: str) -> list[Delta]:
        """A chunk inside of an AWS frame."""
        try:
            chunk = from_text(base64.b64decode(encoded))
        except (ValueError, binascii.Error):
            chunk = None
        if not isinstance(chunk, dict) or "chunk" in chunk:
            unknown(FORMAT, "a frame that holds no event")
            return []
        return self.feed(cast("Json", chunk))


def _index(chunk: Json) -> int:
    index = chunk.get("index")
    return index if type(index) is int else -1

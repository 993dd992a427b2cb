"""A ConverseStream answer as deltas.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStreamOutput.html. Text and
reasoning have no start; what is counted comes after the stop; faults are events of their own kinds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, cast

from lambda_responses.stream.deltas import Delta, Envelope, Failed, Stopped, StopReason, Usage
from lambda_responses.transformers.base import unknown
from lambda_responses.transformers.bedrock_converse.answer_gate import ANSWERED, WORDS, AnswerGate
from lambda_responses.transformers.bedrock_converse.blocks import (
    AnswerBlock,
    BlockName,
    CallBlock,
    ImageBlock,
    ReasoningBlock,
)
from lambda_responses.transformers.bedrock_converse.errors import is_exception, map_exception
from lambda_responses.transformers.bedrock_converse.hosted import KINDS, HostedCall, ResultBlock
from lambda_responses.transformers.bedrock_converse.known_members import EVENTS
from lambda_responses.transformers.bedrock_converse.prose import Prose, TextBlock
from lambda_responses.transformers.bedrock_converse.tools import plan_tools
from lambda_responses.transformers.bedrock_converse.usage import map_usage
from lambda_responses.transformers.readings import members, read_objects, read_text
from lambda_responses.wire.errors import UpstreamFaultError
from lambda_responses.wire.json import to_bytes

if TYPE_CHECKING:
    from lambda_responses.transformers.base import Turn
    from lambda_responses.transformers.bedrock_converse.profile import ConverseProfile
    from lambda_responses.wire.json import Json

STOP_REASONS: dict[str, StopReason] = {
    "end_turn": "end",
    "stop_sequence": "end",
    "tool_use": "end",
    "max_tokens": "max_output_tokens",
    "model_context_window_exceeded": "max_output_tokens",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "refusal": "content_filter",
}
"""Why a model stopped. Whether it called tools is seen from the calls, never from this."""

MALFORMED: dict[str, str] = {
    "malformed_model_output": "The model's output could not be read.",
    "malformed_tool_use": "The model's call of a tool could not be read.",
}
"""Stops that are faults of the model."""

SERVICE_TIERS = {"default": "default", "flex": "flex", "priority": "priority"}


_Open: TypeAlias = (
    TextBlock | ReasoningBlock | CallBlock | AnswerBlock | ImageBlock | HostedCall | ResultBlock
)


class ConverseDecoder:
    """Reads one answer, streamed or restated (`plain_answer`)."""

    def __init__(self, turn: Turn, profile: ConverseProfile) -> None:
        self._profile = profile = profile.for_model(turn.model)
        plan = plan_tools(turn, profile)
        self._names = plan.names
        self._answer_name = plan.answer_name
        self._gate = AnswerGate() if plan.answer_name is not None else None
        self._prose = Prose(profile.leaked_thinking)
        self._open: dict[int, _Open] = {}
        self._hosted: dict[Any, HostedCall] = {}
        self._begun = 0
        self._called = False
        self._stopped = self._counted = self._failed = False

    @property
    def over(self) -> bool:
        """After a fault, or once both the stop and the counts are known."""
        return self._failed or (self._stopped and self._counted)

    def feed(self, chunk: Json) -> list[Delta]:
        """What this event says."""
        out: list[Delta] = []
        for kind, said in chunk.items():
            if self._failed:
                break
            if type(said) is dict and kind in EVENTS:
                told = cast("Json", said)
                if not told.keys() <= EVENTS[kind]:
                    _unknown(f"{kind} keys {sorted(told.keys() - EVENTS[kind])}")
                self._on_event(kind, told, out)
            elif is_exception(kind):
                self._failed = True
                out.append(Failed(map_exception(kind, said)))
            else:
                _unknown(f"event {kind!r} that is {type(cast('object', said)).__name__}")
        return out if self._gate is None else self._gate.pass_on(out)

    def end(self, *, marked: bool) -> list[Delta]:
        """What was held back. `Stopped` was yielded when the model stopped, or not at all."""
        out: list[Delta] = []
        if not (self._failed or self._stopped):
            self._close_texts(out)
        return out if self._gate is None else [*self._gate.pass_on(out), *self._gate.end()]

    # Events.

    def _on_event(self, kind: str, told: Json, out: list[Delta]) -> None:
        """All but `messageStart`, which says that the assistant speaks."""
        match kind:
            case "contentBlockDelta":
                self._on_delta(told, out)
            case "contentBlockStart":
                self._on_start(told, out)
            case "contentBlockStop":
                self._close(_index_of(told), out)
            case "messageStop":
                self._on_message_stop(told, out)
            case "metadata":
                self._on_metadata(told, out)
            case _:
                pass

    def _on_start(self, told: Json, out: list[Delta]) -> None:
        index = _index_of(told)
        self._close(index, out)
        start = members(told.get("start"))
        for kind, said in start.items():
            match kind:
                case "toolUse":
                    self._begin_call(index, members(said), out)
                case "toolResult":
                    self._open[index] = ResultBlock(members(said))
                case "image":
                    format_name = read_text(members(said).get("format"), "bedrock_converse", "format")
                    self._open[index] = ImageBlock(self._name("image", out), format_name)
                case _:
                    _unknown(f"block start {kind!r}")

    def _on_delta(self, told: Json, out: list[Delta]) -> None:
        delta = told.get("delta")
        index = _index_of(told)
        if type(delta) is not dict:
            _unknown(f"delta that is {type(delta).__name__}")
            return
        for kind, said in cast("Json", delta).items():
            if kind == "text":
                self._on_text(index, said, out)
            else:
                self._on_other_delta(index, kind, said, out)

    def _on_text(self, index: int, said: Any, out: list[Delta]) -> None:
        block = self._open.get(index)
        if type(block) is not TextBlock:
            block = self._text_block(index, out)
        text = said if type(said) is str else _text(said, "text")
        if text:
            self._prose.feed(block, text, out)

    def _on_other_delta(self, index: int, kind: str, said: Any, out: list[Delta]) -> None:
        block = self._open.get(index)
        match kind:
            case "toolUse" if isinstance(block, (CallBlock, AnswerBlock)):
                block.feed(_arguments(members(said).get("input")), out)
            case "toolUse" if isinstance(block, HostedCall):
                block.pieces.append(_arguments(members(said).get("input")))
            case "reasoningContent":
                self._on_reasoning(index, members(said), out)
            case "citation":
                if not isinstance(block, TextBlock):
                    block = self._text_block(index, out)
                self._prose.cite(block, members(said))
            case "toolResult" if isinstance(block, ResultBlock):
                block.content += read_objects(said, "bedrock_converse", "a tool's result")
            case "image" if isinstance(block, ImageBlock):
                data = members(members(said).get("source")).get("bytes")
                block.pieces += [data] if isinstance(data, str) else []
            case _:
                _unknown(f"delta {kind!r} without a start")

    def _on_reasoning(self, index: int, said: Json, out: list[Delta]) -> None:
        block = self._open.get(index)
        if not isinstance(block, ReasoningBlock):
            self._close(index, out)
            block = ReasoningBlock(self._name("reasoning", out), self._profile.reasoning_is_summary)
            self._open[index] = block
        for kind, piece in said.items():
            text = _text(piece, kind)
            if kind == "text":
                block.feed(text, out)
            elif kind == "signature":
                block.signature += text
            elif kind == "redactedContent":
                block.redacted.append(text)
            else:
                _unknown(f"reasoning {kind!r}")

    def _on_message_stop(self, told: Json, out: list[Delta]) -> None:
        if self._stopped:
            return
        self._close_all(out)
        said = told.get("stopReason")
        reason = said if isinstance(said, str) else ""
        if reason in MALFORMED:
            self._failed = True
            out.append(Failed(UpstreamFaultError(MALFORMED[reason])))
            return
        mapped = STOP_REASONS.get(reason)
        if mapped is None:
            _unknown(f"stop reason {reason!r}")
            mapped = "end"
        self._stopped = True
        out.append(Stopped("tool_calls" if self._called and mapped == "end" else mapped))

    def _on_metadata(self, told: Json, out: list[Delta]) -> None:
        self._counted = True
        if counted := members(told.get("usage")):
            out.append(Usage(map_usage(counted)))
        tier = members(told.get("serviceTier")).get("type")
        if isinstance(tier, str) and tier in SERVICE_TIERS:
            out.append(Envelope({"service_tier": SERVICE_TIERS[tier]}))

    # Blocks.

    def _text_block(self, index: int, out: list[Delta]) -> TextBlock:
        self._close(index, out)
        self._begun += 1
        block = self._prose.begin((WORDS, self._begun))
        self._open[index] = block
        return block

    def _begin_call(self, index: int, told: Json, out: list[Delta]) -> None:
        name = _text(told.get("name"), "name of a call")
        id = _text(told.get("toolUseId"), "id of a call")
        if told.get("type") == "server_tool_use":
            if name in KINDS:
                call = HostedCall(self._name("hosted", out), KINDS[name], told)
                self._open[index] = self._hosted[id] = call
            else:
                _unknown(f"server tool {name!r}")
            return
        if name == self._answer_name:
            self._open[index] = AnswerBlock(self._name(ANSWERED, out))
            return
        block_name = self._name("call", out)
        self._called = True
        self._open[index] = call = CallBlock(block_name)
        call.begin(id, self._names.restore(name), out)

    def _name(self, kind: str, out: list[Delta]) -> BlockName:
        """A name for a block that is no text, which ends the text before it."""
        self._prose.end(out)
        self._begun += 1
        return kind, self._begun

    def _close(self, index: int, out: list[Delta]) -> None:
        block = self._open.pop(index, None)
        match block:
            case None:
                pass
            case TextBlock():
                self._prose.end_block(block, out)
            case HostedCall():
                block.begin(out)
            case ResultBlock():
                self._end_hosted(block, out)
            case _:
                block.end(out)

    def _end_hosted(self, result: ResultBlock, out: list[Delta]) -> None:
        id = result.told.get("toolUseId")
        call = self._hosted.pop(id, None) if isinstance(id, str) else None
        if call is None or not call.item:
            _unknown("result of no call")
        else:
            call.end(result, out)

    def _close_all(self, out: list[Delta]) -> None:
        for index in list(self._open):
            self._close(index, out)
        self._close_texts(out)

    def _close_texts(self, out: list[Delta]) -> None:
        """Tell what was held back; what else is open may have been cut."""
        for block in self._open.values():
            if isinstance(block, TextBlock):
                self._prose.end_block(block, out)
        if not self._called:
            self._prose.tell_blank(out)
        self._prose.end(out)


def _index_of(told: Json) -> int:
    """A block's number; what has none is about the same one."""
    index = told.get("contentBlockIndex")
    return index if type(index) is int else -1


def _arguments(said: Any) -> str:
    """A piece of JSON text; an object where it was parsed on the way."""
    return said if isinstance(said, str) else "" if said is None else to_bytes(said).decode()


def _text(value: Any, what: str) -> str:
    return value if isinstance(value, str) else read_text(value, "bedrock_converse", what)


def _unknown(what: str) -> None:
    unknown("bedrock_converse", what)

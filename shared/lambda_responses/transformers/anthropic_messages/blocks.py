"""Content blocks while they arrive: what each says, and what of it is kept for its maker.

A block begins with as much of it as is known, grows by deltas, and stops. A reader is told all three.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from lambda_responses.stream.deltas import (
    Annotation,
    BlockEnded,
    Delta,
    ItemOpened,
    Opaque,
    Reasoning,
    Text,
    ToolArguments,
    ToolCall,
)
from lambda_responses.transformers.anthropic_messages.citations import map_citation
from lambda_responses.transformers.anthropic_messages.replay import origin_of
from lambda_responses.transformers.base import unknown
from lambda_responses.transformers.readings import members, read_objects, read_text
from lambda_responses.transformers.tool_names import InputUnwrapper
from lambda_responses.wire.json import from_text, to_bytes

if TYPE_CHECKING:
    from lambda_responses.transformers.tool_names import ToolName
    from lambda_responses.wire.json import Json

FORMAT = "anthropic_messages"


class BlockReader(Protocol):
    """Reads one block."""

    def feed(self, delta: Json, out: list[Delta]) -> None:
        """A `content_block_delta`'s delta."""
        ...

    def stop(self, out: list[Delta]) -> None:
        """The block is whole, or nothing more comes of it."""
        ...


class TextRun:
    """The text blocks that become one text: all of them are kept, if one is cited or they are several.

    So they are too where they come while a hosted tool works, whose result stands behind them.
    """

    def __init__(self, message_id: str) -> None:
        self._message_id = message_id
        self._unkept: list[tuple[int, Json]] = []
        self._keeps = False

    def stop(self, number: int, block: Json, out: list[Delta], *, keep: bool) -> None:
        """A further block of the run is whole."""
        self._unkept.append((number, block))
        self._keeps = self._keeps or keep or len(self._unkept) > 1 or "citations" in block
        if self._keeps:
            out.append(Opaque(number, origin_of(self._message_id, self._unkept)))
            self._unkept = []


class TextReader:
    """A text block. What is cited comes before the text that cites it."""

    def __init__(self, number: int, block: Json, run: TextRun, out: list[Delta], *, keep: bool) -> None:
        self._number = number
        self._run = run
        self._keep = keep
        self._said: list[str] = []
        self._citations: list[Json] = read_objects(block.get("citations"), FORMAT, "citations")
        if text := block.get("text"):
            self._say(text, out)

    def feed(self, delta: Json, out: list[Delta]) -> None:
        """A piece of text, or a citation."""
        kind = delta.get("type")
        if kind == "text_delta":
            self._say(delta.get("text"), out)
        elif kind == "citations_delta":
            self._citations.append(members(delta.get("citation")))
        else:
            unknown(FORMAT, f"{_said(kind)} in text")

    def stop(self, out: list[Delta]) -> None:
        """Citations are about the whole block."""
        text = "".join(self._said)
        if not text:
            return
        block: Json = {"type": "text", "text": text}
        if self._citations:
            block["citations"] = self._citations
        for citation in self._citations:
            annotation = map_citation(citation, len(text))
            if annotation is not None:
                out.append(Annotation(self._number, annotation))
        self._run.stop(self._number, block, out, keep=self._keep)
        out.append(BlockEnded(self._number))

    def _say(self, text: Any, out: list[Delta]) -> None:
        if type(text) is not str:
            text = read_text(text, FORMAT, "text")
        if text:
            self._said.append(text)
            out.append(Text(self._number, text))


class ThinkingReader:
    """A thinking block: the thought, or a summary of it, or nothing but its signature."""

    def __init__(
        self, number: int, block: Json, message_id: str, *, summary: bool, unsigned: bool, out: list[Delta]
    ) -> None:
        self._number = number
        self._message_id = message_id
        self._summary = summary
        self._unsigned = unsigned
        self._thought: list[str] = []
        self._signature = read_text(block.get("signature"), FORMAT, "signature")
        self._think(block.get("thinking"), out)

    def feed(self, delta: Json, out: list[Delta]) -> None:
        """A piece of the thought, or of its signature."""
        kind = delta.get("type")
        if kind == "thinking_delta":
            self._think(delta.get("thinking"), out)
        elif kind == "signature_delta":
            self._signature += read_text(delta.get("signature"), FORMAT, "signature")
        else:
            unknown(FORMAT, f"{_said(kind)} in thinking")

    def stop(self, out: list[Delta]) -> None:
        """Keep it, signature and all; one that was cut before its signature is worth nothing to its maker."""
        thought = "".join(self._thought)
        if self._signature or (self._unsigned and thought):
            block = {"type": "thinking", "thinking": thought, "signature": self._signature}
            out.append(Opaque(self._number, origin_of(self._message_id, [(self._number, block)])))
        if self._signature or thought:
            out.append(BlockEnded(self._number))

    def _think(self, text: Any, out: list[Delta]) -> None:
        text = read_text(text, FORMAT, "thinking")
        if text:
            self._thought.append(text)
            out.append(Reasoning(self._number, text, self._summary))


class InputPieces:
    """The input of a tool: an object at the block's beginning, or JSON text in pieces."""

    def __init__(self, block: Json) -> None:
        self._begun: Any = block.get("input")
        self._pieces: list[str] = []

    def read(self, delta: Json) -> str:
        """The piece in a delta."""
        kind = delta.get("type")
        if kind != "input_json_delta":
            unknown(FORMAT, f"{_said(kind)} in a tool's input")
            return ""
        text = read_text(delta.get("partial_json"), FORMAT, "partial_json")
        if text:
            self._pieces.append(text)
        return text

    @property
    def unsaid(self) -> str:
        """The input as JSON text, where no piece has come."""
        if self._pieces:
            return ""
        return to_bytes(members(self._begun)).decode()

    def whole(self) -> Json | None:
        """The input as an object; None where it was cut."""
        if not self._pieces:
            return members(self._begun)
        try:
            value = from_text("".join(self._pieces))
        except ValueError:
            return None
        return members(value)


class CallReader:
    """A call of a client's tool."""

    def __init__(
        self, number: int, block: Json, name: ToolName, message_id: str, out: list[Delta], *, keep: bool
    ) -> None:
        self._number = number
        self._block = block
        caller = members(block.get("caller"))
        self._keep = keep or caller.get("type", "direct") != "direct"
        self._message_id = message_id
        self._input = InputPieces(block)
        self._unwrapper = InputUnwrapper() if name.kind == "custom_tool_call" else None
        id = read_text(block.get("id"), FORMAT, "id of a call")
        out.append(ToolCall(number, id, name.name, name.kind, name.namespace))

    def feed(self, delta: Json, out: list[Delta]) -> None:
        """A piece of the arguments."""
        self._pass_on(self._input.read(delta), out)

    def stop(self, out: list[Delta]) -> None:
        """Arguments that came at once; what an item cannot say is kept: who called, or between what."""
        self._pass_on(self._input.unsaid, out)
        if self._unwrapper is not None and (rest := self._unwrapper.end()):
            out.append(ToolArguments(self._number, rest))
        if self._keep and (whole := self._input.whole()) is not None:
            block = {**self._block, "input": whole}
            out.append(Opaque(self._number, origin_of(self._message_id, [(self._number, block)])))
        out.append(BlockEnded(self._number))

    def _pass_on(self, text: str, out: list[Delta]) -> None:
        if self._unwrapper is not None:
            text = self._unwrapper.feed(text)
        if text:
            out.append(ToolArguments(self._number, text))


class AnswerReader:
    """A call of the tool that stands for an answer: its arguments are the text."""

    def __init__(self, number: int, block: Json) -> None:
        self._number = number
        self._input = InputPieces(block)

    def feed(self, delta: Json, out: list[Delta]) -> None:
        """A piece of the answer."""
        if text := self._input.read(delta):
            out.append(Text(self._number, text))

    def stop(self, out: list[Delta]) -> None:
        """An answer that came with the beginning."""
        if text := self._input.unsaid:
            out.append(Text(self._number, text))
        out.append(BlockEnded(self._number))


class CompactionReader:
    """What the conversation so far comes to, in the maker's words and for the maker alone."""

    def __init__(self, number: int, block: Json, message_id: str, out: list[Delta]) -> None:
        self._number = number
        self._block = dict(block)
        self._message_id = message_id
        out.append(ItemOpened(number, {"type": "compaction", "encrypted_content": ""}))

    def feed(self, delta: Json, out: list[Delta]) -> None:
        """Members of the block, whole or in pieces."""
        for name, value in delta.items():
            if name == "type":
                continue
            before = self._block.get(name)
            both = isinstance(before, str) and isinstance(value, str)
            self._block[name] = f"{before}{value}" if both else value

    def stop(self, out: list[Delta]) -> None:
        """Keep it."""
        out.append(Opaque(self._number, origin_of(self._message_id, [(self._number, self._block)])))
        out.append(BlockEnded(self._number))


class KeptReader:
    """A block with nothing to see in it, which its maker wants back as it came."""

    def __init__(self, number: int, block: Json, message_id: str) -> None:
        self._number = number
        self._block = block
        self._message_id = message_id

    def feed(self, delta: Json, out: list[Delta]) -> None:
        """Such a block comes whole."""
        unknown(FORMAT, f"{_said(delta.get('type'))} in {_said(self._block.get('type'))}")

    def stop(self, out: list[Delta]) -> None:
        """Keep it."""
        out.append(Opaque(self._number, origin_of(self._message_id, [(self._number, self._block)])))
        out.append(BlockEnded(self._number))


def _said(kind: Any) -> str:
    return repr(kind) if isinstance(kind, str) else "something"

"""Content blocks of an answer while they are open, but for text (`prose`) and hosted tools (`hosted`)."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambda_responses.stream.deltas import (
    BlockEnded,
    Delta,
    ItemOpened,
    Opaque,
    Reasoning,
    Text,
    ToolArguments,
    ToolCall,
)
from lambda_responses.transformers.tool_names import InputUnwrapper

if TYPE_CHECKING:
    from lambda_responses.transformers.tool_names import ToolName
    from lambda_responses.wire.json import Json

BlockName = tuple[str, int]


@dataclass(slots=True, eq=False)
class ReasoningBlock:
    """Thoughts, with the signature by which their maker knows them again, or closed to everyone else."""

    name: BlockName
    summary: bool
    pieces: list[str] = field(default_factory=list[str])
    signature: str = ""
    redacted: list[str] = field(default_factory=list[str])
    """Bytes in base64."""

    def feed(self, text: str, out: list[Delta]) -> None:
        """A piece of what may be seen."""
        self.pieces.append(text)
        out.append(Reasoning(self.name, text, self.summary))

    def end(self, out: list[Delta]) -> None:
        """Keep what is signed or closed: both go back to the letter. Other thoughts would be refused."""
        if self.redacted:
            out.append(Opaque(self.name, _kept({"redactedContent": _joined(self.redacted)})))
        elif self.signature:
            text = {"text": "".join(self.pieces), "signature": self.signature}
            out.append(Opaque(self.name, _kept({"reasoningText": text})))
        out.append(BlockEnded(self.name))


def _kept(reasoning: Json) -> Json:
    return {"content": [{"reasoningContent": reasoning}]}


def _joined(pieces: list[str]) -> str:
    """Base64 of the bytes in all pieces, each of which is padded for itself."""
    if len(pieces) == 1:
        return pieces[0]
    try:
        return base64.b64encode(b"".join(map(base64.b64decode, pieces))).decode()
    except ValueError:
        return "".join(pieces)


@dataclass(slots=True, eq=False)
class CallBlock:
    """A call of a client's tool."""

    name: BlockName
    unwrapper: InputUnwrapper | None = None

    def begin(self, id: str, tool: ToolName, out: list[Delta]) -> None:
        """The call as the client knows the tool."""
        if tool.kind == "custom_tool_call":
            self.unwrapper = InputUnwrapper()
        out.append(ToolCall(self.name, id, tool.name, tool.kind, tool.namespace))

    def feed(self, text: str, out: list[Delta]) -> None:
        """A piece of its arguments."""
        if self.unwrapper is not None:
            text = self.unwrapper.feed(text)
        if text:
            out.append(ToolArguments(self.name, text))

    def end(self, out: list[Delta]) -> None:
        """The rest of a custom tool's input."""
        rest = self.unwrapper.end() if self.unwrapper is not None else ""
        if rest:
            out.append(ToolArguments(self.name, rest))
        out.append(BlockEnded(self.name))


@dataclass(slots=True, eq=False)
class AnswerBlock:
    """The call whose arguments are the answer (`answer_format`)."""

    name: BlockName

    def feed(self, text: str, out: list[Delta]) -> None:
        """A piece of the answer."""
        if text:
            out.append(Text(self.name, text))

    def end(self, out: list[Delta]) -> None:
        """The answer is whole."""
        out.append(BlockEnded(self.name))


@dataclass(slots=True, eq=False)
class ImageBlock:
    """A picture that the model made."""

    name: BlockName
    format: str
    pieces: list[str] = field(default_factory=list[str])
    """Bytes in base64."""

    def end(self, out: list[Delta]) -> None:
        """The item, once the picture is there."""
        if self.pieces:
            item: dict[str, Any] = {"type": "image_generation_call", "output_format": self.format}
            out.append(ItemOpened(self.name, {**item, "status": "in_progress", "result": None}))
            whole = {**item, "status": "completed", "result": _joined(self.pieces)}
            out.append(BlockEnded(self.name, whole))

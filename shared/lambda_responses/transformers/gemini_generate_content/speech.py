"""What a model says and thinks, in blocks, and where its signatures are kept meanwhile (see `origins`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from lambda_responses.stream.deltas import Annotation, BlockEnded, Delta, Opaque, Reasoning, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lambda_responses.stream.deltas import Block
    from lambda_responses.wire.json import Json


class Speech:
    """The open block of text or thoughts of one answer.

    `seals` says that the client brings back reasoning items alone. `cite` gives the citations on a text.
    """

    def __init__(self, *, seals: bool, cite: Callable[[str], Iterable[Json]]) -> None:
        self.at: Literal["text", "reasoning"] | None = None
        """What is open."""
        self.wrote = False
        """Whether there has been any text."""
        self._seals = seals
        self._cite = cite
        self._block: Block = ("", 0)
        self._blocks = 0
        self._pieces: list[str] = []
        """The open block's text."""
        self._signed: list[list[Any]] = []
        """The runs of that text that were signed parts."""
        self._parts: list[Json] = []
        """Parts that make no item."""
        self._riding: list[list[Any]] = []
        """Items, by type, with what is kept of them: what a reasoning item has yet to carry."""
        self._following: list[Any] | None = None
        """The same of the item that comes next."""

    def say(self, text: str, logprobs: Sequence[Json], out: list[Delta]) -> None:
        """A piece of the answer."""
        if self.at != "text":
            self._begin("text", out)
        self._pieces.append(text)
        out.append(Text(self._block, text, logprobs))

    def say_signed(self, text: str, signature: str, logprobs: Sequence[Json], out: list[Delta]) -> None:
        """A piece of the answer that was signed, be it empty."""
        if not text and self.at != "text":
            self.keep_part({"text": "", "thoughtSignature": signature}, out)
        elif self._seals and self.at != "text":
            self.seal(out, following=["message", {"signed": [[0, len(text), signature]]}])
            self.say(text, logprobs, out)
        else:
            if self.at != "text":
                self._begin("text", out)
            self._sign(text, signature)
            if text:
                self.say(text, logprobs, out)

    def think(self, text: str, signature: str, out: list[Delta]) -> None:
        """A piece of a summary of the model's thoughts."""
        if self.at != "reasoning":
            self._begin("reasoning", out)
        if signature:
            self._sign(text, signature)
        self._pieces.append(text)
        out.append(Reasoning(self._block, text, summary=True))

    def keep(self, block: Block, kind: str, kept: Json, out: list[Delta]) -> None:
        """Keep that of the item of that type which the block has made."""
        if self._seals:
            if kept or self._riding:
                self._riding.append([kind, kept])
        elif kept:
            out.append(Opaque(block, kept))

    def keep_part(self, part: Json, out: list[Delta]) -> None:
        """Keep a part that makes no item, in its place."""
        if self.at != "reasoning":
            self._begin("reasoning", out)
        self._parts.append(part)
        self.leave(out)

    def seal(self, out: list[Delta], *, following: list[Any] | None = None) -> None:
        """A reasoning item that carries what others cannot: the open one, or one with nothing to see."""
        if self.at != "reasoning":
            self._begin("reasoning", out)
        self._following = following
        self.leave(out)

    def leave(self, out: list[Delta]) -> None:
        """Something else begins."""
        if self.at == "text":
            for annotation in self._cite("".join(self._pieces)):
                out.append(Annotation(self._block, annotation))
            self.keep(self._block, "message", {"signed": self._signed} if self._signed else {}, out)
        elif self.at == "reasoning":
            kept: Json = {"signed": self._signed}
            if self._parts:
                kept["parts"] = self._parts
            if self._riding:
                kept["before"] = self._riding
            if self._following:
                kept["next"] = self._following
            self._parts, self._riding, self._following = [], [], None
            out.append(Opaque(self._block, kept))
        else:
            return
        out.append(BlockEnded(self._block))
        self.at = None

    def end(self, out: list[Delta]) -> None:
        """Nothing more comes."""
        self.leave(out)
        if self._riding:
            self.seal(out)

    def _begin(self, kind: Literal["text", "reasoning"], out: list[Delta]) -> None:
        self.leave(out)
        self._blocks += 1
        self._block = (kind, self._blocks)
        self._pieces, self._signed = [], []
        self.at = kind
        self.wrote = self.wrote or kind == "text"

    def _sign(self, text: str, signature: str) -> None:
        start = sum(map(len, self._pieces))
        self._signed.append([start, start + len(text), signature])

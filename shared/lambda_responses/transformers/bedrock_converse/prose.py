"""What a model says in text: runs of blocks, with their citations, that make one message each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambda_responses.stream.deltas import Annotation, BlockEnded, Delta, Opaque, Reasoning, Text
from lambda_responses.transformers.bedrock_converse.citations import map_citation
from lambda_responses.transformers.think_tags import ThinkTags

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json


@dataclass(slots=True, eq=False)
class TextBlock:
    """One text, and what it cites."""

    name: tuple[str, int]
    pieces: list[str] = field(default_factory=list[str])
    said: int = 0
    """Characters passed on under the block's name."""
    citations: list[Json] = field(default_factory=list["Json"])
    leaked: ThinkTags | None = None

    def as_block(self) -> Json:
        """The block as Converse takes it back."""
        text = [{"text": "".join(self.pieces)}] if self.pieces else []
        if self.citations:
            return {"citationsContent": {**({"content": text} if text else {}), "citations": self.citations}}
        return text[0] if text else {"text": ""}


class Prose:
    """Passes text on: white space only if words follow or nothing else, and leaked thinking as what it is."""

    def __init__(self, tag: str) -> None:
        self._tag = tag
        self._run: list[TextBlock] = []
        self._held = ""
        """White space that no words have followed yet."""
        self._spoke = False
        """Whether an earlier run said something."""
        self._speaking: TextBlock | None = None
        """The latest block that said something in this run."""

    def begin(self, name: tuple[str, int]) -> TextBlock:
        """A further block; thinking can leak at the beginning of the first."""
        leaked = ThinkTags(self._tag) if self._tag and not self._run else None
        block = TextBlock(name, leaked=leaked)
        self._run.append(block)
        return block

    def feed(self, block: TextBlock, piece: str, out: list[Delta]) -> None:
        """A piece of that block's text."""
        if block.leaked is not None:
            thought, piece = block.leaked.feed(piece)
            if thought:
                out.append(Reasoning(("leaked", block.name), thought))
            if not piece:
                return
            self._end_thought(block, out)
        self._say(block, piece, out)

    def cite(self, block: TextBlock, citation: Json) -> None:
        """A source of what the block says; told when the block ends, which is when its length is known."""
        block.citations.append(citation)

    def end_block(self, block: TextBlock, out: list[Delta]) -> None:
        """Nothing more comes for it. A block that only cites is about the text before it."""
        self._release(block, out)
        about = block if block.said else self._speaking
        for citation in block.citations if about is not None else ():
            annotation = map_citation(citation, 0, about.said if about else 0)
            if annotation is not None and about is not None:
                out.append(Annotation(about.name, annotation))

    def end(self, out: list[Delta]) -> None:
        """Something else begins, or the answer is over. Where text alone is less, the blocks are kept."""
        run, self._run = self._run, []
        if self._speaking is not None:
            blocks = [block.as_block() for block in run if block.pieces or block.citations]
            if len(blocks) > 1 or any(block.citations for block in run):
                out.append(Opaque(self._speaking.name, {"content": blocks}))
            out.append(BlockEnded(self._speaking.name))
        self._spoke = self._spoke or self._speaking is not None
        self._held, self._speaking = "", None

    def tell_blank(self, out: list[Delta]) -> None:
        """The answer is over, and white space is all that was said: then that is what was said."""
        held, self._held = self._held, ""
        if held and self._run and not self._spoke:
            self._speaking = block = self._run[-1]
            block.said += len(held)
            out.append(Text(block.name, held))

    def _say(self, block: TextBlock, piece: str, out: list[Delta]) -> None:
        block.pieces.append(piece)
        if self._speaking is None:
            if not piece.strip():
                self._held += piece
                return
            piece, self._held = self._held + piece, ""
        self._speaking = block
        block.said += len(piece)
        out.append(Text(block.name, piece))

    def _release(self, block: TextBlock, out: list[Delta]) -> None:
        if block.leaked is not None:
            thought, text = block.leaked.end()
            if thought:
                out.append(Reasoning(("leaked", block.name), thought))
            self._end_thought(block, out)
            if text:
                self._say(block, text, out)

    def _end_thought(self, block: TextBlock, out: list[Delta]) -> None:
        """The thought is over; its maker sees it again as it wrote it."""
        leaked, block.leaked = block.leaked, None
        if leaked is not None and (verbatim := leaked.verbatim):
            name: Any = ("leaked", block.name)
            out.append(Opaque(name, {"leaked": verbatim}))
            out.append(BlockEnded(name))

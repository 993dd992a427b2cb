"""Where a call is to be the answer (`answer_format`): nothing may stand beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from lambda_responses.stream.deltas import Failed, Stopped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lambda_responses.stream.deltas import Delta
    from lambda_responses.transformers.bedrock_converse.blocks import BlockName

WORDS = "text"
"""The kind of the names of blocks of text."""
ANSWERED = "answer"
"""The same of calls that are the answer."""


class AnswerGate:
    """Holds words back, and what follows them, until it is known whether a call gives the answer.

    Where one does, no words are told, be they before it or after it, nor a second answer; where none does,
    everything is told in its order.
    """

    def __init__(self) -> None:
        self._held: list[Delta] = []
        self._answer: BlockName | None = None

    def pass_on(self, deltas: Iterable[Delta]) -> list[Delta]:
        """What of this may be told by now."""
        out: list[Delta] = []
        for delta in deltas:
            self._take(delta, out)
        return out

    def end(self) -> list[Delta]:
        """What is still held back: there is no answer."""
        held, self._held = self._held, []
        return held

    def _take(self, delta: Delta, out: list[Delta]) -> None:
        block: Any = getattr(delta, "block", None)
        kind = _kind_of(block)
        if kind == ANSWERED and self._answer is None:
            self._answer = block
            out += (held for held in self.end() if _kind_of(getattr(held, "block", None)) != WORDS)
        if isinstance(delta, (Stopped, Failed)):
            out += self.end()
        if self._answer is not None and (kind == WORDS or (kind == ANSWERED and block != self._answer)):
            return
        if self._answer is None and (kind == WORDS or self._held):
            self._held.append(delta)
        else:
            out.append(delta)


def _kind_of(block: Any) -> str:
    return cast("BlockName", block)[0] if isinstance(block, tuple) else ""

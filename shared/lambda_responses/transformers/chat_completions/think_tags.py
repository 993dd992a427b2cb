"""Reasoning that a model writes into its answer: `<think>…</think>` before the text."""

from __future__ import annotations

from typing import Literal

_OPEN, _CLOSE = "<think>", "</think>"


class ThinkTags:
    """Tells reasoning from text, wherever the pieces are cut. Tags count only at the very beginning."""

    def __init__(self) -> None:
        self._state: Literal["start", "thinking", "thought", "text"] = "start"
        self._held = ""

    def feed(self, piece: str) -> tuple[str, str]:
        """The reasoning and the text that this piece makes certain."""
        match self._state:
            case "text":
                return "", piece
            case "start":
                return self._at_start(piece)
            case "thinking":
                return self._in_thought(piece)
            case "thought":
                return "", self._after_thought(piece)

    def end(self) -> tuple[str, str]:
        """What was held back, now that nothing follows."""
        held, self._held = self._held, ""
        return (held, "") if self._state == "thinking" else ("", held)

    def _at_start(self, piece: str) -> tuple[str, str]:
        said = self._held + piece
        stripped = said.lstrip()
        if stripped.startswith(_OPEN):
            self._state, self._held = "thinking", ""
            return self._in_thought(stripped[len(_OPEN) :])
        if _OPEN.startswith(stripped):
            self._held = said
            return "", ""
        self._state, self._held = "text", ""
        return "", said

    def _in_thought(self, piece: str) -> tuple[str, str]:
        thought, closed, text = (self._held + piece).partition(_CLOSE)
        if closed:
            self._state, self._held = "thought", ""
            return thought, self._after_thought(text)
        kept = next((n for n in range(len(_CLOSE) - 1, 0, -1) if thought.endswith(_CLOSE[:n])), 0)
        self._held = thought[len(thought) - kept :]
        return thought[: len(thought) - kept], ""

    def _after_thought(self, piece: str) -> str:
        """Text after the closing tag, without the blank lines between."""
        text = piece.lstrip()
        if text:
            self._state = "text"
        return text

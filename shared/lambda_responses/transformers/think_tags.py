"""Reasoning that a model writes into its answer, in a tag before the text: `<think>…</think>`."""

from __future__ import annotations

from typing import Literal


class ThinkTags:
    """Tells reasoning from text, wherever the pieces are cut. The tag counts only at the very beginning."""

    def __init__(self, tag: str = "think") -> None:
        self._opening = f"<{tag}>"
        self._closing = f"</{tag}>"
        self._state: Literal["start", "thinking", "thought", "text"] = "start"
        self._held = ""
        self._said: list[str] = []

    @property
    def verbatim(self) -> str:
        """All that was said before the text, tags and space between included; empty if there was no tag."""
        return "".join(self._said)

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
        if stripped.startswith(self._opening):
            self._state, self._held = "thinking", ""
            self._said.append(said[: len(said) - len(stripped) + len(self._opening)])
            return self._in_thought(stripped[len(self._opening) :])
        if self._opening.startswith(stripped):
            self._held = said
            return "", ""
        self._state, self._held = "text", ""
        return "", said

    def _in_thought(self, piece: str) -> tuple[str, str]:
        self._said.append(piece)
        thought, closed, text = (self._held + piece).partition(self._closing)
        if closed:
            self._state, self._held = "thought", ""
            self._said[-1] = piece[: len(piece) - len(text)]
            return thought, self._after_thought(text)
        most = len(self._closing) - 1
        kept = next((n for n in range(most, 0, -1) if thought.endswith(self._closing[:n])), 0)
        self._held = thought[len(thought) - kept :]
        return thought[: len(thought) - kept], ""

    def _after_thought(self, piece: str) -> str:
        """Text after the closing tag, without the blank lines between."""
        text = piece.lstrip()
        self._said.append(piece[: len(piece) - len(text)])
        if text:
            self._state = "text"
        return text

"""OpenRouter's `reasoning_details`: reasoning in signed or sealed pieces that go back as they came.

https://openrouter.ai/docs/use-cases/reasoning-tokens
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.wire.json import Json

_GROWING = ("text", "summary")


class ReasoningDetails:
    """Puts fragments together again: text grows, everything else is what was said last."""

    def __init__(self) -> None:
        self._whole: dict[Any, Json] = {}
        self._saved = True

    def add(self, fragments: Sequence[Json]) -> None:
        """Take the fragments of one chunk."""
        for fragment in fragments:
            self._saved = False
            index = fragment.get("index")
            key = (
                _name(fragment.get("type")),
                _name(index) if index is not None else len(self._whole),
                _name(fragment.get("id")) if fragment.get("data") else None,
            )
            whole = self._whole.setdefault(key, {})
            for name, value in fragment.items():
                if name in _GROWING and isinstance(value, str):
                    before = whole.get(name)
                    whole[name] = before + value if isinstance(before, str) else value
                elif value is not None or name not in whole:
                    whole[name] = value

    def told(self, fragments: Sequence[Json]) -> tuple[str, bool]:
        """The readable text of fragments, and whether it is a summary."""
        pieces = (fragment.get(name) for fragment in fragments for name in _GROWING)
        text = "".join(piece for piece in pieces if isinstance(piece, str))
        return text, any(fragment.get("type") == "reasoning.summary" for fragment in fragments)

    def unsaved(self) -> list[Json]:
        """All details so far, if any came since this was asked last."""
        if self._saved:
            return []
        self._saved = True
        return list(map(dict, self._whole.values()))


def _name(value: Any) -> str | int | None:
    """What can tell fragments apart."""
    return value if isinstance(value, (str, int)) else None

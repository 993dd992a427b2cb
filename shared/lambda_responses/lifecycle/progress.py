"""How far the steps of a response have got, in whose hands they ever were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json


@dataclass(slots=True)
class Progress:
    """What the next step depends on, besides what was said."""

    steps: int = 0
    """Upstream steps that are over."""
    compacted: bool = False
    """Whether the last of them made the context shorter, which two in a row would not do."""
    tokens_used: int = 0
    """By the count of the upstream that took the last step, in which a model answered."""
    target: str | None = None
    """`provider/model` that answered."""

    @classmethod
    def of(cls, kept: Json | None) -> Progress:
        """What `kept` made of it; the very beginning for None."""
        if kept is None:
            return cls()
        return cls(kept["steps"], kept["compacted"], kept["tokens_used"], kept["target"])

    def kept(self, bookmark: Json) -> Json:
        """All that another run needs, together with the bookmark of the emitter."""
        return {
            **bookmark,
            "steps": self.steps,
            "compacted": self.compacted,
            "tokens_used": self.tokens_used,
            "target": self.target,
        }

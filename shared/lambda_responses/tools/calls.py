"""Calls of tools that this server runs, from when a model's step is over until their outcome is told."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json

SEARCH = "tool_search"
"""The name of the call by which a model asks for more tools; it has no server."""


@dataclass(frozen=True, slots=True)
class PendingCall:
    """A call that is to be run. It is kept with its response until an item tells of it."""

    call_id: str
    """Unique in its response: journals know the call by it, and models see it."""
    server_label: str
    """Empty for `tool_search`, which is ours."""
    name: str
    """The tool's own."""
    arguments: str
    """JSON text, as the model wrote it."""
    origin: Json = field(default_factory=dict[str, Any])
    """What the model's maker wants back with the call, its `call_id`, the `step` that made it and its `place`
    among the calls of that."""
    approval_request_id: str | None = None
    """The `mcpr_` item by which somebody has approved it; None where nobody had to."""
    unmade: Literal["repeated", "given_up", "unknown", "ignored"] | None = None
    """Why it is answered without being made, where it is: see `bounds.ANSWERS`."""

    def as_json(self) -> Json:
        """The call as it is kept."""
        return asdict(self)

    @classmethod
    def of(cls, kept: Json) -> PendingCall:
        """What `as_json` made of it."""
        return cls(**kept)

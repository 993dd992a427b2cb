"""What became of a message about a background response."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Outcome: TypeAlias = Literal["ended", "gone", "held", "crowded", "put_back", "lost", "given_up"]
"""- `ended`: the response has ended in this run;
- `gone`: there was nothing to be done;
- `held`: somebody else is at it;
- `crowded`: its tenant has as many under way as it may;
- `put_back`: another run goes on with it;
- `lost`: it was cancelled, deleted or taken over in the middle;
- `given_up`: no run of it could get on, or keep what it came to, so it was failed.
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The message is done with; unless `again` says in how many seconds one like it has to be sent."""

    outcome: Outcome
    again: float | None = None
    target: str | None = None
    """`provider/model` that answered."""
    key_id: str | None = None
    attempts: int = 0
    """How often the response was taken since it last got on, this time included."""

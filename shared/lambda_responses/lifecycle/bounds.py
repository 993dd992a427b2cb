"""What a run is held to, and what it is given by whoever wants it: nothing of that is in the request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.ports import Unbounded, Unclaimed, Unkept

if TYPE_CHECKING:
    from lambda_responses.lifecycle.endurance import Checkpoints, Endurance
    from lambda_responses.lifecycle.ports import Cancellation, Claim, Deadline, EventSink
    from lambda_responses.tools.port import ToolJournal


@dataclass(frozen=True, slots=True)
class RunBounds:
    """Where a run's events are kept, what may stop it, who else hears of it, and what helps it to last."""

    sink: EventSink = field(default_factory=Unkept)
    deadline: Deadline = field(default_factory=Unbounded)
    cancellation: Cancellation | None = None
    claim: Claim = field(default_factory=Unclaimed)
    checkpoints: Checkpoints | None = None
    """None where nobody takes a run up."""
    endurance: Endurance | None = None
    """None where somebody waits at the other end, and had rather hear of a fault than wait it out."""
    journal: ToolJournal | None = None
    """Remembers the calls of tools that are made for the response; None where nobody takes a run up."""

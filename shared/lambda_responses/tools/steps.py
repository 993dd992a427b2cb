"""What follows when a model's step is over: the decision of the loop, without the doing.

Server-run tools, compaction and continuation are further steps of the same loop; today's one reason for
another step is an upstream that paused in the middle of its own tools.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lambda_responses.stream.deltas import StopReason


def goes_on(stop: StopReason | None, *, progressed: bool) -> bool:
    """Whether another upstream step should follow one that ended so; one that said nothing leads nowhere."""
    return stop == "pause" and progressed

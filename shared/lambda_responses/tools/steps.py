"""What follows when a step is over: the decision of the loop, without the doing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lambda_responses.stream.deltas import StopReason


def goes_on(stop: StopReason | None, *, progressed: bool, waiting: bool = False) -> bool:
    """Whether another step should follow one that ended so.

    An upstream that paused is asked again, unless it said nothing, which leads nowhere. Where something is
    `waiting` for this server, calls to be made or a last turn to be taken, the loop sees to that.
    """
    return (stop == "pause" and (progressed or waiting)) or (stop == "tool_calls" and waiting)

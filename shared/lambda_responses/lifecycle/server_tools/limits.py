"""How long a response goes on calling tools: its bounds, what it has used of them, and the clock."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

from lambda_responses.tools.bounds import LEAST_SECONDS_LEFT, Bounds, Tally

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambda_responses.lifecycle.ports import Deadline, Services
    from lambda_responses.providers.prices import Price
    from lambda_responses.tools.bounds import Bound
    from lambda_responses.tools.calls import PendingCall
    from lambda_responses.wire.json import Json


def bounds_of(request: Json, using: Services, *, max_steps: int) -> Bounds:
    """The operator's, as far as the request does not lower them."""
    operators = Bounds(
        max_steps=max_steps,
        max_tool_calls=using.max_tool_calls,
        max_seconds=using.max_seconds or None,
        max_tokens=using.max_tokens or None,
        max_cost=using.max_cost or None,
    )
    return operators.lowered_by(request)


class Limits:
    """Those of one run. `lasts` where somebody goes on with the response when the run's `deadline` passes."""

    def __init__(
        self,
        bounds: Bounds,
        tally: Tally,
        *,
        deadline: Deadline,
        lasts: bool,
        now: Callable[[], float],
    ) -> None:
        self.bounds = bounds
        self.tally = tally
        self.deadline = deadline
        self.reached: Bound | None = None
        """What ended the calling, if something has: the step that was begun last is the last one."""
        self._lasts = lasts
        self._now = now
        self._begun_at = self._turn_at = now()

    @property
    def kept(self) -> Json:
        """What was used so far, as it is kept."""
        return self.tally.kept(self._seconds)

    def admit(self, call: PendingCall) -> PendingCall:
        """Count an approved call, and have it told of as not made where there have been enough.

        However often it was made before, and whatever its server did: somebody wants it.
        """
        admission = self.tally.admit(self.bounds, call.server_label, call.name, call.arguments)
        return replace(call, unmade=admission) if admission == "ignored" else call

    def begin_turn(self) -> None:
        """A model is asked next; for the last time, where a bound is reached."""
        self._turn_at = self._now()
        if self.tally.steps or self.tally.calls:
            self.reached = self.tally.reached(
                self.bounds,
                seconds=self._seconds,
                remaining=inf if self._lasts else self.deadline.remaining(),
            )

    def turn_over(self, usage: Json | None, price: Price | None) -> None:
        """It has answered, with that usage."""
        self.tally.step_over(
            tokens=0 if usage is None else usage.get("total_tokens", 0),
            cost=0.0 if price is None else price.cost(usage),
            seconds=self._now() - self._turn_at,
        )

    def seconds_left(self) -> float:
        """How long calls may take that are made now: what a last turn of the model needs stays left."""
        left = self.tally.seconds_left(self.bounds, seconds=self._seconds)
        if self._lasts:
            return left
        reserve = max(LEAST_SECONDS_LEFT, 2 * self.tally.slowest)
        return min(left, max(0.0, self.deadline.remaining() - reserve))

    @property
    def _seconds(self) -> float:
        return self._now() - self._begun_at

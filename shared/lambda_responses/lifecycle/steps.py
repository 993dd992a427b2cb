"""Which steps a response takes: how far it has got, and what it asks to be done with its context."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambda_responses.wire.compaction import TRIGGER
from lambda_responses.wire.tools import asks_for_search

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.lifecycle.context import ModelContext
    from lambda_responses.lifecycle.ports import Services
    from lambda_responses.lifecycle.weights import TokenWeights
    from lambda_responses.providers.base import Target
    from lambda_responses.stream.deltas import StopReason
    from lambda_responses.stream.emitter import ResponseEmitter
    from lambda_responses.wire.json import Json

DEFAULT_THRESHOLD = 100_000
"""Tokens of a context that is compacted where the request leaves the number to the server: it leaves room for
an answer in the windows that models have at least today, 128,000 tokens."""


def goes_on(stop: StopReason | None, *, progressed: bool, waiting: bool = False) -> bool:
    """Whether another step should follow one that ended so.

    An upstream that paused is asked again, unless it said nothing, which leads nowhere. Where something is
    `waiting` for this server, calls to be made or a last turn to be taken, the loop sees to that.
    """
    return (stop == "pause" and (progressed or waiting)) or (stop == "tool_calls" and waiting)


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
    tally: Json | None = None
    """What calls of servers' tools have used of their bounds; None where there are none."""

    @classmethod
    def of(cls, kept: Json | None) -> Progress:
        """What `kept` made of it; the very beginning for None."""
        if kept is None:
            return cls()
        return cls(kept["steps"], kept["compacted"], kept["tokens_used"], kept["target"], kept.get("tally"))

    def kept(self, bookmark: Json) -> Json:
        """All that another run needs, together with the bookmark of the emitter."""
        return {
            **bookmark,
            "steps": self.steps,
            "compacted": self.compacted,
            "tokens_used": self.tokens_used,
            "target": self.target,
            **({} if self.tally is None else {"tally": self.tally}),
        }


@dataclass(frozen=True, slots=True)
class CompactionPlan:
    """What a request asks for and its targets do not do by themselves."""

    at_once: bool = False
    """Whether compacting is all that is asked for."""
    threshold: int | None = None
    """Tokens of context after which it is compacted before a model is asked."""

    def asked(self, request: Json) -> Json:
        """The request as its targets get it, who know nothing of what is done here for them."""
        if self.threshold is None:
            return request
        return {name: value for name, value in request.items() if name != "context_management"}

    def given(self, request: Json) -> list[Json]:
        """The request's input; without a trigger, which is for whom it asks to compact and nobody else."""
        return [item for item in request["input"] if not (self.at_once and item["type"] == TRIGGER)]

    async def is_due(
        self, request: Json, context: ModelContext, said: ResponseEmitter, *, used: int, weights: TokenWeights
    ) -> bool:
        """Whether a context is to be compacted now, with what was said since.

        `used` are the tokens that it had by its upstream's count.
        """
        if self.at_once or self.threshold is None:
            return self.at_once
        items = context.shown_to(None, said.said, said.origins).items
        if not items:
            return False
        return used > self.threshold or await weights.tokens(request, items) > self.threshold


def most_steps(request: Json, using: Services, *, lasting: bool) -> int:
    """The upstream steps that it may take; `lasting`, where it is made in the background."""
    most = using.max_background_steps if lasting else using.max_steps
    asked: Json = request.get("bounds") or {}
    return min(most, asked.get("max_steps") or most)


def searches_tools(request: Json, targets: Sequence[Target]) -> bool:
    """Whether it has functions that are deferred, and that not all of its targets look for by themselves."""
    native = all(target.native for target in targets)
    return not native and asks_for_search(request.get("tools") or ())


def compaction_plan(request: Json, targets: Sequence[Target]) -> CompactionPlan:
    """The plan. Where all targets compact by themselves, they are asked to."""
    if all(target.traits.compacts for target in targets):
        return CompactionPlan()
    given: Sequence[Json] = request["input"]
    managed: Sequence[Json] = request.get("context_management") or ()
    thresholds = [each.get("compact_threshold") for each in managed if each.get("type") == "compaction"]
    return CompactionPlan(
        at_once=bool(given) and given[-1].get("type") == TRIGGER,
        threshold=(thresholds[0] or DEFAULT_THRESHOLD) if thresholds else None,
    )

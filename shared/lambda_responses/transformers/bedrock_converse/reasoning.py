"""How much a model thinks, and whether that is seen: `reasoning` in the model's own fields."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from lambda_responses.transformers.bedrock_converse.profile import ConverseProfile
    from lambda_responses.wire.json import Json

LEAST_BUDGET = 1_024
"""Tokens: Claude refuses to think less."""
ROOM_FOR_ANSWER = 8_192
"""Tokens left for the answer beside a budget of thought, where the request sets no limit."""

_SUMMARIES = ("summary", "generate_summary")


@dataclass(slots=True)
class ReasoningPlan:
    """What becomes of `reasoning`."""

    fields: Json = field(default_factory=dict[str, Any])
    """The model's own fields."""
    limit: int | None = None
    """The limit of output tokens, which a budget of thought is part of."""
    thinks: bool = False
    dropped: list[str] = field(default_factory=list[str])


def plan_reasoning(
    request: Json, profile: ConverseProfile, *, forced: bool, may_budget: bool
) -> ReasoningPlan:
    """What is asked of the model. An effort that it does not know is left out and named.

    A call that is `forced` counts for more than thinking, where both are not to be had. `may_budget` is false
    where a budget of thought would be refused: in a loop of calls that began without thoughts of this model's
    own.
    """
    may_think = not forced or profile.thinks_when_forced
    plan = ReasoningPlan(limit=request.get("max_output_tokens"))
    reasoning: Json = request.get("reasoning") or {}
    effort: Any = reasoning.get("effort")
    if effort in profile.budgets:
        _plan_budget(plan, profile.budgets[effort], may_budget=may_budget and may_think)
    elif effort in profile.efforts and (may_think or effort == "none"):
        plan.fields, plan.thinks = profile.efforts[effort], effort != "none"
    elif effort is not None and not (effort == "none" and profile.budgets):
        plan.dropped.append("reasoning.effort")
    for name, value in reasoning.items():
        if value is None or name == "effort":
            continue
        if name not in _SUMMARIES or not profile.reasoning_is_summary:
            plan.dropped.append(f"reasoning.{name}")
        else:
            _plan_summary(plan, name, profile, effort, may_think=may_think)
    return plan


def _plan_summary(
    plan: ReasoningPlan, name: str, profile: ConverseProfile, effort: str | None, *, may_think: bool
) -> None:
    """Thinking is seen where it is on, if need be by asking for that; it is put on where no effort is said.

    Of a model that shall not think, nothing is missing.
    """
    if effort is None and profile.summary_fields and may_think:
        plan.thinks = True
    if plan.thinks:
        plan.fields = merged(plan.fields, profile.summary_fields)
    elif effort != "none":
        plan.dropped.append(f"reasoning.{name}")


def _plan_budget(plan: ReasoningPlan, budget: int, *, may_budget: bool) -> None:
    """No more than half of what the request allows goes into thinking."""
    if plan.limit is not None:
        budget = min(budget, plan.limit // 2)
    if not may_budget or budget < LEAST_BUDGET:
        plan.dropped.append("reasoning.effort")
        return
    plan.fields, plan.thinks = {"thinking": {"type": "enabled", "budget_tokens": budget}}, True
    plan.limit = plan.limit or budget + ROOM_FOR_ANSWER


def merged(one: Json, other: Json) -> Json:
    """Both objects in one, members of members too."""
    both = dict(one)
    for name, value in other.items():
        before = both.get(name)
        inner = isinstance(before, dict) and isinstance(value, dict)
        both[name] = merged(cast("Json", before), cast("Json", value)) if inner else value
    return both

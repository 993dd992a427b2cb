"""How long the model is to think, and whether it shows it.

https://platform.claude.com/docs/en/build-with-claude/thinking
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lambda_responses.transformers.anthropic_messages.profile import MessagesProfile
    from lambda_responses.wire.json import Json

LEAST_BUDGET = 1_024
"""Tokens, below which no model can be told to think."""


@dataclass(slots=True)
class Thinking:
    """What `reasoning` comes to."""

    body: Json = field(default_factory=dict[str, Any])
    """Members of the body: `thinking` and `output_config`."""
    dropped: list[str] = field(default_factory=list[str])

    @property
    def on(self) -> bool:
        """Whether the model was told to think."""
        return self.body.get("thinking", {}).get("type") in ("enabled", "adaptive", "between_tools")

    @property
    def budgeted(self) -> bool:
        """Whether it was told for how many tokens."""
        return self.body.get("thinking", {}).get("type") == "enabled"

    def give_up(self) -> None:
        """Leave thinking out: the request asks for something that rules it out."""
        del self.body["thinking"]
        self.dropped.append("reasoning")


def plan_thinking(reasoning: Json, profile: MessagesProfile, max_tokens: int) -> Thinking:
    """The members of the body for that `reasoning`, within that many tokens in all."""
    planned = Thinking()
    effort = reasoning.get("effort")
    if effort is not None:
        adds = profile.efforts.get(effort)
        if adds is None:
            planned.dropped.append("reasoning.effort")
        else:
            planned.body = {name: dict(value) for name, value in adds.items()}
    if planned.budgeted:
        _fit_budget(planned, max_tokens)
    if reasoning.get("summary") or reasoning.get("generate_summary"):
        _ask_for_summary(planned, profile, effort)
    planned.dropped += [f"reasoning.{name}" for name in ("context", "mode") if reasoning.get(name)]
    return planned


def _fit_budget(planned: Thinking, max_tokens: int) -> None:
    """The budget is part of the cap: half of that at most, so that there is room for an answer."""
    if max_tokens <= LEAST_BUDGET:
        del planned.body["thinking"]
        planned.dropped.append("reasoning.effort")
        return
    thinking = planned.body["thinking"]
    thinking["budget_tokens"] = max(LEAST_BUDGET, min(thinking["budget_tokens"], max_tokens // 2))


def _ask_for_summary(planned: Thinking, profile: MessagesProfile, effort: str | None) -> None:
    if profile.display and effort is None:
        planned.body["thinking"] = {"type": "adaptive"}
    thinking = planned.body.get("thinking", {})
    if profile.display and thinking.get("type") == "adaptive":
        thinking["display"] = "summarized"
    elif not planned.on and effort != "none":
        planned.dropped.append("reasoning.summary")

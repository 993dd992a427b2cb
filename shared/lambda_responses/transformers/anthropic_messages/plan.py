"""What is decided of a turn before anything is rendered: the request follows it, the answer is read by it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambda_responses.transformers.anthropic_messages.answer_format import plan_answer
from lambda_responses.transformers.anthropic_messages.thinking import plan_thinking
from lambda_responses.transformers.tool_choice import read_offer
from lambda_responses.transformers.updates import with_updates
from lambda_responses.wire.errors import UnsupportedError

if TYPE_CHECKING:
    from lambda_responses.transformers.anthropic_messages.answer_format import AnswerFormat
    from lambda_responses.transformers.anthropic_messages.profile import MessagesProfile
    from lambda_responses.transformers.anthropic_messages.thinking import Thinking
    from lambda_responses.transformers.base import Turn
    from lambda_responses.transformers.tool_choice import Offer
    from lambda_responses.wire.json import Json


@dataclass(frozen=True, slots=True)
class Plan:
    """A turn's settings, as this model and place have them."""

    profile: MessagesProfile
    request: Json
    max_tokens: int
    offer: Offer
    thinking: Thinking
    answer: AnswerFormat

    @property
    def ends_with_user(self) -> bool:
        """Whether the user must have the last word: nobody goes on from words who thinks before, or must
        keep to a schema from the first."""
        return self.profile.ends_with_user or self.thinking.on or self.answer.schema is not None


def plan_turn(turn: Turn, profile: MessagesProfile) -> Plan:
    """Raises `InvalidRequestError`, naming `param`, for tools, choices and forms that cannot be had."""
    profile = profile.for_model(turn.model)
    request = with_updates(turn)
    max_tokens: int = request.get("max_output_tokens") or profile.max_tokens
    thinking = plan_thinking(request.get("reasoning") or {}, profile, max_tokens)
    offer = read_offer(turn, hosts=profile.hosted, bounds_calls=True)
    if offer.mode == "required":
        _allow_forcing(thinking, profile)
    when = profile.forced_choice
    text: Json = request.get("text") or {}
    answer = plan_answer(
        text.get("format"),
        profile,
        may_force=offer.mode != "required"
        and (when == "always" or (when == "unthinking" and not thinking.on)),
        taken={tool.flat for tool in offer.functions},
    )
    return Plan(profile, request, max_tokens, offer, thinking, answer)


def _allow_forcing(thinking: Thinking, profile: MessagesProfile) -> None:
    """A call that must be made counts for more than how long the model thinks before it."""
    if profile.forced_choice == "never":
        raise UnsupportedError("This model cannot be forced to call a tool.", param="tool_choice")
    if profile.forced_choice == "unthinking" and thinking.on:
        thinking.give_up()

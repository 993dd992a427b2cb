"""Anthropic's Messages, with a profile for each place that speaks it."""

from __future__ import annotations

from lambda_responses.transformers.anthropic_messages.profile import MessagesProfile
from lambda_responses.transformers.anthropic_messages.transformer import ANTHROPIC_MESSAGES

__all__ = ["ANTHROPIC_MESSAGES", "MessagesProfile"]

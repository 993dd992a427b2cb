"""OpenAI-style chat completions, with a profile for each vendor's dialect."""

from __future__ import annotations

from lambda_responses.transformers.chat_completions.profile import ChatProfile
from lambda_responses.transformers.chat_completions.transformer import CHAT_COMPLETIONS

__all__ = ["CHAT_COMPLETIONS", "ChatProfile"]
